"""Work items and who subscribed to them."""

import sqlalchemy as sa
from alembic import op

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _workitems()
    _subscriptions()
    _events()
    for table, columns in (
        ("workitem", ("partition_key", "key")),
        ("workitem", ("ended",)),
        ("workitem_value", ("path", "value", "workitem_key")),
        ("workitem_subscription", ("ae_title",)),
        ("workitem_event", ("time",)),
        ("workitem_event", ("partition_key", "ae_title", "key")),
    ):
        op.create_index(op.f("_".join(["ix", table, *columns])), table, list(columns))


def downgrade() -> None:
    for table in (
        "workitem_event",
        "workitem_receiver",
        "workitem_watch",
        "workitem_subscription",
        "workitem_value",
        "workitem",
    ):
        op.drop_table(table)


def _key(name: str) -> "sa.Column[int]":
    return sa.Column(name, _KEY, nullable=False)


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _short(name: str, length: int) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length=length), nullable=False)


def _of_workitem(table: str) -> "sa.ForeignKeyConstraint":
    name = op.f(f"fk_{table}_workitem_key_workitem")
    return sa.ForeignKeyConstraint(["workitem_key"], ["workitem.key"], name=name)


def _workitems() -> None:
    op.create_table(
        "workitem",
        _key("key"),
        _key("partition_key"),
        _short("uid", 64),
        _short("state", 16),
        sa.Column(
            "transaction_uid", sa.String(length=64), nullable=True, comment="Of who performs it"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="Counts changes"),
        _number("created"),
        _number("changed"),
        sa.Column(
            "ended",
            sa.BigInteger(),
            nullable=True,
            comment="When its state became final; NULL: it is not",
        ),
        sa.Column("dataset", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_workitem")),
        sa.UniqueConstraint("partition_key", "uid", name=op.f("uq_workitem_partition_key_uid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "workitem_value",
        _key("workitem_key"),
        _short("path", 17),
        sa.Column("value", _TEXT, nullable=False, comment="Folded"),
        _of_workitem("workitem_value"),
        sa.PrimaryKeyConstraint("workitem_key", "path", "value", name=op.f("pk_workitem_value")),
    )


def _subscriptions() -> None:
    op.create_table(
        "workitem_subscription",
        _key("workitem_key"),
        _short("ae_title", 16),
        sa.Column("deletion_lock", sa.SmallInteger(), nullable=False),
        _of_workitem("workitem_subscription"),
        sa.PrimaryKeyConstraint("workitem_key", "ae_title", name=op.f("pk_workitem_subscription")),
    )
    op.create_table(
        "workitem_watch",
        _key("partition_key"),
        _short("ae_title", 16),
        sa.Column(
            "filter_id", sa.String(length=64), nullable=False, comment="Digest of the filter"
        ),
        sa.Column(
            "filter",
            sa.Text(),
            nullable=False,
            comment="JSON of what must match; empty: anything",
        ),
        sa.Column("deletion_lock", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "partition_key", "ae_title", "filter_id", name=op.f("pk_workitem_watch")
        ),
        comment="Who is subscribed to what is yet to be created",
    )


def _events() -> None:
    op.create_table(
        "workitem_receiver",
        _key("partition_key"),
        _short("ae_title", 16),
        _short("receiver", 32),
        sa.PrimaryKeyConstraint("partition_key", "ae_title", name=op.f("pk_workitem_receiver")),
        comment="Which connection gets what a subscriber is told: the newest",
    )
    op.create_table(
        "workitem_event",
        _key("key"),
        _key("partition_key"),
        _short("ae_title", 16),
        _short("uid", 64),
        _short("kind", 16),
        sa.Column("facts", sa.LargeBinary(), nullable=False, comment="JSON"),
        _number("time"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_workitem_event")),
        sqlite_autoincrement=True,
        comment="What subscribers have not had yet",
    )
