"""Create or refresh `.venv` from the lock file, on a machine that has only Python.

Usage: python3 scripts/setup.py [--no-dev]

Uses `uv` when it is found; otherwise installs it next to the environment by pip, which it gets
from the system's packages when there is none. Works again only when `pyproject.toml` or `uv.lock`
changed. Standard library only, and nothing newer than Python 3.8 syntax, so that an old
interpreter gets an explanation and not a traceback.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".hilum-setup"
TOOLS = VENV / "setup-tools"
MINIMUM = (3, 11)


def main() -> int:
    """Bring `.venv` up to date; return the process exit code."""
    dev = "--no-dev" not in sys.argv[1:]
    state = fingerprint(dev)
    if STAMP.exists() and STAMP.read_text() == state and (VENV / "bin" / "python").exists():
        return 0
    python = interpreter()
    if python is None:
        print(
            "Hilum needs Python 3.11 or newer; none was found on PATH. "
            "Install one (Debian: apt install python3) or name it: make PYTHON=/path/to/python3",
            file=sys.stderr,
        )
        return 3
    if not (VENV / "bin" / "python").exists():
        # Without pip: Debian ships `venv` apart from its `ensurepip`, and uv needs neither.
        subprocess.check_call([python, "-m", "venv", "--without-pip", str(VENV)])
    command = [uv(python), "sync", "--frozen", "--quiet", "--python", str(VENV / "bin" / "python")]
    if not dev:
        command.append("--no-dev")
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV), "VIRTUAL_ENV": str(VENV)}
    environment.setdefault("UV_LINK_MODE", "copy")
    code = subprocess.call(command, cwd=ROOT, env=environment)
    if code == 0:
        STAMP.write_text(state)
        print(f"ready: {VENV.relative_to(ROOT) / 'bin' / 'hilum'} --help")
    return code


def fingerprint(dev: bool) -> str:
    """Digest of everything that decides what must be installed."""
    digest = hashlib.sha256(b"dev" if dev else b"run")
    for name in ("pyproject.toml", "uv.lock", "scripts/setup.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def interpreter():
    """Path of a Python that is new enough, the one running this first; None when there is none."""
    if sys.version_info >= MINIMUM:
        return sys.executable
    for minor in (13, 12, 11):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.call([found, "-c", ""]) == 0:
            return found
    return None


def uv(python: str) -> str:
    """Path of a `uv` executable, installed if need be."""
    found = shutil.which("uv")
    if found:
        return found
    own = TOOLS / "bin" / "uv"
    if not own.exists():
        print("Setting up: fetching uv ...", file=sys.stderr)
        null = subprocess.DEVNULL
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        has_pip = subprocess.call([*pip, "--version"], stdout=null, stderr=null)
        if has_pip != 0:
            install_pip(python)
        subprocess.check_call([*pip, "install", "--target", str(TOOLS), "uv"])
    return str(own)


def install_pip(python: str) -> None:
    """Let the system's package manager bring pip; say what to do where that is not allowed."""
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if apt and (not sudo or shutil.which("sudo")):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.call([*sudo, apt, "update", "-qq"], env=quiet)
        if subprocess.call([*sudo, apt, "install", "-y", "-qq", "python3-pip"], env=quiet) == 0:
            return
    raise SystemExit(
        f"{python} has no pip, and it could not be installed from here. "
        "Install pip or uv (Debian: apt install python3-pip) and run this again."
    )


if __name__ == "__main__":
    raise SystemExit(main())
