"""Metrics of the stages that uploads go through."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from hilum.domain.submissions import FileState, SubmissionState

_BUCKETS: Final = (
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
)


class PrometheusSubmissionMeter:
    """`SubmissionMeter`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stages = Histogram(
            "hilum_submission_stage_seconds",
            "How long a stage worked on an upload.",
            ("stage",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "hilum_submission_failures",
            "Attempts of a stage that failed and are repeated, by code of the error.",
            ("stage", "cause"),
            registry=registry,
        )
        self._settled = Counter(
            "hilum_submissions_settled",
            "Uploads that came to rest, by their state.",
            ("state",),
            registry=registry,
        )
        self._seconds = Histogram(
            "hilum_submission_seconds",
            "From the acknowledgement of an upload until it came to rest.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._files = Counter(
            "hilum_submission_files",
            "Files of uploads that came to rest, by what became of them.",
            ("state",),
            registry=registry,
        )
        self._redriven = Counter(
            "hilum_submissions_redriven",
            "Uploads that nobody was heard of for too long and that were taken up again.",
            registry=registry,
        )

    def worked(self, stage: str, seconds: float) -> None:
        self._stages.labels(stage).observe(seconds)

    def failed(self, stage: str, cause: str) -> None:
        self._failures.labels(stage, cause).inc()

    def settled(self, state: SubmissionState, seconds: float | None) -> None:
        self._settled.labels(state.value).inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def files(self, state: FileState, count: int) -> None:
        self._files.labels(state.value).inc(count)

    def redriven(self, submissions: int) -> None:
        self._redriven.inc(submissions)
