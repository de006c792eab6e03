"""A folder outside the archive for objects that a repair cannot put back."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import ObjectKey, parse_object_key


@dataclass(frozen=True, slots=True)
class LostAndFound:
    """Keeps objects as `study/series/instance.version.dcm` below `folder`."""

    folder: Path

    async def keep(self, key: ObjectKey, content: AsyncIterator[bytes]) -> str:
        """See `KeepsAside.keep`; a file that is there already is written again."""
        _, uids, version = parse_object_key(key)
        path = self.folder / uids.study / uids.series / f"{uids.sop_instance}.{version}.dcm"
        partial = path.with_suffix(".partial")
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            with partial.open("wb") as file:
                async for chunk in content:
                    await asyncio.to_thread(file.write, chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            await asyncio.to_thread(_publish, partial, path)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            message = f"An object cannot be set aside in {self.folder}: {reason}."
            raise ArchiveUnavailable(message) from error
        return str(path)


def _publish(partial: Path, path: Path) -> None:
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
