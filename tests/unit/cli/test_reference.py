"""docs/operations/cli.md says what the commands say."""

from tools.cli_reference import PAGE, command_paths, page


def test_the_page_of_the_command_line_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tools/cli_reference.py"


def test_the_page_has_every_command() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert len(command_paths()) == 53
    for path in command_paths():
        assert f"## hilum {' '.join(path)}\n" in text
