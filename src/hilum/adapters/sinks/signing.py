"""Signatures of webhooks, as the Standard Webhooks specification has them.

    webhook-id: the event id
    webhook-timestamp: seconds since 1970
    webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">

`docs/events.md` shows how a receiver verifies them; libraries for most languages do it too.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

_PREFIX: Final = "whsec_"


def signing_key(secret: str) -> bytes:
    """The bytes to sign with: `whsec_` and base64, or any other text as it is.

    Raises `ValueError`, without the secret in it.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        message = "is not base64 after `whsec_`"
        raise ValueError(message) from None


def signed_headers(key: bytes, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; without a key only the first two."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(timestamp)}
    if key:
        content = f"{event_id}.{timestamp}.".encode() + body
        digest = hmac.new(key, content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers
