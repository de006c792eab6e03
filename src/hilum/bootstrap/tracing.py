"""Traces, when there is a collector for them; its library is imported only then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from hilum import __version__
from hilum.ports.tracing import Tracing
from hilum.settings import Settings, SettingsRejected


@asynccontextmanager
async def open_tracing(settings: Settings) -> AsyncIterator[Tracing | None]:
    """None without `telemetry.otlp_endpoint`. Leaving sends what is left."""
    telemetry = settings.telemetry
    if not telemetry.otlp_endpoint:
        yield None
        return
    try:
        from hilum.adapters.telemetry.tracing import otlp_tracing  # noqa: PLC0415
    except ModuleNotFoundError as error:
        problem = (
            f"telemetry.otlp_endpoint: its library {error.name} is not installed: pip install"
            " 'hilum[telemetry]'."
        )
        raise SettingsRejected([problem]) from None
    tracing = otlp_tracing(
        _address(telemetry.otlp_endpoint),
        _headers(settings),
        version=__version__,
        ratio=telemetry.trace_percent / 100,
        seconds=telemetry.otlp_seconds,
    )
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close)


def _address(endpoint: str) -> str:
    """With the path that OTLP has for traces, unless another was given."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"


def _headers(settings: Settings) -> dict[str, str]:
    file = settings.telemetry.otlp_headers_file
    if file is None:
        return {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"telemetry.otlp_headers_file: {file} cannot be read ({type(error).__name__})."
        raise SettingsRejected([problem]) from None
    pairs = (line.partition(":") for line in lines if line.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
