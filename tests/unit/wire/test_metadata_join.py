"""Joined metadata is one gzip member that every reader opens."""

import gzip
import io
import json
import random
import shutil
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import igzip, isal_zlib

from hilum.domain.instances import Metadata
from hilum.domain.records import MetadataRecord
from hilum.wire.bulk_telling import PIECE_BYTES, inflate, reduced
from hilum.wire.metadata_join import GzipJoin, PlainJoin

TEXTS = st.lists(
    st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=5).map(
        lambda value: json.dumps(value).encode()
    ),
    max_size=8,
)


def a_record(text: bytes, key: int = 1, invalid_tags: Sequence[int] = ()) -> MetadataRecord:
    deflater = isal_zlib.compressobj(1, wbits=-15)
    deflated = deflater.compress(text) + deflater.flush(isal_zlib.Z_FULL_FLUSH)
    return MetadataRecord(key, Metadata(deflated, zlib.crc32(text), len(text)), invalid_tags)


def joined(join: GzipJoin | PlainJoin, *pages: Sequence[MetadataRecord]) -> bytes:
    return (
        join.start() + b"".join([piece for page in pages for piece in join.add(page)]) + join.end()
    )


@given(TEXTS, st.integers(0, 8))
@settings(max_examples=80, deadline=None)
def test_pages_of_any_size_join_to_the_array_of_their_texts(texts: list[bytes], split: int) -> None:
    records = [a_record(text) for text in texts]
    pages = (records[:split], records[split:])
    expected = b"[" + b",".join(texts) + b"]"

    member = joined(GzipJoin(), *pages)

    assert gzip.decompress(member) == expected
    assert igzip.decompress(member) == expected
    assert zlib.decompress(member, wbits=31) == expected
    assert joined(PlainJoin(), *pages) == expected


def test_a_reader_that_gets_single_bytes_opens_it_too() -> None:
    member = joined(GzipJoin(), [a_record(b'{"a":1}'), a_record(b'{"b":2}')])
    inflater = zlib.decompressobj(wbits=31)

    text = b"".join(inflater.decompress(member[n : n + 1]) for n in range(len(member)))

    assert json.loads(text) == [{"a": 1}, {"b": 2}]
    assert inflater.eof
    assert inflater.unused_data == b""


@pytest.mark.skipif(shutil.which("gzip") is None, reason="needs the gzip program")
def test_the_gzip_program_finds_the_checksum_right(tmp_path: Path) -> None:
    file = tmp_path / "metadata.json.gz"
    file.write_bytes(joined(GzipJoin(), [a_record(b'{"n":%d}' % n) for n in range(500)]))

    subprocess.run(["gzip", "--test", str(file)], check=True, timeout=30)


def test_texts_that_repeat_across_records_stay_apart() -> None:
    text = json.dumps({"00080005": "x" * 40_000}).encode()

    member = joined(GzipJoin(), [a_record(text) for _ in range(3)])

    assert gzip.GzipFile(fileobj=io.BytesIO(member)).read() == b"[%b,%b,%b]" % (text, text, text)


def test_invalid_attributes_are_left_out_and_the_rest_stays() -> None:
    dataset: dict[str, Any] = {"00080020": {"vr": "DA"}, "00100010": {"vr": "PN"}}
    record = a_record(json.dumps(dataset).encode(), invalid_tags=[0x00080020])

    shown = reduced(record)

    assert json.loads(inflate(shown.metadata)) == {"00100010": {"vr": "PN"}}
    assert json.loads(gzip.decompress(joined(GzipJoin(), [shown, record]))) == [
        {"00100010": {"vr": "PN"}},
        dataset,
    ]


def test_a_record_without_invalid_attributes_is_not_opened() -> None:
    record = MetadataRecord(1, Metadata(b"no deflate stream", 0, 0), ())

    assert reduced(record) is record


def test_damaged_metadata_is_an_error_and_no_short_answer() -> None:
    whole = a_record(b'{"a":1}').metadata
    short = Metadata(whole.deflated, whole.crc32, whole.size_bytes + 1)

    with pytest.raises(ValueError, match="damaged"):
        inflate(short)


@pytest.mark.parametrize("join", [GzipJoin, PlainJoin])
def test_large_records_come_in_pieces_and_small_ones_together(
    join: type[GzipJoin | PlainJoin],
) -> None:
    large = json.dumps({"00080005": random.Random(1).randbytes(2_500_000).hex()}).encode()
    small = [a_record(b'{"n":%d}' % n) for n in range(500)]

    pieces = list(join().add([a_record(large), *small]))
    few = list(join().add(small))

    assert len(few) == 1
    assert sum(map(len, pieces)) > 2 * PIECE_BYTES
    if join is PlainJoin:
        assert len(pieces) == 5
        assert max(map(len, pieces)) <= PIECE_BYTES + len(large) % PIECE_BYTES
        assert b"".join(pieces) == b",".join([large, few[0]])


def test_damaged_metadata_breaks_the_joined_text_off() -> None:
    whole = a_record(b'{"a":1}').metadata
    short = MetadataRecord(1, Metadata(whole.deflated, whole.crc32, whole.size_bytes + 1), ())

    with pytest.raises(ValueError, match="damaged"):
        joined(PlainJoin(), [short])
