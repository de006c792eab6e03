from pathlib import Path

import pytest
from pydantic import ValidationError

from hilum.settings import Settings, SettingsRejected, load, load_settings


def _problems(
    cli: dict[str, object] | None = None,
    file: Path | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    with pytest.raises(SettingsRejected) as refused:
        load_settings(cli, file, environment or {})
    return str(refused.value)


def _file(folder: Path, text: str) -> Path:
    path = folder / "given.toml"
    path.write_text(text)
    return path


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings(environment={})

    assert settings == Settings()
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert settings.dimse.port == 11_112
    assert settings.data_dir == Path("hilum-data")


def test_the_command_line_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = _file(tmp_path, "[http]\nport = 1\nbacklog = 1\nkeep_alive_seconds = 1\n")
    environment = {"HILUM_HTTP__PORT": "2", "HILUM_HTTP__BACKLOG": "2"}

    loaded = load({"http.port": 3, "http.host": None}, file, environment)

    http = loaded.settings.http
    assert (http.port, http.backlog, http.keep_alive_seconds) == (3, 2, 1.0)
    assert http.host == "127.0.0.1"
    assert loaded.source("http.port") == "command line"
    assert loaded.source("http.backlog") == "HILUM_HTTP__BACKLOG"
    assert loaded.source("http.keep_alive_seconds") == str(file)
    assert loaded.source("http.host") == "default"


def test_a_misspelt_section_in_the_environment_is_refused_with_the_nearest_name() -> None:
    text = _problems(environment={"HILUM_DIMES__PORT": "104"})

    assert "HILUM_DIMES__PORT" in text
    assert "did you mean HILUM_DIMSE__PORT?" in text


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HILUM_DIMSE__PROT", "HILUM_DIMSE__PORT"),
        ("HILUM_HTTP_PORT", "HILUM_HTTP__PORT"),
        ("HILUM_DATADIR", "HILUM_DATA_DIR"),
        ("HILUM_CONFIGURATION", "HILUM_CONFIG"),
        ("hilum_http__port", "HILUM_HTTP__PORT"),
    ],
)
def test_a_misspelt_variable_names_the_one_that_was_meant(variable: str, meant: str) -> None:
    assert f"did you mean {meant}?" in _problems(environment={variable: "1"})


def test_variables_of_others_are_left_alone() -> None:
    assert load_settings(environment={"HILUMINATE": "1", "PORT": "x"}) == Settings()


def test_a_misspelt_key_in_the_file_is_refused_with_file_and_nearest_name(tmp_path: Path) -> None:
    file = _file(tmp_path, "[dimse]\nae_titel = 'X'\n[htpp]\nport = 1\n")

    text = _problems(file=file)

    assert f"{file}: there is no setting dimse.ae_titel; did you mean dimse.ae_title?" in text
    assert "htpp.port; did you mean http.port?" in text


def test_a_misspelt_override_is_refused() -> None:
    assert "did you mean http.port?" in _problems({"http.prot": 1})


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    file = _file(tmp_path, "[http]\nport = 99999\n")

    text = _problems({"data_dri": "x"}, file, {"HILUM_LOGGING__LEVEL": "loud"})

    assert len(text.splitlines()) == 3
    assert f"http.port (from {file}): input should be less than or equal to 65535." in text
    assert "logging.level (from HILUM_LOGGING__LEVEL)" in text


def test_a_value_is_not_repeated_since_it_may_be_secret() -> None:
    assert "hunter2" not in _problems(environment={"HILUM_HTTP__PORT": "hunter2"})


def test_a_named_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"

    assert f"{missing}: cannot be read" in _problems(file=missing)
    assert f"{missing}: cannot be read" in _problems(environment={"HILUM_CONFIG": str(missing)})


def test_a_file_that_is_not_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    text = _problems(file=_file(tmp_path, "[http\nport = 1"))

    assert "is not TOML" in text
    assert "line 1" in text


def test_a_file_in_the_working_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hilum.toml").write_text("[http]\nport = 7\n")
    monkeypatch.chdir(tmp_path)

    assert load_settings(environment={}).http.port == 7


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("4 GiB", 4 << 30), ("512MiB", 512 << 20), ("1.5 kB", 1500), ("0 b", 0)],
)
def test_sizes_may_carry_a_unit(text: str, size: int) -> None:
    settings = load_settings(environment={"HILUM_STORAGE__RESERVE_BYTES": text})

    assert settings.storage.reserve_bytes == size


