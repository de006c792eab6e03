"""What validates stored instances."""

from hilum.bootstrap import options
from hilum.catalogue.study_findings import StudyFindings
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore
from hilum.settings import Settings


def make_findings(
    settings: Settings, reader: InstanceReader, objects: ObjectStore
) -> StudyFindings:
    """Over engines that are open; needs no place of its own."""
    header_limits = options.header_limits(settings)
    return StudyFindings(reader, objects, header_limits, options.findings_limits(settings))
