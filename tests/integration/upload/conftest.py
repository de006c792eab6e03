"""A gateway that takes uploads, and what is sent to it."""

from tests.integration.http.conftest import gateway, start

__all__ = ["gateway", "start"]
