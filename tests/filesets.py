"""DICOM file-sets by pydicom, for media that tests read and write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.fileset import FileSet


@contextmanager
def file_set(dicomdir: Path | None = None) -> Iterator[FileSet]:
    """A file-set, new or of this DICOMDIR, whose temporary folder does not outlive it."""
    files = FileSet(dicomdir)
    try:
        yield files
    finally:
        files._stage["t"].cleanup()  # pydicom leaves it to the collector, which warns
