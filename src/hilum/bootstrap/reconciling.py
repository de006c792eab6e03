"""What each subscription was to be told, compared with what its sink has."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from hilum.adapters.database.sql_index import SqlIndex
from hilum.bootstrap.delivery import locator
from hilum.bootstrap.sinks import make_sink
from hilum.delivery.reconciling import Reconcile, Reconciled
from hilum.delivery.rendering import Renderer
from hilum.domain.errors import SinkUnavailable
from hilum.ports.sinks import RemembersEvents
from hilum.settings import Settings


@dataclass(frozen=True, slots=True)
class NotComparable:
    """A subscription whose far side could not be compared."""

    name: str
    why: str
    is_fault: bool
    """False for a sink that keeps nothing to compare with, such as a webhook."""


async def reconcile_subscriptions(
    settings: Settings, index: SqlIndex, after: int
) -> AsyncIterator[Reconciled | NotComparable]:
    """Compare each subscription of the settings, one after the other.

    Raises `SettingsRejected` when one names a sink that cannot be made.
    """
    store = index.delivery
    reconcile = Reconcile(index, store, Renderer(await index.feed_id(), index, locator(settings)))
    for each in settings.delivery.subscriptions:
        subscription = await store.subscriptions.get(each.name)
        if subscription is None:
            yield NotComparable(each.name, "no server has run it yet", is_fault=False)
            continue
        sink = make_sink(each.sink, settings)
        if not isinstance(sink, RemembersEvents):
            why = f"the sink {each.sink} keeps nothing that could be read back"
            yield NotComparable(each.name, why, is_fault=False)
            continue
        try:
            yield await reconcile(subscription, sink, after=after, from_now=each.start == "now")
        except SinkUnavailable as error:
            yield NotComparable(each.name, str(error), is_fault=True)
