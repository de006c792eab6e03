"""The tables of submissions and of what is in quarantine.

They lie in the database of the feed, so that a change of state commits with the entry that tells
it. Times are microseconds, as in `tables`. What many rows have in common with others (a policy,
counts, findings) is packed, since nobody searches in it.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from hilum.adapters.database.tables import metadata

_KEY = BigInteger().with_variant(Integer, "sqlite")

submission = Table(
    "submission",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("study_id", String(36), nullable=False, unique=True),
    Column("state", String(20), nullable=False),
    Column("rank", SmallInteger, nullable=False, comment="Of the state: within a round only up"),
    Column("round", Integer, nullable=False),
    Column("partition_key", _KEY, nullable=False),
    Column("door", String(16), nullable=False),
    Column("peer", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("due", BigInteger, comment="When somebody should look after it; NULL: settled"),
    Column("attempts", Integer, nullable=False, comment="That began and did not end in order"),
    Column("files", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("counts", Text, nullable=False, comment="JSON: files by state"),
    Column("policy", Text, nullable=False, comment="JSON"),
    Column("data", Text, nullable=False, comment="JSON of the last event"),
    Index(None, "due", "changed"),
    Index(None, "state", "key"),
    sqlite_autoincrement=True,
)

submission_file = Table(
    "submission_file",
    metadata,
    Column(
        "submission_key", _KEY, ForeignKey("submission.key"), primary_key=True, autoincrement=False
    ),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer, comment="Number of the zip file it is a member of"),
    Column("state", String(16), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), comment="Of the file as received; NULL: unpacked here"),
    Column("study_instance_uid", String(64)),
    Column("series_instance_uid", String(64)),
    Column("sop_instance_uid", String(64)),
    Column("sop_class_uid", String(64)),
    Column("version", BigInteger),
    Column("code", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("findings", LargeBinary, nullable=False),
    Column("gravity", SmallInteger, nullable=False, comment="Of the worst finding: 0 an error"),
    Index(None, "submission_key", "gravity", "number"),
)

submission_step = Table(
    "submission_step",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("submission_key", _KEY, ForeignKey("submission.key"), nullable=False, index=True),
    Column("time", BigInteger, nullable=False),
    Column("round", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("text", Text, nullable=False),
    sqlite_autoincrement=True,
    comment="The newest steps of each submission",
)

quarantined = Table(
    "quarantined",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("place", Text, nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("partition_key", _KEY, nullable=False),
    Column("door", String(16), nullable=False),
    Column("peer", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("due", BigInteger, comment="When its bytes go; NULL: they are gone"),
    Column("study_id", String(36), comment="Of the submission it came with"),
    Column("number", Integer, comment="Of its file there"),
    Column("study_instance_uid", String(64)),
    Column("series_instance_uid", String(64)),
    Column("sop_instance_uid", String(64)),
    Column("sop_class_uid", String(64)),
    Column("name", Text, nullable=False),
    Column("policy", Text, nullable=False, comment="JSON"),
    Column("findings", LargeBinary, nullable=False),
    Index(None, "due", "changed"),
    Index(None, "state", "key", "size_bytes"),
    Index(None, "door", "state", "size_bytes"),
    *(Index(None, name, "key") for name in ("code", "door", "study_id", "study_instance_uid")),
    Index(None, "study_id", "number"),
    sqlite_autoincrement=True,
)

quarantined_step = Table(
    "quarantined_step",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("quarantined_key", _KEY, ForeignKey("quarantined.key"), nullable=False, index=True),
    Column("time", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("text", Text, nullable=False),
    sqlite_autoincrement=True,
)
