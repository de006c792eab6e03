"""All revisions of a study in one transaction, or none of them."""

from collections.abc import Callable, Sequence

from hilum.adapters.database.committing import Batch
from hilum.adapters.database.connections import Connection, Dialect
from hilum.adapters.database.reading import read_summary
from hilum.domain.errors import NotIndexable
from hilum.domain.identifiers import Scope, Version
from hilum.domain.instances import Disposition, Kept


def revise_study(
    connection: Connection,
    dialect: Dialect,
    study: Scope,
    newest: Version,
    batch: Sequence[Kept],
    now: int,
    clock: Callable[[], int] | None = None,
) -> Version | None:
    """See `InstanceReviser.revise`; inside the open transaction, which an error undoes.

    `clock`: see `commit_batch`.
    """
    dialect.lock_studies(connection, [(study.partition, study.study)])
    held = read_summary(connection, study)
    if held is None or held.newest_version != newest:
        return None
    try:
        decided = Batch(connection, dialect, now, clock).commit(batch, whole=True)
    except Exception as error:
        if not dialect.is_data_error(error):
            raise
        fact = f"A revision has a value that the index cannot hold ({type(error).__name__})."
        raise NotIndexable(fact) from error
    if any(each.disposition is not Disposition.NEW_VERSION for each in decided):
        return None
    revised = read_summary(connection, study)
    return None if revised is None else revised.newest_version
