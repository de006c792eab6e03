"""What PostgreSQL's errors say about the archive.

The texts name neither hosts nor users, since clients read them. Where the server is that failed is
a note of the exception (`place_of`), which commands show.
"""

import re
from struct import error as StructError  # noqa: N812
from typing import Final

import psycopg
from psycopg import errors

from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, HilumError, QueryTooCostly

_PATIENT_KEYS: Final = frozenset(
    {
        "fk_study_patient_key_patient",
        "fk_patient_merged_into_key_patient",
        "uq_patient_partition_key_patient_id_issuer_of_patient_id",
    }
)
"""Broken when two processes use and drop a patient at once; the second attempt sees the other."""

_UNAVAILABLE: Final = {
    "53200": "the database server has run out of memory",
    "53300": "the database server takes no more connections: raise its max_connections, or lower "
    "database.reader_connections",
    "55P03": "another process keeps the rows locked",
    "40P01": "other processes were in the way, again and again",
    "40001": "other processes were in the way, again and again",
    "25006": "the database is read-only (a standby, or out of transaction numbers)",
    "57P03": "the database server cannot be reached: it is starting up or shutting down",
    "25P03": "the database server gave up an unfinished transaction",
    "28000": "the database server refuses the user: there is no such user, or pg_hba.conf does not "
    "let it in from here",
    "28P01": "the database server refuses the user or the password",
    "3D000": "the database server has no such database",
    "42501": "the database user lacks a right: make it the owner of the schema",
    "3F000": "the database has no schema; run `hilum migrate`",
    "42P01": "the database has no schema; run `hilum migrate`",
    "42703": "the database has another schema; run `hilum migrate`",
    "42704": "the database has another schema; run `hilum migrate`",
    "58030": "the disk under the database fails",
    "XX001": "the database is damaged; restore a copy or run `hilum rebuild`",
    "XX002": "an index of the database is damaged; see REINDEX, or run `hilum rebuild`",
}
_CERTIFICATE: Final = (
    "the certificate of the database server is not believed, or is for another name: see sslmode, "
    "sslrootcert and the host in database.url"
)
_CERTIFICATE_WORDS: Final = ("certificate verify failed", "server certificate for", "sslrootcert")
_REFUSED: Final = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    'role "': "28000",
    "the database system is": "57P03",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "too many connections": "53300",
}
"""What libpq says when it cannot connect; it keeps the code to itself."""
_NOT_CONNECTED: Final = {
    "invalid port number": "the port in database.url is not one from 1 to 65535",
    'connection option "port"': "the port in database.url is not one from 1 to 65535",
    "to resolve host": "the name of the database server cannot be resolved",
    "translate host name": "the name of the database server cannot be resolved",
    "invalid response": "what answers in its place is no PostgreSQL server",
    "expected authentication request": "what answers in its place is no PostgreSQL server",
    "Connection refused": "the database server cannot be reached: nothing listens there",
    "timeout expired": "the database server cannot be reached: nothing answers there",
    "No such file": "the database server cannot be reached: there is no such socket",
    "failed: server closed the connection": "the database server cannot be reached: what listens "
    "there hangs up, so it may be no PostgreSQL server",
}
"""By words of libpq; the first that are found count."""
_BAD_VALUE: Final = re.compile("invalid (port|integer|sslmode|[a-z_]+ value)")
_DATA_CLASSES: Final = ("22", "23", "54")
_TOO_COMPLEX: Final = {"54001", "2201B", "54000"}


def translate(error: Exception) -> HilumError | None:
    """The fact behind an error of psycopg; None when it says nothing about the archive."""
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate or ""
    if isinstance(error, errors.QueryCanceled):
        return QueryTooCostly("The query ran into its time limit; ask for less.")
    if state == errors.DiskFull.sqlstate:
        return ArchiveFull("There is no space left for the database.")
    if state in _TOO_COMPLEX:
        return QueryTooCostly("The query asks for too much at once; ask for less.")
    if state in _UNAVAILABLE:
        return _unavailable(_UNAVAILABLE[state])
    if not state and isinstance(error, psycopg.OperationalError):
        return _unavailable(_why_not_connected(str(error)))
    if isinstance(error, psycopg.OperationalError | psycopg.InternalError):
        return _unavailable("the database server cannot be reached")
    return None


def _unavailable(why: str) -> ArchiveUnavailable:
    return ArchiveUnavailable(f"The archive is not available: {why}.")


def _why_not_connected(text: str) -> str:
    for words, why in _NOT_CONNECTED.items():
        if words in text:
            return why
    if _BAD_VALUE.search(text):
        return "a port or an option in database.url has no such value"
    for words, state in _REFUSED.items():
        if words in text:
            return _UNAVAILABLE[state]
    if any(words in text for words in _CERTIFICATE_WORDS):
        return _CERTIFICATE
    if 'database "' in text and "does not exist" in text:
        return _UNAVAILABLE["3D000"]
    return "the database server cannot be reached"


def place_of(conninfo: str) -> str:
    """Where a connection string leads, for people who operate it: no user and no password."""
    try:
        said = psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.Error:
        return "setting database.url"
    host = str(said.get("host") or said.get("hostaddr") or "the local socket")
    shown = f"[{host}]" if ":" in host else host
    name = said.get("dbname") or "named like the user"
    return (
        f"PostgreSQL at {shown}:{said.get('port') or 5432}, database {name}; setting database.url"
    )


def is_passing(error: Exception) -> bool:
    """Whether the same transaction may well succeed at once when it is tried again."""
    if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
        return True
    kinds = errors.ForeignKeyViolation | errors.UniqueViolation
    return isinstance(error, kinds) and error.diag.constraint_name in _PATIENT_KEYS


def is_data_error(error: Exception) -> bool:
    """Whether a statement failed for the values it was given."""
    if isinstance(error, OverflowError | UnicodeError | StructError):
        return True
    if not isinstance(error, psycopg.Error) or is_passing(error):
        return False
    if error.sqlstate is None:  # psycopg itself refuses the value
        return isinstance(error, psycopg.DataError | psycopg.ProgrammingError)
    return error.sqlstate[:2] in _DATA_CLASSES
