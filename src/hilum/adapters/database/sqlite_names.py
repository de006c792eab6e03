"""The words of person names on SQLite: an FTS5 table beside `study`.

Its tokens are split at spaces alone, as folded names are (`hilum.dicom.attributes.fold_name`), so
`o'brien` is one word. FTS5 finds the studies whose name has words with the prefixes asked for;
that they are consecutive and in order is decided by a function on the few that are left, since
FTS5 takes a prefix for the last word of a phrase only.
"""

from collections.abc import Sequence
from typing import Final

from hilum.adapters.database.connections import Connection, Row, Source, Sql
from hilum.adapters.database.statements import quoted
from hilum.adapters.database.tables import NAMED

CREATE: Final = (
    f"CREATE VIRTUAL TABLE study_name USING fts5({quoted(NAMED)}, tokenize = "
    "\"unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'\")"
)
_COLUMNS: Final = quoted(("rowid", *NAMED))
_ADD: Final = f"INSERT INTO study_name ({_COLUMNS}) VALUES (?, ?, ?)"
_REMOVE: Final = "DELETE FROM study_name WHERE rowid = ?"
_DIFFERS: Final = " OR ".join(f'n."{name}" IS NOT s."{name}"' for name in NAMED)


def name_has(name: str | None, words: str) -> bool:
    """Whether consecutive words of a folded name begin with `words`, which spaces part."""
    if name is None:
        return False
    held, asked = name.split(" "), words.split(" ")
    return any(
        all(word.startswith(prefix) for word, prefix in zip(held[at:], asked, strict=False))
        for at in range(len(held) - len(asked) + 1)
    )


def consecutive(column: str, words: Sequence[str]) -> Sql:
    return f"name_has_words({column}, ?)", (" ".join(words),)


def with_words(column: str, words: Sequence[str]) -> Source:
    prefixes = " AND ".join('"' + word.replace('"', '""') + '" *' for word in words)
    wanted = (f"{column} : ({prefixes})",)
    return Source("study_name", "study_name.rowid", "study_name MATCH ?", wanted)


def add(connection: Connection, rows: Sequence[Row]) -> None:
    connection.executemany(_ADD, rows)


def change(connection: Connection, rows: Sequence[Row]) -> None:
    remove(connection, [row[0] for row in rows])
    add(connection, rows)


def remove(connection: Connection, study_keys: Sequence[int]) -> None:
    connection.executemany(_REMOVE, [(key,) for key in study_keys])


def rebuild(connection: Connection) -> int:
    found = wrong(connection)
    if found:
        connection.execute("DELETE FROM study_name")
        connection.execute(
            f"INSERT INTO study_name ({_COLUMNS}) SELECT {quoted(('key', *NAMED))} FROM study"
        )
    return found


def wrong(connection: Connection) -> int:
    differing = connection.execute(
        "SELECT count(*) FROM study s LEFT JOIN study_name n ON n.rowid = s.key "
        f"WHERE n.rowid IS NULL OR {_DIFFERS}"
    ).fetchone()[0]
    without = connection.execute(
        "SELECT count(*) FROM study_name n "
        "WHERE NOT EXISTS (SELECT 1 FROM study s WHERE s.key = n.rowid)"
    ).fetchone()[0]
    return int(differing) + int(without)
