import pytest

from hilum.settings import exposure_problems, exposure_warnings, is_loopback, load_settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_loopback_is_only_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "pacs.example.org", ""])
def test_everything_else_is_open_to_others(host: str) -> None:
    assert not is_loopback(host)


def test_the_defaults_expose_nothing() -> None:
    assert exposure_problems(load_settings(environment={})) == ()


def test_http_on_another_address_needs_authentication() -> None:
    (problem,) = exposure_problems(load_settings({"http.host": "0.0.0.0"}, environment={}))

    assert "0.0.0.0" in problem
    assert "security.authentication" in problem
    assert "--insecure" in problem
    assert "\n" not in problem


def test_http_with_authentication_may_listen_anywhere() -> None:
    overrides = {"http.host": "0.0.0.0", "security.authentication": "required"}

    assert not exposure_problems(load_settings(overrides, environment={}))


def test_dimse_on_another_address_needs_a_list_of_callers() -> None:
    open_to_all = load_settings({"dimse.host": "::"}, environment={})
    listed = load_settings(
        {"dimse.host": "::", "dimse.allowed_calling_ae_titles": "CT1"}, environment={}
    )
    off = load_settings({"dimse.host": "::", "dimse.port": 0}, environment={})

    assert "allowed_calling_ae_titles" in exposure_problems(open_to_all)[0]
    assert not exposure_problems(listed)
    assert not exposure_problems(off)


def test_insecure_is_taken_at_its_word() -> None:
    overrides = {"http.host": "0.0.0.0", "dimse.host": "0.0.0.0", "security.insecure": True}

    assert not exposure_problems(load_settings(overrides, environment={}))


def test_http_in_the_clear_beyond_loopback_is_warned_of() -> None:
    (warning,) = exposure_warnings(load_settings({"http.host": "0.0.0.0"}, environment={}))

    assert "http.tls_certificate_file" in warning
    assert "http.trusted_proxies" in warning
    assert "\n" not in warning


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"http.host": "0.0.0.0", "http.tls_certificate_file": "/etc/cert.pem"},
        {"http.host": "0.0.0.0", "http.trusted_proxies": "10.0.0.1"},
    ],
)
def test_nothing_is_warned_of_on_loopback_with_tls_or_behind_a_proxy(
    settings: dict[str, str],
) -> None:
    assert exposure_warnings(load_settings(settings, environment={})) == ()
