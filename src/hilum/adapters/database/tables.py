"""The tables. Match columns come from `INDEXED_ATTRIBUTES`, named by keyword.

Times are integers, microseconds since 1970-01-01T00:00Z: they sort, compare and cost nothing to
read. Row keys of studies, series and instances are never used twice, so they order pages for good.
Long values stand last in their row, so that scanning what is before them reads no overflow page.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hilum.dicom.attributes import INDEXED_ATTRIBUTES, Folding
from hilum.domain.levels import Level

REVISION: Final = "0006"
"""The migration after which these tables exist."""

DESCRIPTION_FORMAT: Final = 2
"""Raise it when the same object would be described otherwise than before."""

NAMED: Final = ("PatientName", "ReferringPhysicianName")
"""Person names of a study that are searched by words."""

_KEY = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is SQLite's own row id
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")  # ordered by code points
_UID = String(64)

POSITION_FLOOR: Final = "position-floor"
"""The counter above which positions of the feed begin."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str = "key") -> Column[int]:
    return Column(name, _KEY, primary_key=True, autoincrement=False)


def _partition() -> Column[int]:
    return Column("partition_key", _KEY, ForeignKey("partition.key"), nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def keywords_at(level: Level) -> tuple[str, ...]:
    """Keywords of the match columns of a level, in the order of `INDEXED_ATTRIBUTES`."""
    return tuple(each.keyword for each in INDEXED_ATTRIBUTES if each.level is level)


INTEGER_KEYWORDS: Final = frozenset(
    each.keyword for each in INDEXED_ATTRIBUTES if each.folding is Folding.INTEGER
)

_REQUIRED: Final = {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"}


def _match_columns(level: Level) -> Iterator[Column[str] | Column[int]]:
    for keyword in keywords_at(level):
        if keyword in INTEGER_KEYWORDS:
            yield Column(keyword, BigInteger)
        else:
            yield Column(keyword, _TEXT, nullable=keyword not in _REQUIRED)


partition = Table(
    "partition",
    metadata,
    _key(),
    Column("name", String(64), nullable=False, unique=True),
    _number("number_of_studies"),
    _number("number_of_series"),
    _number("number_of_instances"),
    _number("size_bytes"),
    _number("created"),
)

counter = Table(
    "counter",
    metadata,
    Column("name", String(16), primary_key=True),
    _number("value"),
    comment="The largest number given out so far, by what is counted",
)

patient = Table(
    "patient",
    metadata,
    Column("key", _KEY, primary_key=True),
    _partition(),
    Column("patient_id", _TEXT, nullable=False),
    Column("issuer_of_patient_id", _TEXT, nullable=False),
    Column("merged_into_key", _KEY, ForeignKey("patient.key"), index=True),
    _number("created"),
    UniqueConstraint("partition_key", "patient_id", "issuer_of_patient_id"),
)

study = Table(
    "study",
    metadata,
    _key(),
    _partition(),
    Column("patient_key", _KEY, ForeignKey("patient.key"), index=True),
    *_match_columns(Level.STUDY),
    _number("number_of_series"),
    _number("number_of_instances"),
    _number("size_bytes"),
    _number("newest_version"),
    _number("newest_instance_key"),
    _number("created"),
    _number("changed"),
    Column("modalities", _TEXT, nullable=False, comment="As they came, joined by a backslash"),
    Column("attributes", LargeBinary, nullable=False),
    Index(None, "StudyInstanceUID", "partition_key", unique=True),
    Index(None, "partition_key", "key"),
    *(
        Index(None, "partition_key", keyword, "key")
        for keyword in (
            "PatientID",
            "PatientName",
            "PatientBirthDate",
            "AccessionNumber",
            "StudyID",
            "StudyDate",
            "ReferringPhysicianName",
        )
    ),
)

study_modality = Table(
    "study_modality",
    metadata,
    Column("study_key", _KEY, ForeignKey("study.key"), primary_key=True, autoincrement=False),
    Column("modality", _TEXT, primary_key=True, comment="Folded, as in series"),
    _partition(),
    Index(None, "partition_key", "modality", "study_key"),
    comment="The modalities of a study's series, so that each can be walked newest first",
)

series = Table(
    "series",
    metadata,
    _key(),
    _partition(),
    Column("study_key", _KEY, ForeignKey("study.key"), nullable=False),
    *_match_columns(Level.SERIES),
    _number("number_of_instances"),
    _number("size_bytes"),
    _number("newest_version"),
    _number("newest_instance_key"),
    _number("created"),
    _number("changed"),
    Column("shown_modality", _TEXT, comment="Modality as it came"),
    Column("attributes", LargeBinary, nullable=False),
    Index(None, "SeriesInstanceUID", "study_key", unique=True),
    Index(None, "study_key", "key"),
    Index(None, "partition_key", "key"),
    *(
        Index(None, "partition_key", keyword, "key")
        for keyword in ("Modality", "PerformedProcedureStepStartDate")
    ),
)

instance = Table(
    "instance",
    metadata,
    _key(),
    _partition(),
    Column("study_key", _KEY, ForeignKey("study.key"), nullable=False),
    Column("series_key", _KEY, ForeignKey("series.key"), nullable=False),
    _number("version"),
    *_match_columns(Level.INSTANCE),
    Index(None, "SOPInstanceUID", "series_key", unique=True),
    Index(None, "study_key", "key"),
    Index(None, "series_key", "key"),
    Index(None, "partition_key", "key"),
    comment="The live version of each instance",
)

instance_version = Table(
    "instance_version",
    metadata,
    _key("version"),
    Column("instance_key", _KEY, ForeignKey("instance.key"), nullable=False, index=True),
    _partition(),
    Column("size_bytes", BigInteger, nullable=False),
    Column("dataset_offset", BigInteger, nullable=False),
    Column("transfer_syntax_uid", _UID, nullable=False),
    Column("object_key", _TEXT, nullable=False),
    Column("dataset_sha256", LargeBinary(32), nullable=False),
    Column("head_sha256", LargeBinary(32), nullable=False),
    Column("door", String(16), nullable=False),
    Column("peer", _TEXT, nullable=False),
    Column("principal", _TEXT, nullable=False),
    Column("correlation_id", _TEXT, nullable=False),
    _number("created"),
    Column("superseded", BigInteger, comment="When a newer version took its place"),
    Column(
        "warned",
        SmallInteger,
        nullable=False,
        server_default="0",
        comment="1: the sender was told of invalid values",
    ),
    comment="Every version that was committed and whose instance was not deleted",
)

description = Table(
    "description",
    metadata,
    Column("instance_key", _KEY, ForeignKey("instance.key"), primary_key=True, autoincrement=False),
    _partition(),
    Column("description_format", SmallInteger, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="Length of the JSON text"),
    Column("invalid_tags", LargeBinary, comment="32-bit little endian numbers"),
    Column("attributes", LargeBinary, nullable=False),
    Column("deflated", LargeBinary, nullable=False),
    Column("frame_table", LargeBinary, nullable=False),
    Column("bulk_table", LargeBinary, comment="NULL: described before there was one"),
    comment="Lies in insertion order, so that a series is read by going straight on",
)

sequence_item = Table(
    "sequence_item",
    metadata,
    Column("key", _KEY, primary_key=True),
    _partition(),
    Column("level", SmallInteger, nullable=False),
    Column("owner_key", _KEY, nullable=False, comment="Of the study, series or instance"),
    Column("path", String(16), nullable=False),
    Column("item", Integer, nullable=False),
    Column("value", _TEXT, nullable=False),
    Index(None, "level", "owner_key", "path"),
    Index(None, "partition_key", "level", "path", "value", "owner_key"),
)

feed = Table(
    "feed",
    metadata,
    Column("sequence", _KEY, primary_key=True),
    _number("time"),
    Column("partition_key", _KEY, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("study_instance_uid", _UID, nullable=False),
    Column("series_instance_uid", _UID, nullable=False),
    Column("sop_instance_uid", _UID, nullable=False),
    _number("version"),
    Column("correlation_id", _TEXT, nullable=False),
    Column("payload", _TEXT, comment="JSON, for kinds that need more than identifiers"),
    Column("position", BigInteger, comment="Of entries about instances; given by a trigger"),
    *(
        Index(
            None,
            *columns,
            unique=unique,
            sqlite_where=text("position IS NOT NULL"),
            postgresql_where=text("position IS NOT NULL"),
        )
        for columns, unique in ((("position",), True), (("time", "position"), False))
    ),
    sqlite_autoincrement=True,
)

deletion = Table(
    "deletion",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("partition_key", _KEY, nullable=False),
    Column("object_key", _TEXT, nullable=False, index=True),
    Column("due", BigInteger, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    _number("created"),
    sqlite_autoincrement=True,
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("name", _TEXT, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", _TEXT, nullable=False, comment="Joined by a space"),
    _number("created"),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    Column("last_used", BigInteger),
)
