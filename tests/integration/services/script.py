"""Run scripts/services as a person does."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "services"


def services(
    *arguments: str, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=environment,
    )
