"""Where the objects of an index are, when the index itself is on a server.

Any process can reach a database server, whatever data folder it was given: with the wrong one it
would store objects where the others do not find them, and find none of theirs.
"""

from typing import Final

from hilum.adapters.database.connections import Connection

CREATE: Final = (
    "CREATE TABLE place_of_objects (one smallint PRIMARY KEY CHECK (one = 1), place text NOT NULL)"
)


def claim_place(connection: Connection, place: str) -> str:
    """Note `place` when nothing is noted yet; what is noted."""
    connection.execute(
        "INSERT INTO place_of_objects (one, place) VALUES (1, ?) ON CONFLICT DO NOTHING", (place,)
    )
    held = connection.execute("SELECT place FROM place_of_objects").fetchone()
    return str(held[0])
