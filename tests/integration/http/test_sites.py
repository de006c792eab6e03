"""A page of another site cannot have a browser change something here behind its user's back."""

import pytest

from tests.integration.http.conftest import Gateway, Start

FORM = {"files": {"file": ("name", b"no DICOM")}}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_form_that_another_site_sends_is_refused(gateway: Gateway, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Origin": "http://evil.example"}

    upload = await gateway.client.post("/upload", headers=headers, **FORM)  # type: ignore[arg-type]
    command = await gateway.client.post("/api/v1/subscriptions/x/pause", headers=headers)

    assert [upload.status_code, command.status_code] == [403, 403]
    assert "cors.allowed_origins" in upload.text
    assert "evil" not in upload.text


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {}])
async def test_our_own_page_and_programs_are_answered(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    upload = await gateway.client.post("/upload", headers=headers, **FORM)  # type: ignore[arg-type]

    assert upload.status_code == 422


async def test_a_site_that_was_named_is_answered(start: Start) -> None:
    gateway = await start(cors__allowed_origins=("https://viewer.example",))
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://viewer.example"}

    upload = await gateway.client.post("/upload", headers=headers, **FORM)  # type: ignore[arg-type]

    assert upload.status_code == 422


async def test_other_sites_may_link_to_us(gateway: Gateway) -> None:
    answer = await gateway.client.get("/", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
