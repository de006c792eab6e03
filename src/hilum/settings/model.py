"""All settings of the product, nested by concern."""

from pathlib import Path

from pydantic import model_validator

from hilum.settings.archive import (
    DatabaseSettings,
    DeletionSettings,
    DicomSettings,
    IngestSettings,
    RetrieveSettings,
    SearchSettings,
    StorageSettings,
)
from hilum.settings.archive_view import ArchiveViewSettings
from hilum.settings.audit import AuditSettings
from hilum.settings.bus import BusSettings
from hilum.settings.change_feed import ChangeFeedSettings
from hilum.settings.delivery import DeliverySettings
from hilum.settings.derived import DerivedSettings
from hilum.settings.doors import (
    CorsSettings,
    DimseSettings,
    HttpSettings,
    ImportSettings,
    StowSettings,
)
from hilum.settings.events import EventsSettings
from hilum.settings.extended_tags import ExtendedTagSettings
from hilum.settings.external_metadata import ExternalMetadataSettings
from hilum.settings.jobs import OperationSettings
from hilum.settings.operations import LoggingSettings, SecuritySettings, TelemetrySettings
from hilum.settings.orthanc import OrthancSettings
from hilum.settings.partitions import PartitionSettings
from hilum.settings.pixels import PixelSettings
from hilum.settings.quarantine import QuarantineSettings
from hilum.settings.sinks import NOTHING_NAMED, Sinks
from hilum.settings.submissions import SubmissionSettings
from hilum.settings.transfers import ExportSettings, TransferSettings
from hilum.settings.types import Section
from hilum.settings.update import UpdateSettings
from hilum.settings.upload import UploadSettings
from hilum.settings.validation import ValidationSettings
from hilum.settings.viewer import ViewerSettings
from hilum.settings.worklist import WorklistSettings


class Settings(Section):
    """Everything that can be chosen. Frozen: a change needs a restart."""

    data_dir: Path = Path("hilum-data")
    """Folder with everything the archive keeps: objects, index, spool. Relative to the folder the
    process was started in."""
    http: HttpSettings = HttpSettings()
    cors: CorsSettings = CorsSettings()
    viewer: ViewerSettings = ViewerSettings()
    stow: StowSettings = StowSettings()
    upload: UploadSettings = UploadSettings()
    submissions: SubmissionSettings = SubmissionSettings()
    dimse: DimseSettings = DimseSettings()
    importing: ImportSettings = ImportSettings()
    orthanc: OrthancSettings = OrthancSettings()
    validation: ValidationSettings = ValidationSettings()
    dicom: DicomSettings = DicomSettings()
    ingest: IngestSettings = IngestSettings()
    storage: StorageSettings = StorageSettings()
    database: DatabaseSettings = DatabaseSettings()
    search: SearchSettings = SearchSettings()
    retrieve: RetrieveSettings = RetrieveSettings()
    pixels: PixelSettings = PixelSettings()
    derived: DerivedSettings = DerivedSettings()
    deletion: DeletionSettings = DeletionSettings()
    partitions: PartitionSettings = PartitionSettings()
    archive_view: ArchiveViewSettings = ArchiveViewSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    worklist: WorklistSettings = WorklistSettings()
    operations: OperationSettings = OperationSettings()
    transfers: TransferSettings = TransferSettings()
    export: ExportSettings = ExportSettings()
    update: UpdateSettings = UpdateSettings()
    extended_tags: ExtendedTagSettings = ExtendedTagSettings()
    external_metadata: ExternalMetadataSettings = ExternalMetadataSettings()
    bus: BusSettings = BusSettings()
    delivery: DeliverySettings = DeliverySettings()
    security: SecuritySettings = SecuritySettings()
    audit: AuditSettings = AuditSettings()
    logging: LoggingSettings = LoggingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    events: EventsSettings = EventsSettings()
    change_feed: ChangeFeedSettings = ChangeFeedSettings()
    sinks: Sinks = NOTHING_NAMED
    """Destinations of events by name, each a table: `[sinks.NAME]` in the file, JSON in the
    environment (`{"NAME": {"url": "kafka://..."}}`). See docs/events.md."""

    @model_validator(mode="after")
    def _depths_are_known(self) -> "Settings":
        self.validation.demand_depth(self.upload.depth, "upload.depth")
        return self

    @model_validator(mode="after")
    def _audit_is_written(self) -> "Settings":
        quiet = self.logging.level in {"warning", "error"}
        if self.audit.enabled and self.audit.file is None and quiet:
            message = (
                "audit.enabled writes to the log at level info, which logging.level leaves out: "
                "lower it, or set audit.file"
            )
            raise ValueError(message)
        return self
