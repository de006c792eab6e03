"""A DICOMDIR named on the command line: import what it refers to, nothing outside its folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pydicom
from pydicom.errors import InvalidDicomError

from hilum.inbound.folder.candidates import Skip, Skipped, what_the_system_says

_LARGEST_BYTES: Final = 256 << 20


def referenced_files(dicomdir: Path) -> Iterator[Path | Skipped]:
    """Yield the files that the directory records of a DICOMDIR name (PS3.3 section F.3).

    A file that is not there, or whose File ID would leave the folder of the DICOMDIR, is a
    `Skipped`. Names are found whatever their case, since a medium's upper case often got lost.
    """
    root = dicomdir.parent
    try:
        records = _records(dicomdir)
    except OSError as error:
        yield Skipped(str(dicomdir), Skip.UNREADABLE, what_the_system_says(error))
        return
    except ValueError as error:
        yield Skipped(str(dicomdir), Skip.UNREADABLE, str(error))
        return
    for components in records:
        name = f"{dicomdir}!{'/'.join(components)}"
        if not _is_safe(components):
            reason = "a DICOMDIR refers to a file outside its folder"
            yield Skipped(name, Skip.UNSAFE, reason)
            continue
        found = _find(root, components)
        if found is None:
            yield Skipped(name, Skip.UNREADABLE, "a DICOMDIR refers to a file that is not there")
        else:
            yield found


def _records(dicomdir: Path) -> list[tuple[str, ...]]:
    if dicomdir.stat().st_size > _LARGEST_BYTES:
        message = f"a DICOMDIR larger than {_LARGEST_BYTES:,} bytes"
        raise ValueError(message)
    try:
        dataset = pydicom.dcmread(dicomdir, specific_tags=["DirectoryRecordSequence"])
        return [
            components
            for record in dataset.get("DirectoryRecordSequence", [])
            if (components := _file_id(record))
        ]
    except (InvalidDicomError, ValueError, KeyError, AttributeError, TypeError, EOFError) as error:
        message = "a DICOMDIR that cannot be read"
        raise ValueError(message) from error


def _file_id(record: pydicom.Dataset) -> tuple[str, ...]:
    value = record.get("ReferencedFileID")
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _is_safe(components: tuple[str, ...]) -> bool:
    """True when every component is a plain name (CVE-2026-32711 was a file ID with dots)."""
    return all(
        component not in {"", ".", ".."} and not {"/", "\\", "\0"} & set(component)
        for component in components
    )


def _find(root: Path, components: tuple[str, ...]) -> Path | None:
    path = root.joinpath(*components)
    if path.exists():
        found: Path | None = path
    else:
        found = _find_in_any_case(root, components)
    if found is None or not found.resolve().is_relative_to(root.resolve()):
        return None
    return found


def _find_in_any_case(root: Path, components: tuple[str, ...]) -> Path | None:
    path = root
    for component in components:
        try:
            names = [inner.name for inner in path.iterdir()]
        except OSError:
            return None
        wanted = component.casefold()
        # ISO 9660 without its extensions shows `IMG00001.;1`.
        match = next((n for n in names if n.casefold().split(";")[0].rstrip(".") == wanted), None)
        if match is None:
            return None
        path /= match
    return path
