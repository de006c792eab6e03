"""The command line: `hilum`."""

from hilum.cli.running import main

__all__ = ["main"]
