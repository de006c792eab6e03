"""Identity engines: bearer tokens of an identity provider."""

from hilum.adapters.identity.jwks import JwksFile, JwksUrl, KeySource
from hilum.adapters.identity.jwt import JwtVerifier

__all__ = ["JwksFile", "JwksUrl", "JwtVerifier", "KeySource"]
