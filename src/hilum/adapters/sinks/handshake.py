"""Asking a receiver of webhooks whether it wants our events, before the first one.

- CloudEvents (HTTP 1.1 Web Hooks for Event Delivery 1.0.1, section 4): OPTIONS with
  `WebHook-Request-Origin`; the receiver names our origin, or `*`, in `WebHook-Allowed-Origin`.
- Event Grid: a `SubscriptionValidationEvent`, whose code the receiver sends back.
"""

import hmac
import secrets
from datetime import UTC, datetime

import orjson

from hilum.adapters.sinks.posting import Answer, Connection


async def allows_origin(connection: Connection, headers: dict[str, str], origin: str) -> bool:
    """The handshake of CloudEvents. Raises `NoAnswer`."""
    asking = {**headers, "webhook-request-origin": origin}
    answer = await connection.request("OPTIONS", asking, b"")
    allowed = (answer.allowed_origin or "").strip().lower()
    return 200 <= answer.status < 300 and allowed in {"*", origin.lower()}


async def returns_code(connection: Connection, headers: dict[str, str], topic: str) -> bool:
    """The handshake of Event Grid. Raises `NoAnswer`."""
    code = secrets.token_urlsafe(24)
    event = {
        "id": secrets.token_hex(16),
        "topic": topic,
        "subject": "",
        "data": {"validationCode": code},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "dataVersion": "1",
        "metadataVersion": "1",
    }
    asking = {
        **headers,
        "content-type": "application/json",
        "aeg-event-type": "SubscriptionValidation",
    }
    answer = await connection.request("POST", asking, orjson.dumps([event]))
    return answer.status == 200 and hmac.compare_digest(_code_of(answer), code)


def _code_of(answer: Answer) -> str:
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    code = told.get("validationResponse") if isinstance(told, dict) else None
    return code if isinstance(code, str) and code.isascii() else ""
