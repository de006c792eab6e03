"""The OpenAPI documents of the surfaces, and what they have to say about an answer."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from tests.served_dicomweb import Seen, ServedDicomWeb

VERSIONS = ("v1", "v2")
_PLACE = re.compile(r"/(v1|v2|v1\.0-prerelease)(?:/partitions/[^/]+(?=/))?(/.*|$)")
_OF_NO_ROUTE = {404, 405}
_TOLD_OF_NO_ROUTE = {"HEAD", "OPTIONS"}


def documents(server: ServedDicomWeb) -> dict[str, dict[str, Any]]:
    """By version."""
    with server.client() as client:
        return {version: _read(client.get(f"/{version}/api.yaml").text) for version in VERSIONS}


def _read(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # 20 times as fast
    return document


@dataclass
class Documents:
    """Both documents."""

    by_version: dict[str, dict[str, Any]]

    def problem(self, seen: Seen) -> str | None:
        """What of an answer is not documented; None when all of it is, or it is of no surface."""
        match = _PLACE.fullmatch(seen.path)
        if match is None or seen.method in _TOLD_OF_NO_ROUTE:
            return None
        version = "v2" if match[1] == "v2" else "v1"
        operation = self._operation(version, seen.method.lower(), match[2].rstrip("/"))
        if seen.status == 404 and "/partitions/" in seen.path:
            return None  # of what lies in no partition there is no such route
        if operation is None:
            return None if seen.status in _OF_NO_ROUTE else f"{seen} is of no documented route"
        answer = operation["responses"].get(str(seen.status))
        if answer is None:
            return f"{seen}: the status is not documented"
        told = seen.content_type.partition(";")[0].strip()
        offered = {each.partition(";")[0].strip() for each in answer.get("content", ())}
        if told and told not in offered:
            return f"{seen}: of the media types {sorted(offered)} it is none"
        return None

    def _operation(self, version: str, method: str, path: str) -> dict[str, Any] | None:
        found: list[tuple[int, dict[str, Any]]] = []
        for template, operations in self.by_version[version]["paths"].items():
            pattern = re.sub(r"\\{\w+\\}", "[^/$]+", re.escape(template))
            if method in operations and re.fullmatch(pattern, path):
                found.append((template.count("{"), operations[method]))
        return min(found, key=lambda each: each[0])[1] if found else None
