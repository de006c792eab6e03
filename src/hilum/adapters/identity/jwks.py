"""Where the public keys of an identity provider come from (RFC 7517): a file, or its URL."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import urlsplit

import structlog
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from hilum.domain.errors import ArchiveUnavailable

log = structlog.get_logger()

_MAXIMUM_BYTES: Final = 1 << 20
_MAXIMUM_KEYS: Final = 100
_DISCOVERY: Final = "/.well-known/openid-configuration"
ASYMMETRIC: Final = frozenset({"RSA", "EC", "OKP"})


class KeySource(Protocol):
    async def key(self, key_id: str | None) -> PyJWK | None:
        """The key with this id, or the only key when the token names none; None when unknown.

        Raises `ArchiveUnavailable` when keys are needed and cannot be had.
        """
        ...


class Keys:
    """One set of keys as it was read."""

    def __init__(self, document: str | bytes) -> None:
        """Raises `ValueError` for anything but a JWKS with at least one usable key."""
        try:
            found = PyJWKSet.from_json(document)  # type: ignore[arg-type]
        except (PyJWTError, ValueError, TypeError, AttributeError) as error:
            message = f"it is no JWKS with a usable key ({type(error).__name__})"
            raise ValueError(message) from error
        usable = [key for key in found.keys[:_MAXIMUM_KEYS] if _signs(key)]
        if not usable:
            message = "it holds no public signing key"
            raise ValueError(message)
        self._by_id: Mapping[str, PyJWK] = {key.key_id: key for key in usable if key.key_id}
        self._only = usable[0] if len(usable) == 1 else None

    def get(self, key_id: str | None) -> PyJWK | None:
        """The key a token names, or the only one."""
        return self._only if key_id is None else self._by_id.get(key_id)


def _signs(key: PyJWK) -> bool:
    """Shared secrets (`oct`) are never taken, and keys for encryption neither."""
    return key.key_type in ASYMMETRIC and key.public_key_use in {None, "sig"}


class JwksFile:
    """Keys of a file; read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: Keys | None = None

    async def key(self, key_id: str | None) -> PyJWK | None:
        return (await asyncio.to_thread(self._current)).get(key_id)

    def _current(self) -> Keys:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if self._keys is None or stamp != self._stamp:
                self._keys, self._stamp = Keys(self._path.read_bytes()), stamp
        except (OSError, ValueError) as error:
            log.warning("identity_keys_unusable", path=self._path, reason=type(error).__name__)
            if self._keys is None:
                message = "The keys of the identity provider cannot be read from their file."
                raise ArchiveUnavailable(message) from error
        return self._keys


class JwksUrl:
    """Keys of a URL.

    Fetched when they are first needed, when they are old, and when a token names a key that is not
    among them (rotation), but never more often than `retry_seconds`. While the provider does not
    answer, keys that were fetched before go on being used.
    """

    def __init__(
        self,
        url: str,
        *,
        cache_seconds: float = 300.0,
        retry_seconds: float = 10.0,
        timeout_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._cache_seconds = cache_seconds
        self._retry_seconds = retry_seconds
        self._timeout_seconds = timeout_seconds
        self._keys: Keys | None = None
        self._fetched = 0.0
        self._tried: float | None = None
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str | None) -> PyJWK | None:
        keys = self._keys
        if keys is None or time.monotonic() - self._fetched >= self._cache_seconds:
            keys = await self._refreshed(keys)
        found = keys.get(key_id)
        if found is None:
            found = (await self._refreshed(keys)).get(key_id)
        return found

    async def _refreshed(self, known: Keys | None) -> Keys:
        """Keys newer than `known` when they can be had now."""
        async with self._fetching:
            if self._keys is not None and self._keys is not known:
                return self._keys
            if self._tried is None or time.monotonic() - self._tried >= self._retry_seconds:
                self._tried = time.monotonic()
                await self._fetch()
        if self._keys is None:
            message = "The keys of the identity provider cannot be fetched; try again later."
            raise ArchiveUnavailable(message)
        return self._keys

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(3 * self._timeout_seconds):
                self._keys = Keys(await asyncio.to_thread(self._read))
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            log.warning("identity_keys_unusable", url=self._url, reason=type(reason).__name__)
            return
        self._fetched = time.monotonic()

    def _read(self) -> bytes:
        return _fetched(self._url, self._timeout_seconds)


class DiscoveredJwks(JwksUrl):
    """Keys of a provider that says itself where they are (OpenID Connect Discovery 1.0)."""

    def _read(self) -> bytes:
        known = self._url.rstrip("/") + _DISCOVERY
        try:
            where = json.loads(_fetched(known, self._timeout_seconds))["jwks_uri"]
        except (KeyError, TypeError) as error:
            message = "it names no jwks_uri"
            raise ValueError(message) from error
        if not isinstance(where, str) or not _is_safe(where, self._url):
            message = "its jwks_uri is no https URL"
            raise ValueError(message)
        return _fetched(where, self._timeout_seconds)


def _is_safe(url: str, authority: str) -> bool:
    """Over https; without it only from the very scheme and host that the settings named."""
    named, trusted = urlsplit(url), urlsplit(authority)
    if named.scheme == "https":
        return bool(named.hostname)
    return (named.scheme, named.netloc) == (trusted.scheme, trusted.netloc)


def _fetched(url: str, timeout_seconds: float) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - settings allow https, and http on loopback
        url, headers={"Accept": "application/json", "User-Agent": "hilum"}
    )
    with _OPENER.open(request, timeout=timeout_seconds) as answer:
        body: bytes = answer.read(_MAXIMUM_BYTES + 1)
    if len(body) > _MAXIMUM_BYTES:
        message = "it is larger than 1 MiB"
        raise ValueError(message)
    return body


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys come from the address that was configured and from no other."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,  # noqa: ARG002 - the signature of urllib
    ) -> None:
        raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)


_OPENER: Final = urllib.request.build_opener(_NoRedirects)
