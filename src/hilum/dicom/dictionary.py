"""The dictionary of PS3.6, as pydicom ships it, without the rest of pydicom.

Importing any part of pydicom runs all of it, NumPy and every decoder that is installed included:
most of a second, which commands that decode nothing need not pay.
"""

import sys
from collections.abc import Mapping
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

Entry = tuple[str, str, str, str, str]
"""VR, VM, name, "Retired" or nothing, keyword."""


def _tables(name: str) -> ModuleType:
    """A module of tables: that of pydicom where it is imported, else its file alone."""
    full_name = f"pydicom.{name}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    package = find_spec("pydicom")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(name="pydicom")
    found = spec_from_file_location(
        f"hilum.dicom._ps3_6{name}", Path(package.origin).with_name(f"{name}.py")
    )
    if found is None or found.loader is None:
        raise ModuleNotFoundError(name=full_name)
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


_FOUND: Final = _tables("_dicom_dict")
DICTIONARY: Final[Mapping[int, Entry]] = _FOUND.DicomDictionary
"""By tag, as 0xGGGGEEEE."""
REPEATERS: Final[Mapping[str, Entry]] = _FOUND.RepeatersDictionary
"""By tag with `x` for digits that repeat, such as `60xx3000`."""
TAGS: Final[Mapping[str, int]] = {entry[4]: tag for tag, entry in DICTIONARY.items()}
"""Tags by keyword."""
UID_NAMES: Final[Mapping[str, str]] = {
    uid: entry[0] for uid, entry in _tables("_uid_dict").UID_dictionary.items()
}
"""Names of UIDs (PS3.6 annex A)."""
