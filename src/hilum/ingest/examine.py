"""The part of the pipeline that needs no waiting: bytes in, description and digests out.

Runs in the event loop for small instances and in a thread for others; also used to make the index
again from stored objects.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from typing import Final

from hilum.dicom.frames import frame_table
from hilum.dicom.header import Header, read_header
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.memo import Memo
from hilum.dicom.sources import FileSource, Source
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.extended_tags import NO_EXTENDED_TAGS, ExtendedTags, ExtendedValues
from hilum.domain.findings import Severity
from hilum.domain.instances import Content, Description, InMemory, Spooled, StorePolicy
from hilum.ingest.deep import DeepProfiles, deepened, profile_of
from hilum.ingest.describe import WANTED_TAGS, describe
from hilum.ingest.extended import ExtendedElement, extended_elements, values_of
from hilum.ingest.validate import VALUE_INVALID, Verdict, validate
from hilum.ports.telemetry import IngestMeter, Stage
from hilum.validation.profiles import DEEP_PROFILES

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of an instance before it is kept."""

    verdict: Verdict
    description: Description | None
    """None when the verdict refuses the instance; then there are no digests either."""
    head_sha256: bytes = b""
    dataset_sha256: bytes = b""
    warned: bool = False
    """See `hilum.domain.instances.Kept`."""


def examine(
    content: Content,
    policy: StorePolicy,
    limits: HeaderLimits,
    meter: IngestMeter,
    memo: Memo | None = None,
    profiles: DeepProfiles = DEEP_PROFILES,
    tags: ExtendedTags = NO_EXTENDED_TAGS,
) -> Examined:
    """Read, validate, describe and digest one instance.

    `memo` is what the reader of headers remembers with; without one, it shares one with others.
    `profiles` are those that `policy.depth` may name, `tags` what is indexed beside the usual.

    Raises `UnreadableInstance` (its kinds in `hilum.dicom.errors`), `LimitExceeded`, and
    `ArchiveUnavailable` when a spooled file cannot be read, or for a depth that is not known.
    """
    if isinstance(content, InMemory):
        return _examine(content.data, content, policy, limits, meter, memo, profiles, tags)
    try:
        with FileSource(content.path) as source:
            return _examine(source, content, policy, limits, meter, memo, profiles, tags)
    except OSError as error:
        message = f"The spooled instance cannot be read: {os.strerror(error.errno or 0)}."
        raise ArchiveUnavailable(message) from error


def _examine(
    source: Source,
    content: Content,
    policy: StorePolicy,
    limits: HeaderLimits,
    meter: IngestMeter,
    memo: Memo | None,
    profiles: DeepProfiles,
    tags: ExtendedTags,
) -> Examined:
    began = time.perf_counter()
    header = read_header(source, limits=limits, wanted=WANTED_TAGS, memo=memo)
    began = _stage_ended(meter, Stage.READ, began)
    elements = extended_elements(header.json, tags) if tags.tags else []
    verdict = validate(header, policy, elements)
    if policy.depth:
        verdict = deepened(verdict, source, header, profile_of(policy.depth, profiles))
    began = _stage_ended(meter, Stage.VALIDATE, began)
    if verdict.is_refused or verdict.uids is None or verdict.sop_class_uid is None:
        return Examined(verdict, None)
    frames = _packed_frame_table(source, header)
    warned = _was_warned(verdict)
    description = describe(
        header,
        verdict.uids,
        verdict.sop_class_uid,
        frames,
        _extended(header, elements, tags, warned=warned),
    )
    began = _stage_ended(meter, Stage.DESCRIBE, began)
    head, dataset = digests(content, header.dataset_offset)
    _stage_ended(meter, Stage.DIGEST, began)
    return Examined(verdict, description, head, dataset, warned)


def _was_warned(verdict: Verdict) -> bool:
    return any(
        finding.code == VALUE_INVALID and finding.severity is Severity.WARNING
        for finding in verdict.findings
    )


def _extended(
    header: Header, elements: list[ExtendedElement], tags: ExtendedTags, *, warned: bool
) -> ExtendedValues:
    dropped = {problem.tag for problem in header.problems} if warned else ()
    return values_of(elements, tags.generation, dropped)


def _packed_frame_table(source: Source, header: Header) -> bytes:
    table = frame_table(source, header)
    return b"" if table is None else table.pack()


def digests(content: Content, dataset_offset: int) -> tuple[bytes, bytes]:
    """SHA-256 of the bytes before the data set, and of the data set."""
    if isinstance(content, InMemory):
        view = memoryview(content.data)
        head = hashlib.sha256(view[:dataset_offset]).digest()
        return head, hashlib.sha256(view[dataset_offset:]).digest()
    return _digest_file(content, dataset_offset)


def _digest_file(content: Spooled, dataset_offset: int) -> tuple[bytes, bytes]:
    head, dataset = hashlib.sha256(), hashlib.sha256()
    buffer = bytearray(_CHUNK_BYTES)
    view = memoryview(buffer)
    with content.path.open("rb", buffering=0) as file:
        head.update(file.read(dataset_offset))
        while count := file.readinto(buffer):
            dataset.update(view[:count])
    return head.digest(), dataset.digest()


def _stage_ended(meter: IngestMeter, stage: Stage, began: float) -> float:
    ended = time.perf_counter()
    meter.stage(stage, ended - began)
    return ended
