"""What a token endpoint says: RFC 6749 sections 5.1 and 5.2, RFC 8414 section 2."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from starlette.responses import Response

from hilum.access.issuing import Granted, GrantRefusal, GrantRefused, GrantType

TOKEN_PATH: Final = "/connect/token"  # noqa: S105 - a path
KEYS_PATH: Final = "/.well-known/jwks.json"
_STATUS: Final[Mapping[GrantRefusal, int]] = {
    GrantRefusal.INVALID_CLIENT: 401,
    GrantRefusal.TOO_MANY_ATTEMPTS: 429,
}
"""All others are 400."""
_NOT_KEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def token_answer(granted: Granted) -> Response:
    """The token itself."""
    content: dict[str, object] = {
        "access_token": granted.token,
        "token_type": "Bearer",
        "expires_in": granted.expires_in,
    }
    if granted.scope:
        content["scope"] = granted.scope
    return _json(content, 200, _NOT_KEPT)


def refusal_answer(refused: GrantRefused) -> Response:
    """Why there is none."""
    headers = dict(_NOT_KEPT)
    if refused.refusal is GrantRefusal.INVALID_CLIENT:
        headers["WWW-Authenticate"] = 'Basic realm="hilum"'
    if refused.retry_seconds:
        headers["Retry-After"] = str(refused.retry_seconds)
    content = {"error": refused.refusal.value, "error_description": str(refused)}
    return _json(content, _STATUS.get(refused.refusal, 400), headers)


def provider_document(issuer: str, audience: Sequence[str], algorithm: str) -> Response:
    """Where the endpoints of `issuer` are."""
    content = {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + KEYS_PATH,
        "grant_types_supported": [each.value for each in GrantType],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": [f"{each}/.default" for each in audience],
    }
    return _json(content, 200, {})


def keys_document(keys: Mapping[str, object]) -> Response:
    """The public keys (RFC 7517)."""
    return _json(keys, 200, {"Cache-Control": "max-age=60"})


def _json(content: object, status: int, headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(content), status, dict(headers), "application/json")
