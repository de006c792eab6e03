"""Commands that need no archive run as in the integration tests."""

from tests.integration.cli.conftest import hilum

__all__ = ["hilum"]
