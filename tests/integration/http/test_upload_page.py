"""The page at `/upload`: its files, its policy, its addresses behind a proxy."""

import re
from urllib.parse import urljoin

import pytest

from tests.integration.http.conftest import Gateway, Start

_ADDRESS = re.compile(r'(?:href|src|action)="([^"]*)"')
_IMPORT = re.compile(r'from "(\./[a-z-]+\.js)"')


async def test_the_page_needs_no_key_and_runs_nothing_but_its_own_files(start: Start) -> None:
    gateway = await start(security__authentication="required")

    answer = await gateway.client.get("/upload")

    assert answer.status_code == 200
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["connect-src"]) == ("'self'", "'self'")
    assert "unsafe" not in str(policy)
    assert re.search(r"<script(?![^>]*src=)", answer.text) is None
    assert " on" not in re.sub(r">[^<]*<", "><", answer.text), "no handler stands in the markup"


@pytest.mark.parametrize("page", ["/upload", "/upload/"])
async def test_every_address_is_relative_and_leads_to_something(
    gateway: Gateway, page: str
) -> None:
    answer = await gateway.client.get(page)

    addresses = set(_ADDRESS.findall(answer.text))
    assert len(addresses) > 5
    for address in addresses:
        assert not address.startswith(("/", "http")), address
        behind_a_proxy = urljoin(f"https://pacs.example.org/hilum{page}", address)
        assert behind_a_proxy.startswith("https://pacs.example.org/hilum/")
        found = await gateway.client.get(urljoin(page, address))
        assert found.status_code == 200, address


async def test_the_scripts_are_all_there_with_etags(gateway: Gateway) -> None:
    seen, left = set(), ["./main.js"]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        answer = await gateway.client.get(urljoin("/upload/", name))
        assert answer.status_code == 200, name
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        etag = {"If-None-Match": answer.headers["etag"]}
        again = await gateway.client.get(urljoin("/upload/", name), headers=etag)
        assert (again.status_code, again.content) == (304, b"")
        left += _IMPORT.findall(answer.text)

    assert len(seen) > 5


async def test_the_page_knows_the_limits_of_the_door(start: Start) -> None:
    gateway = await start(upload__files=7, upload__file_bytes=1000, upload__request_bytes=2000)

    page = (await gateway.client.get("/upload")).text

    for said in ('data-files="7"', 'data-file-bytes="1000"', 'data-request-bytes="2000"'):
        assert said in page


@pytest.mark.parametrize("name", ["routes.py", "..%2froutes.py", "%2e%2e/routes.py", "gone.js"])
async def test_nothing_else_lies_below_it(gateway: Gateway, name: str) -> None:
    assert (await gateway.client.get(f"/upload/{name}")).status_code == 404


async def test_the_landing_page_leads_there(gateway: Gateway) -> None:
    page = (await gateway.client.get("/")).text

    assert '<a href="./upload">Upload</a>' in page
