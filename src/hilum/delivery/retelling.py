"""Dead letters of one subscription: telling their copies, sending again what somebody asked for."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from hilum.delivery.letters import copy_of, event_of
from hilum.delivery.options import RelayOptions
from hilum.domain.delivery import LetterOrigin, LetterState
from hilum.domain.events import Event, Rejected
from hilum.ports.delivery import DeadLetters, LetterQuery

_log = structlog.get_logger()

_LETTERS_AT_ONCE: Final = 100

Send = Callable[[Sequence[Event]], Awaitable[Sequence[Rejected]]]


class Retelling:
    """Uses the turn of its relay: `send` raises `TurnEnded` when that is over."""

    def __init__(self, name: str, letters: DeadLetters, send: Send, options: RelayOptions) -> None:
        self._name = name
        self._letters = letters
        self._send = send
        self._options = options

    async def all(self) -> None:
        """Tell copies that are still to be told, and send again what somebody asked for."""
        await self.copies()
        origin = LetterOrigin.SUBSCRIPTION
        for query, ending in (
            (
                LetterQuery(origin, subject=self._name, state=LetterState.REPLAYING),
                LetterState.REPLAYED,
            ),
            (
                LetterQuery(origin, target=self._name, state=LetterState.REDIRECTING),
                LetterState.REDIRECTED,
            ),
        ):
            await self._send_again(query, ending)

    async def _send_again(self, query: LetterQuery, ending: LetterState) -> None:
        after = 0
        while page := await self._letters.list(query, after, _LETTERS_AT_ONCE):
            for head in page:
                after = head.key
                whole = await self._letters.get(head.key)
                if whole is None:
                    continue
                rejected = await self._send([event_of(whole)])
                if rejected:
                    why = rejected[0]
                    await self._letters.settle(head.key, LetterState.OPEN, why.cause, why.message)
                else:
                    await self._letters.settle(head.key, ending)
                _log.info(
                    "dead_letter_sent_again",
                    subscription=self._name,
                    event_id=whole.event_id,
                    outcome="rejected" if rejected else ending.value,
                )

    async def copies(self) -> None:
        """Tell what became a dead letter in its place; a copy that is refused too is given up."""
        if not self._options.copy_letters:
            return
        query = LetterQuery(LetterOrigin.SUBSCRIPTION, subject=self._name, uncopied=True)
        after = 0
        while page := await self._letters.list(query, after, _LETTERS_AT_ONCE):
            after = page[-1].key
            for head in page:
                whole = await self._letters.get(head.key)
                if whole is not None:
                    rejected = await self._send([copy_of(whole, self._options.copy_bytes)])
                    if rejected:
                        _log.warning(
                            "dead_letter_not_copied",
                            subscription=self._name,
                            event_id=whole.event_id,
                            cause=rejected[0].cause,
                        )
            await self._letters.copied([head.key for head in page])
