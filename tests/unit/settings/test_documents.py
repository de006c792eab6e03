"""What README and docs show of settings can be used as it stands there."""

import re
import tomllib
from pathlib import Path

import pytest

from hilum.settings import load_settings
from hilum.settings.names import NO_SETTINGS, variables

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md")))
_BLOCK = re.compile(r"^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
_VARIABLE = re.compile(r"\bHILUM_[A-Z0-9_]*[A-Z0-9]\b")
_NO_NAMES = NO_SETTINGS | {"HILUM_AE_TITLES"}
"""`HILUM_AE_TITLES` is of the compose files."""


def blocks(language: str) -> list[object]:
    """Blocks of one language, each with the page and number that name it."""
    return [
        pytest.param(match["text"], id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, match in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")))
        if match["language"] == language
    ]


@pytest.mark.parametrize("block", blocks("toml"))
def test_every_toml_example_is_a_file_of_settings(block: str, tmp_path: Path) -> None:
    file = tmp_path / "hilum.toml"
    file.write_text(block, encoding="utf-8")

    settings = load_settings(config_file=file, environment={})

    assert settings.model_fields_set, "an example that sets nothing proves nothing"
    told = {each.sink for each in settings.delivery.subscriptions}
    assert told <= set(settings.sinks)
    assert tomllib.loads(block)


def test_the_readme_shows_a_subscription() -> None:
    assert any("delivery.subscriptions" in str(block) for block in blocks("toml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_that_a_page_names_is_a_setting(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    named = {name for name in _VARIABLE.findall(text) if name not in _NO_NAMES}

    assert named <= set(variables()), named - set(variables())
