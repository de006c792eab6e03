"""Which errors of a bucket's client no waiting mends."""

import re
from typing import Final

from obstore.exceptions import InvalidPathError, PermissionDeniedError, UnauthenticatedError

_STATUS: Final = re.compile(r"(?:non-2xx status code|status): (\d{3})")
_PASSING: Final = frozenset({408, 425, 429})
_NO_CREDENTIALS: Final = ("credential", "token request", "169.254.169.254")


def is_lasting(error: Exception) -> bool:
    """Whether the place refuses what is asked of it, and not only now."""
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError, InvalidPathError)):
        return True
    text = str(error)
    found = _STATUS.search(text)
    if found is not None:
        status = int(found[1])
        return 400 <= status < 500 and status not in _PASSING
    return any(part in text.lower() for part in _NO_CREDENTIALS)
