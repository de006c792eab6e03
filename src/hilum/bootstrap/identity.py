"""Who may come in: API keys from the index, tokens of a provider and of our own issuer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hilum.access import Access
from hilum.access.api_keys import ApiKeys
from hilum.access.attempts import Attempts
from hilum.access.gate import TokenRules
from hilum.access.issuing import Account, IssuerRules, TokenIssuer
from hilum.access.principals import AccessScope
from hilum.access.roles import Role, Roles
from hilum.adapters.identity import (
    ALGORITHM,
    DiscoveredJwks,
    JwksFile,
    JwksUrl,
    JwtVerifier,
    KeySource,
    OwnFirst,
    OwnKeys,
)
from hilum.foundation.clock import Clock
from hilum.ports.access_telemetry import AccessMeter
from hilum.ports.keys import KeyStore
from hilum.ports.tokens import TokenVerifier
from hilum.settings import Settings
from hilum.settings.operations import JwtSettings, RoleSettings
from hilum.settings.role_files import AccountEntry, Accounts, read_accounts, read_roles

_KEYS_FILE: Final = "issuer/keys.json"


def make_access(settings: Settings, keys: KeyStore, clock: Clock, meter: AccessMeter) -> Access:
    """The gate that every door asks. Raises `SettingsRejected` for an unusable file of roles."""
    return Access(
        required=settings.security.authentication == "required",
        keys=ApiKeys(keys, clock),
        tokens=_tokens(settings),
        meter=meter,
    )


def make_issuer(settings: Settings, clock: Clock, keys: OwnKeys) -> TokenIssuer:
    """The issuer for development. Raises `SettingsRejected` for files that it cannot use."""
    issuer, jwt = settings.security.issuer, settings.security.jwt
    accounts = Accounts() if issuer.accounts_file is None else read_accounts(issuer.accounts_file)
    return TokenIssuer(
        keys,
        IssuerRules(issuer.audience, issuer.token_seconds, jwt.roles_claim, jwt.scope_claim),
        clock,
        roles=known_roles(settings),
        clients=map(_account, accounts.clients),
        users=map(_account, accounts.users),
        attempts=Attempts(clock, issuer.attempts_per_minute),
    )


def own_keys(settings: Settings) -> OwnKeys:
    """The keys that our issuer signs with."""
    return OwnKeys(own_keys_file(settings))


def own_keys_file(settings: Settings) -> Path:
    """Where they are."""
    return settings.security.issuer.keys_file or settings.data_dir / _KEYS_FILE


def known_roles(settings: Settings) -> Roles:
    """Built in, of the file, of the settings: a later one replaces one of the same name."""
    return Roles(map(_role, _role_settings(settings)))


def _role_settings(settings: Settings) -> Iterator[RoleSettings]:
    security = settings.security
    if security.roles_file is not None:
        yield from read_roles(security.roles_file)
    yield from security.roles


def _role(role: RoleSettings) -> Role:
    return Role(
        role.name,
        frozenset(AccessScope(action) for action in role.data_actions),
        frozenset(AccessScope(action) for action in role.not_data_actions),
    )


def _account(entry: AccountEntry) -> Account:
    return Account.of(entry.id, entry.secret, entry.roles)


def _tokens(settings: Settings) -> TokenRules | None:
    jwt = settings.security.jwt
    roles = known_roles(settings)  # read whether tokens are taken or not: a bad file is told
    verifier: TokenVerifier | None = _provider(jwt) if jwt.is_set else None
    if settings.security.issuer.enabled:
        verifier = _own_tokens(settings, verifier)
    if verifier is None:
        return None
    return TokenRules(verifier, roles, jwt.roles_claim, jwt.scope_claim)


def _own_tokens(settings: Settings, other: TokenVerifier | None) -> TokenVerifier:
    keys = own_keys(settings)
    own = JwtVerifier(
        issuer=None,
        audience=settings.security.issuer.audience,
        keys=keys,
        algorithms=(ALGORITHM,),
        leeway_seconds=settings.security.jwt.leeway_seconds,
    )
    return own if other is None else OwnFirst(keys, own, other)


def _provider(jwt: JwtSettings) -> JwtVerifier:
    return JwtVerifier(
        issuer=jwt.issuer or _with_and_without_slash(jwt.authority),
        audience=jwt.audience,
        keys=_keys(jwt),
        algorithms=jwt.algorithms,
        leeway_seconds=jwt.leeway_seconds,
    )


def _with_and_without_slash(authority: str) -> tuple[str, str]:
    """An authority is its tokens' issuer; providers differ in the slash at the end."""
    bare = authority.rstrip("/")
    return bare, f"{bare}/"


def _keys(jwt: JwtSettings) -> KeySource:
    if jwt.jwks_file is not None:
        return JwksFile(jwt.jwks_file)
    kind = DiscoveredJwks if jwt.authority else JwksUrl
    return kind(
        jwt.authority or jwt.jwks_url,
        cache_seconds=jwt.jwks_cache_seconds,
        retry_seconds=jwt.jwks_retry_seconds,
        timeout_seconds=jwt.jwks_timeout_seconds,
    )
