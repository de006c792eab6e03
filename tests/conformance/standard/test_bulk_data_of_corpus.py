"""Metadata and bulk data of every file of pydicom make its data set again (PS3.18 annex F)."""

import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import UID

from tests.corpus import corpus, corpus_id
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.dicom.bulk_oracle import PIXELS, bulk_values, told_bulk

# What differs besides the listed differences of our JSON (docs/dicom-json-differences.md).
_NOT_READ_BY_PYDICOM = {"badVR.dcm": "it makes no number of the text of an IS"}
_NOT_DECODABLE = {"JPEG2000-embedded-sequence-delimiter.dcm": "its codestream asks for 65535 tiles"}
_PADDED = {
    name: {0x00080008}
    for name in (
        "693_J2KI.dcm",
        "693_UNCI.dcm",
        "SC_rgb_gdcm2k_uncompressed.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_rgb_jpeg_lossy_gdcm.dcm",
    )
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("bulk")) as server:
        yield server


@pytest.fixture(autouse=True)
def _quiet_pydicom() -> Iterator[None]:
    """The corpus is full of what pydicom warns of."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.getLogger("pydicom").setLevel(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("path", corpus(), ids=corpus_id)
def test_metadata_and_bulk_data_make_the_data_set_again(path: Path, server: ServedDicomWeb) -> None:
    part10 = path.read_bytes()
    try:
        server.keep(part10, new_versions=True)
    except AssertionError:
        pytest.skip("refused, as another test says")
    stored = pydicom.dcmread(io.BytesIO(part10), force=True)
    client = DICOMwebClient(f"{server.url}/dicom-web")
    uids = [stored.StudyInstanceUID, stored.SeriesInstanceUID, stored.SOPInstanceUID]
    metadata = client.retrieve_instance_metadata(*uids)
    values = {
        where: _retrieved(client, path, attribute["BulkDataURI"])
        for where, attribute in told_bulk(metadata)
        if "BulkDataURI" in attribute
    }

    expected = bulk_values(part10)
    is_encapsulated = _is_encapsulated(stored)
    for where, value in values.items():
        if not (is_encapsulated and where == "7FE00010"):
            assert value == expected[where], where
    if path.name not in _NOT_READ_BY_PYDICOM:
        told = Dataset.from_json(metadata, lambda _tag, _vr, uri: _value_at(values, uri))
        except_for = PIXELS if is_encapsulated else set()
        _compare(told, stored, expected, except_for | _PADDED.get(path.name, set()))


def _retrieved(client: DICOMwebClient, path: Path, uri: str) -> bytes:
    if path.name in _NOT_DECODABLE and uri.endswith("7FE00010"):
        return b""
    (value,) = client.retrieve_bulkdata(uri, media_types=("application/octet-stream",))
    return bytes(value)  # it is a bytearray, which pydicom takes for a list


def _value_at(values: dict[str, bytes], uri: str) -> bytes:
    return values[uri.partition("/bulkdata/")[2]]


def _is_encapsulated(stored: Dataset) -> bool:
    syntax = stored.file_meta.get("TransferSyntaxUID") if hasattr(stored, "file_meta") else None
    is_known = syntax is not None and UID(syntax).is_transfer_syntax
    return is_known and UID(syntax).is_encapsulated


def _compare(told: Dataset, stored: Dataset, bulk: dict[str, bytes], left_out: set[int]) -> None:
    tags = {element.tag for element in stored if element.tag.element}
    assert {element.tag for element in told} == tags
    for element in stored:
        if element.tag in left_out or not element.tag.element:
            continue
        found: Any = told[element.tag]
        assert found.VR == element.VR, element.tag
        where = f"{element.tag:08X}"
        if where in bulk:
            assert bytes(found.value or b"") == bulk[where], element.tag
        elif element.VR != "SQ" or not any(key.startswith(f"{where}/") for key in bulk):
            assert found.value == element.value, element.tag
