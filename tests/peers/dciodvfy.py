"""What dciodvfy says of files (Debian package `dicom3tools`, scripts/services)."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

_TIMEOUT_SECONDS = 60
_LINE = re.compile(r"(?P<severity>Error|Warning) - (?:</(?P<path>.*?)> - )?(?P<text>.*)")
_TAG = re.compile(r"\(([0-9a-f]{4}),([0-9a-f]{4})")
_VARYING = re.compile(r"\s*(?:=\s*)?<.*>|\[[A-Z]{2}\]|\"[^\"]*\"|'.*|0x[0-9a-fA-F]+|\b\d+\b")


class Complaint(NamedTuple):
    """One line of its output. `kind` is its text without what differs from file to file."""

    severity: str
    tag: int | None
    kind: str


def needs_dciodvfy() -> pytest.MarkDecorator:
    """Skip when it is not installed, and say how to get it."""
    return pytest.mark.skipif(
        shutil.which("dciodvfy") is None,
        reason="dciodvfy not found: run scripts/services install dicom3tools",
    )


def complaints(path: Path) -> frozenset[Complaint]:
    """Run it on one file."""
    ran = subprocess.run(
        ["dciodvfy", "-new", str(path)],
        capture_output=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    return frozenset(_read((ran.stdout + ran.stderr).decode("latin-1")))


def _read(output: str) -> Iterator[Complaint]:
    for line in output.splitlines():
        found = _LINE.match(line)
        if found:
            tags = _TAG.findall(found["path"] or "")
            kind = re.sub(r"\s+", " ", _VARYING.sub(" ", found["text"])).strip(" -=")
            tag = int("".join(tags[-1]), 16) if tags else None
            yield Complaint(found["severity"], tag, kind)
