"""Structured reports made in code (PS3.3 C.17)."""

import io
import random
from collections.abc import Sequence

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ComprehensiveSRStorage, ExplicitVRLittleEndian, generate_uid

WORDS = (
    "Läsion",
    "Größe",
    "finding <b>",
    "a & b",
    'said "no"',
    "x > 3",
    "日本",
    "mass",
    "two\r\nlines",
)


def code(value: str, meaning: str, scheme: str = "99TEST") -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def item(relationship: str, value_type: str, name: str = "") -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relationship, value_type
    if name:
        made.ConceptNameCodeSequence = [code("C1", name)]
    return made


def container(name: str, *children: Dataset) -> Dataset:
    made = item("CONTAINS", "CONTAINER", name)
    made.ContinuityOfContent = "SEPARATE"
    if children:
        made.ContentSequence = list(children)
    return made


def text_item(value: str, name: str = "Finding", relationship: str = "CONTAINS") -> Dataset:
    made = item(relationship, "TEXT", name)
    made.TextValue = value
    return made


def number_item(value: str, unit: str = "mm") -> Dataset:
    made = item("CONTAINS", "NUM", "Diameter")
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = [code(unit, "unit", "UCUM")]
    made.MeasuredValueSequence = [measured]
    return made


def image_item() -> Dataset:
    made = item("CONTAINS", "IMAGE", "Source image")
    reference = Dataset()
    reference.ReferencedSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
    reference.ReferencedSOPInstanceUID = generate_uid()
    made.ReferencedSOPSequence = [reference]
    return made


def one_of_each() -> Sequence[Dataset]:
    coded = item("CONTAINS", "CODE", "Side")
    coded.ConceptCodeSequence = [code("G-A101", "Left", "SRT")]
    person = item("CONTAINS", "PNAME", "Observer")
    person.PersonName = "Müller^Ida^^Dr.^MD"
    date, time = item("CONTAINS", "DATE", "Day"), item("CONTAINS", "TIME", "Hour")
    date.Date, time.Time = "20240229", "134501"
    moment = item("CONTAINS", "DATETIME", "Moment")
    moment.DateTime = "20240229134501"
    uid = item("CONTAINS", "UIDREF", "Frame of reference")
    uid.UID = "1.2.3.4"
    return (
        text_item("Nothing was found."), number_item("3.5"), coded, person, date, time, moment,
        uid, image_item(),
    )  # fmt: skip


def report(*children: Dataset, title: str = "Imaging Report") -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = ComprehensiveSRStorage, generate_uid()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientName, made.PatientID = "Muster^Max", "PAT-7"
    made.PatientBirthDate, made.PatientSex = "19700102", "M"
    made.Modality, made.SeriesNumber, made.InstanceNumber = "SR", 1, 1
    made.StudyDate, made.StudyTime = "20240229", "134501"
    made.ContentDate, made.ContentTime = "20240229", "134501"
    made.AccessionNumber, made.ReferringPhysicianName, made.StudyID = "", "", ""
    made.Manufacturer, made.ReferencedPerformedProcedureStepSequence = "Test", []
    made.PerformedProcedureCodeSequence = []
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = [code("T1", title)]
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    if children:
        made.ContentSequence = list(children)
    return made


def random_report(seed: int) -> Dataset:
    """A report with containers in containers, and values of every type."""
    chance = random.Random(seed)

    def some(level: int) -> list[Dataset]:
        made: list[Dataset] = []
        for _ in range(chance.randint(1, 4)):
            kind = chance.random()
            if kind < 0.4 and level < 5:
                made.append(container(chance.choice(WORDS[:7]), *some(level + 1)))
            elif kind < 0.6:
                made.append(text_item(chance.choice(WORDS), chance.choice(WORDS[:7])))
            else:
                made.append(chance.choice(one_of_each()))
        return made

    return report(*some(1), title=chance.choice(WORDS[:7]))


def part10(dataset: Dataset) -> bytes:
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()
