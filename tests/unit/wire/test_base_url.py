from typing import Any

import pytest

from hilum.wire.base_url import BaseUrl


def scope(client: str = "192.0.2.7", **headers: str) -> dict[str, Any]:
    return {
        "scheme": "http",
        "server": ("127.0.0.1", 8080),
        "client": (client, 50_000),
        "headers": [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in headers.items()
        ],
    }


FORWARDED = {
    "host": "inner:8080",
    "x_forwarded_proto": "https",
    "x_forwarded_host": "pacs.example.org, proxy",
    "x_forwarded_prefix": "/hilum/",
}


def test_the_host_header_says_how_the_client_reached_us() -> None:
    assert BaseUrl()(scope(host="pacs:8080")) == "http://pacs:8080"


def test_who_connects_to_an_address_may_leave_out_the_port() -> None:
    proxied = BaseUrl.of(trusted_proxies=["192.0.2.7"])

    assert BaseUrl()(scope(host="127.0.0.1")) == "http://127.0.0.1:8080"
    assert BaseUrl()(scope(host="127.0.0.1:9000")) == "http://127.0.0.1:9000"
    assert BaseUrl()(scope(host="[::1]") | {"server": ("::1", 8080)}) == "http://[::1]:8080"
    assert BaseUrl()(scope(host="pacs")) == "http://pacs"
    assert proxied(scope(host="127.0.0.1")) == "http://127.0.0.1"
    for port in (80, None):
        server = {"server": ("127.0.0.1", port)}
        assert BaseUrl()(scope(host="127.0.0.1") | server) == "http://127.0.0.1"


def test_a_public_url_settles_it() -> None:
    base = BaseUrl.of("https://pacs.example.org/hilum/", ["192.0.2.7"])

    assert base(scope(**FORWARDED)) == "https://pacs.example.org/hilum"


def test_forwarded_headers_count_only_from_a_trusted_proxy() -> None:
    base = BaseUrl.of(trusted_proxies=["192.0.2.0/24", "::1"])

    assert base(scope(**FORWARDED)) == "https://pacs.example.org/hilum"
    assert base(scope("::1", **FORWARDED)) == "https://pacs.example.org/hilum"
    assert base(scope("203.0.113.1", **FORWARDED)) == "http://inner:8080"
    assert base(scope("unix-peer", **FORWARDED)) == "http://inner:8080"
    assert BaseUrl()(scope(**FORWARDED)) == "http://inner:8080"


@pytest.mark.parametrize("evil", ["", "a b", "a/b", "a@b", 'x"y', "a\r\nb", "<b>", "h:99999999"])
def test_a_host_that_is_none_is_not_repeated(evil: str) -> None:
    assert BaseUrl()(scope(host=evil)) == "http://127.0.0.1:8080"


def test_odd_forwarded_values_are_not_repeated() -> None:
    base = BaseUrl.of(trusted_proxies=["192.0.2.7"])
    headers = {"host": "h", "x_forwarded_proto": "javascript", "x_forwarded_prefix": "//evil/.."}

    assert base(scope(**headers)) == "http://h"


def test_ipv6_hosts_and_the_prefix_of_a_mounted_application_are_kept() -> None:
    assert (
        BaseUrl()(scope(host="[::1]:8080") | {"root_path": "/hilum"}) == "http://[::1]:8080/hilum"
    )
    assert BaseUrl()(scope() | {"server": ("::1", 8080)}) == "http://[::1]:8080"
    assert BaseUrl()(scope() | {"server": ("/run/hilum.sock", None)}) == "http://localhost"
