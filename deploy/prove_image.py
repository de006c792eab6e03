"""Follow deploy/Dockerfile where no engine runs containers, and try what comes out.

    sudo python3 deploy/prove_image.py /var/tmp/hilum-image

Needs root, debootstrap and a way to the package registries; takes about two minutes. Every
instruction of the Dockerfile is read from it and done in a root of its own: the base image is
Debian of the same release from debootstrap, with Debian's Python of the same version. Then the
image's command runs as its user in a network of its own without a way out, the health check and
smoke_test.py ask it, and it is told to stop. docs/operations/container.md tells what differs.
"""

import argparse
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import string
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
RELEASE, PACKAGES = "trixie", "ca-certificates,python3,python3-pip,python3-venv"
HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SERVED = "http://127.0.0.1:8080"
_HANDED_ON = re.compile(
    r"(https?|no)_proxy|(PIP|UV)_((DEFAULT|EXTRA)_)?INDEX(_URL)?", re.IGNORECASE
)


@dataclass
class Stage:
    """One `FROM` and what follows."""

    name: str
    base: str
    root: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        return self.root / str(Path(self.workdir) / inside).lstrip("/")


def instructions(text: str) -> list[tuple[str, str]]:
    """Word and rest of each instruction, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(word.upper(), rest.strip()) for word, _, rest in found]


def follow(folder: Path, base: Path) -> Stage:
    """Do what the Dockerfile says; return the last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage("", "", folder)
    for word, rest in instructions(DOCKERFILE.read_text()):
        print(f"{word} {rest}"[:110], flush=True)
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            expect(RELEASE in image, f"{image} is of another release than {RELEASE}")
            stage = Stage(name or "final", image, folder / (name or "final"))
            shutil.rmtree(stage.root, ignore_errors=True)
            run(["cp", "-a", str(base), str(stage.root)])
            stage.env["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
            stages[stage.name] = stage
        else:
            do(word, rest, stage, stages)
    return stage


def do(word: str, rest: str, stage: Stage, stages: dict[str, Stage]) -> None:
    if word in {"ARG", "ENV"}:
        for pair in shlex.split(string.Template(rest).safe_substitute(stage.env)):
            name, _, value = pair.partition("=")
            stage.env[name] = value
    elif word == "RUN":
        run_inside(stage, ["/bin/sh", "-c", rest])
    elif word == "COPY":
        copy(shlex.split(rest), stage, stages)
    elif word == "WORKDIR":
        stage.workdir = rest
        stage.path(".").mkdir(parents=True, exist_ok=True)
    elif word == "USER":
        stage.user = rest
    elif word == "HEALTHCHECK":
        stage.health = json.loads(rest.partition(" CMD ")[2])
    elif word == "ENTRYPOINT":
        stage.entrypoint = json.loads(rest)
    elif word == "CMD":
        stage.command = json.loads(rest)
    else:
        expect(word in {"EXPOSE", "VOLUME"}, f"{word} is not known here")


def copy(arguments: list[str], stage: Stage, stages: dict[str, Stage]) -> None:
    source = ROOT
    if arguments[0].startswith("--from="):
        source = stages[arguments.pop(0).partition("=")[2]].root
    *names, target = arguments
    for name in names:
        whole = source / name.lstrip("/")
        to = stage.path(target) / Path(name).name if target.endswith("/") else stage.path(target)
        to.parent.mkdir(parents=True, exist_ok=True)
        if whole.is_dir():
            # As Dockerfile.dockerignore has it, which is about this checkout and not about stages.
            left_out = shutil.ignore_patterns("__pycache__") if source == ROOT else None
            shutil.copytree(whole, to, symlinks=True, ignore=left_out)
        else:
            shutil.copy2(whole, to)


def run(command: list[str]) -> None:
    subprocess.run(command, check=True)


def run_inside(stage: Stage, command: list[str]) -> None:
    """As root in the stage, with the host's way to the registries."""
    handed_on = {name: value for name, value in os.environ.items() if _HANDED_ON.fullmatch(name)}
    certificates = stage.root / "tmp" / "certificates.pem"
    shutil.copy2(HOST_CERTIFICATES, certificates)
    shutil.copy2("/etc/resolv.conf", stage.root / "etc" / "resolv.conf")
    handed_on |= dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE"), "/tmp/certificates.pem")
    chroot = shlex.join(["chroot", str(stage.root), "/bin/sh", "-c", inside(stage, command)])
    script = f"{mounts(stage.root)} && exec {chroot}"
    unshared = ["unshare", "--mount", "--pid", "--fork", "/bin/sh", "-c", script]
    subprocess.run(unshared, check=True, env=stage.env | handed_on)
    certificates.unlink()


def inside(stage: Stage, command: list[str]) -> str:
    return f"cd {shlex.quote(stage.workdir)} && exec {shlex.join(command)}"


def mounts(root: Path) -> str:
    return f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev"


def make_base(base: Path) -> None:
    """Debian with Python, as the official image has both: `python` and `pip` are there."""
    if (base / "usr" / "local" / "bin" / "python").exists():
        return
    run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(base)])
    for marker in base.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    shutil.rmtree(base / "var" / "cache" / "apt", ignore_errors=True)
    shutil.rmtree(base / "var" / "lib" / "apt" / "lists", ignore_errors=True)
    (base / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")


def prove(stage: Stage) -> None:
    """In a network of its own: start, ask the health check and the smoke test, stop."""
    raise_loopback()
    run(["/bin/sh", "-c", mounts(stage.root)])
    environment = stage.env | {"HOME": stage.workdir}
    command = [*stage.entrypoint, *stage.command, "--insecure"]
    began = time.monotonic()
    server = subprocess.Popen(chrooted(stage, command), env=environment)
    try:
        wait(server)
        print(f"answers after {time.monotonic() - began:.2f} s,", processor_time(server.pid))
        health = subprocess.run(chrooted(stage, stage.health), env=environment, check=False)
        expect(health.returncode == 0, "the health check fails")
        for surface in ("v2", "v1"):
            script = [sys.executable, str(ROOT / "smoke_test.py"), SERVED, "--surface", surface]
            expect(subprocess.run(script, check=False).returncode == 0, "the smoke test fails")
        status = Path(f"/proc/{server.pid}/status").read_text()
        user = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)
        expect(user is not None and user[1] == stage.user.partition(":")[0], "another user")
        resident = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
        print(f"resident: {int(resident[1]) // 1024 if resident else 0} MiB, as user {stage.user}")
    finally:
        server.send_signal(signal.SIGTERM)
    expect(server.wait(60) == 0, "it did not stop in order")
    down = subprocess.run(
        chrooted(stage, stage.health), env=environment, check=False, stderr=subprocess.DEVNULL
    )
    expect(down.returncode != 0, "the health check passes although nothing runs")


