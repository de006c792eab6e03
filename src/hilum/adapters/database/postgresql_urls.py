"""Reading `database.url`. What is wrong with one is never quoted: it may be the password."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, timeout_from_conninfo

from hilum.domain.errors import ArchiveUnavailable

SCHEMA: Final = "hilum"
_LONGEST_SCHEMA_BYTES: Final = 63 - len("_before_rebuild")
_UNREADABLE: Final = (
    "database.url cannot be read: it should look like postgresql://user:password@host:5432/name"
    " with options that libpq knows; % and spaces in a password are written %25 and %20."
)


def conninfo_and_schema(url: str) -> tuple[str, str]:
    """Take the schema out of a URL; the rest is a connection URI as libpq knows it.

    Raises `ArchiveUnavailable` for what libpq cannot read.
    """
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        rest = urlencode([each for each in query if each[0] != "schema"])
        conninfo = parts._replace(scheme="postgresql", query=rest).geturl()
        timeout_from_conninfo(conninfo_to_dict(conninfo))
    except (ValueError, psycopg.ProgrammingError):
        raise ArchiveUnavailable(_UNREADABLE) from None
    schema = dict(query).get("schema", SCHEMA)
    if not schema.isidentifier() or len(schema.encode()) > _LONGEST_SCHEMA_BYTES:
        message = "The schema in database.url should be a name of letters, digits and _."
        raise ArchiveUnavailable(message)
    return conninfo, schema
