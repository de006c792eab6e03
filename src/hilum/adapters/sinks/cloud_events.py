"""An event as a CloudEvent 1.0: attributes in headers (binary mode) or all in one JSON object."""

from typing import Final, Literal

import orjson

from hilum.domain.events import Event

Mode = Literal["binary", "structured"]
STRUCTURED_TYPE: Final = "application/cloudevents+json"


def attributes(event: Event, source: str) -> dict[str, str]:
    """The context attributes; `correlationid` and `sequence` are extensions.

    `sequence` is padded with zeros, since the extension of that name compares texts.
    """
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.type,
        "subject": event.key,
        "time": event.time.isoformat(timespec="milliseconds"),
        "correlationid": event.correlation_id,
        "sequence": f"{event.sequence:020d}",
    }


def rendered(event: Event, source: str, mode: Mode) -> tuple[dict[str, str], bytes]:
    """Headers and body of the HTTP request."""
    context = {name: value for name, value in attributes(event, source).items() if value}
    if mode == "binary":
        headers = {f"ce-{name}": header_value(value) for name, value in context.items()}
        return {"content-type": "application/json", **headers}, event.body
    body = orjson.dumps(
        {**context, "datacontenttype": "application/json", "data": orjson.Fragment(event.body)}
    )
    return {"content-type": STRUCTURED_TYPE}, body


def header_value(text: str) -> str:
    """`text` as the HTTP binding writes it (CloudEvents HTTP 1.0.2, section 3.1.3.2)."""
    return "".join(
        character if "!" <= character <= "~" and character not in '"%' else _percent(character)
        for character in text
    )


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
