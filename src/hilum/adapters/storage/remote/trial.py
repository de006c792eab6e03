"""Finding out whether an S3 server keeps its word about conditional puts.

Some refuse them, others take the header and overwrite all the same: only trying tells.
"""

from contextlib import suppress

from hilum.adapters.storage.remote.bucket import Bucket, ConditionUnknown, Taken
from hilum.domain.errors import ArchiveFault


async def knows_conditional_puts(bucket: Bucket, trial: str) -> bool:
    """Put two things conditionally at `trial`, where nothing lies, and see what becomes of it."""
    try:
        with suppress(Taken):  # a repeated request may find what its first attempt put
            await bucket.create(trial, b"first")
        with suppress(Taken):
            await bucket.create(trial, b"second")
            return False
        held, _ = await bucket.read(trial, 0, 16)
    except ConditionUnknown:
        return False
    else:
        return held == b"first"
    finally:
        with suppress(ArchiveFault):
            await bucket.remove(trial)
