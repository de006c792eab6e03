"""Settings of the door to Orthanc: the servers that studies are fetched from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from hilum.settings.types import JSON_TEXT, ByteCount, Count, Seconds, Section

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
NO_SOURCES: Final[Mapping[str, Any]] = {}


class OrthancSourceSettings(Section):
    """One Orthanc."""

    url: str
    """Root of its REST API, such as `http://orthanc:8042`. Credentials do not stand in it."""
    username: str = ""
    """User of HTTP basic authentication; empty: none."""
    password: SecretStr | None = None
    """Its password; better kept in `password_file`."""
    password_file: Path | None = None
    """A file with the password, without its last line feed."""
    password_variable: str = ""
    """Name of the environment variable with the password."""
    tls_ca_file: Path | None = None
    """PEM file with the authorities that sign its certificate. None: those of the system."""
    tls_certificate_file: Path | None = None
    """PEM file with our certificate, where it asks for one."""
    tls_key_file: Path | None = None
    """PEM file with the private key, when it is not in the certificate file."""
    poll: bool = True
    """Follow its list of changes. Without it only webhooks and resyncs tell what to fetch."""
    poll_seconds: Seconds = 1.0
    """Time between two looks at the list of changes. A webhook makes a study come at once."""
    changes_per_page: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Changes asked for at a time."""
    parallel_fetches: Annotated[int, Field(ge=1, le=256)] = 8
    """Instances that are fetched at once. Orthanc serves 50 requests at once by default
    (`HttpThreadsCount`)."""
    connect_seconds: Seconds = 5.0
    """Longest wait for a connection."""
    read_seconds: Seconds = 60.0
    """Longest wait for an answer, and longest silence in one."""
    answer_bytes: ByteCount = 64 << 20
    """Largest answer beside instances: lists of changes, of studies, of the instances of a
    series."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = "should be an address such as http://orthanc:8042"
            raise ValueError(message)
        if parts.username is not None or parts.password is not None:
            message = "should not hold credentials: use username and password_file"
            raise ValueError(message)
        if parts.query or parts.fragment:
            message = "should end with the root of the REST API"
            raise ValueError(message)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _has_one_password(self) -> "OrthancSourceSettings":
        given = (
            self.password is not None,
            self.password_file is not None,
            bool(self.password_variable),
        )
        if sum(given) > 1:
            message = "give one of password, password_file and password_variable"
            raise ValueError(message)
        if any(given) and not self.username:
            message = "a password needs username"
            raise ValueError(message)
        if self.tls_key_file is not None and self.tls_certificate_file is None:
            message = "tls_key_file needs tls_certificate_file"
            raise ValueError(message)
        return self


class OrthancSettings(Section):
    """Fetching studies from Orthanc: on its word that they are stable, or on a webhook's."""

    sources: Annotated[Mapping[SourceName, OrthancSourceSettings], JSON_TEXT] = NO_SOURCES
    """The Orthanc servers by name, each a table: `[orthanc.sources.NAME]` in the file, JSON in the
    environment (`{"NAME": {"url": "http://orthanc:8042"}}`). A webhook that names none means the
    first. Without any, this door stays shut. See docs/operations/orthanc.md."""
    studies_at_once: Annotated[int, Field(ge=1, le=256)] = 16
    """Studies that one process works on."""
    attempts: Count = 8
    """Failed attempts in a row after which an instance or a study is given up and filed as a dead
    letter. Outages of an Orthanc or of the archive give up nothing."""
    retry_seconds: Seconds = 1.0
    """Wait after the first failed attempt; it doubles with each."""
    maximum_retry_seconds: Seconds = 300.0
    """Longest wait between attempts."""
    lease_seconds: Annotated[float, Field(ge=5, le=3600, allow_inf_nan=False)] = 60.0
    """What a process had in hands when it died is taken up by another after this time."""
    look_seconds: Seconds = 1.0
    """How often a process looks for studies that became due or that other processes noted."""
    unstable_seconds: Seconds = 5.0
    """A study to which Orthanc still expects instances is looked at again after this time, if
    Orthanc does not say earlier that it is stable."""
    begun_seconds: Seconds = 120.0
    """A study of which Orthanc only ever said that it is new is looked at after this time. Orthanc
    forgets to say that a study is stable when it restarts too early. Should exceed its
    `StableAge`."""
    existing_studies: bool = True
    """At the first contact, fetch the studies that an Orthanc holds already."""
    resync_after_outage: bool = True
    """Go through all studies of an Orthanc that is back after an outage: it may have restarted.
    Those that did not change are told by their last update and not fetched."""
    resync_seconds: Seconds = 86_400.0
    """Time after which all studies are gone through in any case, as after an outage: what an
    Orthanc never told, for whatever reason, is found at the latest then."""
    studies_per_page: Annotated[int, Field(ge=4, le=10_000)] = 200
    """Studies asked for at a time when all are gone through."""
    memory_instance_bytes: ByteCount = 1 << 20
    """Instances up to this size are fetched into memory, larger ones into the spool."""
    memory_bytes: ByteCount = 64 << 20
    """Memory for instances that are being fetched, over all sources."""
    instance_bytes: ByteCount = 4 << 30
    """Larger instances are not fetched; they are filed as a dead letter."""
    validation_profile: Literal["standard", "strict", "minimal", "azure-v1", "azure-v2"] = (
        "standard"
    )
    """Rules that instances must pass."""
    on_conflict: Literal["refuse", "new-version"] = "new-version"
    """What to do when an Orthanc has other bytes under UIDs that are held. It may overwrite
    instances (`OverwriteInstances`), and what it holds now is what it sends on."""
    webhook_bytes: ByteCount = 65_536
    """Body of a webhook."""
