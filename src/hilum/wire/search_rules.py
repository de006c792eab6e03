"""What a search may ask for and gets back, by surface, as data.

Azure sets: the DICOM conformance statement of the Azure DICOM service, v1 and v2.
Standard sets: PS3.18 tables 10.6.3-3, 10.6.3-4 and 10.6.3-5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from hilum.dicom.attributes import (
    INDEXED_ATTRIBUTES,
    RETURNED_KEYWORDS,
    IndexedAttribute,
    tag_of,
)
from hilum.domain.levels import Level

MODALITIES_IN_STUDY: Final = IndexedAttribute("ModalitiesInStudy", Level.STUDY)
SEARCHABLE: Final = (*INDEXED_ATTRIBUTES, MODALITIES_IN_STUDY)

TagsByLevel = Mapping[Level, tuple[str, ...]]
"""DICOM JSON keys: 8 upper-case hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """How one surface reads a query string and what it returns."""

    searchable: Mapping[int, IndexedAttribute]
    """What can be matched on, by tag."""
    literal: bool
    """Values are matched as they stand: no wild cards, lists, universal or empty matching, and
    no matching inside sequences."""
    strict: bool
    """Unknown parameters, repeated attributes and a limit above the maximum are refused."""
    hides_invalid: bool
    """Attributes whose value breaks its VR are left out of what is returned."""
    path_levels: bool
    """Attributes of a level whose UID is in the path can be matched on, too."""
    returned: TagsByLevel
    returned_all: TagsByLevel
    """For `includefield=all`."""
    required: TagsByLevel
    """What every match of the level is answered with, without a value when none is known."""
    default_limit: int
    maximum_limit: int
    maximum_offset: int = 10_000_000
    maximum_conditions: int = 64
    """Attributes one search may match on."""
    maximum_list_values: int = 1000
    """Values in one list: the UIDs of a study's worth of series fit, a flood does not."""
    maximum_query_bytes: int = 32_768
    """Length of a query string."""

    def within(self, limits: "SearchLimits") -> "SearchRules":
        """The same rules with an operator's limits.

        A strict surface keeps the numbers of results of the service: its clients count on them.
        """
        rules = replace(
            self,
            maximum_offset=limits.maximum_offset,
            maximum_conditions=limits.conditions,
            maximum_list_values=limits.list_values,
            maximum_query_bytes=limits.query_bytes,
        )
        if self.strict:
            return rules
        maximum = limits.maximum_results
        return replace(
            rules, maximum_limit=maximum, default_limit=min(limits.default_results, maximum)
        )


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """What an operator may choose; the settings of the section `search` have the same names."""

    default_results: int = 100
    """Results of a search that names no `limit`, on the standard surface."""
    maximum_results: int = 1000
    maximum_offset: int = 10_000_000
    conditions: int = 64
    list_values: int = 1000
    query_bytes: int = 32_768


