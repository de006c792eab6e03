"""Where a path leads: the surface by whichever of its names, and the data partition in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from hilum.catalogue.partitions import Partitions
from hilum.domain.partitions import PartitionNotNamed
from hilum.wire.request_facts import Place
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, STANDARD, Surface

PRERELEASE: Final = "/v1.0-prerelease"
_SEGMENT: Final = "/partitions/"
_DICOMWEB: Final = frozenset({"studies", "series", "instances", "workitems"})
_ABOUT: Final = frozenset({"", "capabilities"})


class Footing(Enum):
    """How a resource stands to data partitions."""

    PARTED = auto()
    """It lies in one."""
    WHOLE = auto()
    """It is the same for all, and has no partition in its path."""
    EITHER = auto()
    """It tells of the surface, with a partition in its path or without."""


@dataclass(frozen=True, slots=True)
class Root:
    """A path below which resources may lie in partitions."""

    prefix: str
    """As the routes have it."""
    parted: frozenset[str]
    """First segments of the paths of what lies in partitions."""
    demands: bool = False
    """Where there are partitions, one has to be named."""
    plain_queries: bool = False
    """A query string with the character `<` is refused (Azure DICOM service, section 1.6)."""
    makes: bool = False
    """Storing into a partition that does not exist makes it."""
    aliases: tuple[str, ...] = ()
    """Other prefixes that lead here."""


def _azure(surface: Surface, aliases: tuple[str, ...] = ()) -> Root:
    return Root(
        surface.prefix,
        _DICOMWEB | {"export"},
        demands=True,
        plain_queries=True,
        makes=True,
        aliases=aliases,
    )


ROOTS: Final = (
    _azure(AZURE_V1, (PRERELEASE,)),
    _azure(AZURE_V2),
    Root(STANDARD.prefix, _DICOMWEB | {"wado", "ws"}, makes=True),
    Root("/api/v1", frozenset({"studies"})),
)


@dataclass(frozen=True, slots=True)
class Way:
    """What a path says."""

    path: str
    """As the routes have it: by the first name of the surface, without the partition."""
    partition: str | None = None
    """As it is named in the path; nobody looked at it yet."""
    root: Root | None = None
    """None when the path leads elsewhere."""
    prefix: str = ""
    """What came before the resource, in the client's words, partition included."""

    @property
    def footing(self) -> Footing:
        """How what lies there stands to partitions."""
        if self.root is None:
            return Footing.WHOLE
        first = self.path[len(self.root.prefix) + 1 :].partition("/")[0]
        if first in self.root.parted:
            return Footing.PARTED
        return Footing.EITHER if first in _ABOUT else Footing.WHOLE


class Places:
    """Reads paths, and finds the partitions that they name."""

    def __init__(self, partitions: Partitions, roots: Sequence[Root] = ROOTS) -> None:
        self._partitions = partitions
        self._roots = {name: root for root in roots for name in (root.prefix, *root.aliases)}
        self._makers = {
            f"{root.prefix}{path}"
            for root in roots
            if root.makes
            for path in ("/studies", "/studies/{study}", "/workitems")
        }

    def way(self, path: str) -> Way:
        """Read a path."""
        segments = path.split("/", 3)
        named = "/".join(segments[:2])
        if named == "/api":
            named = "/".join(segments[:3])
        root = self._roots.get(named)
        if root is None:
            return Way(path)
        rest = path[len(named) :]
        if not rest.startswith(_SEGMENT) or rest == _SEGMENT:
            return Way(root.prefix + rest, None, root, named)
        partition, slash, rest = rest[len(_SEGMENT) :].partition("/")
        return Way(root.prefix + slash + rest, partition, root, f"{named}{_SEGMENT}{partition}")

    async def place(self, way: Way, method: str, template: str) -> Place | None:
        """Where a request is that was let in; None: in the usual place.

        The three POST that the Azure service says so of (section 1.3) make the partition. Raises
        `PartitionNotNamed`, and what `Partitions.find` raises.
        """
        root = way.root
        if root is None:
            return None
        if way.partition is None:
            is_demanded = self._partitions.enabled and root.demands
            if is_demanded and way.footing is Footing.PARTED:
                raise PartitionNotNamed
            return None if way.prefix == root.prefix else Place(path=way.prefix)
        makes = method == "POST" and template in self._makers
        found = await self._partitions.find(way.partition, make=makes)
        return Place(found.key, found.name, way.prefix)
