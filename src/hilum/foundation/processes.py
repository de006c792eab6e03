"""Processes of our own modules, talked to over a socket."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence


def spawn(
    module: str,
    arguments: Sequence[object],
    *,
    inherited: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    silent: bool = False,
) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """Run `module` with the interpreter of this process; return it and our end of the socket.

    Its first argument is the descriptor of its end, then come `arguments`. `inherited` are more
    descriptors that it gets. `silent`: what it writes to its standard streams is dropped. Raises
    `OSError`.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    output = subprocess.DEVNULL if silent else None
    try:
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own module
                # Without -P, modules lying in the working folder would take ours' place.
                [sys.executable, "-P", "-m", module, *map(str, (theirs.fileno(), *arguments))],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(theirs.fileno(), *inherited),
                env=os.environ if environment is None else environment,
            )
    except OSError:
        ours.close()
        raise
    return process, ours


async def ended(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """Wait for the end of `process`; its exit code, None when it had to be killed."""
    try:
        return await asyncio.to_thread(process.wait, seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)
        return None
