"""The members of a zip file as candidates of the import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hilum.inbound.folder.candidates import (
    Candidate,
    Refused,
    Skip,
    Skipped,
    identity,
    what_the_system_says,
)
from hilum.ingest.zip_files import (
    MemberReader,
    SharedZip,
    ZipFault,
    ZipLimits,
    ZipMember,
    ZipRefused,
    shown_name,
)

_UNREADABLE: Final = frozenset({ZipFault.DAMAGED})
"""What is wrong with a member that was not made to do harm."""


def zip_candidates(path: Path, limits: ZipLimits) -> Iterator[Candidate | Skipped]:
    """Yield the members of a zip file; a file that cannot be used is one `Skipped`."""
    try:
        archive = SharedZip(path, limits)
    except OSError as error:
        yield Skipped(str(path), Skip.UNREADABLE, what_the_system_says(error))
    except ZipRefused as refused:
        yield Skipped(str(path), Skip.UNSAFE, refused.reason, weight_bytes=_size(path))
    else:
        try:
            for member in archive.members():
                yield _candidate(path, archive, member)
        finally:
            archive.release()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _candidate(path: Path, archive: SharedZip, member: ZipMember) -> Candidate | Skipped:
    name = f"{path}!{shown_name(member.name)}"
    weight = member.compressed_bytes
    if member.problem is not None:
        return Skipped(name, Skip.UNSAFE, member.problem.reason, weight_bytes=weight)
    if Path(member.name).name.upper() == "DICOMDIR":
        reason = "DICOMDIR: the walk finds what it refers to"
        return Skipped(name, Skip.INDEX_FILE, reason, weight_bytes=weight)
    key = f"{member.index}:{member.checksum:08x}:{member.size_bytes}:{member.name}"

    def opened() -> "_Reader":
        with _as_refused():
            return _Reader(member.open())

    return Candidate(
        name=name,
        identity=identity(str(path), archive.size_bytes, archive.mtime_ns, key),
        weight_bytes=weight,
        named=False,
        open=opened,
        release=archive.hold(),
    )


class _Reader:
    """A member's bytes; what is wrong with them is told as the import tells it."""

    def __init__(self, member: MemberReader) -> None:
        self._member = member

    def read(self, size: int, /) -> bytes:
        with _as_refused():
            return self._member.read(size)

    def close(self) -> None:
        self._member.close()


@contextmanager
def _as_refused() -> Iterator[None]:
    try:
        yield
    except ZipRefused as refused:
        kind = Skip.UNREADABLE if refused.fault in _UNREADABLE else Skip.UNSAFE
        raise Refused(kind, refused.reason) from refused