@pytest.mark.parametrize("text", ["4 apples", "-1", "", "GiB", "1e3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    assert "storage.reserve_bytes" in _problems(environment={"HILUM_STORAGE__RESERVE_BYTES": text})


@pytest.mark.parametrize("text", ["A, B", '["A", "B"]', "A,B,"])
def test_lists_are_words_or_json(text: str) -> None:
    settings = load_settings(environment={"HILUM_DIMSE__ALLOWED_CALLING_AE_TITLES": text})

    assert settings.dimse.allowed_calling_ae_titles == ("A", "B")


def test_roles_come_from_tables(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        "[[security.roles]]\nname = 'curator'\ndata_actions = ['*']\n"
        "not_data_actions = ['delete']\n",
    )

    (role,) = load_settings(None, file, {}).security.roles

    assert (role.name, role.data_actions, role.not_data_actions) == ("curator", ("*",), ("delete",))


def test_roles_come_from_json_in_the_environment() -> None:
    text = '[{"name": "reader", "data_actions": ["read"]}]'

    settings = load_settings(environment={"HILUM_SECURITY__ROLES": text})

    assert settings.security.roles[0].name == "reader"
    assert "security.roles" in _problems(environment={"HILUM_SECURITY__ROLES": "[{"})


def test_an_unknown_data_action_is_refused() -> None:
    text = '[{"name": "reader", "data_actions": ["reed"]}]'

    assert "security.roles" in _problems(environment={"HILUM_SECURITY__ROLES": text})


@pytest.mark.parametrize(
    "environment",
    [
        {"HILUM_SECURITY__JWT__ISSUER": "https://id.example.org"},
        {"HILUM_SECURITY__JWT__AUDIENCE": "hilum"},
        {
            "HILUM_SECURITY__JWT__ISSUER": "https://id.example.org",
            "HILUM_SECURITY__JWT__AUDIENCE": "hilum",
            "HILUM_SECURITY__JWT__JWKS_URL": "https://id.example.org/keys",
        },
        {"HILUM_SECURITY__JWT__JWKS_URL": "http://127.0.0.1.evil.example.org/keys"},
        {"HILUM_SECURITY__JWT__ALGORITHMS": "HS256"},
        {"HILUM_SECURITY__JWT__ALGORITHMS": "none"},
        {"HILUM_SECURITY__JWT__ALGORITHMS": ""},
        {"HILUM_CORS__ALLOWED_ORIGINS": "*", "HILUM_CORS__ALLOW_CREDENTIALS": "true"},
        {"HILUM_CORS__ALLOWED_ORIGINS": "viewer.example.org"},
        {"HILUM_CORS__ALLOWED_ORIGINS": "https://viewer.example.org/"},
        {"HILUM_CORS__ALLOWED_ORIGINS": "https://viewer.example.org/viewer"},
        {"HILUM_CORS__ALLOWED_ORIGINS": "https://viewer.example.org:443"},
        {"HILUM_CORS__ALLOWED_ORIGINS": "http://ok.example.org, HTTPS://Viewer.example.org"},
        {"HILUM_HTTP__TLS_KEY_FILE": "key.pem"},
        {"HILUM_HTTP__PUBLIC_URL": "pacs.example.org"},
        {"HILUM_DIMSE__AE_TITLE": "MORE THAN SIXTEEN"},
        {"HILUM_DIMSE__AE_TITLE": "BACK\\SLASH"},
        {"HILUM_HTTP__KEEP_ALIVE_SECONDS": "inf"},
    ],
)
def test_settings_that_cannot_work_are_refused(environment: dict[str, str]) -> None:
    assert _problems(environment=environment)


def test_origins_are_taken_as_browsers_send_them() -> None:
    origins = "*, null, https://v.example.org, http://127.0.0.1:8443, http://[::1]:3000, app://x"

    settings = load_settings(environment={"HILUM_CORS__ALLOWED_ORIGINS": origins})

    assert settings.cors.allowed_origins == tuple(origins.split(", "))


def test_tokens_need_an_issuer_an_audience_keys_and_to_be_asked_for() -> None:
    settings = load_settings(
        environment={
            "HILUM_SECURITY__AUTHENTICATION": "required",
            "HILUM_SECURITY__JWT__ISSUER": "https://id.example.org",
            "HILUM_SECURITY__JWT__AUDIENCE": "hilum",
            "HILUM_SECURITY__JWT__JWKS_URL": "https://id.example.org/keys",
            "HILUM_SECURITY__JWT__ALGORITHMS": "ES256, RS512",
        }
    )

    assert settings.security.jwt.algorithms == ("ES256", "RS512")


def test_secrets_do_not_show() -> None:
    environment = {
        "HILUM_HTTP__TLS_CERTIFICATE_FILE": "c.pem",
        "HILUM_HTTP__TLS_KEY_PASSWORD": "hunter2",
    }

    settings = load_settings(environment=environment)

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings(environment={}).http.port = 1


@pytest.mark.parametrize(
    "text",
    [
        '[delivery.subscriptions.metadata]\nsink = "broker"',
        '[[delivery.subscriptions]]\nname = "metadata"\nsink = "broker"',
    ],
    ids=["by name", "listed"],
)
def test_subscriptions_are_tables_by_name_or_a_list(text: str, tmp_path: Path) -> None:
    file = tmp_path / "hilum.toml"
    file.write_text(text)

    (subscription,) = load_settings(config_file=file, environment={}).delivery.subscriptions

    assert (subscription.name, subscription.sink) == ("metadata", "broker")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[delivery.subscriptions.ward]\ntypes = []", "delivery.subscriptions.ward.sink"),
        ('[delivery.subscriptions]\nname = "a"\nsink = "b"', "[delivery.subscriptions.NAME]"),
        ('[delivery]\nsubscriptions = "a"', "should be JSON"),
        ("[delivery]\nsubscriptions = 5", "[delivery.subscriptions.NAME]"),
        ('[delivery.subscriptions.a]\nname = "b"\nsink = "c"', "leave `name` out"),
        ('[delivery.subscriptions."No Name"]\nsink = "c"', "No Name.name"),
        ('[delivery.subscriptions.a]\nsnik = "c"', "delivery.subscriptions.a.snik"),
    ],
)
def test_a_subscription_that_is_none_is_refused_by_its_name(
    text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "hilum.toml"
    file.write_text(text)

    with pytest.raises(SettingsRejected) as refused:
        load_settings(config_file=file, environment={})

    assert any(told in problem for problem in refused.value.problems), refused.value.problems


def test_subscriptions_by_name_fit_into_a_variable() -> None:
    settings = load_settings(
        environment={"HILUM_DELIVERY__SUBSCRIPTIONS": '{"ward": {"sink": "hook"}}'}
    )

    assert [each.name for each in settings.delivery.subscriptions] == ["ward"]
