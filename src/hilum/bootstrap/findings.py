"""What validates stored instances."""

from hilum.bootstrap import options
from hilum.catalogue.judged_frames import JudgedFrames
from hilum.catalogue.study_findings import StudyFindings
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore
from hilum.settings import Settings


def make_findings(
    settings: Settings,
    reader: InstanceReader,
    objects: ObjectStore,
    frames: JudgedFrames | None = None,
) -> StudyFindings:
    """Over engines that are open; needs no place of its own. Without `frames` none is decoded."""
    header_limits = options.header_limits(settings)
    limits = options.findings_limits(settings)
    return StudyFindings(reader, objects, header_limits, limits, frames)
