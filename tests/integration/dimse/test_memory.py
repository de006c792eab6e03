"""Large data sets stream to the disk: what is resident does not grow with them."""

import resource
import struct
from pathlib import Path

import pytest

from hilum.adapters.storage.disk import DiskObjects
from tests.peers.dimse_archive import dimse_archive
from tests.peers.instances import a_ct_instance, dataset_bytes
from tests.peers.scripted_dimse import (
    DATASET,
    LAST_COMMAND,
    LAST_DATASET,
    p_data,
    pdv,
    scripted_peer,
    status_in,
    store_command,
)

_ROWS, _COLUMNS = 40_000, 4096


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.slow
async def test_an_instance_of_328_megabytes_is_kept_in_little_memory(tmp_path: Path) -> None:
    instance = a_ct_instance()
    instance.Rows, instance.Columns = _ROWS, _COLUMNS
    header = dataset_bytes(instance)
    header = header[: header.rindex(struct.pack("<HH", 0x7FE0, 0x0010))]
    size = _ROWS * _COLUMNS * 2
    header += struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, size)
    piece = bytes(131_000)
    async with (
        DiskObjects(tmp_path / "store", reserve_bytes=0) as store,
        dimse_archive(tmp_path, store=store) as archive,
        scripted_peer(archive.port) as peer,
    ):
        await peer.associate()
        await peer.send(p_data(pdv(LAST_COMMAND, store_command(instance.SOPInstanceUID))))
        await peer.send(p_data(pdv(DATASET, header)))
        before = peak = resident_bytes()
        for sent in range(0, size, len(piece)):
            last = sent + len(piece) >= size
            fragment = piece[: size - sent]
            await peer.send(p_data(pdv(LAST_DATASET if last else DATASET, fragment)))
            peak = max(peak, resident_bytes())
        _, body = await peer.receive()
        peak = max(peak, resident_bytes())

        (row,) = archive.index.rows.values()
        assert status_in(body) == 0x0000
        assert row.kept.size_bytes > size
        assert archive.spooled_files == []
        assert peak - before < 24 << 20
