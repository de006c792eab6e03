"""What can go wrong between us and an Orthanc."""

from hilum.domain.errors import EngineUnavailable, NotHeld


class SourceUnavailable(EngineUnavailable):
    """The source does not answer, or says that it cannot now; everything waits until it can."""

    code = "source-unavailable"
    title = "The source cannot be reached"


class SourceFailed(EngineUnavailable):
    """The source answers, and not with what was asked for; another attempt may do better."""

    code = "source-failed"
    title = "The source answered wrongly"


class SourceRefused(SourceFailed):
    """The source does not let us in, or will not do what was asked: an operator must act."""

    code = "source-refused"
    title = "The source refused"


class UnknownAtSource(NotHeld):
    """The source does not know what was asked for; asking again will not help."""

    code = "unknown-at-source"
    title = "Unknown at the source"
