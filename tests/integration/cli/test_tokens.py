"""`hilum token` and `hilum issuer`, beside a server that is running."""

import json
from pathlib import Path

import httpx
import jwt
import pytest

from hilum.cli import main
from hilum.settings import exposure_problems, load_settings
from tests.served_dicomweb import ServedDicomWeb

SEARCH = {"Accept": "application/dicom+json"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HILUM_SECURITY__ISSUER__ENABLED", "true")
    return tmp_path / "data"


def token_in(text: str) -> str:
    """The token among what was printed, as the server in this process logs there, too."""
    (token,) = (line for line in text.splitlines() if line.startswith("eyJ"))
    return token


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_a_printed_token_opens_what_its_roles_and_scopes_do(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    security = {"authentication": "required", "issuer": {"enabled": True}}
    with ServedDicomWeb(data, security=security) as server:
        at = ("--data", str(data))
        reader = token_in(printed(capsys, "token", "--role", "globalReader", *at))
        deleter = token_in(printed(capsys, "token", "--scope", "delete", "--subject", "ann", *at))

        def asked(method: str, path: str, token: str) -> int:
            headers = SEARCH | {"Authorization": f"Bearer {token}"}
            return httpx.request(method, server.url + path, headers=headers).status_code

        assert asked("GET", "/v2/studies", reader) == 204
        assert asked("DELETE", "/v2/studies/1.2", reader) == 403
        assert asked("DELETE", "/v2/studies/1.2", deleter) == 404
        printed(capsys, "issuer", "rotate", "--at-once", *at)
        assert asked("GET", "/v2/studies", reader) == 401
        fresh = token_in(printed(capsys, "token", "--role", "globalReader", *at))
        assert asked("GET", "/v2/studies", fresh) == 204


def test_a_token_is_good_for_as_long_as_it_is_told(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("token", "-r", "globalAdmin", "--lifetime", "90d", "--json", "--data", str(data))
    answer = json.loads(printed(capsys, *command))

    claims = jwt.decode(answer["token"], options={"verify_signature": False})

    assert claims["exp"] - claims["iat"] == answer["expiresIn"] == 90 * 86_400
    assert claims["iss"] == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "open nothing"),
        (("--role", "globalRaeder"), "globalReader"),
        (("--role", "globalReader", "--audience", "elsewhere"), "dicom.healthcareapis.azure.com"),
        (("--role", "globalReader", "--lifetime", "soon"), "90d"),
    ],
)
def test_what_makes_no_sense_is_told(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert main(["token", *arguments, "--data", str(data)]) == 2

    assert words in capsys.readouterr().err


def test_without_the_setting_no_token_is_made(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HILUM_SECURITY__ISSUER__ENABLED")

    assert main(["token", "--role", "globalReader", "--data", str(data)]) == 3

    assert "security.issuer.enabled" in capsys.readouterr().err
    assert not data.exists()


def test_the_issuer_is_for_loopback_unless_insecure_is_said() -> None:
    overrides = {
        "http.host": "0.0.0.0",
        "security.authentication": "required",
        "security.issuer.enabled": True,
    }

    (problem,) = exposure_problems(load_settings(overrides, environment={}))

    assert "security.issuer.enabled" in problem
    insecure = load_settings(overrides | {"security.insecure": True}, environment={})
    assert not exposure_problems(insecure)
