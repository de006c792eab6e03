"""The page at `/`: what is running, what it holds, where its doors are."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.access import Access, AccessScope
from hilum.desk.pages import page, table, text
from hilum.desk.readiness import Report
from hilum.desk.status import Desk, DoorAddress, Holdings
from hilum.domain.errors import AccessDenied, ArchiveFault

_UPLOAD = "/upload"
_LINKS = (
    '<a href="/docs">API</a><a href="/health">Health</a><a href="/ready">Ready</a>'
    '<a href="/metrics">Metrics</a><a href="/problems">Problems</a>'
)


def _links(viewer: str | None, doors: Sequence[DoorAddress]) -> str:
    images = "" if viewer is None else f'<a href="{text(viewer)}">Viewer</a>'
    takes = any(door.address == _UPLOAD for door in doors)
    upload = f'<a href="{_UPLOAD}">Upload</a>' if takes else ""
    return f"<nav>{images}{upload}{_LINKS}</nav>"


def landing_router(desk: Desk, access: Access) -> APIRouter:
    """`/`. Callers who may not read see no counts and no studies."""
    router = APIRouter(tags=["Desk"], include_in_schema=False)

    @router.get("/", summary="What is running here")
    async def landing(request: Request) -> Response:
        report = await desk.report()
        viewer = await desk.viewer_path()
        content = (
            await _content(desk, request, viewer) if await _may_read(access, request) else _HIDDEN
        )
        body = "".join(
            (
                f"<h1>Hilum</h1><p>DICOM imaging gateway, version {text(desk.version)}. ",
                f"{_state(report)} Running since {_time(desk.started)}.</p>",
                _links(viewer, desk.doors()),
                content,
                _doors(desk.doors()),
                _components(report),
            )
        )
        return page(request, "Hilum", body)

    return router


_HIDDEN = "<p>What the archive holds is shown to callers that may read it.</p>"


async def _may_read(access: Access, request: Request) -> bool:
    if not access.required:
        return True
    headers = request.headers
    if "authorization" not in headers and "x-api-key" not in headers:
        return False
    try:
        principal = await access.authenticate(
            headers.get("authorization"), headers.get("x-api-key")
        )
    except AccessDenied:
        return False
    return principal.may(AccessScope.READ)


async def _content(desk: Desk, request: Request, viewer: str | None) -> str:
    try:
        holdings = await desk.holdings()
    except ArchiveFault as fault:
        return f'<p class="bad">{text(fault)}</p>'
    host = request.headers.get("host", "127.0.0.1:8080")
    return _counts(holdings) + _newest(holdings, f"{request.url.scheme}://{host}", viewer)


def _counts(holdings: Holdings) -> str:
    counts = holdings.counts
    figures = (
        ("studies", f"{counts.studies:,}"),
        ("series", f"{counts.series:,}"),
        ("instances", f"{counts.instances:,}"),
        ("stored", readable_size(counts.size_bytes)),
    )
    boxes = "".join(f"<div><b>{text(value)}</b>{text(name)}</div>" for name, value in figures)
    return f'<h2>Held here</h2><div class="figures">{boxes}</div>'


def _newest(holdings: Holdings, base: str, viewer: str | None) -> str:
    if not holdings.newest:
        return (
            "<h2>Newest studies</h2><p>Nothing yet. Load some invented patients with"
            " <code>hilum demo</code>, or send a file of yours:</p>"
            "<pre>curl -H 'Content-Type: application/dicom' --data-binary @image.dcm \\\n"
            f"  {text(base)}/dicom-web/studies</pre>"
        )
    rows = [
        (
            _study(study.study_instance_uid, viewer),
            text(" ".join(study.modalities)),
            text(study.series),
            text(study.instances),
            _time(study.received),
        )
        for study in holdings.newest
    ]
    head = ("Study Instance UID", "Modalities", "Series", "Instances", "Received")
    return f"<h2>Newest studies</h2>{table(head, rows)}"


def _study(uid: str, viewer: str | None) -> str:
    name = f"<code>{text(uid)}</code>"
    if viewer is None:
        return name
    return f'<a href="{text(viewer)}/viewer?StudyInstanceUIDs={text(uid)}">{name}</a>'


def _doors(doors: Sequence[DoorAddress]) -> str:
    rows = [
        (text(door.name), f"<code>{text(door.address)}</code>", text(door.purpose))
        for door in doors
    ]
    return f"<h2>Doors</h2>{table(('Door', 'Address', 'For'), rows)}"


def _components(report: Report) -> str:
    rows = [
        (
            text(component.name),
            "ready" if component.ready else '<span class="bad">not ready</span>',
            text(component.description),
        )
        for component in report.components
    ]
    return f"<h2>Components</h2>{table(('Component', 'State', 'Found'), rows)}"


def _state(report: Report) -> str:
    if report.ready:
        return "Everything works."
    return '<span class="bad">Something does not work: see the components below.</span>'


def _time(at: datetime) -> str:
    return text(at.strftime("%Y-%m-%d %H:%M:%S UTC"))


def readable_size(size_bytes: int) -> str:
    """`1.5 GiB`."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size_bytes} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
