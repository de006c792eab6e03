"""What a check is, what it found, and the list of all of them."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hilum.conformance.exchange import Exchange
    from hilum.conformance.session import Session


class Level(StrEnum):
    """How strongly the standard asks for something."""

    SHALL = "shall"
    """Required: what is not met has failed."""
    SHOULD = "should"
    """Recommended, or not said in so many words: what is not met is warned of."""
    MAY = "may"
    """Optional: skipped where it is not offered, warned of where it is and is wrong."""


class State(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    SKIPPED = "skipped"


class Fact(StrEnum):
    """What a check may need to know before it makes sense."""

    STORE = "store"
    """Samples were sent; the exchange is known."""
    SAMPLES = "samples"
    """The server holds our samples: every value is ours to compare and to report."""
    STUDY = "study"
    """A study is known that the server holds: ours, or the one that was named."""
    IMAGE = "image"
    """An instance of that study has pixel data."""
    FRAMES = "frames"
    """An instance of that study has several frames."""


Run = Callable[["Session"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One requirement and the function that looks whether it is met.

    The function returns when it is, raises `Unmet` when not, and `NotOffered` when the standard
    leaves the thing to the server and the server does not have it.
    """

    id: str
    """`group.what`."""
    title: str
    """The requirement as a sentence."""
    level: Level
    section: str
    """Of PS3.18 unless it names another document."""
    needs: frozenset[Fact]
    run: Run

    @property
    def group(self) -> str:
        return self.id.partition(".")[0]

    @property
    def cited(self) -> str:
        """The section as a reader would write it."""
        return f"PS3.18 {self.section}" if self.section[0].isdigit() else _named(self.section)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found."""

    check: Check
    state: State
    expected: str = ""
    found: str = ""
    request: str = ""
    """Method and target of the last request that counted."""
    response: str = ""
    """Status, media type and size; never a body."""


class Unmet(Exception):
    """The server did not do what was asked of it."""

    def __init__(
        self,
        expected: str,
        found: str,
        exchange: "Exchange | None" = None,
        *,
        level: Level | None = None,
    ) -> None:
        """`level`: weaker than the check's own where only a part of it is recommended."""
        super().__init__(f"expected {expected}, found {found}")
        self.expected, self.found, self.exchange, self.level = expected, found, exchange, level


class NotOffered(Exception):
    """The standard leaves this to the server; `str(error)` says what is missing."""


CHECKS: Final[dict[str, Check]] = {}
"""By id, in the order in which they run; filled by importing `hilum.conformance.listing`."""


def check(
    identifier: str,
    title: str,
    level: Level,
    section: str,
    *,
    needs: Iterable[Fact] = (Fact.STUDY,),
) -> Callable[[Run], Run]:
    """Make the function below a check."""

    def register(run: Run) -> Run:
        if identifier in CHECKS:
            raise ValueError(f"two checks are named {identifier}")
        CHECKS[identifier] = Check(identifier, title, level, section, frozenset(needs), run)
        return run

    return register


def _named(section: str) -> str:
    annex = section[0].isupper() and section[1:2] in {".", ""}
    return f"PS3.18 {section}" if annex else section
