import subprocess
import sys
from pathlib import Path

from hilum.settings import setting_names

ROOT = Path(__file__).parents[3]


def test_the_reference_of_settings_is_current() -> None:
    tool = ROOT / "tools" / "configuration_reference.py"

    run = subprocess.run(
        [sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr


def test_every_setting_says_what_it_means() -> None:
    silent = [name.dotted for name in setting_names().values() if not name.field.description]

    assert silent == []


def test_settings_with_units_say_so_in_their_names() -> None:
    for name in setting_names().values():
        if name.field.annotation is float:
            assert name.dotted.endswith("_seconds"), name.dotted
