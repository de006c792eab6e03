"""`hilum jobs import` and `hilum jobs export`: long transfers, which a server does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import orjson
import typer

from hilum.cli import options
from hilum.cli.console import WrongUsage, say
from hilum.cli.importing import OnConflictChoice, ProfileChoice
from hilum.cli.jobs import await_end, in_index

if TYPE_CHECKING:
    from hilum.bootstrap.open_index import OpenedIndex
    from hilum.domain.jobs import JobRecord
    from hilum.domain.transfers import TransferPlace
    from hilum.settings import Settings
    from hilum.wire.transfer_places import Secrets

Place = Annotated[
    str,
    typer.Argument(
        metavar="PLACE",
        help="`s3://bucket/prefix`, `gs://bucket/prefix`, the URL of an Azure container (with or "
        "without a shared access signature), or a folder of the server.",
        show_default=False,
    ),
]
Credentials = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON with members of `settings` of a request, such as accessKeyId and "
        "secretAccessKey; without it the server's own identity is used.",
        show_default=False,
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A server that is not the cloud's.", show_default=False),
]
Region = Annotated[str | None, typer.Option(help="Of a bucket in S3.", show_default=False)]
Partition = Annotated[
    str | None, typer.Option(metavar="NAME", help="A data partition.", show_default=False)
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait for its end.")]


def import_from(
    place: Place,
    credentials: Credentials = None,
    endpoint: Endpoint = None,
    region: Region = None,
    profile: Annotated[
        ProfileChoice, typer.Option(help="Which rules an instance must pass.")
    ] = ProfileChoice.STANDARD,
    on_conflict: Annotated[
        OnConflictChoice, typer.Option(help="When other bytes are held under the same UIDs.")
    ] = OnConflictChoice.REFUSE,
    partition: Partition = None,
    wait: Wait = False,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Have the server import everything below a place, in the background.

    The place must be allowed (settings `transfers.places`, `transfers.folders`). `hilum jobs wait`
    waits for the end, `hilum jobs errors` tells what could not be imported.

    Examples:

        hilum jobs import s3://hospital/2024 --wait

        hilum jobs import "https://account.blob.core.windows.net/container?sv=...&sig=..."
    """
    from hilum.bootstrap.transfers import make_transfers
    from hilum.domain.instances import OnConflict

    settings = options.settings(data, config)
    where, secrets = _place(place, credentials, endpoint, region, "source")

    async def ask(index: "OpenedIndex") -> "JobRecord":
        from hilum.operations.transfers.asking import Asker

        key = await _partition(index, partition)
        return await make_transfers(settings, index.jobs).ask_import(
            where,
            secrets,
            profile.value,
            OnConflict(on_conflict.value),
            key,
            Asker("operator", ""),
        )

    _tell(settings, in_index(settings, ask), wait=wait, as_json=as_json)


def export(
    place: Place,
    identifiers: Annotated[
        list[str],
        typer.Argument(
            metavar="UID...",
            help="study, study/series or study/series/instance.",
            show_default=False,
        ),
    ],
    credentials: Credentials = None,
    endpoint: Endpoint = None,
    region: Region = None,
    partition: Partition = None,
    wait: Wait = False,
    data: options.Data = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> None:
    """Have the server export to a place, in the background.

    Files lie at `ID/results/study/series/instance.dcm`, what failed in `ID/errors.log`. For files
    of this machine at once, see `hilum export`.

    Examples:

        hilum jobs export gs://research/transfer 1.2.840.113619.2.1 --wait
    """
    from hilum.bootstrap.transfers import make_transfers

    settings = options.settings(data, config)
    where, secrets = _place(place, credentials, endpoint, region, "destination")

    async def ask(index: "OpenedIndex") -> "JobRecord":
        from hilum.operations.transfers.asking import Asker

        key = await _partition(index, partition)
        transfers = make_transfers(settings, index.jobs)
        return await transfers.ask_export(identifiers, where, secrets, key, Asker("operator", ""))

    _tell(settings, in_index(settings, ask), wait=wait, as_json=as_json)


def _tell(settings: "Settings", record: "JobRecord", *, wait: bool, as_json: bool) -> None:
    if wait:
        await_end(settings, record.job_id, None, as_json=as_json, quiet=as_json)
    elif as_json:
        from hilum.cli.console import print_json
        from hilum.desk.job_documents import whole_job_document

        print_json(whole_job_document(record))
    else:
        say(record.job_id)


async def _partition(index: "OpenedIndex", name: str | None) -> Any:  # noqa: ANN401 - late import
    from hilum.domain.identifiers import DEFAULT_PARTITION
    from hilum.domain.partitions import UnknownPartition

    if name is None:
        return DEFAULT_PARTITION
    found = await index.partitions.named(name)
    if found is None:
        raise UnknownPartition(name)
    return found.key


def _place(
    text: str, credentials: Path | None, endpoint: str | None, region: str | None, what: str
) -> "tuple[TransferPlace, Secrets]":
    """The place in the words of a request, read as one."""
    from hilum.domain.errors import HilumError
    from hilum.wire.azure_json import Fields
    from hilum.wire.transfer_places import read_place

    kind, members = _members(text)
    given = {} if credentials is None else _read(credentials)
    more = {"endpoint": endpoint, "region": region}
    members |= {name: value for name, value in more.items() if value} | given
    if kind != "folder" and not given and "?" not in text:
        members["useManagedIdentity"] = True
    try:
        return read_place(Fields({"type": kind, "settings": members}), what)
    except HilumError as error:
        raise WrongUsage(str(error)) from error


def _members(text: str) -> tuple[str, dict[str, Any]]:
    url = urlsplit(text)
    match url.scheme:
        case "s3" | "gs":
            kind = {"s3": "s3", "gs": "gcs"}[url.scheme]
            return kind, {"bucket": url.netloc, "prefix": url.path.strip("/")}
        case "http" | "https":
            return "azureblob", {"blobContainerUri": text}
        case _:
            return "folder", {"path": str(Path(text).absolute())}


def _read(path: Path) -> dict[str, Any]:
    try:
        told = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        message = f"{path} cannot be read as JSON."
        raise WrongUsage(message) from error
    if not isinstance(told, dict):
        message = f"{path} should be a JSON object."
        raise WrongUsage(message)
    return told
