"""dicom3tools, from Debian, for its dciodvfy: programs only, there is nothing to run."""

from scripts.engines.engine import Engine, program


class Dicom3tools(Engine):
    name = "dicom3tools"
    title = "dicom3tools"
    debian = ("dicom3tools",)

    def missing(self) -> list[str]:
        return [] if program("dciodvfy") else ["dciodvfy"]
