"""Fill an index with synthetic instances through `commit()`: python -m bench.fill_index DATA N.

Objects are not written: this is for questions to the index. The archive grows by a hundred studies
a year up to 2026, so a month holds the same few studies at any size, and what is compared between
sizes is the index, not the length of the answer.
"""

import argparse
import asyncio
import hashlib
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.bootstrap.index_place import database_path
from hilum.dicom.attributes import INDEXED_ATTRIBUTES, tag_of
from hilum.domain.identifiers import (
    DEFAULT_PARTITION,
    InstanceUIDs,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
    Version,
    object_key,
)
from hilum.domain.instances import Description, Kept, LevelDescription, Metadata, OnConflict
from hilum.domain.origins import Door, Origin

_BATCH = 1000
_ROOT = "1.2.826.0.1.3680043.10.77"
_CT = SOPClassUID("1.2.840.10008.5.1.4.1.1.2")
_EXPLICIT = TransferSyntaxUID("1.2.840.10008.1.2.1")
_ORIGIN = Origin(Door.DEMO, "bench-fill")
_STUDIES_A_YEAR = 100
_LAST_YEAR = 2026
_FAMILIES = "ADAMS BAKER CHEN DIAZ EVANS FISCHER GARCIA HUANG IVANOV JONES KHAN LOPEZ".split()
_GIVEN = "ADA BEN CLEO DAN EVA FINN GINA HUGO IDA JON KIM LEA MAX NINA OLE PIA".split()
_VRS = {each.keyword: each.vr for each in INDEXED_ATTRIBUTES}
_MODALITIES = "CT CT CT MR MR US CR DX".split()


@dataclass(frozen=True, slots=True)
class _Study:
    """What all instances of one study and its one series share."""

    uids: tuple[StudyInstanceUID, SeriesInstanceUID]
    study: LevelDescription
    series: LevelDescription


def patient_id(number: int) -> str:
    return f"BENCH-{number:06d}"


