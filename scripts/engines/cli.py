"""The command line of scripts/services."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from scripts.engines import process
from scripts.engines.browser import Chromium
from scripts.engines.engine import Engine
from scripts.engines.installing import install
from scripts.engines.orthanc import Dcmtk
from scripts.engines.place import Place, ServicesError, default_folder
from scripts.engines.private import sweep
from scripts.engines.registry import ENGINES
from scripts.engines.validators import Dicom3tools
from scripts.engines.video import Ffmpeg

PROGRAMS: dict[str, Engine] = {
    each.name: each for each in (Dcmtk(), Dicom3tools(), Chromium(), Ffmpeg())
}
"""What is installed, but never runs as a server."""

USAGE = f"""\
Programs of others that tests, benchmarks and developers talk to, on loopback.

  scripts/services install [NAME...] [--quiet]   install what is missing (Debian packages need root
                                                 or sudo); all that there are by default
  scripts/services up [NAME...] [--dir DIR] [--http-port N] [--dicom-port N]
                                                 start them, or Orthanc when none is named, in
                                                 folders of their own below DIR
  scripts/services down [NAME...] [--dir DIR] [--force]
                                                 stop them (all by default), remove their folders;
                                                 --force: also what a running test session uses
  scripts/services status [NAME...] [--dir DIR]  tell what is installed and what runs, and where
  scripts/services address NAME [--dir DIR]      start it if need be, print its address alone

NAME is one of: {", ".join([*PROGRAMS, *ENGINES])}, or all.

Every command may be repeated, also by several callers at once. Exit codes: 0 done (status: all
installed), 1 something is missing or failed, 2 wrong usage. DIR is $SERVICES_OF_HILUM, or
hilum-services-UID in the folder for temporary files. Downloads and builds are kept in
${{XDG_CACHE_HOME:-~/.cache}}/hilum-services.
"""


@dataclass
class Asked:
    """A command line, understood."""

    command: str
    names: list[str]
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    quiet: bool = False
    force: bool = False

    def say(self, line: str) -> None:
        if not self.quiet:
            print(line, flush=True)

    def place(self, name: str) -> Place:
        return Place(self.folder / name)


def main(arguments: list[str]) -> int:
    """Do what the arguments say; return the exit code."""
    asked = understand(arguments)
    if asked is None:
        sys.stderr.write(USAGE)
        return 2
    try:
        return _COMMANDS[asked.command](asked)
    except ServicesError as error:
        sys.stderr.write(f"scripts/services: {error}\n")
        return 1


def understand(arguments: list[str]) -> Asked | None:
    """None when the arguments make no sense."""
    if not arguments or arguments[0] not in _COMMANDS:
        return None
    asked = Asked(arguments[0], [], default_folder())
    rest = arguments[1:]
    while rest:
        word = rest.pop(0)
        if word == "--quiet":
            asked.quiet = True
        elif word == "--force":
            asked.force = True
        elif word == "--dir" and rest:
            asked.folder = Path(rest.pop(0)).absolute()
        elif word in ("--http-port", "--dicom-port") and rest and rest[0].isdigit():
            asked.ports[{"--http-port": "port", "--dicom-port": "dicom"}[word]] = int(rest.pop(0))
        elif word == "all":
            asked.names += [*PROGRAMS, *ENGINES]
        elif word in ENGINES or word in PROGRAMS:
            asked.names.append(word)
        else:
            return None
    if asked.command == "address" and len(asked.names) != 1:
        return None
    if not asked.names:
        asked.names = ["orthanc"] if asked.command == "up" else [*PROGRAMS, *ENGINES]
    return asked


def _engines(asked: Asked) -> list[Engine]:
    return [ENGINES[name] for name in asked.names if name in ENGINES]


def _programs(asked: Asked) -> list[Engine]:
    return [PROGRAMS[name] for name in asked.names if name in PROGRAMS]


def _install(asked: Asked) -> int:
    install([*_programs(asked), *_engines(asked)], asked.say, ask=not asked.quiet)
    return 0


def _up(asked: Asked) -> int:
    for engine in _engines(asked):
        place = asked.place(engine.name)
        _, started = engine.up(place, (asked.ports or None) if engine.name == "orthanc" else None)
        how = "runs" if started else "runs already"
        asked.say(
            f"{engine.title} {how} (process {process.running(place)}, {engine.remarks(place)})."
        )
    return 0


def _down(asked: Asked) -> int:
    code = 0
    for folder in sweep(ENGINES):
        asked.say(f"Removed {folder}, whose test was killed.")
    for engine in _engines(asked):
        place = asked.place(engine.name)
        if (users := engine.users(place)) and not asked.force:
            sys.stderr.write(
                f"scripts/services: {engine.title} is in use by the test session of process "
                f"{', '.join(map(str, users))}; --force stops it all the same\n"
            )
            code = 1
            continue
        ran = engine.down(place)
        asked.say(f"{engine.title} is stopped." if ran else f"{engine.title} does not run.")
    if asked.folder.is_dir() and not any(asked.folder.iterdir()):
        asked.folder.rmdir()
    return code


def _status(asked: Asked) -> int:
    complete = True
    for engine in [*_programs(asked), *_engines(asked)]:
        absent = engine.missing()
        complete = complete and not absent
        words = [f"missing {', '.join(absent)}" if absent else "installed"]
        if engine.name in ENGINES:
            place = asked.place(engine.name)
            if engine.current(place) is None:
                words.append("does not run")
            else:
                words.append(f"runs (process {process.running(place)}, {engine.remarks(place)})")
        asked.say(f"{engine.title}: {'; '.join(words)}")
    return 0 if complete else 1


def _address(asked: Asked) -> int:
    engine = ENGINES.get(asked.names[0])
    if engine is None:
        raise ServicesError(f"{PROGRAMS[asked.names[0]].title} is a program: it has no address")
    print(engine.up(asked.place(engine.name))[0])
    return 0


_COMMANDS = {
    "install": _install,
    "up": _up,
    "down": _down,
    "status": _status,
    "address": _address,
}
