"""What the jobs of this process are made of: one work for each kind."""

from collections.abc import Sequence

from hilum.bootstrap.extended_tags import reindex_work
from hilum.bootstrap.parts.part import Surroundings
from hilum.bootstrap.transfers import export_work, import_work
from hilum.bootstrap.updating import update_work
from hilum.operations.work import Work


def works(around: Surroundings) -> Sequence[Work]:
    """Each kind of job once; a process takes only jobs whose work is here."""
    return (
        update_work(around.settings, around.archive),
        reindex_work(around.settings, around.archive),
        export_work(around.settings, around.archive, around.clock),
        import_work(around.settings, around.archive, around.clock),
    )
