"""How one Orthanc is reached and how much is asked of it at once; fields are named as settings."""

from dataclasses import dataclass, field
from pathlib import Path

from hilum.domain.instances import OnConflict


@dataclass(frozen=True, slots=True)
class OrthancTls:
    """How an `https` address is checked; by default against the authorities of the system."""

    ca_file: Path | None = None
    """PEM file with the authorities that are believed instead."""
    certificate_file: Path | None = None
    """PEM file with our certificate, where the source asks for one."""
    key_file: Path | None = None
    """PEM file with its private key, when that is not in the certificate file."""


@dataclass(frozen=True, slots=True)
class OrthancSource:
    """One Orthanc."""

    name: str
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    tls: OrthancTls = field(default_factory=OrthancTls)
    poll: bool = True
    """Read its list of changes; else only webhooks and resyncs tell what to fetch."""
    poll_seconds: float = 1.0
    changes_per_page: int = 500
    parallel_fetches: int = 8
    """Requests at once, over all studies."""
    connect_seconds: float = 5.0
    read_seconds: float = 60.0
    """Longest silence in an answer, and wait for one."""
    answer_bytes: int = 64 << 20
    """Largest answer that is not an instance."""


@dataclass(frozen=True, slots=True)
class OrthancOptions:
    """What holds for all sources."""

    studies_at_once: int = 16
    """Studies that one process works on."""
    attempts: int = 8
    """Failed ones in a row after which what cannot be fetched or kept is given up."""
    retry_seconds: float = 1.0
    """Wait after the first failed attempt; doubles with each, up to `maximum_retry_seconds`."""
    maximum_retry_seconds: float = 300.0
    lease_seconds: float = 60.0
    """A study of a process that died is taken up by another after this time."""
    look_seconds: float = 1.0
    """How often a process looks for studies that others noted, or that became due."""
    unstable_seconds: float = 5.0
    """Wait before a study to which Orthanc still expects instances is looked at again."""
    begun_seconds: float = 120.0
    """A study of which Orthanc only ever said that it began is looked at after this time: its word
    that the study is stable is lost when it restarts too early."""
    existing_studies: bool = True
    """At the first contact, take over what the source holds already."""
    resync_after_outage: bool = True
    """Go through all studies when the source is back: it may have restarted (see above)."""
    resync_seconds: float = 86_400.0
    """Go through all studies so often in any case."""
    studies_per_page: int = 200
    """Of a resync."""
    memory_instance_bytes: int = 1 << 20
    """Instances up to this size are fetched into memory, larger ones into the spool."""
    memory_bytes: int = 64 << 20
    """What all instances that are being fetched hold in memory together."""
    instance_bytes: int = 4 << 30
    """Larger instances are not fetched."""
    validation_profile: str = "standard"
    on_conflict: OnConflict = OnConflict.NEW_VERSION
