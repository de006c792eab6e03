"""Submissions, their files and histories, and what is in quarantine."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _submissions()
    _files()
    _quarantined()
    _steps()
    for table, columns in (
        ("submission", ("due", "changed")),
        ("submission", ("state", "key")),
        ("submission_file", ("submission_key", "gravity", "number")),
        ("submission_step", ("submission_key",)),
        ("quarantined", ("due", "changed")),
        ("quarantined", ("state", "key", "size_bytes")),
        ("quarantined", ("door", "state", "size_bytes")),
        ("quarantined", ("code", "key")),
        ("quarantined", ("door", "key")),
        ("quarantined", ("study_id", "key")),
        ("quarantined", ("study_id", "number")),
        ("quarantined", ("study_instance_uid", "key")),
        ("quarantined_step", ("quarantined_key",)),
    ):
        op.create_index(op.f("_".join(["ix", table, *columns])), table, list(columns))


def downgrade() -> None:
    for table in (
        "quarantined_step",
        "quarantined",
        "submission_step",
        "submission_file",
        "submission",
    ):
        op.drop_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _short(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _origin() -> Iterator[sa.Column[str] | sa.Column[int]]:
    yield sa.Column("partition_key", _KEY, nullable=False)
    yield _short("door", 16)
    for name in ("peer", "principal", "correlation_id"):
        yield _text(name)


def _uids() -> Iterator[sa.Column[str]]:
    for name in (
        "study_instance_uid",
        "series_instance_uid",
        "sop_instance_uid",
        "sop_class_uid",
    ):
        yield sa.Column(name, sa.String(length=64), nullable=True)


def _submissions() -> None:
    op.create_table(
        "submission",
        sa.Column("key", _KEY, nullable=False),
        _short("study_id", 36),
        _short("state", 20),
        sa.Column(
            "rank",
            sa.SmallInteger(),
            nullable=False,
            comment="Of the state: within a round only up",
        ),
        sa.Column("round", sa.Integer(), nullable=False),
        *_origin(),
        _number("created"),
        _number("changed"),
        sa.Column(
            "due",
            sa.BigInteger(),
            nullable=True,
            comment="When somebody should look after it; NULL: settled",
        ),
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            comment="That began and did not end in order",
        ),
        sa.Column("files", sa.Integer(), nullable=False),
        _number("size_bytes"),
        sa.Column("counts", sa.Text(), nullable=False, comment="JSON: files by state"),
        sa.Column("policy", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("data", sa.Text(), nullable=False, comment="JSON of the last event"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_submission")),
        sa.UniqueConstraint("study_id", name=op.f("uq_submission_study_id")),
        sqlite_autoincrement=True,
    )


def _files() -> None:
    op.create_table(
        "submission_file",
        sa.Column("submission_key", _KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "parent",
            sa.Integer(),
            nullable=True,
            comment="Number of the zip file it is a member of",
        ),
        _short("state", 16),
        _number("size_bytes"),
        sa.Column(
            "sha256",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="Of the file as received; NULL: unpacked here",
        ),
        *_uids(),
        sa.Column("version", sa.BigInteger(), nullable=True),
        _text("code"),
        _text("place"),
        _text("name"),
        sa.Column("findings", sa.LargeBinary(), nullable=False),
        sa.Column(
            "gravity",
            sa.SmallInteger(),
            nullable=False,
            comment="Of the worst finding: 0 an error",
        ),
        sa.ForeignKeyConstraint(
            ["submission_key"],
            ["submission.key"],
            name=op.f("fk_submission_file_submission_key_submission"),
        ),
        sa.PrimaryKeyConstraint("submission_key", "number", name=op.f("pk_submission_file")),
    )


def _quarantined() -> None:
    op.create_table(
        "quarantined",
        sa.Column("key", _KEY, nullable=False),
        _text("place"),
        _short("state", 16),
        _number("size_bytes"),
        *_origin(),
        _text("code"),
        _number("received"),
        _number("changed"),
        _number("expires"),
        sa.Column(
            "due",
            sa.BigInteger(),
            nullable=True,
            comment="When its bytes go; NULL: they are gone",
        ),
        sa.Column(
            "study_id",
            sa.String(length=36),
            nullable=True,
            comment="Of the submission it came with",
        ),
        sa.Column("number", sa.Integer(), nullable=True, comment="Of its file there"),
        *_uids(),
        _text("name"),
        sa.Column("policy", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("findings", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_quarantined")),
        sa.UniqueConstraint("place", name=op.f("uq_quarantined_place")),
        sqlite_autoincrement=True,
    )


def _steps() -> None:
    for owner, length, more, comment in (
        ("submission", 20, [], "The newest steps of each submission"),
        ("quarantined", 16, ["decided_by"], None),
    ):
        name = f"{owner}_step"
        numbers = [] if more else [sa.Column("round", sa.Integer(), nullable=False)]
        op.create_table(
            name,
            sa.Column("key", _KEY, nullable=False),
            sa.Column(f"{owner}_key", _KEY, nullable=False),
            _number("time"),
            *numbers,
            _short("state", length),
            *(_text(each) for each in more),
            _text("text"),
            sa.ForeignKeyConstraint(
                [f"{owner}_key"], [f"{owner}.key"], name=op.f(f"fk_{name}_{owner}_key_{owner}")
            ),
            sa.PrimaryKeyConstraint("key", name=op.f(f"pk_{name}")),
            comment=comment,
            sqlite_autoincrement=True,
        )
