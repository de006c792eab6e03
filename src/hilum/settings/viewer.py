"""Settings of the viewer that is served beside the archive."""

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator

from hilum.settings.types import Section

_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_TAKEN: Final = frozenset(
    "api dicom-web docs health metrics openapi.json problems ready status upload v1 v2 wado".split()
)


def _is_a_free_path(value: str) -> str:
    value = value.rstrip("/")
    if _PATH.fullmatch(value) is None or ".." in value:
        message = "should be a path such as `/viewer`: a slash, then letters, digits, . _ ~ -"
        raise ValueError(message)
    if (first := value.split("/")[1]) in _TAKEN:
        message = f"/{first} is an address of the server itself"
        raise ValueError(message)
    return value


class ViewerSettings(Section):
    """The OHIF viewer, served beside the archive once `make viewer` has fetched it."""

    enabled: bool = True
    """Serve the viewer. Its files are public; what it shows is asked from DICOMweb, by the rules
    that hold there."""
    path: Annotated[str, AfterValidator(_is_a_free_path)] = "/viewer"
    """Where it is on this server."""
    folder: Path = Path(".viewer")
    """Folder with the built viewer, as `make viewer` leaves it. Relative to the folder the process
    was started in. Looked at while serving: a viewer that comes later is found."""
