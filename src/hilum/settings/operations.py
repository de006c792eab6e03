"""Settings of security, logging and telemetry."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from hilum.settings.issuer import IssuerSettings
from hilum.settings.types import JSON_TEXT, LIST_TEXT, CountOrZero, Seconds, Section, Texts

DataAction = Literal["read", "write", "delete", "manageExtendedQueryTags", "export", "*"]
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]


class RoleSettings(Section):
    """A role that a token can carry: what it allows is `data_actions` less `not_data_actions`."""

    name: Annotated[str, Field(min_length=1)]
    """The value of the roles claim."""
    data_actions: tuple[DataAction, ...]
    """What the role grants."""
    not_data_actions: tuple[DataAction, ...] = ()
    """What the role takes away from its own grants."""


class JwtSettings(Section):
    """Bearer tokens of an identity provider (OIDC)."""

    issuer: str = ""
    """The `iss` a token must carry. Without it and `authority` only API keys are taken."""
    authority: str = ""
    """URL of an OpenID provider. Where its keys are it says itself, at
    `/.well-known/openid-configuration`; `issuer` is then needed only where its tokens carry another
    one."""
    audience: Texts = ()
    """The `aud` values of which a token must carry one."""
    jwks_url: str = ""
    """Where the provider publishes its public keys."""
    jwks_file: Path | None = None
    """A file with the public keys, for networks without a way out; read again when it changes."""
    jwks_cache_seconds: Seconds = 300.0
    """How long keys from `jwks_url` are used before they are fetched again."""
    jwks_retry_seconds: Seconds = 10.0
    """Shortest time between two fetches, however many tokens name a key that is not known."""
    jwks_timeout_seconds: Seconds = 5.0
    """Longest wait for the provider."""
    algorithms: Annotated[tuple[Algorithm, ...], LIST_TEXT, Field(min_length=1)] = (
        "RS256",
        "PS256",
        "ES256",
    )
    """Signature algorithms that are accepted. Shared secrets and `none` cannot be chosen."""
    leeway_seconds: CountOrZero = 60
    """Difference of clocks that is forgiven in `exp`, `nbf` and `iat`."""
    roles_claim: str = "roles"
    """Name of the claim that carries roles (a text, or a list of texts)."""
    scope_claim: str = "scp"
    """Name of the claim whose words are scopes of ours granted directly."""

    @field_validator("jwks_url", "authority")
    @classmethod
    def _is_https(cls, value: str) -> str:
        url = urlsplit(value)
        local = url.scheme == "http" and url.hostname in {"127.0.0.1", "localhost", "::1"}
        if value and not (url.scheme == "https" and url.hostname) and not local:
            message = "should start with https:// (http:// is possible on loopback only)"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _complete(self) -> "JwtSettings":
        keys = [bool(self.jwks_url), self.jwks_file is not None, bool(self.authority)]
        if not self.is_set:
            if any(keys) or self.audience:
                message = "audience, jwks_url and jwks_file need issuer or authority"
                raise ValueError(message)
            return self
        if sum(keys) != 1:
            message = "issuer needs exactly one of authority, jwks_url and jwks_file"
            raise ValueError(message)
        if not self.audience:
            message = "issuer and authority need audience"
            raise ValueError(message)
        return self

    @property
    def is_set(self) -> bool:
        """True when tokens of a provider are taken."""
        return bool(self.issuer or self.authority)


class SecuritySettings(Section):
    """Who may come in."""

    authentication: Literal["none", "required"] = "none"
    """`none`: every caller may do everything, which is possible on loopback only. `required`: a
    caller shows an API key (`hilum keys create`) or a bearer token."""
    insecure: bool = False
    """Start without authentication on an address that others can reach. For closed test networks:
    it hands out patient data to anybody who connects."""
    jwt: JwtSettings = JwtSettings()
    """Bearer tokens."""
    roles: Annotated[tuple[RoleSettings, ...], JSON_TEXT] = ()
    """Roles beside the built-in `globalReader` (read) and `globalAdmin` (everything)."""
    roles_file: Path | None = None
    """A `roles.json` of the Azure DICOM service, with more roles: `{"roles": [{"name",
    "dataActions", "notDataActions", "scopes": ["/"]}]}`. One in `roles` wins over its namesake."""
    issuer: IssuerSettings = IssuerSettings()
    """Tokens made here, for development."""

    @model_validator(mode="after")
    def _tokens_are_asked_for(self) -> "SecuritySettings":
        if self.jwt.is_set and self.authentication == "none":
            message = 'jwt is configured but never asked for: set authentication = "required"'
            raise ValueError(message)
        return self


class LoggingSettings(Section):
    """What is told on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Events below this level are not written."""
    format: Literal["auto", "json", "console"] = "auto"
    """`auto` writes for people on a terminal and JSON lines elsewhere."""
    requests: bool = True
    """Write one line for each HTTP request; metrics count them in any case."""


class TelemetrySettings(Section):
    """Metrics and readiness."""

    health_status: Literal["healthy", "ok"] = "healthy"
    """What `/health` says: `healthy`, with the name of the service, or `ok` and nothing else, which
    is the word of the Orthanc middleware and the default with `--role middleware`."""
    service_name: str = ""
    """The name in `/health` and, with the roles that uploads pass through, in `/`. Empty: that of
    the role, such as `api-gateway`."""
    open_metrics: bool = False
    """Serve `/metrics` without credentials although authentication is required."""
    readiness_cache_seconds: Seconds = 1.0
    """How long an answer of `/ready` is reused, so that polling it costs nothing."""
    readiness_seconds: Seconds = 5.0
    """A component that does not answer its check within this time is not ready."""
    otlp_endpoint: str = ""
    """Collector of OpenTelemetry traces (OTLP over HTTP), such as `http://127.0.0.1:4318`. None: no
    traces. Spans hold routes, stages, codes and correlation ids, never patient data."""
    otlp_headers_file: Path | None = None
    """A file with headers for the collector, `name: value` a line."""
    otlp_seconds: Seconds = 5.0
    """Longest wait for the collector. While it is away spans are dropped."""
    trace_percent: Annotated[int, Field(ge=0, le=100)] = 100
    """Part of the traces that is collected; a caller that sends `traceparent` decides for its
    own."""

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            message = "should be http:// or https:// and a host"
            raise ValueError(message)
        if parts.password is not None:
            message = "should hold no password; use otlp_headers_file"
            raise ValueError(message)
        return value
