"""Create or refresh `.venv` from the lock file, on a machine that has only Python.

Usage: python3 scripts/setup.py [--no-dev]

Uses `uv` when it is found; otherwise installs it next to the environment, by pip when there is a
pip, else by taking its wheel from the package index. Runs again only when `pyproject.toml` or
`uv.lock` changed. Standard library only, and nothing newer than Python 3.8 syntax, so that an old
interpreter gets an explanation and not a traceback.
"""

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
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
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        has_pip = subprocess.call([*pip, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if has_pip == 0:
            subprocess.check_call([*pip, "install", "--target", str(TOOLS), "uv"])
        else:
            unpack_wheel("uv")
    return str(own)


def unpack_wheel(project: str) -> None:
    """Take the newest wheel of `project` for this machine from the index (PEP 503) and unpack it."""
    index = os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX")
    page_url = f"{(index or 'https://pypi.org/simple').rstrip('/')}/{project}/"
    with urllib.request.urlopen(page_url, timeout=60) as answer:
        page = answer.read().decode()
    system = {"Linux": "manylinux", "Darwin": "macosx"}[platform.system()]
    machine = {"arm64": "(?:arm64|aarch64)"}.get(platform.machine(), re.escape(platform.machine()))
    pattern = rf'href="([^"]+/{project}-[0-9.]+-py3-none-{system}[^"]*{machine}\.whl[^"]*)"'
    url, _, checksum = urllib.parse.urljoin(page_url, re.findall(pattern, page)[-1]).partition("#")
    with urllib.request.urlopen(url, timeout=300) as answer:
        wheel = answer.read()
    if checksum.startswith("sha256=") and hashlib.sha256(wheel).hexdigest() != checksum[7:]:
        raise SystemExit(f"The wheel of {project} does not have the digest the index names.")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for member in archive.namelist():
            if member.endswith(f"/scripts/{project}"):
                target = TOOLS / "bin" / project
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(member))
                target.chmod(0o755)


if __name__ == "__main__":
    raise SystemExit(main())
