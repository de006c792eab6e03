"""Identity engines: bearer tokens of an identity provider, and of our own issuer."""

from hilum.adapters.identity.jwks import DiscoveredJwks, JwksFile, JwksUrl, KeySource
from hilum.adapters.identity.jwt import JwtVerifier
from hilum.adapters.identity.own_keys import ALGORITHM, OwnKeys
from hilum.adapters.identity.several import OwnFirst

__all__ = [
    "ALGORITHM",
    "DiscoveredJwks",
    "JwksFile",
    "JwksUrl",
    "JwtVerifier",
    "KeySource",
    "OwnFirst",
    "OwnKeys",
]