def fill(data: Path, instances: int, *, per_study: int) -> str:
    """Make a data folder whose index holds `instances`; the Patient ID of one study in it."""
    data.mkdir(parents=True, exist_ok=True)
    path = database_path(data)
    fill_database(path, instances, per_study=per_study)
    return patient_id(instances // per_study // 2)


def fill_database(path: Path, instances: int, *, per_study: int) -> None:
    fill_url(f"sqlite:///{path.absolute()}", instances, per_study=per_study)


def fill_url(url: str, instances: int, *, per_study: int) -> None:
    """The same in a database of either kind, which may be empty."""
    migrate(url)
    asyncio.run(_fill(url, instances, per_study))


async def _fill(url: str, instances: int, per_study: int) -> None:
    async with SqlIndex(url) as index:
        batch: list[Kept] = []
        versions = iter(await index.reserve_versions(instances))
        for kept in _kept(instances, per_study, versions):
            batch.append(kept)
            if len(batch) == _BATCH:
                await index.commit(batch)
                batch = []
        await index.commit(batch)


def synthetic(number: int, count: int) -> list[Kept]:
    """The instances of one further study, with versions of its own."""
    shared, first = _study(number, number + 1), number * count
    return [_instance(shared, at, Version(first + at)) for at in range(1, count + 1)]


def _kept(instances: int, per_study: int, versions: Iterator[int]) -> Iterator[Kept]:
    studies = -(-instances // per_study)
    for number in range(studies):
        shared = _study(number, studies)
        for instance in range(1, min(per_study, instances - number * per_study) + 1):
            yield _instance(shared, instance, Version(next(versions)))


def _study(number: int, studies: int) -> _Study:
    year = _LAST_YEAR - (studies - 1 - number) // _STUDIES_A_YEAR
    family, given = _FAMILIES[number % len(_FAMILIES)], _GIVEN[number % len(_GIVEN)]
    study_uid, series_uid = f"{_ROOT}.1.{number}", f"{_ROOT}.2.{number}"
    modality = _MODALITIES[number % len(_MODALITIES)]
    date = f"{year:04d}{number % 12 + 1:02d}{number % 28 + 1:02d}"
    study = {
        "StudyInstanceUID": study_uid,
        "PatientID": patient_id(number),
        "PatientName": f"{family}^{given}",
        "PatientBirthDate": f"19{number % 100:02d}0615",
        "PatientSex": "FM"[number % 2],
        "AccessionNumber": f"ACC{number:08d}",
        "StudyID": f"S{number}",
        "StudyDate": date,
        "StudyTime": f"{number % 24:02d}1500.000000",
        "StudyDescription": f"{modality} EXAMINATION",
        "ReferringPhysicianName": f"{_FAMILIES[number * 7 % len(_FAMILIES)]}^DR",
    }
    series = {
        "SeriesInstanceUID": series_uid,
        "Modality": modality,
        "SeriesNumber": 1,
        "SeriesDescription": "AXIAL 1.0 MM",
        "BodyPartExamined": "CHEST",
        "PerformedProcedureStepStartDate": date,
        "Manufacturer": "SYNTHETIC",
        "ManufacturerModelName": "BENCH ONE",
        "StationName": "ROOM1",
    }
    names = StudyInstanceUID(study_uid), SeriesInstanceUID(series_uid)
    return _Study(names, _level(study), _level(series))


def _instance(shared: _Study, number: int, version: Version) -> Kept:
    study, series = shared.uids
    sop_instance = SOPInstanceUID(f"{study}.{number}")
    uids = InstanceUIDs(study, series, sop_instance)
    instance = _level(
        {
            "SOPInstanceUID": sop_instance,
            "SOPClassUID": _CT,
            "InstanceNumber": number,
            "Rows": 512,
            "Columns": 512,
            "BitsAllocated": 16,
        }
    )
    digest = hashlib.sha256(sop_instance.encode()).digest()
    described = Description(
        uids,
        _CT,
        _EXPLICIT,
        shared.study,
        shared.series,
        instance,
        _metadata(shared, instance, digest),
        digest,
        512,
    )
    key = object_key(DEFAULT_PARTITION, uids, version)
    return Kept(
        DEFAULT_PARTITION,
        described,
        version,
        key,
        525_000,
        digest,
        digest,
        OnConflict.REFUSE,
        _ORIGIN,
    )


def _metadata(shared: _Study, instance: LevelDescription, digest: bytes) -> Metadata:
    """About as many compressed bytes as the metadata of a CT, of which some do not compress."""
    levels = (shared.study.attributes, shared.series.attributes, instance.attributes)
    objects = [level[1:-1] for level in levels]
    private = b'"00091001":{"vr":"LT","Value":["' + _noise(digest) + b'"]}'
    text = b"{" + b",".join([*objects, private]) + b"}"
    compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
    deflated = compressor.compress(text) + compressor.flush(zlib.Z_FULL_FLUSH)
    return Metadata(deflated, zlib.crc32(text), len(text))


def _noise(digest: bytes) -> bytes:
    return hashlib.shake_128(digest).hexdigest(800).encode()


def _level(values: dict[str, Any]) -> LevelDescription:
    keys = {keyword: _folded(keyword, value) for keyword, value in values.items()}
    elements = {
        f"{tag_of(keyword):08X}": {
            "vr": _VRS[keyword],
            "Value": [{"Alphabetic": value} if _VRS[keyword] == "PN" else value],
        }
        for keyword, value in values.items()
    }
    return LevelDescription(keys, orjson.dumps(elements, option=orjson.OPT_SORT_KEYS))


def _folded(keyword: str, value: str | int) -> str | int:
    if not isinstance(value, str) or keyword.endswith("UID"):
        return value
    return value.lower().replace("^", " ")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fill_index", description=__doc__)
    parser.add_argument("data", type=Path, help="data folder to make, as of `hilum serve --data`")
    parser.add_argument("instances", type=int)
    parser.add_argument("--per-study", type=int, default=100)
    options = parser.parse_args()
    started = time.perf_counter()
    patient = fill(options.data, options.instances, per_study=options.per_study)
    seconds = time.perf_counter() - started
    print(f"{options.instances} instances in {seconds:.1f} s; one patient is {patient}")


if __name__ == "__main__":
    main()
