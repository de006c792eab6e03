"""API keys: `hilum_<id>_<secret>`, shown once when made, kept only as a digest.

The secret is 256 random bits, so a plain SHA-256 of it is as hard to invert as a slow password
hash would be, and costs nothing at each request.
"""

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hilum.access.principals import AccessScope, Credential, Principal
from hilum.access.refusals import Refusal, refuse
from hilum.domain.keys import ApiKey
from hilum.foundation.clock import Clock
from hilum.ports.keys import KeyStore

_KEY: Final = re.compile(r"hilum_([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)
_NOBODYS_DIGEST: Final = hashlib.sha256(b"no key has this digest").digest()
_FRESH_SECONDS: Final = 1.0
_TOUCH_EVERY: Final = timedelta(minutes=1)
_REMEMBERED: Final = 1024
KEY_PREFIX: Final = "hilum_"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    text: str
    """The whole key. It is nowhere else and cannot be shown again."""
    record: ApiKey


def make_key(
    name: str,
    scopes: Collection[AccessScope],
    *,
    now: datetime,
    expires: datetime | None = None,
) -> NewKey:
    """Make a key; the caller gives `record` to the `KeyStore` and `text` to the person."""
    key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    record = ApiKey(
        key_id=key_id,
        name=name,
        secret_hash=_digest(secret),
        scopes=frozenset(scope.value for scope in scopes),
        created=now,
        expires=expires,
    )
    return NewKey(f"{KEY_PREFIX}{key_id}_{secret}", record)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


class ApiKeys:
    """Checks keys that callers show.

    A record is reused for a second, so that the store is not asked at each request: a revocation
    takes effect that much later.
    """

    __slots__ = ("_clock", "_records", "_store", "_touched")

    def __init__(self, store: KeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._records: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()
        self._touched: OrderedDict[str, datetime] = OrderedDict()

    async def authenticate(self, text: str) -> Principal:
        """The principal of a good key.

        Raises `NotAuthenticated`, with the same words and after the same comparison whether the
        id or the secret is wrong; `ArchiveUnavailable` when the store cannot be asked.
        """
        match = _KEY.fullmatch(text)
        if match is None:
            raise refuse(Refusal.MALFORMED)
        key_id, secret = match.groups()
        record = await self._record(key_id)
        expected = _NOBODYS_DIGEST if record is None else record.secret_hash
        if not hmac.compare_digest(_digest(secret), expected) or record is None:
            raise refuse(Refusal.UNKNOWN_KEY)
        now = self._clock.now()
        if record.revoked is not None and record.revoked <= now:
            raise refuse(Refusal.REVOKED)
        if record.expires is not None and record.expires <= now:
            raise refuse(Refusal.EXPIRED)
        await self._touch(key_id, now)
        return Principal(record.name, Credential.API_KEY, _known(record.scopes))

    async def _record(self, key_id: str) -> ApiKey | None:
        now = self._clock.monotonic()
        known = self._records.get(key_id)
        if known is not None and now - known[0] < _FRESH_SECONDS:
            return known[1]
        record = await self._store.find(key_id)
        self._records[key_id] = (now, record)
        self._records.move_to_end(key_id)
        if len(self._records) > _REMEMBERED:
            self._records.popitem(last=False)
        return record

    async def _touch(self, key_id: str, now: datetime) -> None:
        last = self._touched.get(key_id)
        if last is not None and now - last < _TOUCH_EVERY:
            return
        self._touched[key_id] = now
        self._touched.move_to_end(key_id)
        if len(self._touched) > _REMEMBERED:
            self._touched.popitem(last=False)
        await self._store.touch(key_id, now)


def _known(scopes: Collection[str]) -> frozenset[AccessScope]:
    """The scopes this version knows; others, written by a later one, grant nothing."""
    return frozenset(scope for scope in AccessScope if scope.value in scopes)
