"""What the jobs of this process are made of: one work for each kind."""

from collections.abc import Sequence

from hilum.bootstrap.parts.part import Surroundings
from hilum.operations.work import Work


def works(_around: Surroundings) -> Sequence[Work]:
    """Each kind of job once; a process takes only jobs whose work is here."""
    return ()
