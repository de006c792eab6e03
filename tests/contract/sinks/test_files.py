"""What files of JSON lines do beyond what all sinks promise."""

import asyncio
import errno
import os
from pathlib import Path

import orjson
import pytest

from hilum.adapters.sinks.jsonl import JsonLinesOptions, JsonLinesSink
from hilum.domain.errors import SinkUnavailable
from tests.contract.sinks.events import an_event


def _ids(path: Path) -> list[str]:
    return [orjson.loads(line)["event_id"] for line in path.read_bytes().splitlines()]


def _old_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("events.*Z.jsonl"))


def _sink(path: Path, **options: int) -> JsonLinesSink:
    return JsonLinesSink("lines", JsonLinesOptions(path, **options))


@pytest.mark.parametrize("torn", [b'{"event_id":"half', b"x" * 200_000, b"\x00" * 70_000])
async def test_a_torn_last_line_is_removed_at_the_next_start(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "events.jsonl"
    sink = _sink(path)
    await sink.send([an_event(1)])
    await sink.close()
    with path.open("ab") as file:
        file.write(torn)

    await sink.open()
    await sink.send([an_event(2)])

    await sink.close()
    assert _ids(path) == [an_event(1).event_id, an_event(2).event_id]


async def test_a_file_that_holds_only_half_a_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event_id"')
    sink = _sink(path)

    await sink.open()

    await sink.close()
    assert path.read_bytes() == b""


async def test_a_full_file_is_renamed_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = _sink(path, rotate_bytes=1000, keep_files=2)
    for number in range(1, 31):
        await sink.send([an_event(number)])
    await sink.close()

    old = _old_files(tmp_path)

    assert len(old) == 2
    kept = [name for file in old for name in _ids(file)] + (_ids(path) if path.exists() else [])
    assert kept == [an_event(n).event_id for n in range(31 - len(kept), 31)]
    assert all(file.stat().st_size >= 1000 for file in old)


async def test_every_renamed_file_is_kept_by_default(tmp_path: Path) -> None:
    sink = _sink(tmp_path / "events.jsonl", rotate_bytes=1)
    for number in range(1, 11):
        await sink.send([an_event(number)])
    await sink.close()

    files = _old_files(tmp_path)

    assert [_ids(file) for file in files] == [[an_event(n).event_id] for n in range(1, 11)]


async def test_a_sync_that_fails_leaves_no_line_and_the_event_can_be_sent_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.jsonl"
    failing = [False]

    def sync(file: int) -> None:
        if failing[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)

    sink = JsonLinesSink("lines", JsonLinesOptions(path), sync)
    await sink.send([an_event(1)])
    failing[0] = True
    with pytest.raises(SinkUnavailable, match="No space left on device"):
        await sink.send([an_event(2)])
    assert _ids(path) == [an_event(1).event_id]
    failing[0] = False

    await sink.send([an_event(2)])

    await sink.close()
    assert _ids(path) == [an_event(1).event_id, an_event(2).event_id]


async def test_a_failure_after_somebody_emptied_the_file_leaves_nothing_in_it(
    tmp_path: Path,
) -> None:
    """Cut to the size it had before, the file would grow by a run of zero bytes."""
    path = tmp_path / "events.jsonl"
    failing = [False]

    def sync(file: int) -> None:
        if failing[0]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(file)

    sink = JsonLinesSink("lines", JsonLinesOptions(path), sync)
    await sink.send([an_event(1)])
    os.truncate(path, 0)
    failing[0] = True
    with pytest.raises(SinkUnavailable):
        await sink.send([an_event(2)])
    failing[0] = False

    assert path.read_bytes() == b""
    await sink.send([an_event(2)])
    await sink.close()
    assert _ids(path) == [an_event(2).event_id]


async def test_two_sinks_cannot_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first, second = _sink(path), _sink(path)
    await first.open()

    with pytest.raises(SinkUnavailable, match="another process writes to it"):
        await second.open()
    await first.close()

    await second.send([an_event(1)])
    await second.close()
    assert _ids(path) == [an_event(1).event_id]


async def test_a_file_that_somebody_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = _sink(path)
    await sink.send([an_event(1)])
    path.rename(tmp_path / "moved.jsonl")

    await sink.send([an_event(2)])

    await sink.close()
    assert _ids(tmp_path / "moved.jsonl") == [an_event(1).event_id]
    assert _ids(path) == [an_event(2).event_id]


async def test_a_body_of_several_lines_becomes_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = _sink(path)

    await sink.send([an_event(1, body=b'{\n  "a": [\n1]\n}')])

    await sink.close()
    [line] = path.read_bytes().splitlines()
    assert orjson.loads(line)["body"] == {"a": [1]}


async def test_a_cancelled_send_does_not_mix_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = _sink(path)
    await sink.open()
    for number in range(20):
        sending = asyncio.create_task(sink.send([an_event(number)]))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])

    await sink.send([an_event(100)])

    await sink.close()
    assert _ids(path)[-1] == an_event(100).event_id
