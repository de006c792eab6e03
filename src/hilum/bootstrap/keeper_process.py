"""The keeper: puts objects and commits rows in a process of its own, for the one that serves."""

import gc
import signal
import socket
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from hilum.adapters.database.direct import DirectCommits
from hilum.adapters.keeper.exchange import Memory
from hilum.adapters.keeper.serving import configuration, report_ready, serve
from hilum.adapters.storage.disk_batch import DiskBatches
from hilum.adapters.storage.lock import hold_data_folder
from hilum.adapters.storage.process_folder import hold_helper
from hilum.domain.occupancy import Hold


@dataclass(frozen=True, slots=True)
class KeeperOptions:
    """What a keeper works with."""

    folder: str
    """The data folder."""
    intents: str
    """Folder of the notes of the process it works for."""
    database_url: str
    busy_seconds: float
    reserve_bytes: int


def run(connection: socket.socket, memory: Memory, options: KeeperOptions) -> None:
    """Keep batches until the serving process has gone."""
    folder = Path(options.folder)
    with ExitStack() as stack:
        # Whoever starts after a crash waits for these, and so for the last batch.
        stack.enter_context(hold_helper(Path(options.intents)))
        stack.enter_context(hold_data_folder(folder, Hold.SHARED))
        objects = stack.enter_context(
            closing(DiskBatches(folder, reserve_bytes=options.reserve_bytes))
        )
        rows = stack.enter_context(
            closing(DirectCommits(options.database_url, busy_seconds=options.busy_seconds))
        )
        report_ready(connection)
        serve(connection, memory, objects, rows)


def main(arguments: list[str]) -> None:
    """Run with the descriptors of the socket and the memory, and the memory's size."""
    # A signal to the group is meant for the serving process, which lets this one finish.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    descriptor, memory_descriptor, size = map(int, arguments)
    memory = Memory(memory_descriptor, size)
    with socket.socket(fileno=descriptor) as connection:
        given = configuration(connection, memory)
        if given is not None:
            gc.freeze()
            run(connection, memory, KeeperOptions(**given))


if __name__ == "__main__":
    main(sys.argv[1:])
