"""The words of person names on PostgreSQL: indexes over `study` that the database keeps itself.

A folded name is words split at spaces (`hilum.dicom.attributes.fold_name`). Each index holds them
as a text search vector that was made without any parser, so `o'brien` is one word; prefixes of
words are what such a vector can find. No extension is needed. That words are consecutive and in
order is decided by a pattern, on the few rows that are left.
"""

import re
from collections.abc import Iterator, Sequence

from hilum.adapters.database.connections import Source, Sql
from hilum.adapters.database.tables import NAMED


def _words_of(column: str) -> str:
    return f"array_to_tsvector(array_remove(string_to_array({column}, ' '), ''))"


def create() -> Iterator[str]:
    """Statements that make the indexes."""
    for name in NAMED:
        column = f'"{name}"'
        yield f'CREATE INDEX "ix_study_words_{name}" ON study USING gin ({_words_of(column)})'


def consecutive(column: str, words: Sequence[str]) -> Sql:
    return f"{column} ~ ?", ("(^| )" + "[^ ]* ".join(map(re.escape, words)),)


def with_words(column: str, words: Sequence[str]) -> Source:
    prefixes = " & ".join(map(_prefix, filter(None, words)))
    if not prefixes:
        return Source("study w", "w.key", f'w."{column}" IS NOT NULL', ())
    wanted = _words_of(f'w."{column}"')
    return Source("study w", "w.key", f"{wanted} @@ CAST(? AS tsquery)", (prefixes,))


def _prefix(word: str) -> str:
    """A lexeme as it is, quoted, with the mark that it is the beginning of one."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "':*"
