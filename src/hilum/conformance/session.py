"""What a run knows: the server, what it holds, and the facts that checks stand on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from hilum.conformance.checks import Fact, Unmet
from hilum.conformance.exchange import Exchange, Json
from hilum.conformance.samples import Sample, Samples
from hilum.conformance.server import JSON, Server

UNKNOWN_UID: Final = "2.25.329800735698586629295641978511506172918"
"""A valid UID that nobody has given to anything."""


@dataclass(frozen=True, slots=True)
class Held:
    """One instance that the server holds."""

    study: str
    series: str
    uid: str
    frames: int
    """0 without pixel data."""
    rows: int = 0
    columns: int = 0

    @property
    def path(self) -> str:
        series, uid = quote(self.series), quote(self.uid)
        return f"/studies/{quote(self.study)}/series/{series}/instances/{uid}"


@dataclass
class Session:
    """One run against one server."""

    server: Server
    samples: Samples | None = None
    facts: set[Fact] = field(default_factory=set)
    held: list[Held] = field(default_factory=list)
    stored: Exchange | None = None
    """The answer to the first store of samples."""
    stored_late: Exchange | None = None
    """The answer to the store into the study."""
    strayed: bool = False
    """Whether an instance of another study was sent, which must be removed again."""
    _metadata: list[Json] | None = None

    @property
    def ours(self) -> Samples:
        assert self.samples is not None  # noqa: S101 - Fact.SAMPLES was asked for
        return self.samples

    @property
    def study(self) -> str:
        return self.held[0].study

    @property
    def study_path(self) -> str:
        return f"/studies/{quote(self.study)}"

    @property
    def series_path(self) -> str:
        return f"{self.study_path}/series/{quote(self.held[0].series)}"

    @property
    def series_held(self) -> list[Held]:
        """The instances of the first series."""
        return [one for one in self.held if one.series == self.held[0].series]

    @property
    def image(self) -> Held:
        """The first instance with pixel data."""
        return next(one for one in self.held if one.frames)

    @property
    def loop(self) -> Held:
        """The first instance with several frames."""
        return next(one for one in self.held if one.frames > 1)

    def sample_of(self, held: Held) -> Sample | None:
        """Our own data of an instance, when it is ours."""
        return next((one for one in self.samples or () if one.uid == held.uid), None)

    async def metadata(self) -> list[Json]:
        """The metadata of the study, asked for once.

        Raises `Unmet` when the server does not give it.
        """
        if self._metadata is None:
            answer = await self.server.retrieve(f"{self.study_path}/metadata", JSON)
            answer.expect_status(200)
            self._metadata = answer.data_sets
        return self._metadata

    def know(self, held: Sequence[Held]) -> None:
        """Take over what the server holds, and the facts that follow from it."""
        self.held = list(held)
        self.facts.add(Fact.STUDY)
        if any(one.frames for one in self.held):
            self.facts.add(Fact.IMAGE)
        if any(one.frames > 1 for one in self.held):
            self.facts.add(Fact.FRAMES)


async def prepare(session: Session) -> None:
    """Store our samples; what the server refuses leaves the facts out that need it."""
    samples = session.ours
    server = session.server
    session.stored = await server.store("/studies", [one.part10 for one in samples.first])
    session.facts.add(Fact.STORE)
    if session.stored.status not in {200, 202}:
        return
    held = [*samples.first]
    session.stored_late = await server.store(f"/studies/{samples.study}", [samples.late.part10])
    if session.stored_late.status in {200, 202}:
        held.append(samples.late)
    session.know([held_of(one) for one in held])
    session.facts.add(Fact.SAMPLES)


async def look_at(session: Session, study: str) -> None:
    """Learn what a study of the server holds, changing nothing.

    Raises `Unmet` when neither its metadata nor a search tells.
    """
    path = f"/studies/{quote(study)}"
    answer = await session.server.retrieve(f"{path}/metadata", JSON)
    if answer.status != 200:
        answer = await session.server.search(f"{path}/instances", JSON, includefield="all")
    answer.expect_status(200)
    found = [_found(study, one) for one in answer.data_sets]
    known = [one for one in found if one is not None]
    if not known:
        raise Unmet("instances of the study", "none", answer)
    known.sort(key=lambda one: (one.series, one.uid))
    session.know(known)


async def clean_up(session: Session) -> str:
    """Delete our samples; return a sentence about it, empty when there was nothing to delete.

    Deleting is no transaction of PS3.18, but most servers know it.
    """
    if session.samples is None or not (session.facts & {Fact.STORE} or session.strayed):
        return ""
    session.facts.discard(Fact.STUDY)
    left = []
    studies = [session.samples.study]
    if session.strayed:
        studies.append(session.samples.stray.study)
    for study in studies:
        answer = await session.server.ask("DELETE", f"{session.server.wado}/studies/{study}")
        if answer.status not in {200, 202, 204, 404}:
            left.append(study)
    if left:
        return "The server did not delete the samples; they remain as " + ", ".join(left) + "."
    return "The samples were deleted again."


def value(data_set: Mapping[str, Any], tag: str) -> Any:  # noqa: ANN401 - of any VR
    """The first value of an attribute, nothing without one."""
    element = data_set.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def held_of(sample: Sample) -> Held:
    """Where an instance of ours is once the server holds it."""
    dataset = sample.dataset
    frames = int(dataset.get("NumberOfFrames", 1))
    return Held(
        sample.study, sample.series, sample.uid, frames, int(dataset.Rows), int(dataset.Columns)
    )


def _found(study: str, data_set: Json) -> Held | None:
    series, uid = value(data_set, "0020000E"), value(data_set, "00080018")
    if not isinstance(series, str) or not isinstance(uid, str):
        return None
    rows, columns = value(data_set, "00280010"), value(data_set, "00280011")
    if not isinstance(rows, int) or not isinstance(columns, int):
        return Held(study, series, uid, 0)
    frames = value(data_set, "00280008")
    return Held(study, series, uid, int(frames or 1), rows, columns)
