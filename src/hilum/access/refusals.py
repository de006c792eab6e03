"""Why a caller is refused: a word for the metric, a sentence for the caller."""

from enum import StrEnum
from typing import Final

from hilum.domain.errors import NotAuthenticated


class Refusal(StrEnum):
    """The value is a metric label."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown-key"
    EXPIRED = "expired"
    REVOKED = "revoked"
    BAD_TOKEN = "bad-token"  # noqa: S105 - a word, not a secret
    NOT_ALLOWED = "not-allowed"


_WORDS: Final = {
    Refusal.MISSING: (
        "Credentials are needed: send `Authorization: Bearer <token or API key>`, or the key in"
        " `X-API-Key`."
    ),
    Refusal.MALFORMED: (
        "The credentials are of no known form: `Authorization: Bearer <token or API key>`, or the"
        " key in `X-API-Key`."
    ),
    Refusal.UNKNOWN_KEY: "The API key is not valid.",
    Refusal.EXPIRED: "The credentials have expired.",
    Refusal.REVOKED: "The API key was revoked.",
    Refusal.BAD_TOKEN: "The bearer token is not valid here.",
}


class CredentialsRefused(NotAuthenticated):
    """`NotAuthenticated`, with the reason as a word that can be counted."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{_WORDS[reason]} {detail}".strip())


def refuse(reason: Refusal, detail: str = "") -> CredentialsRefused:
    """The error to raise. `detail` is a sentence that holds nothing of the credentials."""
    return CredentialsRefused(reason, detail)
