"""Numbers that are given out once: versions, and the row keys of studies, series and instances."""

from hilum.adapters.database.connections import Connection


def draw(connection: Connection, name: str, count: int) -> range:
    """Take `count` consecutive numbers, larger than all that were taken before."""
    row = connection.execute(
        "UPDATE counter SET value = value + ? WHERE name = ? RETURNING value", (count, name)
    ).fetchone()
    return range(row[0] - count + 1, row[0] + 1)


def raise_to(connection: Connection, name: str, value: int) -> None:
    """Give out nothing up to `value` from now on."""
    connection.execute(
        "UPDATE counter SET value = ? WHERE name = ? AND value < ?", (value, name, value)
    )
