"""What every command keeps to: help, exit codes, one clear line for an error."""

from pathlib import Path

import pytest

from hilum.cli import main
from tests.integration.cli.conftest import Hilum
from tools.cli_reference import command_paths

COMMANDS = [path for path in command_paths() if path]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_that_says_what_it_does(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*path, "--help"])

    assert code == 0
    assert "Usage: hilum" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--port", "99999"),
        ("serve", "--prot", "80"),
        ("import",),
        ("export", "1.2.3"),
        ("nonsense",),
        ("keys", "create", "viewer"),
        ("keys", "create", "viewer", "--scope", "fly"),
        ("demo", "--studies", "0"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    captured = capsys.readouterr()
    assert code == 2
    assert captured.err
    assert "Traceback" not in captured.err


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: hilum" in "".join(capsys.readouterr())


def test_a_misspelt_setting_keeps_every_command_from_starting(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HILUM_DIMES__PORT", "104")

    ran = hilum("serve")

    assert ran.code == 3
    assert "HILUM_DIMES__PORT" in ran.err
    assert "HILUM_DIMSE__PORT" in ran.err


def test_serving_beyond_this_machine_without_authentication_is_refused(hilum: Hilum) -> None:
    ran = hilum("serve", "--host", "0.0.0.0", "--port", "0", "--dimse-port", "0")

    assert ran.code == 3
    assert "--insecure" in ran.err
    assert not hilum.data.exists()


def test_a_data_folder_that_is_a_file_is_told_in_one_line(hilum: Hilum) -> None:
    hilum.data.write_text("a file")

    ran = hilum("demo", "--studies", "1")

    assert ran.code == 3
    assert len(ran.err.strip().splitlines()) == 1


def test_a_bug_is_one_line_and_no_traceback(hilum: Hilum, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        message = "secret^name"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("hilum.cli.options.load", broken, raising=False)
    monkeypatch.setattr("hilum.settings.load", broken)

    ran = hilum("config", "show")

    assert ran.code == 3
    assert "ZeroDivisionError" in ran.err
    assert "secret" not in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_config_show_tells_every_setting_and_where_it_comes_from(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "hilum.toml").write_text(
        '[http]\nport = 9000\ntls_certificate_file = "c.pem"\ntls_key_password = "hush"\n'
    )
    monkeypatch.setenv("HILUM_DIMSE__PORT", "104")

    shown = hilum("config", "show", "--json").json
    table = hilum("config", "show", "--changed")

    assert shown["http.port"] == {"value": 9000, "source": "hilum.toml"}
    assert shown["dimse.port"] == {"value": 104, "source": "HILUM_DIMSE__PORT"}
    assert shown["data_dir"]["source"] == "command line"
    assert shown["http.host"]["source"] == "default"
    assert "hush" not in table.out
    assert "dimse.port" in table.out
    assert "http.host" not in table.out


def test_config_check_says_what_is_wrong(hilum: Hilum, tmp_path: Path) -> None:
    fine = hilum("config", "check", "--json")
    (tmp_path / "hilum.toml").write_text("[http]\nprot = 9000\n[dimse]\nport = -1\n")
    wrong = hilum("config", "check", "--json")

    assert (fine.code, fine.json["valid"]) == (0, True)
    assert (wrong.code, wrong.json["valid"]) == (1, False)
    assert len(wrong.json["problems"]) == 2


def test_a_key_is_shown_once_listed_and_revoked(hilum: Hilum) -> None:
    made = hilum("keys", "create", "viewer", "-s", "read", "-s", "export", "--expires", "90d")
    text = made.out.strip()
    (listed,) = hilum("keys", "list", "--json").json
    table = hilum("keys", "list")
    revoked = hilum("keys", "revoke", listed["id"])
    unknown = hilum("keys", "revoke", "000000000000")

    assert text.startswith(f"hilum_{listed['id']}_")
    assert listed["scopes"] == ["export", "read"]
    assert listed["expires"]
    assert text.rsplit("_", 1)[1] not in table.out
    assert (revoked.code, unknown.code) == (0, 1)
    assert hilum("keys", "list", "--json").json[0]["revoked"]


@pytest.mark.parametrize("span", ["soon", "0d", "-1d", "5"])
def test_a_span_that_is_none_is_refused(hilum: Hilum, span: str) -> None:
    assert hilum("keys", "create", "viewer", "-s", "read", "--expires", span).code == 2


def test_migrate_makes_the_schema_and_then_has_nothing_to_do(hilum: Hilum) -> None:
    dry = hilum("migrate", "--dry-run", "--json")
    first = hilum("migrate", "--json")
    second = hilum("migrate", "--json")

    assert (dry.code, dry.json["found"]) == (1, None)
    assert (first.code, first.json["changed"]) == (0, True)
    assert (second.code, second.json["changed"]) == (0, False)
    assert hilum("migrate", "--dry-run").code == 0


def test_version_tells_what_it_stands_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert "SQLite" in capsys.readouterr().out
