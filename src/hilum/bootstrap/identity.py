"""Who may come in: API keys from the index, tokens of an identity provider when one is set."""

from hilum.access import Access
from hilum.access.api_keys import ApiKeys
from hilum.access.gate import TokenRules
from hilum.access.principals import AccessScope
from hilum.access.roles import Role, Roles
from hilum.adapters.identity.jwks import JwksFile, JwksUrl, KeySource
from hilum.adapters.identity.jwt import JwtVerifier
from hilum.foundation.clock import Clock
from hilum.ports.access_telemetry import AccessMeter
from hilum.ports.keys import KeyStore
from hilum.settings import Settings


def make_access(settings: Settings, keys: KeyStore, clock: Clock, meter: AccessMeter) -> Access:
    """The gate that every door asks."""
    return Access(
        required=settings.security.authentication == "required",
        keys=ApiKeys(keys, clock),
        tokens=_tokens(settings),
        meter=meter,
    )


def _tokens(settings: Settings) -> TokenRules | None:
    jwt = settings.security.jwt
    if not jwt.issuer:
        return None
    keys: KeySource = (
        JwksFile(jwt.jwks_file)
        if jwt.jwks_file is not None
        else JwksUrl(
            jwt.jwks_url,
            cache_seconds=jwt.jwks_cache_seconds,
            retry_seconds=jwt.jwks_retry_seconds,
            timeout_seconds=jwt.jwks_timeout_seconds,
        )
    )
    verifier = JwtVerifier(
        issuer=jwt.issuer,
        audience=jwt.audience,
        keys=keys,
        algorithms=jwt.algorithms,
        leeway_seconds=jwt.leeway_seconds,
    )
    custom = (
        Role(
            role.name,
            frozenset(AccessScope(action) for action in role.data_actions),
            frozenset(AccessScope(action) for action in role.not_data_actions),
        )
        for role in settings.security.roles
    )
    return TokenRules(verifier, Roles(custom), jwt.roles_claim, jwt.scope_claim)
