"""Commands and events between the roles of one deployment, over whichever engine carries them."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What is carried. Receivers get it at least once; `message_id` tells a repeat."""

    message_id: str
    key: str
    """Messages of one key (a study) are handled one after another, in the order published."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Texts; `correlation_id` among them."""
    attempt: int = 1
    """How often this message was handed to a handler, this time included."""


Handler = Callable[[Message], Awaitable[None]]
"""Returning acknowledges. Raising has the message delivered again after a pause, until the
subscription's attempts are used up; then it is a poison message."""


class Bus(Protocol):
    """Publish and subscribe with consumer groups.

    An outage raises `BusUnavailable` from `publish`; subscriptions go on by themselves once the
    engine is back. Opened by `async with`.
    """

    async def publish(self, topic: str, message: Message) -> None:
        """Hand over one message; on return the engine has it durably.

        The in-process engine has it until the process ends: its publishers keep the cause in the
        database and publish again at start.
        """
        ...

    def subscribe(
        self,
        topic: str,
        group: str,
        handler: Handler,
        *,
        concurrency: int = 1,
        attempts: int = 5,
    ) -> AbstractAsyncContextManager[None]:
        """Have `handler` called with every message of `topic`, once per group, until left.

        Up to `concurrency` keys are handled at once. Leaving finishes the handlers that run; what
        was not acknowledged goes to another member of the group. A message that failed `attempts`
        times is put on `<topic>.dead` with the headers `cause` and `attempts`, and the ones behind
        it go on.
        """
        ...
