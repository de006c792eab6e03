"""Values of submissions and quarantine as columns: origins, policies, findings, texts of others."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Final

import orjson

from hilum.domain.external_metadata import ExternalAttribute
from hilum.domain.findings import Finding, Severity, worst
from hilum.domain.identifiers import (
    InstanceUIDs,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
)
from hilum.domain.instances import OnConflict, StorePolicy
from hilum.domain.origins import Door, Origin

_LONGEST: Final = 1000
"""Characters of one text of a finding."""
_POLICY: Final = frozenset(field.name for field in fields(StorePolicy))

Uids = tuple[str | None, str | None, str | None]


def clean(text: str) -> str:
    """A text that any database takes: names of files come as others made them."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def json_text(value: Mapping[str, object]) -> str:
    return orjson.dumps(_clean(value)).decode()


def _clean(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_clean(each) for each in value]
    return value


def origin_columns(origin: Origin) -> tuple[str, str, str, str]:
    """Door, peer, principal and correlation id."""
    return (
        origin.door.value,
        clean(origin.peer),
        clean(origin.principal),
        clean(origin.correlation_id),
    )


def origin_of(door: str, peer: str, principal: str, correlation_id: str) -> Origin:
    return Origin(Door(door), correlation_id, peer, principal)


def policy_text(policy: StorePolicy) -> str:
    return orjson.dumps(asdict(policy)).decode()


def policy_of(text: str) -> StorePolicy:
    held = {key: value for key, value in orjson.loads(text).items() if key in _POLICY}
    expires = held.get("expires")
    return StorePolicy(
        **{
            **held,
            "on_conflict": OnConflict(held["on_conflict"]),
            "expires": None if expires is None else datetime.fromisoformat(expires),
            "external": tuple(ExternalAttribute(**each) for each in held.get("external", ())),
        }
    )


def uid_columns(uids: InstanceUIDs | None) -> Uids:
    return (None, None, None) if uids is None else (uids.study, uids.series, uids.sop_instance)


def uids_of(study: str | None, series: str | None, sop_instance: str | None) -> InstanceUIDs | None:
    if study is None or series is None or sop_instance is None:
        return None
    return InstanceUIDs(
        StudyInstanceUID(study), SeriesInstanceUID(series), SOPInstanceUID(sop_instance)
    )


def packed_findings(findings: Sequence[Finding]) -> bytes:
    """The worst of them, compressed; empty when there are none."""
    if not findings:
        return b""
    rows: list[Any] = [
        [
            each.severity.value,
            each.tag,
            *(
                clean(text[:_LONGEST])
                for text in (
                    each.code, each.text, each.path, each.expected, each.found, each.section
                )
            ),
        ]
        for each in worst(findings)
    ]  # fmt: skip
    return zlib.compress(orjson.dumps(rows))


def findings_of(packed: bytes) -> tuple[Finding, ...]:
    if not packed:
        return ()
    return tuple(
        Finding(
            code=code,
            severity=Severity(severity),
            tag=tag,
            text=text,
            path=path,
            expected=expected,
            found=found,
            section=section,
        )
        for severity, tag, code, text, path, expected, found, section in orjson.loads(
            zlib.decompress(packed)
        )
    )
