"""Positions of the change feed: numbers without gaps, in the order in which entries appear."""

import sqlalchemy as sa
from alembic import op

_INSTANCE_KINDS = "('created', 'updated', 'deleted')"
_WITH_POSITION = "position IS NOT NULL"
_LAST = f"FROM feed WHERE {_WITH_POSITION} ORDER BY position DESC LIMIT 1"
_FLOOR = "SELECT value FROM counter WHERE name = 'position-floor'"

_FILL = f"""
UPDATE feed SET position = numbered.position, time = numbered.time FROM (
    SELECT sequence, row_number() OVER (ORDER BY sequence) AS position,
        max(time) OVER (ORDER BY sequence) AS time
    FROM feed WHERE kind IN {_INSTANCE_KINDS}
) AS numbered WHERE numbered.sequence = feed.sequence
"""
_ON_SQLITE = f"""
CREATE TRIGGER feed_position AFTER INSERT ON feed WHEN NEW.kind IN {_INSTANCE_KINDS}
BEGIN
    UPDATE feed SET
        position = 1 + max(coalesce((SELECT position {_LAST}), 0), coalesce(({_FLOOR}), 0)),
        time = max(NEW.time, coalesce((SELECT time {_LAST}), NEW.time))
    WHERE sequence = NEW.sequence;
END
"""
_FUNCTION = f"""
CREATE FUNCTION feed_position() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_position bigint;
    last_time bigint;
BEGIN
    SELECT position, time INTO last_position, last_time {_LAST};
    NEW.position := 1 + greatest(coalesce(last_position, 0), coalesce(({_FLOOR}), 0));
    NEW.time := greatest(NEW.time, coalesce(last_time, NEW.time));
    RETURN NEW;
END $$
"""
# After the trigger of the statement, which lets one transaction at a time come so far.
_ON_POSTGRESQL = (
    "CREATE TRIGGER feed_position BEFORE INSERT ON feed FOR EACH ROW "
    f"WHEN (NEW.kind IN {_INSTANCE_KINDS}) EXECUTE FUNCTION feed_position()"
)


def upgrade() -> None:
    op.add_column(
        "feed",
        sa.Column(
            "position",
            sa.BigInteger(),
            nullable=True,
            comment="Of entries about instances; given by a trigger",
        ),
    )
    op.execute(_FILL)
    where = sa.text(_WITH_POSITION)
    for columns, unique in ((["position"], True), (["time", "position"], False)):
        op.create_index(
            op.f("_".join(["ix_feed", *columns])),
            "feed",
            columns,
            unique=unique,
            sqlite_where=where,
            postgresql_where=where,
        )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_ON_SQLITE)
    else:
        op.execute(_FUNCTION)
        op.execute(_ON_POSTGRESQL)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER feed_position")
    else:
        op.execute("DROP TRIGGER feed_position ON feed")
        op.execute("DROP FUNCTION feed_position()")
    op.drop_index(op.f("ix_feed_time_position"), "feed")
    op.drop_index(op.f("ix_feed_position"), "feed")
    op.drop_column("feed", "position")
