"""Runs as a whole: what is stored, read, left behind, told and kept to oneself."""

import json
import re
from pathlib import Path

import httpx
import pytest

from hilum.cli import main
from hilum.conformance.checks import Outcome, State
from hilum.conformance.report import as_html, as_json
from hilum.conformance.running import Plan, Run, all_checks, run_checks
from hilum.conformance.samples import PATIENT_NAME, Samples
from hilum.conformance.server import Options, Server, Unreachable
from tests.ports import free_port
from tests.unit.conformance_checks.faults import answered, on
from tests.unit.conformance_checks.reference import ROOT, Answer, Reference, Request


async def run(server: object, plan: Plan, options: Options | None = None) -> Run:
    transport = httpx.ASGITransport(app=server)  # type: ignore[arg-type]
    async with Server(options or Options(ROOT), transport) as client:
        return await run_checks(client, plan)


def by_id(found: Run) -> dict[str, Outcome]:
    return {outcome.check.id: outcome for outcome in found.outcomes}


async def test_samples_are_deleted_at_the_end() -> None:
    server = Reference()

    found = await run(server, Plan(only=("stow",)))

    assert server.instances == {}
    assert found.remarks == ("The samples were deleted again.",)
    assert found.conforms


async def test_samples_that_cannot_be_deleted_are_named() -> None:
    server = Reference(on("/studies/.*", answered(405), method="DELETE"))

    [remark] = (await run(server, Plan(only=("qido.studies",)))).remarks

    assert re.search(r"remain as 2\.25\.\d+\.", remark)


async def test_reading_only_stores_and_deletes_nothing_and_tells_no_values() -> None:
    methods: list[str] = []

    def watched(request: Request, answer: Answer) -> Answer:
        methods.append(request.method)
        return answer

    server = Reference()
    samples = Samples()
    server.instances = {one.uid: one.part10 for one in samples}
    server.fault = watched

    found = await run(server, Plan(study=samples.study))

    assert set(methods) <= {"GET", "HEAD", "OPTIONS", "POST"}
    assert len(server.instances) == len(list(samples))
    states = {outcome.state for outcome in found.outcomes}
    assert states == {State.PASSED, State.SKIPPED}
    assert by_id(found)["metadata.complete"].state is State.SKIPPED
    assert by_id(found)["frames.list"].state is State.PASSED
    text = json.dumps(as_json(found), ensure_ascii=False)
    assert samples.patient_id not in text
    assert PATIENT_NAME.partition("=")[0] not in text


async def test_reading_a_study_that_is_not_there_skips_what_needs_it_and_says_so() -> None:
    found = await run(Reference(), Plan(study="1.2.3"))

    assert "could not be looked at" in found.remarks[0]
    assert by_id(found)["wado.study"].state is State.SKIPPED


async def test_a_server_that_refuses_samples_fails_and_the_rest_is_skipped() -> None:
    found = by_id(await run(Reference(on("/studies", answered(403), method="POST")), Plan()))

    assert found["stow.status"].state is State.FAILED
    assert found["wado.study"].state is State.SKIPPED


async def test_an_answer_over_the_limit_is_not_read_further() -> None:
    big = on("/studies/[0-9.]+/metadata", answered(200, "application/dicom+json", b"[" * 9999))

    found = await run(Reference(big), Plan(only=("metadata.study",)), Options(ROOT, max_bytes=5000))

    [outcome] = found.outcomes
    assert outcome.state is State.FAILED
    assert "--max-bytes" in outcome.expected


async def test_links_to_other_hosts_are_not_followed() -> None:
    asked: list[str] = []

    async def watched(scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
        asked.append(dict(scope["headers"])[b"host"].decode())
        await server(scope, receive, send)  # type: ignore[arg-type]

    def elsewhere(_: Request, answer: Answer) -> Answer:
        body = answer.body.replace(b"reference.test", b"elsewhere.test")
        body = body.replace(b'"bulkdata/', b'"http://elsewhere.test/bulkdata/')
        return Answer(answer.status, answer.media_type, body, answer.headers)

    server = Reference(elsewhere)
    found = by_id(await run(watched, Plan(only=("bulkdata", "stow.retrieve-url-works"))))

    assert set(asked) == {"reference.test"}
    assert found["bulkdata.uri"].state is State.SKIPPED
    assert found["stow.retrieve-url-works"].state is State.WARNED


async def test_nothing_that_lets_one_in_stands_in_a_report() -> None:
    options = Options(ROOT, headers={"Authorization": "Bearer s3cr3t"}, user=None)

    found = await run(Reference(), Plan(only=("qido",)), options)

    assert "s3cr3t" not in json.dumps(as_json(found)) + as_html(found)


async def test_the_page_escapes_what_a_server_says() -> None:
    spoilt = on("/studies/[0-9.]+/series", answered(200, "<script>alert(1)</script>", b"x"))

    page = as_html(await run(Reference(spoilt), Plan(only=("qido.study-series",))))

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with Server(Options(f"http://127.0.0.1:{free_port()}")) as server:
        with pytest.raises(Unreachable):
            await run_checks(server, Plan())


def test_every_check_names_a_section() -> None:
    for check in all_checks():
        assert re.match(r"PS3\.18 ([0-9]+(\.[0-9]+)+|[A-I](\.[0-9]+)*|8\.7)", check.cited), check.id


@pytest.mark.parametrize(
    "arguments",
    [
        ["ftp://server/rs"],
        ["http://user:secret@server/rs"],
        ["http://server/rs", "--only", "nothing-of-the-kind"],
        ["http://server/rs", "--read-only"],
        ["http://server/rs", "--study", "1.2.3"],
        ["http://server/rs", "--read-only", "--study", "../1"],
        ["http://server/rs", "--header", "no colon"],
        ["http://server/rs", "--user", "nobody"],
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    assert "secret" not in capsys.readouterr().err


def test_an_unreachable_server_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"http://127.0.0.1:{free_port()}/rs", "--timeout", "2"]) == 3
    assert "does not answer" in capsys.readouterr().err


def test_the_checks_are_listed_without_asking_anybody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "http://nobody.invalid", "--list", "--only", "frames"]) == 0
    assert "frames.one" in capsys.readouterr().out


def test_without_its_library_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import builtins
    import sys

    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "httpx":
            raise ModuleNotFoundError("No module named 'httpx'", name="httpx")
        return real(name, *rest)  # type: ignore[arg-type]

    for name in [one for one in sys.modules if one.startswith(("hilum.conformance", "httpx"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)

    assert main(["check", "http://127.0.0.1:1"]) == 3
    assert "hilum[check]" in capsys.readouterr().err