def processor_time(process: int) -> str:
    """What it has used, its children left out (proc_pid_stat(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return f"{seconds:.2f} s of them on a processor"


def chrooted(stage: Stage, command: list[str]) -> list[str]:
    shell = ["/bin/sh", "-c", inside(stage, command)]
    return ["chroot", f"--userspec={stage.user}", str(stage.root), *shell]


def wait(server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        expect(server.poll() is None, "the server ended")
        try:
            with urllib.request.urlopen(f"{SERVED}/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    expect(False, "the server does not answer")


def raise_loopback() -> None:
    """`ip link set lo up` (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def tell_sizes(stage: Stage, base: Path) -> None:
    for what, path in (("base", base), ("ours", stage.root / "opt/hilum"), ("all", stage.root)):
        told = subprocess.run(["du", "-sm", str(path)], check=True, capture_output=True, text=True)
        print(f"{what}: {told.stdout.split()[0]} MB", flush=True)


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"NOT PROVED: {otherwise}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to work; 1.5 GB")
    parser.add_argument("--built", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = given.folder.resolve()
    expect(os.geteuid() == 0, "this needs root")
    if given.built:
        told = json.loads(folder.read_text())
        prove(Stage(**{**told, "root": Path(told["root"])}))
        return
    base = folder / "base"
    folder.mkdir(parents=True, exist_ok=True)
    make_base(base)
    began = time.monotonic()
    stage = follow(folder, base)
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)
    tell_sizes(stage, base)
    built = folder / "built.json"
    built.write_text(json.dumps(asdict(stage), default=str))
    own = ["unshare", "--net", "--mount", sys.executable, __file__, "--built", str(built)]
    expect(subprocess.run(own, check=False).returncode == 0, "see above")
    print("PROVED")


if __name__ == "__main__":
    main()
