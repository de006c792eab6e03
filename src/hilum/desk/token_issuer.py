"""The token issuer for development over HTTP: the token endpoint, and what libraries look for."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.access.issuing import GrantRefusal, GrantRefused, GrantRequest, TokenIssuer
from hilum.domain.errors import LimitExceeded
from hilum.wire.base_url import BaseUrl
from hilum.wire.oauth_answers import (
    KEYS_PATH,
    TOKEN_PATH,
    keys_document,
    provider_document,
    refusal_answer,
    token_answer,
)

_FORM: Final = "application/x-www-form-urlencoded"
_MOST_PARAMETERS: Final = 50
_HOW: Final = """
Takes a form: `grant_type` (`client_credentials`, or `password` with `username` and `password`), the
client's `client_id` and `client_secret` (there, or as HTTP Basic), and, if wanted, `scope` or
`resource`. Answers as RFC 6749 sections 5.1 and 5.2 say. For development only.
"""


def token_issuer_router(
    issuer: TokenIssuer, base_url: BaseUrl, algorithm: str, command_bytes: int
) -> APIRouter:
    """`issuer` is known by the URL that a caller used, or by the settings' public URL."""
    router = APIRouter(tags=["Tokens"])

    @router.post(TOKEN_PATH, summary="Get a token", description=_HOW)
    async def token(request: Request) -> Response:
        try:
            asked = _asked(request, await _form(request, command_bytes))
            peer = request.client.host if request.client else ""
            granted = await issuer.grant(asked, issuer=base_url(request.scope), peer=peer)
        except GrantRefused as refused:
            return refusal_answer(refused)
        return token_answer(granted)

    @router.get("/.well-known/openid-configuration", summary="Where the token issuer is")
    async def discovery(request: Request) -> Response:
        return provider_document(base_url(request.scope), issuer.audience, algorithm)

    @router.get("/.well-known/oauth-authorization-server", summary="The same, by RFC 8414")
    async def metadata(request: Request) -> Response:
        return provider_document(base_url(request.scope), issuer.audience, algorithm)

    @router.get(KEYS_PATH, summary="Public keys of the token issuer")
    async def keys() -> Response:
        return keys_document(await issuer.published())

    return router


async def _form(request: Request, most_bytes: int) -> Mapping[str, str]:
    """Raises `GrantRefused`, `LimitExceeded`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise _invalid(f"The body should be {_FORM}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise LimitExceeded("http.command_bytes", most_bytes, "The body is too large")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise _invalid("The form cannot be read.") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise _invalid("A parameter is there twice.")
    return form


def _asked(request: Request, form: Mapping[str, str]) -> GrantRequest:
    client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
    authorization = request.headers.get("authorization")
    if authorization is not None:
        if client_secret:
            raise _invalid("The client's credentials are there twice.")
        named, client_secret = _basic(authorization)
        if client_id not in {"", named}:
            raise _invalid("client_id is not the client that authenticates.")
        client_id = named
    if not form.get("grant_type"):
        raise _invalid("grant_type is missing.")
    return GrantRequest(
        form["grant_type"],
        client_id,
        client_secret,
        form.get("username", ""),
        form.get("password", ""),
        form.get("scope", ""),
        form.get("resource", ""),
    )


def _basic(authorization: str) -> tuple[str, str]:
    """Name and secret, each of which was form-encoded before (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        both = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        both = ""
    name, colon, secret = both.partition(":")
    if scheme.lower() != "basic" or not colon:
        text = "The Authorization header should be Basic, with a name and a secret."
        raise GrantRefused(GrantRefusal.INVALID_CLIENT, text)
    return unquote_plus(name), unquote_plus(secret)


def _invalid(text: str) -> GrantRefused:
    return GrantRefused(GrantRefusal.INVALID_REQUEST, text)
