"""Redis as the bus speaks to it: scripts by name, and one kind of error."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError, ResponseError

from hilum.adapters.bus import redis_scripts
from hilum.adapters.bus.lanes import PartitionLost
from hilum.adapters.bus.options import demand_servers, unavailable, unusable
from hilum.domain.errors import BusUnavailable
from hilum.foundation.tasks import cancellation_kept

BLOCK_SECONDS: Final = 2.0
Word = str | bytes | int
_LOST: Final = ("LOST", "NOGROUP")


class RedisClient:
    """Commands of one process; every failure but a lost lease is `BusUnavailable`."""

    def __init__(self, url: str, request_seconds: float) -> None:
        self._url = url
        # A command that was sent again could count or publish twice: who asked decides on that.
        self._redis = _client(url, request_seconds)
        script = self._redis.register_script
        self.publish: AsyncScript = script(redis_scripts.PUBLISH)
        self.take: AsyncScript = script(redis_scripts.TAKE)
        self.renew: AsyncScript = script(redis_scripts.RENEW)
        self.release: AsyncScript = script(redis_scripts.RELEASE)
        self.read: AsyncScript = script(redis_scripts.READ)
        self.begin: AsyncScript = script(redis_scripts.BEGIN)
        self.done: AsyncScript = script(redis_scripts.DONE)
        self.trim: AsyncScript = script(redis_scripts.TRIM)
        self.heartbeat: AsyncScript = script(redis_scripts.HEARTBEAT)

    async def run(self, script: AsyncScript, keys: Sequence[str], args: Sequence[Word]) -> Any:  # noqa: ANN401 - what the script answers
        with self._telling():
            return await script(keys=keys, args=args)

    async def command(self, *words: Word) -> Any:  # noqa: ANN401 - what the command answers
        with self._telling():
            return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]

    async def run_and_wait(
        self,
        script: AsyncScript,
        keys: Sequence[str],
        args: Sequence[Word],
        wait: tuple[int, int],
    ) -> tuple[object, int]:
        """Run a script and wait, on its connection, until so many replicas have what it wrote."""
        with self._telling():
            async with self._redis.pipeline(transaction=False) as pipe:
                await script(keys=keys, args=args, client=pipe)
                pipe.execute_command("WAIT", *wait)
                answer, replicas = await pipe.execute()
                return answer, int(replicas)

    async def close(self) -> None:
        await self._redis.aclose()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            with cancellation_kept():
                yield
        except ResponseError as error:
            if str(error).startswith(_LOST):
                raise PartitionLost from None
            raise self.unavailable(error) from None
        except (RedisError, OSError, asyncio.IncompleteReadError) as error:
            raise self.unavailable(error) from None

    def unavailable(self, error: BaseException) -> BusUnavailable:
        if isinstance(error, BusUnavailable):
            return error
        return unavailable(self._url, error)


def _client(url: str, request_seconds: float) -> Redis:
    """A client that is not connected. Raises `BusUnavailable` for a URL that it cannot go by."""
    demand_servers(url)
    if not re.fullmatch("/?[0-9]{0,4}", urlsplit(url).path):  # the library would take 0
        raise unusable(url, "it should end with the number of a database, as in host:port/0")
    try:
        client = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=request_seconds + BLOCK_SECONDS,
            socket_connect_timeout=request_seconds,
            client_name="hilum-bus",
        )
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call] # looks at the parameters
    except (TypeError, ValueError):
        raise unusable(url, "a parameter behind the ? is unknown, or has no such value") from None
    return client
