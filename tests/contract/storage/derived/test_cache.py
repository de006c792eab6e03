"""What was put comes back whole or not at all, within the bounds, and goes with its instance."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from hilum.adapters.storage.derived.files import DerivedFiles
from hilum.adapters.storage.derived.layout import archive_folder, name_of
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import Version
from hilum.ports.derived_telemetry import DerivedPut, DerivedRead, DerivedRemoval
from tests.contract.storage.derived.caches import (
    FEED,
    SetClock,
    caches_in,
    files_of,
    open_cache,
)

NOW = SetClock().now().timestamp()


async def test_what_was_put_comes_back(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(7, "jpeg", b"picture")

        assert await cache.get(7, "jpeg") == b"picture"
        assert await cache.get(7, "png") is None
        assert await cache.get(8, "jpeg") is None
        assert cache.meter.reads == {DerivedRead.DISK: 1, DerivedRead.MISS: 2}
        assert (cache.meter.put_bytes, cache.meter.held_bytes) == (7, 4096)


async def test_it_is_there_after_a_restart_and_counted(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(7, "jpeg", b"x" * 5000)

    async with open_cache(tmp_path) as cache:
        assert await cache.get(7, "jpeg") == b"x" * 5000
        assert cache.meter.held_bytes == 8192


async def test_what_was_used_last_comes_from_memory(tmp_path: Path) -> None:
    async with open_cache(tmp_path, memory_bytes=100_000) as cache:
        await cache.put(7, "jpeg", b"picture")

        assert await cache.get(7, "jpeg") == b"picture"
        assert cache.meter.reads == {DerivedRead.MEMORY: 1}
        await cache.forget(7)
        assert await cache.get(7, "jpeg") is None


async def test_memory_is_bounded_and_gives_up_the_longest_unused(tmp_path: Path) -> None:
    async with open_cache(tmp_path, memory_bytes=16_000) as cache:
        for version in range(20):
            await cache.put(version, "jpeg", b"x" * 1000)
            await cache.get(0, "jpeg")

        for version in range(20):
            assert await cache.get(version, "jpeg") == b"x" * 1000
        assert cache.meter.reads[DerivedRead.DISK] >= 9


async def test_an_index_made_anew_finds_nothing_of_the_one_before(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(7, "jpeg", b"of another instance")

    async with open_cache(tmp_path, feed="feed-2") as cache:
        assert await cache.get(7, "jpeg") is None
        assert caches_in(tmp_path) == [archive_folder("feed-2")]


async def test_nothing_but_caches_is_removed_from_a_folder(tmp_path: Path) -> None:
    precious = [tmp_path / "archive-of-mine", tmp_path / "notes.txt"]
    precious[0].mkdir()
    precious[1].write_text("mine")

    async with open_cache(tmp_path):
        pass

    assert all(path.exists() for path in precious)


@pytest.mark.parametrize("size", [0, 1, 10, 20, 1000])
async def test_a_torn_file_is_a_miss_and_removed(tmp_path: Path, size: int) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(7, "jpeg", b"picture" * 1000)
        (file,) = files_of(tmp_path)
        os.truncate(file, size)

        assert await cache.get(7, "jpeg") is None
        assert not file.exists()
        assert cache.meter.gone == {DerivedRemoval.DAMAGED: 1}
        assert cache.meter.reads == {DerivedRead.DAMAGED: 1}


@pytest.mark.parametrize("place", [0, 5, 9, 16, 500])
async def test_a_changed_byte_is_noticed(tmp_path: Path, place: int) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(7, "jpeg", b"picture" * 1000)
        (file,) = files_of(tmp_path)
        data = bytearray(file.read_bytes())
        data[place] ^= 1
        file.write_bytes(data)

        assert await cache.get(7, "jpeg") is None


async def test_a_file_under_another_ones_name_is_not_taken_for_it(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(7, "jpeg", b"seven")
        await cache.put(8, "jpeg", b"eight")
        seven, eight = files_of(tmp_path)

        seven.replace(eight)

        assert await cache.get(8, "jpeg") is None


async def test_what_is_forgotten_is_gone_and_stays_so(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(7, "jpeg", b"picture")
        await cache.put(7, "png", b"picture")
        await cache.put(263, "jpeg", b"of another in the same shard")

        await cache.forget(7)
        await cache.put(7, "jpeg", b"drawn while it was deleted")

        assert await cache.get(7, "jpeg") is None
        assert await cache.get(7, "png") is None
        assert await cache.get(263, "jpeg") is not None
        assert cache.meter.gone == {DerivedRemoval.FORGOTTEN: 2}
        assert cache.meter.puts[DerivedPut.GONE] == 1
        assert cache.meter.held_bytes == 4096


async def test_forgetting_what_was_never_kept_or_twice_is_no_error(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.forget(7)
        await cache.forget(7)

        await cache.put(7, "jpeg", b"late")

        assert await cache.get(7, "jpeg") is None


async def test_the_mark_of_what_is_gone_does_not_stay_for_ever(tmp_path: Path) -> None:
    clock = SetClock()
    async with open_cache(tmp_path, clock) as cache:
        await cache.forget(7)
    mark = tmp_path / archive_folder(FEED) / "07" / "7"
    assert mark.is_file()
    clock.pass_(days=2)

    async with open_cache(tmp_path, clock):
        assert not mark.exists()


async def test_what_was_not_used_for_the_longest_age_goes(tmp_path: Path) -> None:
    clock = SetClock()
    async with open_cache(tmp_path, clock) as cache:
        await cache.put(1, "old", b"x")
        await cache.put(2, "used", b"x")
        clock.pass_(days=20)
        assert await cache.get(2, "used") is not None
    clock.pass_(days=20)

    async with open_cache(tmp_path, clock) as cache:
        assert await cache.get(1, "old") is None
        assert await cache.get(2, "used") is not None
        assert cache.meter.gone[DerivedRemoval.AGE] == 1
        assert len(files_of(tmp_path)) == 1


async def test_reading_again_and_again_does_not_write(tmp_path: Path) -> None:
    clock = SetClock()
    async with open_cache(tmp_path, clock) as cache:
        await cache.put(1, "jpeg", b"x")
        (file,) = files_of(tmp_path)
        written = file.stat().st_ctime_ns
        clock.pass_(minutes=50)

        for _ in range(10):
            await cache.get(1, "jpeg")

        assert file.stat().st_ctime_ns == written
        clock.pass_(minutes=20)
        await cache.get(1, "jpeg")
        assert file.stat().st_mtime == clock.now().timestamp()


async def test_the_longest_unused_go_first_when_it_is_full(tmp_path: Path) -> None:
    clock = SetClock()
    async with open_cache(tmp_path, clock, maximum_bytes=100 * 4096) as cache:
        for version in range(90):
            await cache.put(version, "jpeg", b"x" * 4000)
            clock.pass_(hours=2)
        await cache.get(0, "jpeg")
        cache.cache.swept.clear()

        for version in range(90, 99):
            await cache.put(version, "jpeg", b"x" * 4000)
            clock.pass_(hours=2)
        await cache.cache.swept.wait()

        assert await cache.get(0, "jpeg") is not None
        assert await cache.get(1, "jpeg") is None
        assert await cache.get(89, "jpeg") is not None
        assert cache.meter.gone[DerivedRemoval.SIZE] >= 10


async def test_it_never_takes_more_than_it_may(tmp_path: Path) -> None:
    most = 50 * 4096
    async with open_cache(tmp_path, maximum_bytes=most) as cache:
        for start in range(0, 500, 20):
            await asyncio.gather(
                *(cache.put(version, "jpeg", b"x" * 4000) for version in range(start, start + 20))
            )
            assert len(files_of(tmp_path)) * 4096 <= most

        assert cache.meter.puts[DerivedPut.KEPT] > 50


async def test_a_smaller_size_than_before_is_reached_at_the_start(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        for version in range(40):
            await cache.put(version, "jpeg", b"x" * 4000)

    async with open_cache(tmp_path, maximum_bytes=20 * 4096):
        assert 10 <= len(files_of(tmp_path)) <= 17


async def test_a_cache_that_is_switched_off_is_emptied(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(1, "jpeg", b"x")

    async with open_cache(tmp_path, maximum_bytes=0) as cache:
        await cache.put(2, "jpeg", b"x")

        assert files_of(tmp_path) == []


async def test_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    async with open_cache(tmp_path, maximum_object_bytes=100) as cache:
        await cache.put(1, "jpeg", b"x" * 101)
        await cache.put(1, "png", b"x" * 100)

        assert await cache.get(1, "jpeg") is None
        assert await cache.get(1, "png") is not None
        assert cache.meter.puts == {DerivedPut.TOO_LARGE: 1, DerivedPut.KEPT: 1}


async def test_it_gives_way_before_the_reserve_of_the_disk_is_touched(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(1, "jpeg", b"x" * 4000)

    async with open_cache(tmp_path, reserve_bytes=1 << 60) as cache:
        await cache.put(2, "jpeg", b"x")

        assert files_of(tmp_path) == []
        assert cache.meter.puts == {DerivedPut.NO_ROOM: 1}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
async def test_a_disk_that_fails_fails_no_request_and_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async with open_cache(tmp_path) as cache:

        def refuse(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as broken, capture_logs() as logs:
            broken.setattr(DerivedFiles, "_write_file", refuse)
            await cache.put(1, "jpeg", b"x")
            await cache.put(2, "jpeg", b"x")
        with capture_logs() as healed:
            await cache.put(1, "jpeg", b"x")

        assert [each["event"] for each in logs] == ["derived_cache_unavailable"]
        assert str(tmp_path) in logs[0]["folder"]
        assert [each["event"] for each in healed] == ["derived_cache_back"]
        assert cache.meter.puts == {DerivedPut.FAILED: 2, DerivedPut.KEPT: 1}
        assert cache.meter.held_bytes == 4096


async def test_a_folder_that_cannot_be_read_is_a_miss(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(1, "jpeg", b"x")
        (file,) = files_of(tmp_path)
        file.unlink()
        file.symlink_to("/etc/passwd")

        assert await cache.get(1, "jpeg") is None
        assert cache.meter.reads == {DerivedRead.FAILED: 1}


async def test_what_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        root = tmp_path / archive_folder(FEED)
        (root / "07").write_text("something in the way")

        with pytest.raises(ArchiveUnavailable):
            await cache.forget(7)


async def test_a_folder_that_is_cleared_meanwhile_is_made_again(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await cache.put(1, "jpeg", b"x")
        for path in sorted((tmp_path / archive_folder(FEED)).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

        assert await cache.get(1, "jpeg") is None
        await cache.put(1, "jpeg", b"again")
        assert await cache.get(1, "jpeg") == b"again"


async def test_two_processes_on_one_folder_see_what_the_other_put_and_forgot(
    tmp_path: Path,
) -> None:
    async with open_cache(tmp_path) as one, open_cache(tmp_path) as other:
        await one.put(1, "jpeg", b"x")

        assert await other.get(1, "jpeg") == b"x"
        await other.forget(1)
        await one.put(1, "jpeg", b"x")
        assert await one.get(1, "jpeg") is None


async def test_puts_gets_and_forgets_at_once_never_show_a_part(tmp_path: Path) -> None:
    contents = {recipe: recipe.encode() * 3000 for recipe in ("a", "bb", "ccc")}

    async with (
        open_cache(tmp_path, maximum_bytes=4 << 20) as one,
        open_cache(tmp_path, maximum_bytes=4 << 20) as other,
    ):

        async def work(cache_number: int, version: int) -> None:
            cache = (one, other)[cache_number % 2]
            for recipe, data in contents.items():
                await cache.put(version, recipe, data)
                assert await cache.get(version, recipe) in {data, None}
            if version % 3 == 0:
                await cache.forget(version)

        await asyncio.gather(*(work(number, number % 40) for number in range(200)))

        for version in range(40):
            for recipe, data in contents.items():
                found = await one.get(version, recipe)
                assert found is None if version % 3 == 0 else found == data


def test_names_stay_below_the_root_whatever_the_recipe(tmp_path: Path) -> None:
    @given(st.integers(min_value=0, max_value=2**63), st.text())
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def check(version: int, recipe: str) -> None:
        shard, folder, file = name_of(Version(version), recipe).split("/")
        assert (len(shard), folder, len(file)) == (2, str(version), 64)
        assert file.isalnum()

    check()


def test_no_two_of_many_keys_share_a_file(tmp_path: Path) -> None:
    files = DerivedFiles(tmp_path)
    files.prepare()

    @given(
        st.dictionaries(
            st.tuples(st.integers(min_value=0, max_value=2**63), st.text(max_size=20)),
            st.binary(max_size=100),
            max_size=8,
        )
    )
    @settings(max_examples=50, deadline=None)
    def check(objects: dict[tuple[int, str], bytes]) -> None:
        for (version, recipe), data in objects.items():
            assert files.write(Version(version), recipe, data, NOW) is DerivedPut.KEPT
        for (version, recipe), data in objects.items():
            assert files.read(Version(version), recipe, NOW).data == data

    check()


async def test_it_tells_of_which_versions_it_holds_something(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        for version in (7, 8, 263, 100_000):
            await cache.put(version, "jpeg", b"x")
        await cache.forget(8)

        held = [version async for some in cache.cache.versions() for version in some]

        assert sorted(held) == [7, 263, 100_000]


async def test_a_file_that_comes_while_its_version_is_removed_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmdir, late = os.rmdir, []

    def after_a_last_file(path: str) -> None:
        if not late:
            late.append(Path(path) / "late")
            late[0].write_bytes(b"picture")
        rmdir(path)

    async with open_cache(tmp_path) as cache:
        await cache.put(7, "recipe", b"picture")
        monkeypatch.setattr(os, "rmdir", after_a_last_file)
        await cache.forget(7)

    assert late
    assert not late[0].exists()
    assert cache.meter.gone == {DerivedRemoval.FORGOTTEN: 2}


async def test_nothing_of_a_version_that_is_gone_stays_in_memory(tmp_path: Path) -> None:
    async with open_cache(tmp_path, memory_bytes=1 << 20, reserve_bytes=1 << 60) as cache:
        await cache.forget(7)
        # There is no room on the disk, so that its mark is not met.
        await cache.put(7, "recipe", bytes(800))
        assert await cache.get(7, "recipe") is None

        await cache.put(8, "recipe", bytes(800))
        assert await cache.get(8, "recipe") == bytes(800)
        assert cache.meter.puts == {DerivedPut.NO_ROOM: 2}


async def test_what_is_gone_leaves_memory_when_it_cannot_leave_the_disk(tmp_path: Path) -> None:
    async with open_cache(tmp_path, memory_bytes=1 << 20) as cache:
        await cache.put(7, "recipe", b"picture")
        (file,) = files_of(tmp_path)
        file.unlink()
        file.mkdir()  # a folder where only files are expected
        with pytest.raises(ArchiveUnavailable):
            await cache.forget(7)
        assert await cache.get(7, "recipe") is None


async def test_it_tells_of_what_only_its_memory_holds(tmp_path: Path) -> None:
    async with open_cache(tmp_path, memory_bytes=1 << 20) as cache, open_cache(tmp_path) as other:
        await cache.put(7, "recipe", b"picture")
        await other.forget(7)

        held = [version async for some in cache.cache.versions() for version in some]

        assert held == [7]
        await cache.forget(7)
        assert [version async for some in cache.cache.versions() for version in some] == []


async def test_nothing_of_it_is_open_to_everybody(tmp_path: Path) -> None:
    async with open_cache(tmp_path / "some" / "where") as cache:
        await cache.put(7, "jpeg", b"x")
        await cache.forget(8)

    everything = list((tmp_path / "some").rglob("*"))
    assert len(everything) >= 7
    assert [path for path in everything if path.stat().st_mode & 0o007] == []
