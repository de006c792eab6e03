"""The stages of submissions over the archive's engines."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from hilum.bootstrap.archive import Archive
from hilum.bootstrap.bus import is_in_process
from hilum.bootstrap.index_place import on_server
from hilum.bootstrap.validation import deep_profiles, policy_rules
from hilum.foundation.clock import Clock
from hilum.foundation.memory import MemoryBudget
from hilum.ingest.deep import profile_of
from hilum.ingest.zip_files import ZipLimits
from hilum.ports.archive_view import ArchiveView
from hilum.ports.bus import Bus
from hilum.ports.submission_telemetry import SubmissionMeter
from hilum.settings import Settings
from hilum.submissions.archiving import Archiving
from hilum.submissions.giving_up import GivingUp
from hilum.submissions.judging import Judging
from hilum.submissions.options import StageOptions
from hilum.submissions.redrive import Redrive, RedriveOptions
from hilum.submissions.returning import Returning
from hilum.submissions.setting_aside import SettingAside
from hilum.submissions.stages import DESCRIPTOR, UPLOADED, VALIDATED, VALIDATOR, Stage, Stages
from hilum.submissions.unpacking import Unpacking
from hilum.submissions.validating import Validating


@dataclass(frozen=True, slots=True)
class SubmissionWork:
    """What is done to submissions, whoever asks for it."""

    options: StageOptions
    aside: SettingAside
    validating: Validating
    archiving: Archiving
    returning: Returning

    @property
    def validator(self) -> Stage:
        """The stage that judges what was uploaded."""
        return Stage(VALIDATOR, UPLOADED, self.validating)

    @property
    def descriptor(self) -> Stage:
        """The stage that archives what was validated."""
        return Stage(DESCRIPTOR, VALIDATED, self.archiving)


def submission_work(
    settings: Settings, archive: Archive, view: ArchiveView | None, clock: Clock
) -> SubmissionWork:
    """The use cases over the engines of `archive`; `view` is written at the end, if any."""
    options = stage_options(settings)
    submissions, holding = archive.index.submissions, archive.holding
    aside = SettingAside(archive.index.quarantine, clock, options)
    archiving = Archiving(submissions, holding, archive.receive, aside, options, view)
    budget = MemoryBudget(settings.submissions.memory_bytes)
    validating = Validating(
        submissions,
        holding,
        Judging(holding, archive.ingest.judge),
        Unpacking(submissions, holding, archive.spool, aside, options, budget),
        aside,
        options,
        partial(profile_of, profiles=deep_profiles(settings)),
        policy_rules(settings),
    )
    returning = Returning(submissions, archiving)
    return SubmissionWork(options, aside, validating, archiving, returning)


def stages(
    work: SubmissionWork, archive: Archive, bus: Bus, clock: Clock, meter: SubmissionMeter
) -> Stages:
    """What takes messages from the bus to the stages of `work`."""
    submissions = archive.index.submissions
    giving_up = GivingUp(submissions, archive.holding, work.aside)
    return Stages(bus, submissions, giving_up, clock, meter, work.options)


def redrive(
    settings: Settings, archive: Archive, bus: Bus, clock: Clock, meter: SubmissionMeter
) -> Redrive:
    """What takes up again what nobody works on, and forgets what is over for long."""
    chosen = settings.submissions
    options = RedriveOptions(
        look=timedelta(seconds=chosen.look_seconds),
        patience=timedelta(seconds=chosen.patience_seconds),
        history=timedelta(days=chosen.history_days) if chosen.history_days else None,
        # Another process on the same database may work on them, and is asked by its own bus.
        at_once=is_in_process(settings) and not on_server(settings),
    )
    return Redrive(bus, archive.index.submissions, clock, meter, options)


def stage_options(settings: Settings) -> StageOptions:
    """Bounds of the stages."""
    chosen = settings.submissions
    return StageOptions(
        studies_at_once=chosen.studies_at_once,
        files_at_once=chosen.files_at_once,
        attempts=chosen.attempts,
        patience=timedelta(seconds=chosen.patience_seconds),
        memory_member_bytes=chosen.memory_member_bytes,
        zip_limits=ZipLimits(
            member_bytes=chosen.zip_member_bytes,
            ratio=chosen.zip_ratio,
            free_bytes=chosen.zip_free_bytes,
            members=chosen.zip_members,
        ),
        zip_total_bytes=chosen.zip_total_bytes,
        quarantine=timedelta(days=settings.quarantine.retention_days),
    )
