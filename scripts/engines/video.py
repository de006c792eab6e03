"""FFmpeg, from Debian: programs only, there is nothing to run."""

from scripts.engines.engine import Engine, program


class Ffmpeg(Engine):
    name = "ffmpeg"
    title = "FFmpeg"
    debian = ("ffmpeg",)

    def missing(self) -> list[str]:
        return [each for each in ("ffmpeg", "ffprobe") if not program(each)]
