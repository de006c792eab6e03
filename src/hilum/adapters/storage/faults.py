"""What an error of the operating system means for the archive."""

import errno
import os
from typing import Final

from hilum.domain.errors import ArchiveFault, ArchiveFull, ArchiveUnavailable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_HINTS: Final = {
    errno.EACCES: "give the server's user write permission",
    errno.EPERM: "give the server's user write permission",
    errno.EROFS: "the file system is mounted read-only",
    errno.EIO: "the disk reports an error: see the kernel's log",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit of open files (fs.file-max)",
    errno.ENOENT: "the data folder or a file in it was taken away",
    errno.ENOTDIR: "something that is no folder lies where the archive needs one",
}


def archive_fault(error: OSError, action: str) -> ArchiveFault:
    """Translate `error`, which stopped `action` (such as "keeping an object").

    The text names no path: paths hold the UIDs of patients' studies.
    """
    number = error.errno or 0
    reason = os.strerror(number) if number else type(error).__name__
    if number in _FULL:
        return ArchiveFull(f"No space for {action}: {reason}. Free or add disk space.")
    hint = _HINTS.get(number)
    advice = f" ({hint})" if hint else ""
    return ArchiveUnavailable(f"The disk refused {action}: {reason}{advice}.")
