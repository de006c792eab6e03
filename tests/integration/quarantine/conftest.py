"""The whole gateway, with doors that refuse."""

from tests.integration.http.conftest import start

__all__ = ["start"]
