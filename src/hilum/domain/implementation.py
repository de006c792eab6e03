"""How Hilum names itself in files and associations (PS3.7 D.3.3.2)."""

from typing import Final

from hilum import __version__

IMPLEMENTATION_CLASS_UID: Final = "2.25.244689048669541917105269998549459693241"
"""Made from a random UUID (PS3.5 B.2), never to be changed: it names the product in stored files
and in every association."""

IMPLEMENTATION_VERSION_NAME: Final = f"HILUM_{__version__}".replace(".", "_")[:16]
"""A short string (SH), so at most 16 characters."""
