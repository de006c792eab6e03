"""Get what is missing: Debian packages together, then what each engine fetches by itself."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.engines.engine import Engine
from scripts.engines.place import ServicesError, cache_folder

_APT_SECONDS = 600
_POLICY = Path("/usr/sbin/policy-rc.d")


def install(engines: Sequence[Engine], say: Callable[[str], None], ask: bool = True) -> None:
    """Install what the engines miss; one caller at a time, the others find it done.

    `say` is told that all is there; what takes time is always printed, so that nobody wonders.
    With `ask`, a person at a terminal may be asked for the password of sudo.
    """
    if not _missing(engines):
        say(f"All there: {', '.join(engine.title for engine in engines)}.")
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install_packages(engines, ask)
        absent = [engine for engine in engines if engine.missing()]
        # One waits for the network while another compiles.
        with ThreadPoolExecutor() as pool:
            failed = [reason for reason in pool.map(_fetch, absent) if reason]
    if failed:
        raise ServicesError("\n".join(failed))
    if still := _missing(engines):
        raise ServicesError(f"still missing after the installation: {' '.join(still)}")
    say("Installed.")


def _missing(engines: Sequence[Engine]) -> list[str]:
    return [name for engine in engines for name in engine.missing()]


def _fetch(engine: Engine) -> str | None:
    """Return why it could not be had, None when all went well."""
    print(f"Getting {engine.title} ...", flush=True)
    begun = time.monotonic()
    try:
        engine.fetch()
    except ServicesError as error:
        return str(error)
    print(f"{engine.title} is there ({time.monotonic() - begun:.0f} s).", flush=True)
    return None


def _install_packages(engines: Sequence[Engine], ask: bool) -> None:
    absent = [name for engine in engines for name in engine.missing() if name in engine.debian]
    if not absent:
        return
    names = " ".join(absent)
    if shutil.which("apt-get") is None:
        raise ServicesError(
            f"missing: {names}. This is no Debian system: install them in the way of your system; "
            "tests without them say that they were skipped."
        )
    root = _root(ask)
    if root is None:
        raise ServicesError(f"missing: {names}. Run as root: apt-get install -y {names}")
    print(f"Installing {names} ...", flush=True)
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


def _root(ask: bool) -> list[str] | None:
    """How to run something as root; None when we may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    quietly = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo"] if quietly.returncode == 0 or (ask and sys.stdin.isatty()) else None
