"""First schema: partitions, patients, studies, series, instances, feed, deletions, keys."""

import time

import sqlalchemy as sa
from alembic import op

from hilum.adapters.database.dialects import create_name_search

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _archive_wide()
    _patients_and_studies()
    _series()
    _instances()
    _sequence_items()
    create_name_search(op.get_bind())
    _first_rows()


def downgrade() -> None:
    message = "there is no schema before the first"
    raise NotImplementedError(message)


def _index(table: str, *columns: str, unique: bool = False) -> None:
    name = "_".join(["ix", table, *columns])
    op.create_index(op.f(name), table, list(columns), unique=unique)


def _first_rows() -> None:
    partition = sa.table(
        "partition",
        *map(
            sa.column,
            "key name number_of_studies number_of_series number_of_instances "
            "size_bytes created".split(),
        ),
    )
    op.bulk_insert(
        partition,
        [
            {
                "key": 1,
                "name": "Microsoft.Default",
                "number_of_studies": 0,
                "number_of_series": 0,
                "number_of_instances": 0,
                "size_bytes": 0,
                "created": time.time_ns() // 1000,
            }
        ],
    )
    counter = sa.table("counter", sa.column("name"), sa.column("value"))
    names = ("version", "study", "series", "instance")
    op.bulk_insert(counter, [{"name": name, "value": 0} for name in names])


