"""Stored metadata goes out with its bulk data told of, or without it, and stays one gzip member."""

import gzip
import json
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.dicom.bulk_table import BulkTable
from hilum.dicom.header import HeaderLimits, Memo, read_header
from hilum.domain.identifiers import (
    InstanceUIDs,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
)
from hilum.domain.records import MetadataRecord
from hilum.ingest.describe import WANTED_TAGS, describe
from hilum.wire.bulk_telling import BulkUrls, inflate, reduced, told
from hilum.wire.metadata_join import GzipJoin, PlainJoin
from tests.unit.dicom.builders import explicit, item, open_sequence, part10
from tests.unit.dicom.bulk_oracle import told_bulk, with_references

_UIDS = InstanceUIDs(StudyInstanceUID("1.2"), SeriesInstanceUID("1.3"), SOPInstanceUID("1.4"))
_URLS = BulkUrls("https://a.example/dicom-web")
_ADDRESS = "https://a.example/dicom-web/studies/1.2/series/1.3/instances/1.4/bulkdata/"
_UID_ELEMENTS = b"".join(
    explicit(tag, b"UI", uid) for tag, uid in ((0x0020000D, b"1.2\0"), (0x0020000E, b"1.3\0"))
)


def _record(
    elements: bytes, most: int | None = 8, invalid: Sequence[int] = ()
) -> tuple[MetadataRecord, dict[str, object]]:
    """A record as the index gives it, and the JSON that is wanted of it."""
    limits = HeaderLimits(inline_bytes=most)
    header = read_header(part10(elements), limits=limits, wanted=WANTED_TAGS, memo=Memo())
    described = describe(header, _UIDS, SOPClassUID("1.2.3"), b"")
    wanted = with_references(header, _ADDRESS) if most is not None else json.loads(header.json)
    table = described.bulk_table
    return MetadataRecord(1, described.metadata, invalid, table), wanted


def _joined(join: GzipJoin | PlainJoin, records: Sequence[MetadataRecord]) -> bytes:
    return join.start() + b"".join(join.add(records)) + join.end()


_VALUES = st.binary(max_size=8).map(lambda value: value * 2)
_ELEMENTS = st.dictionaries(
    st.integers(0x00211001, 0x00211020), st.tuples(st.sampled_from([b"OB", b"LO"]), _VALUES)
).map(lambda found: b"".join(explicit(tag, *found[tag]) for tag in sorted(found)))
_DATA_SETS = st.tuples(_ELEMENTS, st.lists(_ELEMENTS, max_size=3), _ELEMENTS).map(
    lambda parts: (
        _UID_ELEMENTS
        + parts[0]
        + open_sequence(0x00400555, *map(item, parts[1]))
        + parts[2].replace(b"\x21\0", b"\x41\0")
    )
)


@given(st.lists(_DATA_SETS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_gzip_and_text_tell_the_same_of_any_data_sets(data_sets: list[bytes]) -> None:
    made = [_record(data) for data in data_sets]
    records = [record for record, _ in made]

    text = _joined(PlainJoin(_URLS), records)

    assert json.loads(text) == [wanted for _, wanted in made]
    assert gzip.decompress(_joined(GzipJoin(_URLS), records)) == text
    assert text == b"[" + b",".join(b"".join(told(each, _URLS)) for each in records) + b"]"


@given(st.lists(_DATA_SETS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_without_bulk_data_the_text_is_that_of_a_reader_that_leaves_it_out(
    data_sets: list[bytes],
) -> None:
    records = [reduced(_record(data)[0]) for data in data_sets]
    bare = [_record(data, None)[0] for data in data_sets]

    text = _joined(PlainJoin(), records)

    assert text == _joined(PlainJoin(), bare)
    assert gzip.decompress(_joined(GzipJoin(), records)) == text


def test_only_what_holds_bulk_values_is_made_anew_without_them() -> None:
    large, _ = _record(_UID_ELEMENTS + explicit(0x7FE00010, b"OW", bytes(20)))
    small, _ = _record(_UID_ELEMENTS + explicit(0x00091001, b"OB", bytes(2)))

    assert reduced(large) is large
    assert "00091001" not in json.loads(inflate(reduced(small).metadata))


def test_bulk_data_and_invalid_attributes_go_together() -> None:
    elements = _UID_ELEMENTS + explicit(0x00400555, b"OB", b"12") + explicit(0x00420011, b"OB")
    record, _ = _record(elements, invalid=[0x0020000D])

    assert json.loads(inflate(reduced(record).metadata)).keys() == {"0020000E"}


def test_what_was_described_without_a_table_goes_out_as_it_is() -> None:
    record, wanted = _record(_UID_ELEMENTS + explicit(0x7FE00010, b"OW", bytes(20)), None)

    assert record.bulk_table == b""
    assert json.loads(_joined(PlainJoin(_URLS), [record])) == [wanted]
    assert json.loads(gzip.decompress(_joined(GzipJoin(_URLS), [record]))) == [wanted]


def test_thousands_of_references_in_one_record_stay_right() -> None:
    items = [item(explicit(0x00091001, b"OB", b"%010d" % number)) for number in range(3000)]
    record, wanted = _record(_UID_ELEMENTS + open_sequence(0x52009230, *items))

    member = _joined(GzipJoin(_URLS), [record, record])

    assert json.loads(gzip.decompress(member)) == [wanted, wanted]
    assert zlib.decompress(member, wbits=31) == _joined(PlainJoin(_URLS), [record, record])
    assert len(record.bulk_table) < 40 * 3000
    assert len(dict(told_bulk(wanted))) == 3000


def test_an_address_cannot_break_out_of_its_text() -> None:
    record, _ = _record(_UID_ELEMENTS + explicit(0x7FE00010, b"OW", bytes(20)))

    (told_of,) = json.loads(_joined(PlainJoin(BulkUrls('https://a/"b\\')), [record]))

    assert told_of["7FE00010"]["BulkDataURI"].startswith('https://a/"b\\/studies/1.2/')


def test_a_damaged_table_is_an_error_and_no_wrong_answer() -> None:
    record, _ = _record(_UID_ELEMENTS + explicit(0x7FE00010, b"OW", bytes(20)))
    table = BulkTable.unpack(record.bulk_table).pack()[:-1]
    damaged = MetadataRecord(1, record.metadata, (), table)

    with pytest.raises(ValueError, match="damaged"):
        _joined(GzipJoin(_URLS), [damaged])
