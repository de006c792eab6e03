"""Rules that treat some senders otherwise than their door does, as data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import lru_cache
from typing import Final

from hilum.domain.identifiers import PartitionKey
from hilum.domain.instances import StorePolicy
from hilum.domain.origins import Door, Origin

RULED_DOORS: Final = (Door.STOW, Door.C_STORE, Door.IMPORT, Door.ORTHANC, Door.UPLOAD)
"""Doors that others send through. What operators do (demo, rebuild, quarantine) has no rules."""

JUDGED_BEFORE: Final = frozenset({Door.UPLOAD})
"""Doors whose stages apply the rules by themselves, long before they hand in what they judged."""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """Whom it is about, and what holds for them instead of what their door has; None: the same."""

    door: Door | None = None
    """None: any of `RULED_DOORS`."""
    sender: str = "*"
    """Pattern (`*`, `?`, `[...]`) for what is known of the sender: `AE_TITLE@address`, the address
    of an HTTP client, the name of an API key or the subject of a token, the name of a source."""
    partition: PartitionKey | None = None
    profile: str | None = None
    depth: str | None = None
    decode: bool | None = None
    quarantine: bool | None = None

    def matches(self, policy: StorePolicy, origin: Origin) -> bool:
        """Whether it is about what `origin` sends under `policy`."""
        if self.door is not None and self.door is not origin.door:
            return False
        if self.partition is not None and self.partition != policy.partition:
            return False
        pattern = _pattern(self.sender)
        return any(pattern.match(name) for name in (origin.peer, origin.principal))

    def applied(self, policy: StorePolicy) -> StorePolicy:
        """The policy with what the rule has to say."""
        return replace(
            policy,
            profile=policy.profile if self.profile is None else self.profile,
            depth=policy.depth if self.depth is None else self.depth,
            decode=policy.decode if self.decode is None else self.decode,
            quarantine=policy.quarantine if self.quarantine is None else self.quarantine,
        )


@lru_cache(maxsize=1024)
def _pattern(sender: str) -> re.Pattern[str]:
    return re.compile(translate(sender))


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """The rules in their order: the first that matches counts, and only it."""

    rules: Sequence[PolicyRule] = ()

    def __call__(self, policy: StorePolicy, origin: Origin) -> StorePolicy:
        """Return how to treat what `origin` sends; `policy` is what its door has by itself."""
        if self.rules and origin.door in RULED_DOORS:
            for rule in self.rules:
                if rule.matches(policy, origin):
                    return rule.applied(policy)
        return policy


NO_RULES: Final = PolicyRules()
