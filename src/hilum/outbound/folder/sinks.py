"""Where exported files go. Nothing shows under its final name before it is whole."""

import os
import secrets
import shutil
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Protocol, Self


class AlreadyThere(Exception):
    """Something lies where the export would go; `str(error)` says what."""


class Sink(Protocol):
    """Takes files by name; used as a context manager, which throws away what was not published."""

    @property
    def staging(self) -> Path:
        """A folder for files on their way, on the file system they will stay on."""
        ...

    def add(self, name: PurePosixPath, content: bytes | Path) -> None:
        """Add one file. A path below `staging` is taken (moved) where that is possible."""
        ...

    def publish(self) -> None:
        """Let everything that was added so far show, whole."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class FolderSink:
    """A folder; its top-level entries appear one by one, each by a rename."""

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self._folder = folder
        self._overwrite = overwrite
        self._work = folder / f".hilum-export-{secrets.token_hex(6)}"
        self._new = self._work / "new"
        self.staging = self._work / "staging"

    def refuse_existing(self, entries: Sequence[str]) -> None:
        """Raise `AlreadyThere` when one of these top-level entries exists and must stay."""
        if self._overwrite:
            return
        for entry in entries:
            if os.path.lexists(self._folder / entry):
                message = f"{self._folder / entry} exists already (--force replaces it)."
                raise AlreadyThere(message)

    def __enter__(self) -> Self:
        self.staging.mkdir(parents=True)
        self._new.mkdir()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def add(self, name: PurePosixPath, content: bytes | Path) -> None:
        path = self._new.joinpath(*name.parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            content.rename(path)
        else:
            path.write_bytes(content)

    def publish(self) -> None:
        """Raises `AlreadyThere` when an entry appeared meanwhile."""
        for entry in sorted(self._new.iterdir()):
            target = self._folder / entry.name
            if os.path.lexists(target):
                self.refuse_existing([entry.name])
                target.rename(self._work / f"old-{secrets.token_hex(6)}")
            entry.rename(target)


class ZipSink:
    """A zip file that appears by a rename when it is complete."""

    def __init__(self, file: Path, *, overwrite: bool, compress: bool) -> None:
        self._file = file
        self._overwrite = overwrite
        self._method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        self.staging = file.parent / f".{file.name}.{secrets.token_hex(6)}.partial"

    def refuse_existing(self) -> None:
        """Raise `AlreadyThere` when the file exists and must stay."""
        if not self._overwrite and os.path.lexists(self._file):
            message = f"{self._file} exists already (--force replaces it)."
            raise AlreadyThere(message)

    def __enter__(self) -> Self:
        self.staging.mkdir(parents=True)
        # Level 1: images gain little from more, and take much longer.
        self._zip = zipfile.ZipFile(self.staging / "export.zip", "w", self._method, compresslevel=1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        shutil.rmtree(self.staging, ignore_errors=True)

    def add(self, name: PurePosixPath, content: bytes | Path) -> None:
        entry = zipfile.ZipInfo(str(name), date_time=time.localtime()[:6])
        entry.compress_type = self._method
        entry.external_attr = 0o644 << 16
        if isinstance(content, bytes):
            self._zip.writestr(entry, content)
            return
        entry.file_size = content.stat().st_size
        with content.open("rb") as source, self._zip.open(entry, "w") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        content.unlink()

    def publish(self) -> None:
        """Raises `AlreadyThere` when a file of this name appeared meanwhile."""
        self._zip.close()
        complete = self.staging / "export.zip"
        with complete.open("rb") as file:
            os.fsync(file.fileno())
        if self._overwrite:
            complete.replace(self._file)
            return
        try:
            self._file.hardlink_to(complete)  # unlike a rename, never replaces
        except FileExistsError:
            self.refuse_existing()
        except OSError:  # a file system without hard links
            self.refuse_existing()
            complete.rename(self._file)
