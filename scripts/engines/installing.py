"""Get what is missing: Debian packages together, then what each engine fetches by itself."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.engines.engine import Engine
from scripts.engines.place import ServicesError, cache_folder

_APT_SECONDS = 600
_POLICY = Path("/usr/sbin/policy-rc.d")


def install(engines: Sequence[Engine], say: Callable[[str], None]) -> None:
    """Install what the engines miss; one caller at a time, the others find it done."""
    if not _missing(engines):
        say(f"All there: {', '.join(engine.title for engine in engines)}.")
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install_packages(engines, say)
        failed = []
        for engine in engines:
            if engine.missing():
                failed += _fetch(engine, say)
    if failed:
        raise ServicesError("\n".join(failed))
    if absent := _missing(engines):
        raise ServicesError(f"still missing after the installation: {' '.join(absent)}")
    say("Installed.")


def _missing(engines: Sequence[Engine]) -> list[str]:
    return [name for engine in engines for name in engine.missing()]


def _fetch(engine: Engine, say: Callable[[str], None]) -> list[str]:
    say(f"Getting {engine.title} ...")
    begun = time.monotonic()
    try:
        engine.fetch()
    except ServicesError as error:
        return [str(error)]
    say(f"{engine.title} is there ({time.monotonic() - begun:.0f} s).")
    return []


def _install_packages(engines: Sequence[Engine], say: Callable[[str], None]) -> None:
    absent = [name for engine in engines for name in engine.missing() if name in engine.debian]
    if not absent:
        return
    names = " ".join(absent)
    if shutil.which("apt-get") is None:
        raise ServicesError(
            f"missing: {names}. This is no Debian system: install them in the way of your system; "
            "tests without them say that they were skipped."
        )
    root = _root()
    if root is None:
        raise ServicesError(f"missing: {names}. Run as root: apt-get install -y {names}")
    say(f"Installing {names} ...")
    # Packages would start servers of their own at once; ours are started by `up` alone.
    own_policy = not _POLICY.exists()
    if own_policy:
        script = f"printf '#!/bin/sh\\nexit 101\\n' >{_POLICY}; chmod +x {_POLICY}"
        subprocess.run([*root, "sh", "-c", script], check=True)
    try:
        _apt([*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], absent)
    finally:
        if own_policy:
            subprocess.run([*root, "rm", "-f", str(_POLICY)], check=False)


def _apt(apt: list[str], names: list[str]) -> None:
    wait = ("-o", f"DPkg::Lock::Timeout={_APT_SECONDS}")
    with tempfile.NamedTemporaryFile("w+", prefix="hilum-apt-", delete=False) as log:
        for arguments in (
            ("update", "-q"),
            ("install", "-y", "-q", "--no-install-recommends", *names),
        ):
            done = subprocess.run([*apt, *wait, *arguments], stdout=log, stderr=log, check=False)
            if done.returncode != 0:
                log.flush()
                tail = "\n".join(Path(log.name).read_text(errors="replace").splitlines()[-15:])
                raise ServicesError(
                    f"apt-get could not install {' '.join(names)}; "
                    f"the whole output is in {log.name}:\n{tail}"
                )
    Path(log.name).unlink()


def _root() -> list[str] | None:
    """How to run something as root; None when we may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    quietly = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo"] if quietly.returncode == 0 or sys.stdin.isatty() else None
