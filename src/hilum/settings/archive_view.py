"""Settings of the archive view: a folder for each submission, with `metadata.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import PlainSerializer, field_validator

from hilum.settings.types import JSON_TEXT, Section
from hilum.submissions.view_fields import chosen_fields

_NO_FIELDS: Final[Mapping[str, str]] = {}
FieldNames = Annotated[Mapping[str, str], JSON_TEXT, PlainSerializer(dict)]


class ArchiveViewSettings(Section):
    """Uploads once more as plain files, for people and programs that read files."""

    enabled: bool = True
    """Write a view of each upload that is archived. When it is switched off, views that were
    written before are still kept free of what is deleted."""
    folder: Path | None = None
    """Where it lies; `archive` in the data folder unless another is named. On the file system of
    the data folder it costs no space. For reading only: its files are the archive's own."""
    files: Literal["link", "copy", "none"] = "link"
    """`link`: a second name (hard link) of the stored object; a copy where that lies on another
    file system, and with a bucket (`storage.url`) no file, but its URL in `metadata.json`.
    `copy`: a copy of each object, from a bucket, too. `none`: `metadata.json` only."""
    fields: FieldNames = _NO_FIELDS
    """Changes to `metadata.json`: by name of the field (`patient_info.issuer`, or `patient_id` to
    change a field there is), the keyword or tag of an attribute; empty to leave the field out."""

    @field_validator("fields")
    @classmethod
    def _are_attributes(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        chosen_fields(value)
        return value
