"""Every DICOM file that pydicom and `pydicom-data` ship, and what pydicom makes of it."""

import io
import warnings
from functools import cache
from pathlib import Path

import data_store
import pydicom
from pydicom.data import get_charset_files, get_testdata_files
from pydicom.errors import InvalidDicomError

_NOT_DICOM_SUFFIXES = {".txt", ".md", ".py", ".pyc", ".json", ".xml", ".gz", ".zip", ".jpg", ".png"}


@cache
def corpus() -> tuple[Path, ...]:
    """Paths of all files, the broken ones included, in a fixed order."""
    names = {*get_testdata_files(), *get_charset_files()}
    names.update(str(path) for path in Path(data_store.__file__).parent.rglob("data/*"))
    paths = sorted(Path(name) for name in names)
    return tuple(
        path for path in paths if path.is_file() and path.suffix.lower() not in _NOT_DICOM_SUFFIXES
    )


def corpus_id(path: Path) -> str:
    """Name a file in test output."""
    return f"{path.parent.name}/{path.name}"


def read_by_pydicom(part10: bytes) -> pydicom.Dataset | None:
    """Return the data set as pydicom reads it, or None when pydicom cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(part10), force=True)
            dataset.walk(lambda _dataset, _element: None)
        except (InvalidDicomError, OSError, ValueError, NotImplementedError, EOFError, KeyError):
            return None
    return dataset
