"""One request and its answer, bounded, and what may be told of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from hilum.conformance.checks import Level, Unmet
from hilum.conformance.multipart import Malformed, MediaType, Part, read_multipart

Json = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """What was asked and answered."""

    method: str
    target: str
    """Path below the root, with query."""
    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Without content coding."""

    @property
    def request_line(self) -> str:
        return f"{self.method} {self.target}"

    @property
    def response_line(self) -> str:
        media = self.headers.get("content-type", "no Content-Type")
        return f"{self.status} {self.reason}".strip() + f", {media}, {len(self.body):,} bytes"

    @property
    def media_type(self) -> MediaType:
        return MediaType.of(self.headers.get("content-type", ""))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a multipart answer; `Unmet` when it is malformed."""
        try:
            return read_multipart(self.headers.get("content-type", ""), self.body)
        except Malformed as error:
            raise Unmet("a well-formed multipart/related payload", str(error), self) from error

    @cached_property
    def json(self) -> Any:  # noqa: ANN401 - a server may answer with anything
        """The answer as JSON in UTF-8; `Unmet` when it is none."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except ValueError as error:
            raise Unmet("JSON in UTF-8", "a payload that is not", self) from error

    @property
    def data_sets(self) -> list[Json]:
        """The answer as an array of data sets; none for 204."""
        if self.status == 204 and not self.body:
            return []
        document = self.json
        if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
            raise Unmet("an array of objects (PS3.18 F.2.1)", "another JSON document", self)
        return cast("list[Json]", document)

    def expect(self, met: bool, expected: str, found: str) -> None:
        """Raise `Unmet` unless it is met."""
        if not met:
            raise Unmet(expected, found, self)

    def prefer(self, met: bool, expected: str, found: str) -> None:
        """Like `expect`, for what is only recommended."""
        if not met:
            raise Unmet(expected, found, self, level=Level.SHOULD)

    def expect_status(self, *allowed: int) -> None:
        """Raise `Unmet` when the status is another."""
        expected = "status " + " or ".join(map(str, allowed))
        self.expect(self.status in allowed, expected, f"status {self.status}")

    def expect_refusal(self, *preferred: int) -> None:
        """Ask for a client error (PS3.18 8.5), best one of `preferred`."""
        wanted = " or ".join(map(str, preferred))
        found = f"status {self.status}"
        self.expect(400 <= self.status < 500, f"a refusal, status {wanted}", found)
        self.prefer(self.status in preferred, f"status {wanted}", found)

    def expect_type(self, *allowed: str) -> None:
        """Raise `Unmet` when the payload is of another media type."""
        found = self.media_type.name or "no Content-Type"
        self.expect(self.media_type.name in allowed, " or ".join(allowed), found)
