"""Originals while a batch is committed: which stay, which are made, which go."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hilum.adapters.database.original_tables import DESCRIBED, original
from hilum.adapters.database.statements import insert_into, quoted
from hilum.domain.identifiers import ObjectKey, parse_object_key
from hilum.domain.instances import Revision

_INSERT: Final = insert_into(original, ["version", *DESCRIBED])
# Parameters: the version, the instance. Taken over before the description is overwritten.
_TAKE_OVER: Final = (
    f'INSERT INTO original ("version", {quoted(DESCRIBED)}) '
    f"SELECT CAST(? AS BIGINT), {quoted(DESCRIBED)} FROM description WHERE instance_key = ?"
)
_FORGET: Final = "DELETE FROM original WHERE instance_key = ?"


def keeps(revision: Revision | None, object_key: str | None) -> bool:
    """Whether the object is the one that a revision leaves to be kept beside it."""
    if revision is None or object_key is None:
        return False
    return parse_object_key(ObjectKey(object_key))[2] == revision.original


class Originals:
    """What a batch has decided about originals."""

    def __init__(self) -> None:
        self._forgotten: set[int] = set()
        self._taken: dict[int, int] = {}
        self._made: dict[int, tuple[Any, ...]] = {}

    def take_over(self, instance_key: int, version: int) -> None:
        """The live version that the database has becomes the original."""
        self._taken[instance_key] = version

    def make(self, instance_key: int, version: int, described: Mapping[str, Any]) -> None:
        """A version of this batch becomes the original; `described` is its description's row."""
        self._made[instance_key] = (version, *map(described.get, DESCRIBED))

    def forget(self, instance_key: int) -> None:
        """There is no original any more."""
        self._taken.pop(instance_key, None)
        self._made.pop(instance_key, None)
        self._forgotten.add(instance_key)

    def statements(self) -> Iterator[tuple[str, Sequence[tuple[Any, ...]]]]:
        """What to run, behind the rows of the instances and before their descriptions."""
        yield _FORGET, [(key,) for key in sorted(self._forgotten)]
        yield _TAKE_OVER, [(version, key) for key, version in self._taken.items()]
        yield _INSERT, list(self._made.values())
