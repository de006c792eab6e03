"""Chromium, from Debian: programs only, there is nothing to run."""

from scripts.engines.engine import Engine, program


class Chromium(Engine):
    name = "chromium"
    title = "Chromium"
    debian = ("chromium",)

    def missing(self) -> list[str]:
        return [] if program("chromium") else ["chromium"]
