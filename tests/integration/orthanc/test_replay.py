"""A dead letter of an ingestion, replayed while the workers run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.delivery.operating import Operating
from hilum.domain.arrivals import ArrivalState, Noted, Seen
from hilum.domain.delivery import LetterOrigin, LetterState
from hilum.ports.arrivals import ArrivalNotes
from hilum.ports.delivery import LetterQuery
from tests.instances import STUDY, an_instance
from tests.integration.orthanc.scripted import LETTERS, METADATA, Middleware, a_middleware
from tests.unit.inbound.orthanc.doors import until


async def replay(middleware: Middleware) -> Any:
    told = {"origin": "ingestion", "reason": "a test"}
    answer = await middleware.client.post("/api/v1/dead-letters/replay", json=told)
    assert answer.status_code == 200
    return answer.json()


async def letters(middleware: Middleware, state: str) -> list[Any]:
    answer = await middleware.client.get(f"/api/v1/dead-letters?origin=ingestion&state={state}")
    found: list[Any] = answer.json()
    return found


async def test_a_replay_fetches_the_whole_study_again_and_announces_it(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        study = middleware.peer.add_study(1, STUDY, an_instance(), b"damaged")
        assert (await middleware.settled(study)).state is ArrivalState.PARTIAL
        await middleware.told(LETTERS, 1)
        (series,) = middleware.peer.studies[study].series.values()
        mended = list(series)[1]
        series[mended] = an_instance()  # and the source says nothing of it
        fetched = middleware.peer.asked("/file")

        await replay(middleware)
        first, second = await middleware.told(METADATA, 2)

        assert middleware.peer.asked("/file") == fetched + 2
        assert (first["body"]["partial"], second["body"]["partial"]) == (True, False)
        assert second["body"]["revision"] == 2
        assert (await middleware.settled(study)).state is ArrivalState.KEPT
        assert await letters(middleware, "open") == []
        assert len(await letters(middleware, "replayed")) == 1
        assert len(middleware.events(LETTERS)) == 1


async def test_what_fails_as_before_is_told_and_open_again(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        study = middleware.peer.add_study(1, STUDY, an_instance(), b"damaged")
        await middleware.settled(study)
        await middleware.told(LETTERS, 1)

        await replay(middleware)

        assert len(await middleware.told(LETTERS, 2)) == 2
        assert len(await letters(middleware, "open")) == 1
        assert len(middleware.events(METADATA)) == 1


@dataclass
class SlowNotes:
    """Comes back only when the study that it noted has failed again."""

    notes: ArrivalNotes
    middleware: Middleware

    async def note(self, seen: Sequence[Seen]) -> Sequence[Noted | None]:
        noted = await self.notes.note(seen)
        await self.middleware.told(LETTERS, 2)
        return noted


async def test_a_failure_while_the_replay_is_being_noted_stays_open(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        study = middleware.peer.add_study(1, STUDY, an_instance(), b"damaged")
        await middleware.settled(study)
        await middleware.told(LETTERS, 1)
        index = middleware.serving.archive.index
        operating = Operating(index.delivery, SlowNotes(index.arrivals, middleware))

        assert await operating.replay_letters(ingestions()) == 1

        assert len(await letters(middleware, "open")) == 1


async def test_a_replay_that_a_crash_broke_off_can_be_asked_for_again(tmp_path: Path) -> None:
    async with a_middleware(tmp_path) as middleware:
        study = middleware.peer.add_study(1, STUDY, an_instance(), b"damaged")
        await middleware.settled(study)
        await middleware.told(LETTERS, 1)
        store = middleware.serving.archive.index.delivery.letters
        await store.decide(ingestions(), LetterState.REPLAYING)

        await replay(middleware)

        assert len(await middleware.told(LETTERS, 2)) == 2
        await until(lambda: _is_open(middleware))


async def _is_open(middleware: Middleware) -> bool:
    return len(await letters(middleware, "open")) == 1


def ingestions() -> LetterQuery:
    return LetterQuery(origin=LetterOrigin.INGESTION)