def _archive_wide() -> None:
    op.create_table(
        "partition",
        sa.Column("key", _KEY, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("number_of_studies", sa.BigInteger(), nullable=False),
        sa.Column("number_of_series", sa.BigInteger(), nullable=False),
        sa.Column("number_of_instances", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_partition")),
        sa.UniqueConstraint("name", name=op.f("uq_partition_name")),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
        comment="The largest number given out so far, by what is counted",
    )
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", _TEXT, nullable=False, comment="Joined by a space"),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_key")),
    )
    op.create_table(
        "feed",
        sa.Column("sequence", _KEY, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", _TEXT, nullable=False),
        sa.Column(
            "payload",
            _TEXT,
            nullable=True,
            comment="JSON, for kinds that need more than identifiers",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_feed")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deletion",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("object_key", _TEXT, nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_deletion")),
        sqlite_autoincrement=True,
    )
    _index("deletion", "due")
    _index("deletion", "object_key")


def _patients_and_studies() -> None:
    op.create_table(
        "patient",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("patient_id", _TEXT, nullable=False),
        sa.Column("issuer_of_patient_id", _TEXT, nullable=False),
        sa.Column("merged_into_key", _KEY, nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merged_into_key"], ["patient.key"], name=op.f("fk_patient_merged_into_key_patient")
        ),
        sa.ForeignKeyConstraint(
            ["partition_key"], ["partition.key"], name=op.f("fk_patient_partition_key_partition")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_patient")),
        sa.UniqueConstraint(
            "partition_key",
            "patient_id",
            "issuer_of_patient_id",
            name=op.f("uq_patient_partition_key_patient_id_issuer_of_patient_id"),
        ),
    )
    _index("patient", "merged_into_key")
    op.create_table(
        "study",
        sa.Column("key", _KEY, autoincrement=False, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("patient_key", _KEY, nullable=True),
        sa.Column("StudyInstanceUID", _TEXT, nullable=False),
        sa.Column("PatientID", _TEXT, nullable=True),
        sa.Column("IssuerOfPatientID", _TEXT, nullable=True),
        sa.Column("PatientName", _TEXT, nullable=True),
        sa.Column("PatientBirthDate", _TEXT, nullable=True),
        sa.Column("PatientSex", _TEXT, nullable=True),
        sa.Column("AccessionNumber", _TEXT, nullable=True),
        sa.Column("StudyID", _TEXT, nullable=True),
        sa.Column("StudyDate", _TEXT, nullable=True),
        sa.Column("StudyTime", _TEXT, nullable=True),
        sa.Column("StudyDescription", _TEXT, nullable=True),
        sa.Column("ReferringPhysicianName", _TEXT, nullable=True),
        sa.Column("number_of_series", sa.BigInteger(), nullable=False),
        sa.Column("number_of_instances", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("newest_version", sa.BigInteger(), nullable=False),
        sa.Column("newest_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column(
            "modalities", _TEXT, nullable=False, comment="As they came, joined by a backslash"
        ),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partition_key"], ["partition.key"], name=op.f("fk_study_partition_key_partition")
        ),
        sa.ForeignKeyConstraint(
            ["patient_key"], ["patient.key"], name=op.f("fk_study_patient_key_patient")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_study")),
    )
    _index("study", "StudyInstanceUID", "partition_key", unique=True)
    _index("study", "partition_key", "AccessionNumber", "key")
    _index("study", "partition_key", "PatientBirthDate", "key")
    _index("study", "partition_key", "PatientID", "key")
    _index("study", "partition_key", "PatientName", "key")
    _index("study", "partition_key", "ReferringPhysicianName", "key")
    _index("study", "partition_key", "StudyDate", "key")
    _index("study", "partition_key", "StudyID", "key")
    _index("study", "partition_key", "key")
    _index("study", "patient_key")
    op.create_table(
        "study_modality",
        sa.Column("study_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("modality", _TEXT, nullable=False, comment="Folded, as in series"),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["partition_key"],
            ["partition.key"],
            name=op.f("fk_study_modality_partition_key_partition"),
        ),
        sa.ForeignKeyConstraint(
            ["study_key"], ["study.key"], name=op.f("fk_study_modality_study_key_study")
        ),
        sa.PrimaryKeyConstraint("study_key", "modality", name=op.f("pk_study_modality")),
        comment="The modalities of a study's series, so that each can be walked newest first",
    )
    _index("study_modality", "partition_key", "modality", "study_key")


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("key", _KEY, autoincrement=False, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("study_key", _KEY, nullable=False),
        sa.Column("SeriesInstanceUID", _TEXT, nullable=False),
        sa.Column("Modality", _TEXT, nullable=True),
        sa.Column("SeriesNumber", sa.BigInteger(), nullable=True),
        sa.Column("SeriesDescription", _TEXT, nullable=True),
        sa.Column("SeriesDate", _TEXT, nullable=True),
        sa.Column("SeriesTime", _TEXT, nullable=True),
        sa.Column("BodyPartExamined", _TEXT, nullable=True),
        sa.Column("PerformedProcedureStepStartDate", _TEXT, nullable=True),
        sa.Column("PerformedProcedureStepStartTime", _TEXT, nullable=True),
        sa.Column("ManufacturerModelName", _TEXT, nullable=True),
        sa.Column("Manufacturer", _TEXT, nullable=True),
        sa.Column("StationName", _TEXT, nullable=True),
        sa.Column("InstitutionName", _TEXT, nullable=True),
        sa.Column("ProtocolName", _TEXT, nullable=True),
        sa.Column("number_of_instances", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("newest_version", sa.BigInteger(), nullable=False),
        sa.Column("newest_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("shown_modality", _TEXT, nullable=True, comment="Modality as it came"),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partition_key"], ["partition.key"], name=op.f("fk_series_partition_key_partition")
        ),
        sa.ForeignKeyConstraint(
            ["study_key"], ["study.key"], name=op.f("fk_series_study_key_study")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_series")),
    )
    _index("series", "SeriesInstanceUID", "study_key", unique=True)
    _index("series", "partition_key", "Modality", "key")
    _index("series", "partition_key", "PerformedProcedureStepStartDate", "key")
    _index("series", "partition_key", "key")
    _index("series", "study_key", "key")


def _instances() -> None:
    op.create_table(
        "instance",
        sa.Column("key", _KEY, autoincrement=False, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("study_key", _KEY, nullable=False),
        sa.Column("series_key", _KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("SOPInstanceUID", _TEXT, nullable=False),
        sa.Column("SOPClassUID", _TEXT, nullable=True),
        sa.Column("InstanceNumber", sa.BigInteger(), nullable=True),
        sa.Column("ContentDate", _TEXT, nullable=True),
        sa.Column("ContentTime", _TEXT, nullable=True),
        sa.Column("AcquisitionDate", _TEXT, nullable=True),
        sa.Column("AcquisitionTime", _TEXT, nullable=True),
        sa.Column("NumberOfFrames", sa.BigInteger(), nullable=True),
        sa.Column("Rows", sa.BigInteger(), nullable=True),
        sa.Column("Columns", sa.BigInteger(), nullable=True),
        sa.Column("BitsAllocated", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["partition_key"], ["partition.key"], name=op.f("fk_instance_partition_key_partition")
        ),
        sa.ForeignKeyConstraint(
            ["series_key"], ["series.key"], name=op.f("fk_instance_series_key_series")
        ),
        sa.ForeignKeyConstraint(
            ["study_key"], ["study.key"], name=op.f("fk_instance_study_key_study")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_instance")),
        comment="The live version of each instance",
    )
    _index("instance", "SOPInstanceUID", "series_key", unique=True)
    _index("instance", "partition_key", "key")
    _index("instance", "series_key", "key")
    _index("instance", "study_key", "key")
    op.create_table(
        "instance_version",
        sa.Column("version", _KEY, autoincrement=False, nullable=False),
        sa.Column("instance_key", _KEY, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("dataset_offset", sa.BigInteger(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(length=64), nullable=False),
        sa.Column("object_key", _TEXT, nullable=False),
        sa.Column("dataset_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("head_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("door", sa.String(length=16), nullable=False),
        sa.Column("peer", _TEXT, nullable=False),
        sa.Column("principal", _TEXT, nullable=False),
        sa.Column("correlation_id", _TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column(
            "superseded",
            sa.BigInteger(),
            nullable=True,
            comment="When a newer version took its place",
        ),
        sa.ForeignKeyConstraint(
            ["instance_key"],
            ["instance.key"],
            name=op.f("fk_instance_version_instance_key_instance"),
        ),
        sa.ForeignKeyConstraint(
            ["partition_key"],
            ["partition.key"],
            name=op.f("fk_instance_version_partition_key_partition"),
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_instance_version")),
        comment="Every version that was committed and whose instance was not deleted",
    )
    _index("instance_version", "instance_key")
    op.create_table(
        "description",
        sa.Column("instance_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("description_format", sa.SmallInteger(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="Length of the JSON text"),
        sa.Column(
            "invalid_tags", sa.LargeBinary(), nullable=True, comment="32-bit little endian numbers"
        ),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.Column("deflated", sa.LargeBinary(), nullable=False),
        sa.Column("frame_table", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_key"], ["instance.key"], name=op.f("fk_description_instance_key_instance")
        ),
        sa.ForeignKeyConstraint(
            ["partition_key"],
            ["partition.key"],
            name=op.f("fk_description_partition_key_partition"),
        ),
        sa.PrimaryKeyConstraint("instance_key", name=op.f("pk_description")),
        comment="Lies in insertion order, so that a series is read by going straight on",
    )


def _sequence_items() -> None:
    op.create_table(
        "sequence_item",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("owner_key", _KEY, nullable=False, comment="Of the study, series or instance"),
        sa.Column("path", sa.String(length=16), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["partition_key"],
            ["partition.key"],
            name=op.f("fk_sequence_item_partition_key_partition"),
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sequence_item")),
    )
    _index("sequence_item", "level", "owner_key", "path")
    _index("sequence_item", "partition_key", "level", "path", "value", "owner_key")
