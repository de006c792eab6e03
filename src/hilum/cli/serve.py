"""`hilum serve`."""

import asyncio
import errno
import gc
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hilum.cli import options
from hilum.cli.console import CannotStart, Ending, note

if TYPE_CHECKING:
    from hilum.bootstrap.serving import Serving
    from hilum.domain.roles import Role
    from hilum.settings import Settings


_ADDRESS_ERRORS: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


def serve(
    data: options.Data = None,
    config: options.Config = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDR",
            help="Address to serve HTTP on  [default: 127.0.0.1]",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            "-p",
            min=0,
            max=65_535,
            metavar="N",
            help="Port of HTTP; 0 takes any free one  [default: 8080]",
            show_default=False,
        ),
    ] = None,
    dimse_host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDR",
            help="Address to serve DIMSE on  [default: 127.0.0.1]",
            show_default=False,
        ),
    ] = None,
    dimse_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            metavar="N",
            help="Port of DIMSE (C-STORE, C-ECHO); 0 is off  [default: 11112]",
            show_default=False,
        ),
    ] = None,
    role: options.RoleName = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Serve beyond this machine without authentication. Hands out patient data to "
            "anybody who connects: for closed test networks only.",
        ),
    ] = False,
) -> None:
    """Run the server until Ctrl-C or SIGTERM.

    What was accepted is finished before it ends; a second Ctrl-C ends it at once, and nothing
    that was acknowledged is lost by that.

    Examples:

        hilum serve

        hilum serve --data /var/lib/hilum --port 8042 --dimse-port 104

        hilum serve --config /etc/hilum.toml
    """
    from hilum.bootstrap.logs import begin_logging
    from hilum.bootstrap.open_files import raise_open_files
    from hilum.bootstrap.roles import lonely_role
    from hilum.settings import exposure_problems, exposure_warnings

    found = options.loaded(
        data,
        config,
        role=role,
        http__host=host,
        http__port=port,
        dimse__host=dimse_host,
        dimse__port=dimse_port,
        security__insecure=insecure or None,
    )
    settings = found.settings
    begin_logging(settings)
    raise_open_files()
    if problem := lonely_role(found.role, settings):
        raise CannotStart(problem)
    if problems := exposure_problems(settings):
        raise CannotStart("\n".join(problems))
    for warning in (*found.notes, *exposure_warnings(settings)):
        note(f"Warning: {warning}")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, found.role))


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop
    except ImportError:  # not on Windows
        return None
    return uvloop.Loop


async def _serve(settings: "Settings", role: "Role") -> None:
    from hilum.bootstrap.serving import serve as open_doors
    from hilum.servers.http_server import CannotListen

    stop = _StopSignals()
    try:
        async with open_doors(settings, role) as serving:
            _leave_lasting_objects_alone()
            _tell_ready(serving, settings.data_dir)
            await stop.wait()
            note("Finishing what was accepted; once more ends at once.")
    except CannotListen as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        if error.errno not in _ADDRESS_ERRORS:
            raise
        dimse = settings.dimse
        message = (
            f"DIMSE cannot listen on {dimse.host} port {dimse.port}: "
            f"{os.strerror(error.errno)}. Stop the program that uses it, or choose another "
            "--dimse-port (0 turns DIMSE off)."
        )
        raise CannotStart(message) from error


def _leave_lasting_objects_alone() -> None:
    """Spare the garbage collector what lives as long as the process: modules, tables, routes.

    And let it look less often: an instance on its way makes thousands of objects and no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _tell_ready(serving: "Serving", data_dir: Path) -> None:
    dimse = serving.dimse
    note(f"Hilum is ready: {serving.http.url}")
    if dimse is not None:
        note(f"DIMSE (C-STORE, C-ECHO) on port {dimse.port}.")
    note(f"Data in {data_dir.absolute()}. Stop with Ctrl-C.")


class _StopSignals:
    """The first SIGINT or SIGTERM asks for an end, the second ends."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)

    async def wait(self) -> None:
        await self._asked.wait()

    def _on_signal(self) -> None:
        if self._asked.is_set():
            os._exit(Ending.INTERRUPTED)
        self._asked.set()
