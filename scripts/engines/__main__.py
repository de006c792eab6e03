"""Run by scripts/services."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from scripts.engines.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
