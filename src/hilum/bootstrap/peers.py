"""What `hilum doctor` asks of the programs that Hilum talks to: the bus, sinks, Orthancs.

Each is opened as a start opens it and left again; nothing is published or fetched.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from hilum.bootstrap.bus import open_bus
from hilum.bootstrap.orthanc import orthanc_source
from hilum.bootstrap.sinks import make_sink
from hilum.domain.errors import HilumError
from hilum.ports.readiness import NotReady
from hilum.settings import Settings, SettingsRejected
from hilum.settings.sinks import FileSinkSettings

_PATIENCE_SECONDS: Final = 30.0
"""Beyond the time limits that each has by its own settings."""
_MASK: Final = "********"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one of them said, without what it was asked with."""

    subject: str
    well: bool
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _Peer:
    subject: str
    ask: Callable[[], Awaitable[str]]
    remedy: str


async def ask_peers(settings: Settings) -> AsyncIterator[Finding]:
    """Ask them all at once; findings come in the order of the settings."""
    secrets = _secrets(settings)
    tasks = [
        asyncio.create_task(_found(peer, secrets))
        for peer in (*_bus(settings), *_sinks(settings), *_sources(settings))
    ]
    for task in tasks:
        yield await task


async def _found(peer: _Peer, secrets: frozenset[str]) -> Finding:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return Finding(peer.subject, True, await peer.ask())
    except SettingsRejected as error:
        text, remedy = " ".join(error.problems), "correct it (hilum config check)"
    except (HilumError, NotReady) as error:
        text, remedy = str(error), peer.remedy
    except TimeoutError:
        text, remedy = f"no answer within {_PATIENCE_SECONDS:.0f} s", peer.remedy
    except ModuleNotFoundError as error:
        text = f"its library {error.name} is not installed"
        remedy = "install the extra: pip install 'hilum[orthanc]'"
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return Finding(peer.subject, False, text, remedy)


def _bus(settings: Settings) -> Iterator[_Peer]:
    if urlsplit(settings.bus.url.get_secret_value()).scheme == "memory":
        return

    async def ask() -> str:
        async with open_bus(settings) as bus:
            return await bus()

    yield _Peer(
        "bus", ask, "start that engine, or correct bus.url: address, user, password, TLS files"
    )


def _sinks(settings: Settings) -> Iterator[_Peer]:
    for name, found in settings.sinks.items():
        remedy = (
            f"see that it runs and lets this user in, or correct sinks.{name} "
            "(url, secret, TLS files); events wait for it meanwhile"
        )
        if isinstance(found, FileSinkSettings):
            path = Path(unquote(found.parts.path))
            yield _Peer(f"sink {name}", _asking_of_file(path), f"let this user write {path}")
        else:
            yield _Peer(f"sink {name}", _asking_of_sink(name, settings), remedy)
    for each in settings.delivery.subscriptions:
        if each.sink not in settings.sinks:
            yield _Peer(f"subscription {each.name}", _rejecting(each.name, each.sink), "")


def _asking_of_sink(name: str, settings: Settings) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        sink = make_sink(name, settings)
        try:
            await sink.open()
        finally:
            await sink.close()
        users = [each.name for each in settings.delivery.subscriptions if each.sink == name]
        place = urlsplit(settings.sinks[name].url.get_secret_value())
        where = f"{place.scheme}://{place.netloc.rpartition('@')[2]}"
        return f"{where} answers; told by: {', '.join(users) or 'no subscription'}"

    return ask


def _asking_of_file(path: Path) -> Callable[[], Awaitable[str]]:
    """Look only: a server that runs has the file open, and mends its end when it opens it."""

    def look() -> str:
        target = path if path.exists() else path.parent
        if not target.exists():
            message = f"the folder {path.parent} is not there"
            raise NotReady(message)
        if not os.access(target, os.W_OK):
            message = f"{target} cannot be written"
            raise NotReady(message)
        return f"{path} can be written"

    return lambda: asyncio.to_thread(look)


def _rejecting(name: str, sink: str) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        text = f"delivery.subscriptions.{name}: there is no sink {sink!r}; name one of `sinks`."
        raise SettingsRejected([text])

    return ask


def _sources(settings: Settings) -> Iterator[_Peer]:
    for name in settings.orthanc.sources:
        remedy = (
            f"see that it runs, and correct orthanc.sources.{name}: url, username, password, "
            "TLS files"
        )
        yield _Peer(f"Orthanc {name}", _asking_of_source(name, settings), remedy)


def _asking_of_source(name: str, settings: Settings) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        from hilum.inbound.orthanc.client import OrthancClient  # noqa: PLC0415 (an extra)

        found = settings.orthanc.sources[name]
        async with OrthancClient(orthanc_source(name, found)) as client:
            newest = await client.last_change()
        place = urlsplit(found.url)
        return f"{place.scheme}://{place.netloc.rpartition('@')[2]} answers, change {newest.last}"

    return ask


def _secrets(settings: Settings) -> frozenset[str]:
    """Passwords that stand in the settings; those in files are read by the adapters alone."""
    urls = [settings.bus.url.get_secret_value()]
    urls += [each.url.get_secret_value() for each in settings.sinks.values()]
    found = {_password(url) for url in urls}
    found |= {each.secret.get_secret_value() for each in settings.sinks.values() if each.secret}
    sources = settings.orthanc.sources.values()
    found |= {each.password.get_secret_value() for each in sources if each.password}
    return frozenset(found | {unquote(each) for each in found}) - {""}


def _password(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[0].partition(":")[2]
