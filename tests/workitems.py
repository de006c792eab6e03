"""Work items for tests: a data set that any surface takes, and what its performer adds."""

from copy import deepcopy
from typing import Any

Dataset = dict[str, Any]


def element(vr: str, *values: Any) -> Dataset:
    """An element in DICOM JSON; without values an empty one."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def code(value: str, meaning: str = "meaning") -> Dataset:
    """An item of a code sequence."""
    return {
        "00080100": element("SH", value),
        "00080102": element("SH", "99TEST"),
        "00080104": element("LO", meaning),
    }


_WORKITEM: Dataset = {
    "00081195": element("UI"),
    "00741200": element("CS", "HIGH"),
    "00741202": element("LO", "my own list"),
    "00741204": element("LO", "a label"),
    "00404005": element("DT", "20240517093000"),
    "00404041": element("CS", "READY"),
    "00741210": element("SQ"),
    "00404025": element("SQ", code("STATION1")),
    "00404026": element("SQ", code("CLASS1")),
    "00404027": element("SQ", code("PLACE1")),
    "00404018": element("SQ", code("READ")),
    "00400400": element("LT"),
    "00404021": element("SQ"),
    "00100010": element("PN", {"Alphabetic": "Doe^Jané"}),
    "00100020": element("LO", "PAT-1"),
    "00100021": element("LO"),
    "00100024": element("SQ"),
    "00100030": element("DA", "19700101"),
    "00100040": element("CS", "F"),
    "00101002": element("SQ"),
    "00380010": element("LO"),
    "00380014": element("SQ"),
    "00081080": element("LO"),
    "00081084": element("SQ"),
    "0020000D": element("UI", "1.2.826.0.1.3680043.8.498.1"),
    "0040A370": element(
        "SQ",
        {
            "0020000D": element("UI", "1.2.826.0.1.3680043.8.498.1"),
            "00080050": element("SH", "ACC-1"),
            "00080051": element("SQ"),
            "00401001": element("SH", "REQ-1"),
            "00321060": element("LO"),
            "00321064": element("SQ"),
        },
    ),
    "00741002": element("SQ"),
    "00741216": element("SQ"),
}


def workitem(**changes: Dataset | None) -> Dataset:
    """A new work item; `x00741204=element(...)` replaces an attribute, None takes it out."""
    made = deepcopy(_WORKITEM)
    for name, value in changes.items():
        if value is None:
            made.pop(name[1:], None)
        else:
            made[name[1:]] = value
    return made


def wish(state: str, transaction: str | None) -> Dataset:
    """The body of a change of state."""
    asked = {"00741000": element("CS", state)}
    return asked if transaction is None else {**asked, "00081195": element("UI", transaction)}


PERFORMED: Dataset = {
    "00741216": element(
        "SQ",
        {
            "00404028": element("SQ", code("STATION1")),
            "00404050": element("DT", "20240517100000"),
            "00404051": element("DT", "20240517101500"),
            "00404019": element("SQ", code("READ")),
            "00404033": element(
                "SQ",
                {
                    "0040E020": element("CS", "DICOM"),
                    "0020000D": element("UI", "1.2.3"),
                    "00081199": element(
                        "SQ",
                        {"00081150": element("UI", "1.2.4"), "00081155": element("UI", "1.2.5")},
                    ),
                },
            ),
        },
    )
}
"""What it takes to be COMPLETED."""
GIVEN_UP: Dataset = {
    "00741002": element(
        "SQ",
        {
            "00404052": element("DT", "20240517101000"),
            "0074100E": element("SQ", code("110513", "Discontinued for unspecified reason")),
        },
    )
}
"""What it takes to be CANCELED."""
