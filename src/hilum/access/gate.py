"""The gate every door asks: who is this, and may they do that."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hilum.access.api_keys import KEY_PREFIX, ApiKeys
from hilum.access.principals import EVERYBODY, AccessScope, Credential, Principal
from hilum.access.refusals import CredentialsRefused, Refusal, refuse
from hilum.access.roles import Roles
from hilum.domain.errors import NotAllowed
from hilum.ports.access_telemetry import AccessMeter, NoAccessMeter
from hilum.ports.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How tokens are checked and what their claims grant."""

    verifier: TokenVerifier
    roles: Roles = field(default_factory=Roles)
    roles_claim: str = "roles"
    """A text or a list of texts: names of roles."""
    scope_claim: str = "scp"
    """A text of words or a list of texts: scopes of ours; other words grant nothing."""


class Access:
    """Authentication and authorisation, the same for all doors."""

    __slots__ = ("_keys", "_meter", "_required", "_tokens")

    def __init__(
        self,
        *,
        required: bool,
        keys: ApiKeys,
        tokens: TokenRules | None = None,
        meter: AccessMeter | None = None,
    ) -> None:
        self._required = required
        self._keys = keys
        self._tokens = tokens
        self._meter = meter or NoAccessMeter()

    @property
    def required(self) -> bool:
        """False when everybody may do everything (open loopback, or `--insecure`)."""
        return self._required

    async def authenticate(
        self, authorization: str | None, api_key_header: str | None
    ) -> Principal:
        """Who sent these `Authorization` and `X-API-Key` headers.

        Raises `NotAuthenticated`; `ArchiveUnavailable` when keys cannot be looked up.
        """
        if not self._required:
            return EVERYBODY
        try:
            principal = await self._checked(authorization, api_key_header)
        except CredentialsRefused as error:
            self._meter.refused(error.reason)
            raise
        self._meter.admitted(principal.credential)
        return principal

    def demand(self, principal: Principal, *scopes: AccessScope) -> None:
        """Raise `NotAllowed` unless one of `scopes` was granted."""
        if not any(principal.may(scope) for scope in scopes):
            self._meter.refused(Refusal.NOT_ALLOWED)
            raise NotAllowed(*(scope.value for scope in scopes))

    async def _checked(self, authorization: str | None, api_key_header: str | None) -> Principal:
        if api_key_header is not None:
            if authorization is not None:
                raise refuse(Refusal.MALFORMED, "Only one of the two headers may be sent.")
            return await self._keys.authenticate(api_key_header.strip())
        if authorization is None:
            raise refuse(Refusal.MISSING)
        scheme, _, credentials = authorization.strip().partition(" ")
        credentials = credentials.strip()
        if scheme.lower() != "bearer" or not credentials:
            raise refuse(Refusal.MALFORMED)
        if credentials.startswith(KEY_PREFIX):
            return await self._keys.authenticate(credentials)
        if self._tokens is None:
            raise refuse(Refusal.BAD_TOKEN, "Only API keys are taken.")
        return _principal(await self._tokens.verifier.verify(credentials), self._tokens)


def _principal(claims: Mapping[str, object], rules: TokenRules) -> Principal:
    roles = _texts(claims.get(rules.roles_claim))
    words = {word for text in _texts(claims.get(rules.scope_claim)) for word in text.split()}
    direct = frozenset(scope for scope in AccessScope if scope.value in words)
    subject = claims.get("sub")
    name = subject if isinstance(subject, str) else ""
    return Principal(name, Credential.TOKEN, direct | rules.roles.scopes(roles))


def _texts(claim: object) -> list[str]:
    if isinstance(claim, str):
        return [claim]
    if isinstance(claim, list):
        return [each for each in claim if isinstance(each, str)]
    return []
