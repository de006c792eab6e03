"""The OpenAPI documents of `/v1` and `/v2`, and what Schemathesis finds that is not so.

Schemathesis makes requests from the documents, valid ones and invalid ones, always the same. How
many of each for every operation: the environment variable SCHEMATHESIS_EXAMPLES.
"""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conformance.azure.documents import VERSIONS, documents
from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
STUDY = "1.2.826.0.1.3680043.10.99"
HELD = {"study": STUDY, "series": f"{STUDY}.1", "instance": f"{STUDY}.1.1", "frames": "1"}
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("openapi"), logging={"level": "warning"}) as server:
        server.keep(*[
            an_instance(2, StudyInstanceUID=STUDY, SeriesInstanceUID=HELD["series"],
                        SOPInstanceUID=f"{STUDY}.1.{number}", BitsStored=8, HighBit=7,
                        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2")
            for number in (1, 2)
        ])  # fmt: skip
        yield server


@pytest.fixture(scope="module")
def described(server: ServedDicomWeb) -> dict[str, dict[str, Any]]:
    return documents(server)


def _as_bytes(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


for _media_type in ("application/dicom", "multipart/related"):
    schemathesis.serializer(_media_type)(_as_bytes)


@pytest.mark.azure("12-api-yaml")
def test_12_every_version_has_a_document_of_its_own(server: ServedDicomWeb) -> None:
    with server.client("*/*") as client:
        for version in ("v1", "v2", "v1.0-prerelease"):
            response = client.get(f"/{version}/api.yaml")
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("application/yaml")
            assert f'url: "{server.url}/{version}"' in response.text


@pytest.mark.slow  # it is the check against the schema of OpenAPI that takes seconds
@pytest.mark.parametrize("version", VERSIONS)
def test_12_a_document_is_valid_and_tells_of_parameters_media_types_and_answers(
    described: dict[str, dict[str, Any]], version: str
) -> None:
    document = described[version]
    schemathesis.openapi.from_dict(document).validate()
    assert ("/studies/$bulkUpdate" in document["paths"]) is (version == "v2")
    names = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            names.add(operation["operationId"])
            told = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert told == set(_variables(path)), where
            assert all(each["description"] for each in operation["parameters"]), where
            assert operation["summary"], where
            answers = operation["responses"]
            assert {"400", "500", "503"} <= answers.keys(), where
            assert all(answer["description"] for answer in answers.values()), where
            for content in (
                *(answer.get("content", {}) for answer in answers.values()),
                operation.get("requestBody", {}).get("content", {}),
            ):
                assert all("schema" in each for each in content.values()), where
    assert len(names) == sum(map(len, document["paths"].values()))


def _variables(path: str) -> list[str]:
    return [each[1:-1] for each in path.split("/") if each.startswith("{")]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_schemathesis_finds_nothing_that_is_not_documented(
    server: ServedDicomWeb, described: dict[str, dict[str, Any]], version: str
) -> None:
    schema = schemathesis.openapi.from_dict(described[version])
    chance = random.Random(version)
    asked = 0

    def ask(case: Case) -> None:
        nonlocal asked
        asked += 1
        if case.method != "DELETE" and chance.random() < 0.5:
            held = {name: HELD[name] for name in case.path_parameters if name in HELD}
            case.path_parameters.update(held)
        answers = case.operation.definition.raw["responses"]
        offered = ["*/*", *answers.get("200", {}).get("content", ()), "text/html"]
        headers = {"Accept": chance.choice(offered)}
        response = case.call(base_url=f"{server.url}/{version}", headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)

    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases = operation.as_strategy(generation_mode=mode)
            test = seed(20240229)(_settings(given(case=cases)(ask)))
            try:
                test()
            except Unsatisfiable:  # nothing of it can be invalid
                assert mode is GenerationMode.NEGATIVE
    assert asked > 50 * EXAMPLES


_settings = settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
