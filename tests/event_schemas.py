"""The schemas of all events, as the AsyncAPI document has them."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

ROOT = Path(__file__).parents[1]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "events" / "asyncapi.json").read_text())
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]


def problems(message: dict[str, Any], body: object) -> list[str]:
    """What the schema of `message` has against `body`."""
    whole = {**message["payload"], "components": DOCUMENT["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(body)]


def schema_of(message: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = DOCUMENT["components"]["schemas"][
        message["payload"]["$ref"].rpartition("/")[2]
    ]
    return schema
