"""Settings of export to and bulk import from buckets, containers and folders."""

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from hilum.settings.types import LIST_TEXT, ByteCount, Count, CountOrZero, Section

_HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", re.ASCII)


def _place(value: str) -> str:
    url = urlsplit(value)
    host = url.netloc.rpartition(":")[0] if url.port else url.netloc
    if (
        url.scheme not in {"http", "https", "s3", "gs"}
        or _HOST.fullmatch(host) is None
        or url.query
        or url.fragment
    ):
        message = (
            "should be https://host/container, s3://bucket or gs://bucket, or the beginning of"
            " one; *. stands for one label of a host"
        )
        raise ValueError(message)
    return value.rstrip("/")


_Place = Annotated[str, AfterValidator(_place)]


class TransferSettings(Section):
    """Places outside the archive that instances may be exported to and imported from."""

    places: Annotated[tuple[_Place, ...], LIST_TEXT] = ("https://*.blob.core.windows.net",)
    """Beginnings of URLs: of Azure containers `https://account.blob.core.windows.net/container`, of
    buckets `s3://bucket/prefix` and `gs://bucket/prefix`, of servers that speak S3
    `https://minio.example.org/bucket`. `*.` stands for one label of a host. Nothing else is
    connected to, whatever a request names."""
    folders: Annotated[tuple[Path, ...], LIST_TEXT] = ()
    """Folders of this machine below which a folder may be named; none: no folder may."""
    at_once: Annotated[int, Field(ge=1, le=256)] = 8
    """Instances of one export or import that are under way at the same time."""
    listed_errors: CountOrZero = 100_000
    """Errors of one export or import that are listed; others are only counted."""


class ExportSettings(Section):
    """`POST /export` of the Azure surfaces."""

    enabled: bool = True
    """Off: the route is not there."""
    identifiers: Count = 10_000
    """Studies, series and instances that one request may name."""
    request_bytes: ByteCount = 4 << 20
    """Longest body of a request."""
