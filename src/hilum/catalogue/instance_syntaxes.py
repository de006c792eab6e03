"""In which transfer syntaxes an instance can go out, by all that can be told without its pixels."""

from dataclasses import dataclass
from typing import Final

from hilum.catalogue.conversion import CONVERTED_TO, is_convertible
from hilum.catalogue.transcoding import Transcoding
from hilum.domain.records import InstanceRecord
from hilum.imaging.syntaxes import SYNTAXES

AS_STORED: Final = "*"
DEFAULT: Final = ""
"""Explicit VR Little Endian, but what is stored in a lossy syntax as it is (PS3.18 8.7.3.4)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """In which transfer syntaxes instances may go out."""

    syntaxes: tuple[str, ...] = (AS_STORED,)
    """Transfer Syntax UIDs in order of liking; `AS_STORED` is the one an instance is stored in,
    `DEFAULT` the one that is meant when the client names none."""
    converts_many: bool = True
    """False: more than one instance goes out only as stored."""
    maximum_conversion_bytes: int | None = None
    """Larger instances are not converted, beside the limit of the archive."""
    sources: frozenset[str] | None = None
    """Instances in other transfer syntaxes go out as stored only; None: all are converted."""

    def listed(self) -> str:
        """Name them in a sentence."""
        named = (syntax or CONVERTED_TO for syntax in self.syntaxes)
        return f"transfer syntax {', '.join(named)}"


class InstanceSyntaxes:
    """What conversion and transcoding can make of instances."""

    def __init__(self, transcoding: Transcoding | None, conversion_bytes: int) -> None:
        """`conversion_bytes`: larger instances go out as stored only."""
        self._transcoding = transcoding
        self._conversion_bytes = conversion_bytes

    def of(self, record: InstanceRecord, wanted: Wanted) -> list[str]:
        """Syntaxes this instance can go out in, in the order of liking, up to the stored one."""
        stored = record.transfer_syntax_uid
        targets: list[str] = []
        for liked in wanted.syntaxes:
            syntax = _default_of(stored) if liked == DEFAULT else liked
            if syntax in {AS_STORED, stored}:
                return [*targets, stored]
            if self._is_convertible(record, syntax, wanted):
                targets.append(syntax)
        return targets

    def _is_convertible(self, record: InstanceRecord, target: str, wanted: Wanted) -> bool:
        stored, limit = record.transfer_syntax_uid, self._conversion_bytes
        if wanted.maximum_conversion_bytes is not None:
            limit = min(limit, wanted.maximum_conversion_bytes)
        if record.size_bytes > limit or (wanted.sources and stored not in wanted.sources):
            return False
        if target == CONVERTED_TO and is_convertible(stored):
            return True
        return self._transcoding is not None and self._transcoding.offers(stored, target)

    def choices(self, record: InstanceRecord, wanted: Wanted) -> str:
        """Tell a client that got nothing what can be had."""
        stored = record.transfer_syntax_uid
        others = [
            syntax
            for syntax in SYNTAXES
            if syntax != stored and self._is_convertible(record, syntax, wanted)
        ]
        if others:
            also = f"; it can also be had in {', '.join(others)}."
        elif record.size_bytes > self._conversion_bytes:
            also = f", and too large to convert: it has {record.size_bytes} bytes (setting"
            also += f" retrieve.conversion_bytes allows {self._conversion_bytes})."
        else:
            also = ", and in nothing else."
        return f"It is held in {stored} (transfer-syntax=*){also}"


def is_transcoded(record: InstanceRecord, target: str) -> bool:
    """Whether it is made by decoding, or encoding, frames."""
    stored = record.transfer_syntax_uid
    return target != stored and not (target == CONVERTED_TO and is_convertible(stored))


def _default_of(stored: str) -> str:
    known = SYNTAXES.get(stored)
    return stored if known is not None and known.may_be_lossy else CONVERTED_TO
