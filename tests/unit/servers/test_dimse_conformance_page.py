"""docs/conformance/dicom.md tells what the code does."""

import re
from pathlib import Path

from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID
from hilum.servers import dimse_admission
from hilum.servers.dimse_contexts import STORAGE_SOP_CLASSES
from hilum.servers.dimse_options import DimseOptions
from hilum.wire import dimse_status

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/conformance/dicom.md").read_text()
SERVERS = ROOT / "src/hilum/servers"


def rows_of(heading: str) -> set[str]:
    """First cells of the table below a heading, without the marks of code."""
    section = PAGE.split(heading, 1)[1].split("\n#", 1)[0]
    cells = re.findall(r"^\| `?([\w-]+)`? \|", section, re.MULTILINE)
    return set(cells) - {"Reason", "Status"}


def test_the_page_explains_every_reason_for_an_abort() -> None:
    source = "".join(path.read_text() for path in SERVERS.glob("dimse_*.py"))
    reasons = set(re.findall(r'(?:ProtocolViolation|_violated)\("([\w-]+)"\)', source))

    assert rows_of("### Aborts") == reasons


def test_the_page_explains_every_reason_for_a_refusal() -> None:
    refusals = {
        each.reason: f"{each.result}, {each.source}, {each.diagnostic}"
        for each in vars(dimse_admission).values()
        if isinstance(each, dimse_admission.Refusal)
    }

    for reason, numbers in refusals.items():
        assert f"| `{reason}` | {numbers} |" in PAGE
    assert f"`{dimse_admission.CONNECTIONS}`" in PAGE


def test_the_page_explains_every_status() -> None:
    codes = {
        f"0x{value:04X}"
        for name, value in vars(dimse_status).items()
        if name.isupper() and isinstance(value, int) and "MAXIMUM" not in name
    }

    assert rows_of("## Status of C-STORE") == codes


def test_the_page_names_us_and_our_defaults() -> None:
    options = DimseOptions()

    assert IMPLEMENTATION_CLASS_UID in PAGE
    assert f"Storage: {len(STORAGE_SOP_CLASSES)} classes" in PAGE
    assert f"{options.maximum_pdu_bytes:,} bytes" in PAGE
    assert f"{options.associations} in all" in PAGE
    assert f"{options.associations_per_peer} from one address" in PAGE
    assert f"**port** {options.port}" in PAGE
