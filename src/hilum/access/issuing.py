"""The token issuer for development: who may have a token, and what stands in it (RFC 6749)."""

import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hilum.access.attempts import Attempts
from hilum.access.principals import AccessScope
from hilum.access.roles import Roles
from hilum.foundation.clock import Clock
from hilum.ports.tokens import TokenSigner

_DEFAULT: Final = "/.default"
_IGNORED: Final = frozenset({"openid", "profile", "offline_access"})
"""Words that libraries ask for by habit; there is no user info and no refreshing here."""
_NOBODYS_DIGEST: Final = hashlib.sha256(b"no account has this secret").digest()


class GrantType(StrEnum):
    CLIENT_CREDENTIALS = "client_credentials"
    PASSWORD = "password"  # noqa: S105 - the word of RFC 6749


class GrantRefusal(StrEnum):
    """Why no token is handed out, in the words of RFC 6749 section 5.2 and RFC 8707 section 2."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    """Not in the RFC, which leaves it to HTTP: 429."""


class GrantRefused(Exception):
    """The text holds nothing of what was sent."""

    def __init__(self, refusal: GrantRefusal, text: str, *, retry_seconds: int = 0) -> None:
        self.refusal = refusal
        self.retry_seconds = retry_seconds
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Account:
    """A client or user; of its secret only a digest is held, and never shown."""

    name: str
    roles: tuple[str, ...]
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, name: str, secret: str, roles: Iterable[str]) -> "Account":
        return cls(name, tuple(roles), _digest(secret))


@dataclass(frozen=True, slots=True)
class IssuerRules:
    """Plain values; defaults as in the settings."""

    audience: tuple[str, ...]
    token_seconds: int = 3600
    roles_claim: str = "roles"
    scope_claim: str = "scp"


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """What a client sent, its credentials taken from wherever they were."""

    grant_type: str
    client_id: str
    client_secret: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    scope: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    token: str = field(repr=False)
    expires_in: int
    """Seconds."""
    scope: str


class TokenIssuer:
    """Hands out tokens to accounts, and to whoever commands this archive (`mint`)."""

    def __init__(
        self,
        signer: TokenSigner,
        rules: IssuerRules,
        clock: Clock,
        *,
        roles: Roles,
        clients: Iterable[Account] = (),
        users: Iterable[Account] = (),
        attempts: Attempts,
    ) -> None:
        self._signer = signer
        self._rules = rules
        self._clock = clock
        self._roles = roles
        self._clients = {each.name: each for each in clients}
        self._users = {each.name: each for each in users}
        self._attempts = attempts

    @property
    def audience(self) -> Sequence[str]:
        return self._rules.audience

    async def published(self) -> Mapping[str, object]:
        """The public keys, as a JWKS."""
        return await self._signer.published()

    async def grant(self, asked: GrantRequest, *, issuer: str, peer: str) -> Granted:
        """A token for the account that `asked`. `issuer`: the URL we were asked under.

        Raises `GrantRefused`; `ArchiveUnavailable` when there is no key to sign with.
        """
        if asked.grant_type not in set(GrantType):
            raise GrantRefused(
                GrantRefusal.UNSUPPORTED_GRANT_TYPE,
                f"grant_type should be {' or '.join(GrantType)}.",
            )
        account = self._account(asked, peer)
        audience, words = self._wanted(asked)
        granted = self._roles.scopes(account.roles)
        if not all(word in granted or AccessScope.EVERYTHING in granted for word in words):
            raise GrantRefused(GrantRefusal.INVALID_SCOPE, "The account's roles do not grant that.")
        token = await self.mint(
            account.name,
            issuer=issuer,
            roles=() if words else account.roles,
            scopes=words,
            audience=audience,
            client=asked.client_id,
        )
        return Granted(token, self._rules.token_seconds, asked.scope)

    async def mint(
        self,
        subject: str,
        *,
        issuer: str,
        roles: Sequence[str] = (),
        scopes: Sequence[AccessScope] = (),
        audience: str = "",
        client: str = "",
        seconds: int = 0,
    ) -> str:
        """A token without any question asked; 0 seconds: as long as others are good."""
        now = int(self._clock.now().timestamp())
        claims: dict[str, object] = {
            "iss": issuer,
            "sub": subject,
            "aud": audience or self._rules.audience[0],
            "iat": now,
            "nbf": now,
            "exp": now + (seconds or self._rules.token_seconds),
            "jti": uuid.uuid4().hex,
            "client_id": client or subject,
        }
        if roles:
            claims[self._rules.roles_claim] = list(roles)
        if scopes:
            claims[self._rules.scope_claim] = " ".join(scopes)
        return await self._signer.sign(claims)

    def _account(self, asked: GrantRequest, peer: str) -> Account:
        client = self._checked(
            self._clients, asked.client_id, asked.client_secret, peer, GrantRefusal.INVALID_CLIENT
        )
        if asked.grant_type != GrantType.PASSWORD:
            return client
        return self._checked(
            self._users, asked.username, asked.password, peer, GrantRefusal.INVALID_GRANT
        )

    def _checked(
        self,
        accounts: Mapping[str, Account],
        name: str,
        secret: str,
        peer: str,
        refusal: GrantRefusal,
    ) -> Account:
        """The same words, after the same comparison, whether name or secret is wrong."""
        who = f"{refusal} {peer} {name}"
        if wait := self._attempts.wait(who):
            text = "Too many failed attempts; try again later."
            raise GrantRefused(GrantRefusal.TOO_MANY_ATTEMPTS, text, retry_seconds=wait)
        account = accounts.get(name)
        expected = _NOBODYS_DIGEST if account is None else account.digest
        if not hmac.compare_digest(_digest(secret), expected) or account is None:
            self._attempts.failed(who)
            raise GrantRefused(refusal, "The name is not known, or the secret is not its own.")
        return account

    def _wanted(self, asked: GrantRequest) -> tuple[str, tuple[AccessScope, ...]]:
        """The audience asked for (empty: any), and scopes of ours to be content with."""
        audience, scopes = "", []
        if asked.resource:
            audience = self._resource(asked.resource, GrantRefusal.INVALID_TARGET)
        for word in asked.scope.split():
            if word in set(AccessScope):
                scopes.append(AccessScope(word))
            elif word.endswith(_DEFAULT):
                audience = self._resource(word.removesuffix(_DEFAULT), GrantRefusal.INVALID_SCOPE)
            elif word not in _IGNORED:
                audience = self._resource(word, GrantRefusal.INVALID_SCOPE)
        return audience, tuple(scopes)

    def _resource(self, asked: str, refusal: GrantRefusal) -> str:
        for audience in self._rules.audience:
            if asked.rstrip("/") == audience.rstrip("/"):
                return audience
        scopes = ", ".join(scope for scope in AccessScope)
        text = f"Ask for {' or '.join(self._rules.audience)} with {_DEFAULT}, or some of: {scopes}."
        raise GrantRefused(refusal, text)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
