"""The checks of `hilum doctor`; each looks at one thing and never raises for what it finds."""

import errno
import os
import platform
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hilum.bootstrap.diagnosis import archive_is_open, engine_features, examine_database
from hilum.bootstrap.index_place import on_server
from hilum.bootstrap.object_store import has_objects, try_remote_store
from hilum.bootstrap.open_files import open_files_wanted
from hilum.cli import options
from hilum.cli.check import Check
from hilum.cli.console import size_text
from hilum.cli.peer_checks import peer_checks
from hilum.cli.port_checks import port_check
from hilum.cli.telling import told
from hilum.domain.errors import HilumError
from hilum.settings import Settings, SettingsRejected, exposure_problems, exposure_warnings

_LOWEST_PYTHON: Final = (3, 11)
_SLOW_FLUSH_SECONDS: Final = 0.05
_FLUSHES: Final = 5
_BUILT: Final = 1_735_689_600
"""2025-01-01: a clock before this is wrong."""
_CLOCK_SKEW_SECONDS: Final = 5.0


def all_checks(data: Path | None, config: Path | None) -> Iterator[Check]:
    """Yield every check; when settings cannot be read the others have nothing to go by."""
    yield _interpreter()
    yield _full_text_search()
    try:
        found = options.loaded(data, config)
    except SettingsRejected as error:
        for problem in error.problems:
            yield Check("settings", "wrong", problem, "correct it (hilum config check)")
        return
    settings = found.settings
    yield Check("settings", "ok", f"file {found.file}" if found.file else "no file, valid")
    for problem in exposure_problems(settings):
        yield Check("exposure", "wrong", problem)
    for warning in exposure_warnings(settings):
        yield Check("encryption", "note", warning)
    yield from _folder(settings)
    yield from _object_store(settings)
    yield _database(settings)
    in_use = archive_is_open(settings)
    yield port_check("HTTP", settings.http.host, settings.http.port, in_use=in_use)
    yield port_check("DIMSE", settings.dimse.host, settings.dimse.port, in_use=in_use)
    yield _open_files(settings)
    yield from peer_checks(settings)


def _interpreter() -> Check:
    version = platform.python_version()
    if sys.version_info[:2] < _LOWEST_PYTHON:
        return Check("Python", "wrong", version, "use Python 3.11 or newer")
    return Check("Python", "ok", version)


def _full_text_search() -> Check:
    version, has_fts5 = engine_features()
    if not has_fts5:
        remedy = "use a Python whose SQLite has FTS5 (that of python.org or of a distribution)"
        return Check("SQLite", "wrong", f"{version} without full-text search", remedy)
    return Check("SQLite", "ok", version)