def _tags(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _searchable(*keywords: str) -> Mapping[int, IndexedAttribute]:
    wanted = set(keywords)
    return {
        attribute.tag: attribute
        for attribute in SEARCHABLE
        if not wanted or attribute.keyword in wanted
    }


_AZURE_SEARCHABLE: Final = _searchable(
    *"StudyInstanceUID PatientName PatientID PatientBirthDate AccessionNumber StudyDate".split(),
    *"ReferringPhysicianName StudyDescription ModalitiesInStudy SeriesInstanceUID Modality".split(),
    *"PerformedProcedureStepStartDate ManufacturerModelName SOPInstanceUID".split(),
)
_V1_RETURNED: Final[TagsByLevel] = {
    Level.STUDY: _tags(
        "00080005 00080020 00080030 00080050 00080056 00080090 00080201 00100010 00100020 00100030 "
        "00100040 0020000D 00200010"
    ),
    Level.SERIES: _tags("00080005 00080060 00080201 0008103E 0020000E 00400244 00400245 00400275"),
    Level.INSTANCE: _tags(
        "00080005 00080016 00080018 00080056 00080201 00200013 00280008 00280010 00280011 00280100"
    ),
}
_V2_RETURNED: Final[TagsByLevel] = {
    Level.STUDY: _tags("00080020 00080050 00080090 00081030 00100010 00100020 00100030 0020000D"),
    Level.SERIES: _tags("00080060 00081090 0020000E 00400244"),
    Level.INSTANCE: _tags("00080018"),
}
_AZURE_ALL: Final[TagsByLevel] = {
    Level.STUDY: (
        *_V1_RETURNED[Level.STUDY],
        *_tags(
            "00080063 00081030 00081032 00081060 00081080 00081110 00101010 00101020 00101030 "
            "00102180 001021B0"
        ),
    ),
    Level.SERIES: (
        *_V1_RETURNED[Level.SERIES],
        *_tags("00080021 00080031 00200011 00200060"),
    ),
    Level.INSTANCE: _V1_RETURNED[Level.INSTANCE],
}
_STANDARD_RETURNED: Final[TagsByLevel] = {
    Level.STUDY: _tags(
        "00080005 00080020 00080030 00080050 00080056 00080061 00080090 00080201 00081190 00100010 "
        "00100020 00100030 00100040 0020000D 00200010 00201206 00201208"
    ),
    Level.SERIES: _tags(
        "00080005 00080060 00080201 0008103E 00081190 0020000E 00200011 00201209 00400244 00400245 "
        "00400275"
    ),
    Level.INSTANCE: _tags(
        "00080005 00080016 00080018 00080056 00080201 00081190 00200013 00280008 00280010 00280011 "
        "00280100"
    ),
}
_STANDARD_ALL: Final[TagsByLevel] = {
    level: (*tags, *(f"{tag_of(keyword):08X}" for keyword in RETURNED_KEYWORDS[level]))
    for level, tags in _STANDARD_RETURNED.items()
}
# Types U and R of PS3.18 tables 10.6.3-3 to 10.6.3-5: PS3.4 section C.2.2.1 has a key that is
# known to have no value returned with zero length. Not so (0008,0061): it is no key of an instance
# but made of those of series, and OHIF shows no list at all when one study has it empty.
_STANDARD_REQUIRED: Final[TagsByLevel] = {
    Level.STUDY: _tags(
        "00080020 00080030 00080050 00080090 00100010 00100020 00100030 00100040 0020000D "
        "00200010 00201206 00201208"
    ),
    Level.SERIES: _tags("00080060 0020000E 00200011 00201209"),
    Level.INSTANCE: _tags("00080016 00080018 00200013"),
}
_NOTHING_REQUIRED: Final[TagsByLevel] = dict.fromkeys(Level, ())

AZURE_V1_SEARCH: Final = SearchRules(
    searchable=_AZURE_SEARCHABLE,
    literal=True,
    strict=True,
    hides_invalid=False,
    path_levels=False,
    returned=_V1_RETURNED,
    returned_all=_AZURE_ALL,
    required=_NOTHING_REQUIRED,
    default_limit=100,
    maximum_limit=200,
)
AZURE_V2_SEARCH: Final = SearchRules(
    searchable=_AZURE_SEARCHABLE,
    literal=True,
    strict=True,
    hides_invalid=True,
    path_levels=False,
    returned=_V2_RETURNED,
    returned_all=_AZURE_ALL,
    required=_NOTHING_REQUIRED,
    default_limit=100,
    maximum_limit=200,
)
STANDARD_SEARCH: Final = SearchRules(
    searchable=_searchable(),
    literal=False,
    strict=False,
    hides_invalid=False,
    path_levels=True,
    returned=_STANDARD_RETURNED,
    returned_all=_STANDARD_ALL,
    required=_STANDARD_REQUIRED,
    default_limit=100,
    maximum_limit=1000,
)
