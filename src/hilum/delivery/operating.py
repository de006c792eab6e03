"""What people do with followers of the feed and with dead letters: one use case for every desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from hilum.domain.arrivals import Seen, Told
from hilum.domain.delivery import (
    NO_SINK,
    DeadLetter,
    LetterOrigin,
    LetterState,
    Subscription,
)
from hilum.domain.errors import InvalidRequest, NotHeld
from hilum.foundation.bell import Bell
from hilum.foundation.ids import new_correlation_id
from hilum.ports.arrivals import ArrivalNotes
from hilum.ports.delivery import DeliveryStore, LetterQuery

_PAGE: Final = 500


class SubscriptionNotFound(NotHeld):
    """No follower of the feed has this name."""

    code: ClassVar[str] = "subscription-not-found"
    title: ClassVar[str] = "No such subscription"


class SubscriptionFollowed(InvalidRequest):
    """A server follows the feed for it: taken out of its settings first, it can be forgotten."""

    code: ClassVar[str] = "subscription-followed"
    title: ClassVar[str] = "A server follows the feed for this subscription"


class DeadLetterNotFound(NotHeld):
    """No dead letter has this number."""

    code: ClassVar[str] = "dead-letter-not-found"
    title: ClassVar[str] = "No such dead letter"


@dataclass(frozen=True, slots=True)
class Standing:
    """A follower, how far it is behind, and what it could not deliver."""

    subscription: Subscription
    behind: int
    """Entries of the feed, at most, that it has yet to look at."""
    open_letters: Mapping[str, int]
    """Open dead letters by cause."""


@dataclass(frozen=True, slots=True)
class Operating:
    """Commands and questions. Followers in other processes obey within their poll interval."""

    store: DeliveryStore
    notes: ArrivalNotes | None = None
    """Where to ask a source's study to be fetched again; None: nothing is ingested here."""
    fed: Bell | None = None
    nudged: Bell | None = None

    async def standings(self) -> Sequence[Standing]:
        """All followers by name, those inside the process too."""
        last = await self.store.last_sequence()
        counts = await self.store.letters.counts()
        return [
            Standing(
                each,
                max(0, last - each.cursor),
                {
                    cause: count
                    for (origin, subject, state, cause), count in counts.items()
                    if (origin, subject, state)
                    == (LetterOrigin.SUBSCRIPTION, each.name, LetterState.OPEN)
                },
            )
            for each in await self.store.subscriptions.list()
        ]

    async def standing(self, name: str) -> Standing:
        """Raises `SubscriptionNotFound`."""
        for each in await self.standings():
            if each.subscription.name == name:
                return each
        raise _unknown(name)

    async def pause(self, name: str) -> None:
        """Stop telling; nothing is lost. Raises `SubscriptionNotFound`."""
        await self._obey(name, await self.store.subscriptions.pause(name))

    async def resume(self, name: str) -> None:
        """Go on from where it was paused, or at once after an outage."""
        await self._obey(name, await self.store.subscriptions.resume(name))

    async def replay(self, name: str, after: int) -> None:
        """Tell everything above the sequence `after` again, with the same event ids.

        Raises `InvalidRequest` when `after` is ahead of what was told, since what lies between
        would never be told, and `SubscriptionNotFound`.
        """
        if after < 0:
            raise InvalidRequest("A sequence is 0 or more.")
        found = await self.store.subscriptions.get(name)
        if found is None:
            raise _unknown(name)
        if after > (last := await self.store.last_sequence()):
            message = f"The feed ends at {last}: nothing lies above {after}."
            raise InvalidRequest(message)
        if after > found.cursor:
            message = (
                f"{name} was told up to {found.cursor}: to begin again after {after} would skip "
                f"what it was not told. Give {found.cursor} or less."
            )
            raise InvalidRequest(message)
        await self._obey(name, await self.store.subscriptions.replay(name, after))

    async def remove(self, name: str) -> None:
        """Forget a follower that no process runs; one that is in the settings begins anew.

        Raises `SubscriptionFollowed`, `SubscriptionNotFound`.
        """
        if await self.store.subscriptions.get(name) is None:
            raise _unknown(name)
        if holder := await self.store.leases.holder(name):
            message = (
                f"{name} is followed by the server {holder}. Take it out of "
                "delivery.subscriptions and restart that server, or stop it, first. One that was "
                "killed counts as running until its lease ends, within a minute as a rule."
            )
            raise SubscriptionFollowed(message)
        await self._obey(name, await self.store.subscriptions.remove(name))

    async def letters(self, query: LetterQuery, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self.store.letters.list(query, after, limit)

    async def letter(self, key: int) -> DeadLetter:
        """Raises `DeadLetterNotFound`."""
        found = await self.store.letters.get(key)
        if found is None:
            raise _no_letter(key)
        return found

    async def replay_letters(self, query: LetterQuery, reason: str = "") -> int:
        """Have them sent or fetched again; how many were open.

        Those of a subscription are sent by whoever runs its relay, with the same event id. Those of
        an ingestion are fetched from their source again.
        """
        await self._find_all(query)
        done = 0
        if query.origin is not LetterOrigin.INGESTION:
            told = replace(query, origin=LetterOrigin.SUBSCRIPTION)
            done += await self.store.letters.decide(told, LetterState.REPLAYING, reason=reason)
        if query.origin is not LetterOrigin.SUBSCRIPTION:
            done += await self._fetch_again(replace(query, origin=LetterOrigin.INGESTION), reason)
        self._ring()
        return done

    async def redirect_letters(self, query: LetterQuery, target: str, reason: str = "") -> int:
        """Have them sent to the sink of another subscription. Raises `SubscriptionNotFound`."""
        found = await self.store.subscriptions.get(target)
        if found is None or found.sink == NO_SINK:
            raise _unknown(target)
        await self._find_all(query)
        query = replace(query, origin=LetterOrigin.SUBSCRIPTION)
        done = await self.store.letters.decide(
            query, LetterState.REDIRECTING, reason=reason, target=target
        )
        self._ring()
        return done

    async def discard_letters(self, query: LetterQuery, reason: str) -> int:
        """Give them up; they stay as rows, with the reason."""
        if not reason.strip():
            raise InvalidRequest("Discarding needs a reason: somebody will ask one day.")
        await self._find_all(query)
        return await self.store.letters.decide(query, LetterState.DISCARDED, reason=reason)

    async def _find_all(self, query: LetterQuery) -> None:
        """Nothing is done about some when others that were named do not exist."""
        keys = sorted(set(query.keys or ()))
        if not keys:
            return
        found = await self.store.letters.list(LetterQuery(keys=keys), 0, len(keys))
        if missing := set(keys).difference(letter.key for letter in found):
            raise _no_letter(min(missing))

    async def _fetch_again(self, query: LetterQuery, reason: str) -> int:
        if self.notes is None:
            return 0
        states = (LetterState.OPEN, LetterState.REPLAYING)  # those too that a crash left half way
        return sum(
            [
                await self._note_again(self.notes, replace(query, state=state), reason)
                for state in states
                if query.state in {None, state}
            ]
        )

    async def _note_again(self, notes: ArrivalNotes, query: LetterQuery, reason: str) -> int:
        """Note the studies of the letters, and close those that did not fail anew meanwhile."""
        letters, done, after = self.store.letters, 0, 0
        while page := await letters.list(query, after, _PAGE):
            after = page[-1].key
            some = replace(query, keys=[letter.key for letter in page])
            done += await letters.decide(some, LetterState.REPLAYING, reason=reason)
            await notes.note(
                [
                    Seen(
                        letter.subject,
                        letter.event_id,
                        letter.correlation_id or new_correlation_id(),
                        Told.OPERATOR,
                        force=True,
                    )
                    for letter in page
                ]
            )
            begun = replace(some, state=LetterState.REPLAYING, cause=None)
            await letters.decide(begun, LetterState.REPLAYED, reason=reason)
        return done

    async def _obey(self, name: str, found: bool) -> None:
        if not found:
            raise _unknown(name)
        self._ring()

    def _ring(self) -> None:
        for bell in (self.fed, self.nudged):
            if bell is not None:
                bell.ring()


def _no_letter(key: int) -> DeadLetterNotFound:
    return DeadLetterNotFound(f"There is no dead letter {key}: see `hilum feed dead-letters list`.")


def _unknown(name: str) -> SubscriptionNotFound:
    return SubscriptionNotFound(f"There is no subscription {name!r}: see `hilum feed status`.")
