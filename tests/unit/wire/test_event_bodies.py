"""The documentation of events is current, and is what is really told."""

import json
import re
import subprocess
import sys
from typing import Any

import orjson
import pytest

from hilum.delivery.rendering import DEAD_LETTER, FEED_TYPES
from tests.event_schemas import DOCUMENT, MESSAGES, ROOT, problems, schema_of


def test_the_documents_are_current() -> None:
    tool = ROOT / "tools" / "asyncapi_reference.py"

    run = subprocess.run(
        [sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr


def test_every_type_of_event_is_documented() -> None:
    assert {each["name"] for each in MESSAGES.values()} == {*FEED_TYPES, DEAD_LETTER}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_rendered_is_what_the_schema_says(name: str) -> None:
    message = MESSAGES[name]
    for example in message["examples"]:
        assert problems(message, example["payload"]) == []
        assert set(example["payload"]) == set(schema_of(message)["properties"])


@pytest.mark.parametrize("name", MESSAGES)
def test_the_schemas_refuse_what_is_not_told(name: str) -> None:
    message = MESSAGES[name]
    body = message["examples"][0]["payload"]
    for field in body:
        lacking = {key: value for key, value in body.items() if key != field}
        assert problems(message, lacking), f"{name} without {field}"
        assert problems(message, {**body, field: [{}]}), f"{name} with a wrong {field}"


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', text))
    assert references
    for reference in references:
        place: Any = DOCUMENT
        for step in reference.split("/"):
            assert step in place, reference
            place = place[step]


def test_no_example_has_a_body_that_cannot_be_read_back() -> None:
    for message in MESSAGES.values():
        for example in message["examples"]:
            assert orjson.loads(orjson.dumps(example["payload"])) == example["payload"]
