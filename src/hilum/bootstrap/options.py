"""From settings to the plain values that the archive's use cases take."""

from datetime import timedelta

from hilum.catalogue.conversion import ConversionLimits
from hilum.catalogue.frames import FrameLimits
from hilum.catalogue.freeing import FreeingOptions
from hilum.catalogue.retrieve import RetrieveLimits
from hilum.catalogue.study_findings import FindingsLimits
from hilum.catalogue.transcoding import TranscodingLimits
from hilum.dicom.limits import HeaderLimits
from hilum.domain.origins import Door
from hilum.ingest.pipeline import IngestLimits
from hilum.settings import Settings
from hilum.submissions.refusals import QuarantineOptions


def header_limits(settings: Settings) -> HeaderLimits:
    dicom = settings.dicom
    return HeaderLimits(
        header_bytes=dicom.header_bytes,
        nesting_levels=dicom.nesting_levels,
        elements=dicom.elements,
        fragments=dicom.fragments,
        inflated_bytes=dicom.inflated_bytes,
        inflation_ratio=dicom.inflation_ratio,
        inline_bytes=dicom.inline_bytes,
    )


def ingest_limits(settings: Settings) -> IngestLimits:
    ingest = settings.ingest
    return IngestLimits(
        instances_in_flight=ingest.instances_in_flight,
        bytes_in_flight=ingest.bytes_in_flight,
        inline_bytes=ingest.inline_bytes,
        header=header_limits(settings),
        threads=ingest.threads,
        memo_bytes=settings.dicom.memo_bytes,
        unsettled_objects=ingest.unsettled_objects,
    )


def retrieve_limits(settings: Settings) -> RetrieveLimits:
    retrieve = settings.retrieve
    return RetrieveLimits(
        whole_object_bytes=retrieve.whole_object_bytes,
        page_instances=retrieve.page_instances,
        page_metadata=retrieve.page_metadata,
        page_metadata_bytes=retrieve.page_metadata_bytes,
        conversion_bytes=retrieve.conversion_bytes,
        zip_instances=retrieve.zip_instances,
    )


def findings_limits(settings: Settings) -> FindingsLimits:
    retrieve = settings.retrieve
    return FindingsLimits(
        instances=retrieve.findings_instances,
        threads=retrieve.findings_threads,
        page_instances=retrieve.page_instances,
    )


def frame_limits(settings: Settings) -> FrameLimits:
    retrieve = settings.retrieve
    return FrameLimits(
        whole_object_bytes=retrieve.whole_object_bytes,
        frames_per_request=retrieve.frames_per_request,
        frames_per_instance=retrieve.frames_per_instance,
        decoded_frame_bytes=retrieve.decoded_frame_bytes,
        held_frames_bytes=retrieve.held_frames_bytes,
        transcoding_memory_bytes=retrieve.transcoding_memory_bytes,
        frame_tables_bytes=retrieve.frame_tables_bytes,
        lossy=settings.pixels.lossy,
    )


def conversion_limits(settings: Settings) -> ConversionLimits:
    return ConversionLimits(
        header_bytes=settings.dicom.header_bytes,
        inflated_bytes=settings.retrieve.conversion_inflated_bytes,
        memory_bytes=settings.retrieve.conversion_memory_bytes,
    )


def transcoding_limits(settings: Settings) -> TranscodingLimits:
    return TranscodingLimits(
        header_bytes=settings.dicom.header_bytes,
        frame_bytes=settings.pixels.maximum_frame_bytes,
        page_metadata_bytes=settings.retrieve.page_metadata_bytes,
    )


def freeing_options(settings: Settings) -> FreeingOptions:
    deletion = settings.deletion
    return FreeingOptions(
        delay=timedelta(seconds=deletion.delay_seconds),
        poll=timedelta(seconds=deletion.poll_seconds),
        batch_objects=deletion.batch_objects,
        retry=timedelta(seconds=deletion.retry_seconds),
        maximum_retry=timedelta(seconds=deletion.maximum_retry_seconds),
    )


def quarantine_options(settings: Settings) -> QuarantineOptions:
    chosen = settings.quarantine
    return QuarantineOptions(
        doors=frozenset(Door(door) for door in chosen.doors),
        retention=timedelta(days=chosen.retention_days),
        maximum_bytes=chosen.maximum_bytes,
        maximum_files=chosen.maximum_files,
        conflicts=chosen.conflicts,
    )
