"""A real `hilum serve` process on loopback and free ports, seen as users see it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.ports import free_port

_START_SECONDS = 120.0


class ServedHilum:
    """Starts, kills and restarts one server on one data directory; keeps all it printed."""

    def __init__(
        self,
        folder: Path,
        *,
        dimse: bool = False,
        role: str = "",
        open_files: int = 0,
        data: Path | None = None,
        **environment: str,
    ) -> None:
        """With `open_files` the process may have so many open and no more (`ulimit -n`).

        `data` is by default a folder in `folder`.
        """
        self.folder = folder
        self.data = data or folder / "data"
        self.port = free_port()
        self.dimse_port = free_port() if dimse else 0
        self._role = ["--role", role] if role else []
        limited = ["sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh"]
        self._prefix = limited if open_files else []
        self._environment = environment
        self._log = (folder / "server.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_text(self) -> str:
        """Everything the server wrote to standard output and error, over all its lives."""
        return (self.folder / "server.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start and wait until `/ready` says yes."""
        return self.launch().wait_until_ready()

    def launch(self) -> Self:
        """Start it only."""
        command = [*self._prefix, sys.executable, "-m", "hilum", "serve", "--data", str(self.data)]
        command += ["--port", str(self.port), "--dimse-port", str(self.dimse_port), *self._role]
        self._process = subprocess.Popen(
            command,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **self._environment},
            cwd=self.folder,
        )
        return self

    def wait_until_ready(self) -> Self:
        """Wait until `/ready` says yes to who was launched."""
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                    return self
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise AssertionError(f"the server did not get ready:\n{self.log_text[-4000:]}")

    def kill(self) -> None:
        """SIGKILL: as a power cut for the process, the page cache survives."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM, as an operator stops it; return the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run another `hilum` command on the same data directory."""
        return subprocess.run(
            [sys.executable, "-m", "hilum", *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, **self._environment},
            cwd=self.folder,
        )

    def get_json(self, path: str) -> object:
        request = urllib.request.Request(self.url + path, headers={"Accept": "*/*"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def __enter__(self) -> Self:
        return self.start()

    def close(self) -> None:
        """Stop the server, whatever state it is in, and let go of its log."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not stop within 30 s of SIGTERM") from None
        finally:
            self._log.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