def _folder(settings: Settings) -> Iterator[Check]:
    folder = settings.data_dir
    if not folder.exists():
        parent = next(path for path in folder.absolute().parents if path.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            remedy = f"make it yourself and give it to this user, or let this user write {parent}"
            yield Check("data folder", "wrong", f"{folder} is not there, cannot be made", remedy)
        else:
            yield Check("data folder", "note", f"{folder} is not there; a start makes it")
        return
    if not folder.is_dir():
        yield Check("data folder", "wrong", f"{folder} is not a folder", "choose another --data")
        return
    yield from _written(folder)
    yield _space(folder, settings.storage.reserve_bytes)
    if not settings.storage.url:
        yield _one_file_system(folder)


def _written(folder: Path) -> Iterator[Check]:
    """Write and flush a small file: permissions, speed of the disk, and its clock."""
    path = folder / f".hilum-doctor-{os.getpid()}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            seconds = sorted(_flush(descriptor) for _ in range(_FLUSHES))[_FLUSHES // 2]
            skew = os.fstat(descriptor).st_mtime - time.time()
        finally:
            os.close(descriptor)
            path.unlink()
    except OSError as error:
        remedy = {
            errno.ENOSPC: "free or add disk space",
            errno.EROFS: "mount the file system for writing",
        }.get(error.errno or 0, "give this user the right to write it (chown, chmod)")
        reason = os.strerror(error.errno or 0)
        yield Check("data folder", "wrong", f"{folder} cannot be written: {reason}", remedy)
        return
    yield Check("data folder", "ok", f"{folder} can be written")
    text = f"{seconds * 1000:.1f} ms for one flush"
    if seconds > _SLOW_FLUSH_SECONDS:
        remedy = "use a local SSD: every instance waits for a flush"
        yield Check("disk", "note", text, remedy)
    else:
        yield Check("disk", "ok", text)
    yield _clock(skew)


def _flush(descriptor: int) -> float:
    os.write(descriptor, bytes(4096))
    began = time.perf_counter()
    os.fsync(descriptor)
    return time.perf_counter() - began


def _clock(skew: float) -> Check:
    if time.time() < _BUILT:
        text = f"it says {time.strftime('%Y-%m-%d %H:%M')}"
        return Check("clock", "wrong", text, "set the clock (timedatectl set-ntp true)")
    if abs(skew) > _CLOCK_SKEW_SECONDS:
        text = f"the disk's clock differs from this machine's by {skew:+.0f} s"
        return Check("clock", "note", text, "synchronise both by NTP")
    return Check("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def _space(folder: Path, reserve_bytes: int) -> Check:
    free = shutil.disk_usage(folder).free
    text = f"{size_text(free)} free, {size_text(reserve_bytes)} kept in reserve"
    if free <= reserve_bytes:
        remedy = "free or add disk space, or lower storage.reserve_bytes: stores are refused"
        return Check("space", "wrong", text, remedy)
    if free < 4 * reserve_bytes:
        return Check("space", "note", text, "free or add disk space soon")
    return Check("space", "ok", text)


def _one_file_system(folder: Path) -> Check:
    devices = {
        path.stat().st_dev
        for name in ("", "objects", "incoming", "spool")
        if (path := folder / name).exists()
    }
    if len(devices) > 1:
        text = "objects, incoming and spool are on different file systems"
        remedy = "mount one file system at the data folder: large instances are copied otherwise"
        return Check("file system", "note", text, remedy)
    return Check("file system", "ok", "one for spool and objects")


def _object_store(settings: Settings) -> Iterator[Check]:
    try:
        found = try_remote_store(settings)
    except HilumError as error:
        yield Check("object store", "wrong", str(error), "see the text and the section storage")
        return
    if found is not None:
        yield Check("object store", "ok", found)


def _database(settings: Settings) -> Check:
    try:
        state = examine_database(settings)
    except HilumError as error:
        return Check("database", "wrong", told(error), _database_remedy(settings, str(error)))
    if state is None:
        if _lost_index(settings):
            return Check("database", "wrong", "there are objects and no index", "run hilum rebuild")
        return Check("database", "note", "not there yet; a start makes it")
    if state.damage:
        return Check("database", "wrong", state.damage[0], "restore a copy or run hilum rebuild")
    text = f"{state.engine}, {size_text(state.size_bytes)}, schema {state.schema.found}, undamaged"
    if state.risks:
        return Check("database", "wrong", state.risks[0], "switch it on and restart that server")
    if not state.schema.is_current:
        return Check("database", "note", text, f"a start migrates it to {state.schema.wanted}")
    return Check("database", "ok", text)


def _database_remedy(settings: Settings, text: str) -> str:
    """Rebuilding is for what is damaged: an index that is only out of reach may be sound."""
    if "rebuild" in text:
        return "restore a copy or run hilum rebuild"
    if not on_server(settings):
        return f"let this user read and write {settings.data_dir} and the files in it"
    if "no such database" in text:
        return "create that database (createdb), or correct the name in database.url"
    if "refuses the user" in text:
        return "correct user and password in database.url, or let the user in (pg_hba.conf)"
    return "start that server, or correct database.url"


def _lost_index(settings: Settings) -> bool:
    try:
        return has_objects(settings)
    except HilumError:
        return False  # the check of the object store tells it


def _open_files(settings: Settings) -> Check:
    """A start raises the soft limit to the hard one, so that one counts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = open_files_wanted(settings)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        text = f"{hard:,} open files allowed, {wanted:,} wanted for http.connections"
        remedy = (
            f"raise the hard limit: ulimit -n {wanted} as root, LimitNOFILE={wanted} for systemd, "
            f"--ulimit nofile={wanted} for Docker"
        )
        return Check("limits", "note", text, remedy)
    shown = "any number of" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    return Check("limits", "ok", f"{shown} open files allowed")
