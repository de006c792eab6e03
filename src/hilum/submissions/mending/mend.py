"""Mending a file: which coercions there are, in which order, and what each of them did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hilum import __version__
from hilum.dicom.errors import TruncatedInstance
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.mending.composing import Composed
from hilum.dicom.mending.loose_reader import read_loosely
from hilum.dicom.sources import Source
from hilum.dicom.vr import PIXEL_DATA
from hilum.domain.errors import InvalidRequest
from hilum.submissions.mending.charset import declare_charset
from hilum.submissions.mending.draft import Change, Coercion, Draft
from hilum.submissions.mending.identity import fix_meta, new_sop_instance_uid
from hilum.submissions.mending.lengths import fix_lengths
from hilum.submissions.mending.pixels import fix_pixel_length
from hilum.submissions.mending.provenance import add_provenance
from hilum.submissions.mending.type2 import add_type2
from hilum.submissions.mending.values import fix_uids, fix_vr_values
from hilum.submissions.quarantine_errors import NothingToRepair

_LENGTHS: Final = "fix-lengths"
_META: Final = "fix-meta"
_DIGITAL_SIGNATURES: Final = 0xFFFAFFFA
_UIDS: Final = frozenset({"fix-uids", "new-sop-instance-uid"})

COERCIONS: Final[Mapping[str, Coercion]] = {
    each.name: each
    for each in (
        Coercion(
            _LENGTHS,
            "Writes lengths of values, items and sequences, paddings and delimiters as they must "
            "be, and leaves out what fills up the end of the file.",
            fix_lengths,
        ),
        Coercion(
            "declare-charset",
            "Declares the character set that the text is in: UTF-8 where all of it is, else "
            "ISO 8859-1, or the one that is given.",
            declare_charset,
            parameter="a defined term such as `ISO_IR 144`",
        ),
        Coercion(
            "fix-vr-values",
            "Writes dates, times, numbers, ages and coded strings in the form of their VR, without "
            "stray spaces and control characters.",
            fix_vr_values,
        ),
        Coercion(
            "fix-uids", "Writes UIDs without leading zeros and stray dots, everywhere.", fix_uids
        ),
        Coercion(
            "new-sop-instance-uid",
            "Makes a new SOP Instance UID; what refers to the old one does not find it then.",
            new_sop_instance_uid,
            only_when_named=True,
        ),
        Coercion("add-type2", "Adds attributes of type 2 that are wanting, empty.", add_type2),
        Coercion(
            "fix-pixel-length",
            "Adds zeros to native pixel data that is too short, or cuts off what is too much.",
            fix_pixel_length,
            only_when_named=True,
            parameter="most bytes to add or cut, 4096 by default",
        ),
        Coercion(
            _META,
            "Makes preamble and file meta information from the data set where they are wanting, "
            "wrong, or of another instance.",
            fix_meta,
        ),
    )
}
"""In the order in which they are applied."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What one coercion did."""

    coercion: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Mended:
    """A file after coercions."""

    content: Composed
    """What it is now; to be read while its source is open."""
    applied: Sequence[Applied]
    """Empty when there was nothing to do: then `content` is of no use."""

    @property
    def renames(self) -> bool:
        """Whether the instance may be called otherwise than before."""
        return any(each.coercion in _UIDS for each in self.applied)


@dataclass(frozen=True, slots=True)
class Mending:
    """Mends files within bounds."""

    limits: HeaderLimits
    memory_bytes: int

    def __call__(self, source: Source, wanted: Mapping[str, str], now: datetime) -> Mended:
        """Apply the coercions `wanted`, each with its parameter, as far as they find work.

        `fix-lengths` is applied whenever lengths are wrong, since nothing can be written with
        them. Raises `InvalidRequest` for parameters, `NothingToRepair` for what is signed, the
        errors of `hilum.dicom.errors` for what cannot be mended, and `LimitExceeded`.
        """
        draft = Draft(
            read_loosely(source, self.limits, self.memory_bytes), self.limits, self.memory_bytes
        )
        if draft.file.flaws:
            wanted = {**wanted, _LENGTHS: ""}
        applied: list[Applied] = []
        for name, coercion in COERCIONS.items():
            if name in wanted or (name == _META and draft.file.former_meta and _renamed(applied)):
                changes = coercion.apply(draft, wanted.get(name, ""))
                if changes:
                    applied.append(Applied(name, changes))
        _demand_whole(draft)
        if applied:
            _demand_unsigned(draft)
            changes = [change for each in applied for change in each.changes]
            add_provenance(draft, changes, [each.coercion for each in applied], now, __version__)
        return Mended(draft.composed(), applied)


def _renamed(applied: Sequence[Applied]) -> bool:
    return any(each.coercion in _UIDS for each in applied)


def _demand_whole(draft: Draft) -> None:
    pixels = draft.file.get(PIXEL_DATA)
    if pixels is not None and pixels.missing:
        raise TruncatedInstance(
            PIXEL_DATA,
            len(draft.file.source),
            f"its value lacks {pixels.missing} bytes, which fix-pixel-length={pixels.missing} "
            "would replace by zeros",
        )


def _demand_unsigned(draft: Draft) -> None:
    """Nothing here can sign anew, and a signature that is broken looks like a forgery."""
    if draft.file.get(_DIGITAL_SIGNATURES) is not None:
        message = (
            "The file is signed (Digital Signatures Sequence), and a repair would break the "
            "signature: mend it at its source, or release it as it is."
        )
        raise NothingToRepair(message)


def usual_coercions() -> Mapping[str, str]:
    """Those that need not be asked for."""
    return {each.name: "" for each in COERCIONS.values() if not each.only_when_named}


def parsed(names: Sequence[str]) -> Mapping[str, str]:
    """Read `name` and `name=value`. Raises `InvalidRequest` with the names there are."""
    wanted: dict[str, str] = {}
    for each in names:
        name, _, parameter = each.partition("=")
        coercion = COERCIONS.get(name)
        if coercion is None:
            message = f"There is no coercion {name!r}: there are {', '.join(COERCIONS)}."
            raise InvalidRequest(message)
        if parameter and not coercion.parameter:
            message = f"{name} takes no parameter."
            raise InvalidRequest(message)
        wanted[name] = parameter
    return wanted
