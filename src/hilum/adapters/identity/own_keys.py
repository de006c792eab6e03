"""Signing keys of our own in a file (RFC 7517): made when first needed, rotated by hand."""

import asyncio
import base64
import hashlib
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt import PyJWK
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import PyJWTError

from hilum.domain.errors import ArchiveUnavailable

log = structlog.get_logger()

ALGORITHM: Final = "RS256"
_BITS: Final = 2048
_PRIVATE: Final = 0o600
_PUBLIC_MEMBERS: Final = ("kty", "kid", "use", "alg", "n", "e")


@dataclass(frozen=True, slots=True)
class _Own:
    key_id: str
    members: Mapping[str, Any]
    """Private ones, too."""
    public: Mapping[str, str]
    signing: PyJWK
    verifying: PyJWK


class OwnKeys:
    """`TokenSigner` and `KeySource`. The first key of the file signs, all of them verify.

    The file is read again when it changes, so that a rotation needs no restart. Of processes that
    start together one makes it and the others read it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: Sequence[_Own] = ()

    async def key(self, key_id: str | None) -> PyJWK | None:
        keys = await self._current()
        return next((each.verifying for each in keys if each.key_id == key_id), None)

    async def sign(self, claims: Mapping[str, object]) -> str:
        own = (await self._current())[0]
        return await asyncio.to_thread(
            jwt.encode, dict(claims), own.signing, ALGORITHM, {"kid": own.key_id}
        )

    async def published(self) -> Mapping[str, object]:
        return {"keys": [each.public for each in await self._current()]}

    def make(self) -> None:
        """Make the file if there is none, and read it. Raises `ArchiveUnavailable`."""
        self._read()

    def rotate(self, *, at_once: bool = False) -> str:
        """Sign with a new key from now on; return its id.

        Tokens of the key before stay good until they end or the next rotation, unless `at_once`.
        Raises `ArchiveUnavailable`.
        """
        kept = [] if at_once else [each.members for each in self._read()[:1]]
        made = _made()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = _written([made, *kept], self._path)
            fresh.replace(self._path)
        except OSError as error:
            raise _unusable(error) from error
        return str(made["kid"])

    async def _current(self) -> Sequence[_Own]:
        return await asyncio.to_thread(self._read)

    def _read(self) -> Sequence[_Own]:
        try:
            if not self._path.exists():
                self._write_first()
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._keys, self._stamp = self._loaded(status.st_mode), stamp
        except (OSError, ValueError) as error:
            log.warning("identity_keys_unusable", path=self._path, reason=type(error).__name__)
            if not self._keys:
                raise _unusable(error) from error
        return self._keys

    def _loaded(self, mode: int) -> Sequence[_Own]:
        if mode & 0o077:
            message = "others may read them: give the file mode 0600, or rotate with --at-once"
            raise ValueError(message)
        try:
            content = json.loads(self._path.read_bytes())
            keys = [_own(each) for each in content["keys"]]
        except (KeyError, TypeError, PyJWTError) as error:
            message = f"it is no file of signing keys ({type(error).__name__})"
            raise ValueError(message) from error
        if not keys:
            message = "it holds no key"
            raise ValueError(message)
        return keys

    def _write_first(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = _written([_made()], self._path)
        try:
            os.link(fresh, self._path)  # fails when somebody else was first, whose keys count
        except FileExistsError:
            pass
        finally:
            fresh.unlink()


def _made() -> dict[str, Any]:
    key = rsa.generate_private_key(65537, _BITS)
    members: dict[str, Any] = dict(RSAAlgorithm.to_jwk(key, as_dict=True))
    members.pop("key_ops", None)
    thumbprint = json.dumps(
        {name: members[name] for name in ("e", "kty", "n")}, separators=(",", ":")
    )
    digest = hashlib.sha256(thumbprint.encode()).digest()  # RFC 7638 section 3
    key_id = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return {**members, "kid": key_id, "use": "sig", "alg": ALGORITHM}


def _own(members: Mapping[str, Any]) -> _Own:
    public = {name: str(members[name]) for name in _PUBLIC_MEMBERS}
    return _Own(public["kid"], members, public, PyJWK(dict(members)), PyJWK(public))


def _written(keys: Sequence[Mapping[str, Any]], beside: Path) -> Path:
    """A new file with these keys, on stable storage and nobody else's to read."""
    path = beside.with_name(f".{beside.name}.{uuid.uuid4().hex}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps({"keys": list(keys)}).encode())
        file.flush()
        os.fsync(file.fileno())
    return path


def _unusable(error: Exception) -> ArchiveUnavailable:
    reason = str(error) if type(error) is ValueError else type(error).__name__
    return ArchiveUnavailable(f"The signing keys of the token issuer cannot be used: {reason}.")
