"""The check of `hilum doctor` whether a port is free, and who has it."""

import errno
import socket
from pathlib import Path

from hilum.cli.check import Check


def port_check(name: str, host: str, port: int, *, in_use: bool) -> Check:
    subject = f"{name} port"
    if port == 0:
        return Check(subject, "ok", "off" if name == "DIMSE" else "any free one")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family[0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(family[4])
    except OSError as error:
        return _busy_port(subject, host, port, error, in_use=in_use)
    return Check(subject, "ok", f"{host}:{port} is free")


def _busy_port(subject: str, host: str, port: int, error: OSError, *, in_use: bool) -> Check:
    if error.errno == errno.EADDRINUSE:
        owner = _owner_of(port)
        if in_use:
            text = f"{host}:{port} is in use{owner}, probably by the server of this archive"
            return Check(subject, "ok", text)
        remedy = "stop that program, or choose another port"
        return Check(subject, "wrong", f"{host}:{port} is in use{owner}", remedy)
    if error.errno == errno.EACCES:
        remedy = "choose a port above 1023, or allow it (setcap cap_net_bind_service)"
        return Check(subject, "wrong", f"{host}:{port} may not be opened by this user", remedy)
    reason = error.strerror or str(error)
    return Check(subject, "wrong", f"{host}:{port}: {reason}", "choose an address of this machine")


def _owner_of(port: int) -> str:
    """` by process N (name)` when Linux tells us, else nothing."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for link in (process / "fd").iterdir():
                target = str(link.readlink())
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    name = (process / "comm").read_text().strip()
                    return f" by process {process.name} ({name})"
        except OSError:
            continue  # another user's process, or one that just ended
    return ""


def _listening_inodes(port: int) -> set[str]:
    inodes: set[str] = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(fields[9])
    return inodes
