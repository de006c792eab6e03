"""What a store took lies where it was again."""

from pathlib import Path

import pytest

from hilum.domain.errors import ObjectMissing
from hilum.domain.identifiers import ObjectKey
from hilum.ingest.giving_back import give_back
from tests.twins import MemoryObjects

KEY = ObjectKey("1/1.2.3/1.2.3.4/1.2.3.4.5.1.dcm")


class LocalMemoryObjects(MemoryObjects):
    """Objects of which a file is said to be on this machine."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def path(self, _: ObjectKey) -> Path:
        return self._file


async def test_bytes_of_a_bucket_are_fetched(tmp_path: Path) -> None:
    objects = MemoryObjects()
    objects.held[KEY] = b"other bytes"

    await give_back(objects, KEY, tmp_path / "spooled")

    assert (tmp_path / "spooled").read_bytes() == b"other bytes"


async def test_a_file_of_this_disk_gets_a_second_name(tmp_path: Path) -> None:
    stored = tmp_path / "stored"
    stored.write_bytes(b"other bytes")

    await give_back(LocalMemoryObjects(stored), KEY, tmp_path / "spooled")

    assert (tmp_path / "spooled").samefile(stored)


async def test_a_file_that_was_not_taken_stays(tmp_path: Path) -> None:
    stored, spooled = tmp_path / "stored", tmp_path / "spooled"
    for path in (stored, spooled):
        path.write_bytes(path.name.encode())

    await give_back(LocalMemoryObjects(stored), KEY, spooled)

    assert spooled.read_bytes() == b"spooled"


async def test_nothing_lies_there_when_the_object_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing):
        await give_back(MemoryObjects(), KEY, tmp_path / "spooled")
    assert not (tmp_path / "spooled").exists()
