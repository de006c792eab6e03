"""Settings of sinks: named destinations of events. The scheme of the URL says which kind it is."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    Discriminator,
    Field,
    SecretStr,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from hilum.settings.types import (
    JSON_TEXT,
    LIST_TEXT,
    ByteCount,
    Count,
    CountOrZero,
    Seconds,
    Section,
)

_KINDS: Final = {
    "kafka": "kafka",
    "kafkas": "kafka",
    "amqp": "rabbitmq",
    "amqps": "rabbitmq",
    "redis": "redis",
    "rediss": "redis",
    "http": "webhook",
    "https": "webhook",
    "file": "file",
}
NOTHING_NAMED: Final[Mapping[str, Any]] = {}
_SEVERAL: Final = ("kafka", "kafkas")
"""Schemes of URLs that may name several servers."""
_LARGEST_PORT: Final = 65_535
_SERVER: Final = re.compile(
    r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
SinkName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+\*?$")]
Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Topics = Annotated[Mapping[EventType, Topic], JSON_TEXT]


class _SinkSettings(Section):
    url: SecretStr
    """Which kind of sink, and where it is: `kafka://[user@]host:port[,host:port]`,
    `amqp://[user@]host[:port]/vhost` (RabbitMQ), `redis://[user@]host[:port]/db`, `https://...` (a
    webhook), `file:///path/events.jsonl`. `kafkas`, `amqps` and `rediss` are the same over TLS. A
    password may stand in it, but is better kept in `secret_file`. Shown masked."""
    secret: SecretStr | None = None
    """The password of the broker, or the key that webhooks are signed with (`whsec_` and base64, or
    any text)."""
    secret_file: Path | None = None
    """A file with the secret, without its last line feed."""
    secret_variable: str = ""
    """Name of the environment variable with the secret."""

    @property
    def parts(self) -> SplitResult:
        """The URL in parts."""
        return urlsplit(self.url.get_secret_value())

    @model_validator(mode="after")
    def _has_one_secret(self) -> "_SinkSettings":
        given = (
            self.parts.password is not None,
            self.secret is not None,
            self.secret_file is not None,
            bool(self.secret_variable),
        )
        if sum(given) > 1:
            message = "give the secret once: in url, secret, secret_file or secret_variable"
            raise ValueError(message)
        return self


class RemoteSinkSettings(_SinkSettings):
    """What all sinks behind a network have."""

    connect_seconds: Seconds = 5.0
    """Longest wait for a connection."""
    acknowledge_seconds: Seconds = 10.0
    """Longest wait until what was sent is acknowledged; then the sink counts as unavailable and the
    events are sent again later."""
    tls_ca_file: Path | None = None
    """PEM file with the certificates to believe; none: those of the system."""
    tls_certificate_file: Path | None = None
    """PEM file with our certificate, where the far side asks for one."""
    tls_key_file: Path | None = None
    """PEM file with its private key, when that is not in the certificate file."""

    @property
    def servers(self) -> list[str]:
        """`host` or `host:port`, each."""
        return self.parts.netloc.rpartition("@")[2].split(",")

    @model_validator(mode="after")
    def _names_servers(self) -> "RemoteSinkSettings":
        wrong = [each for each in self.servers if not _is_server(each)]
        if wrong or (len(self.servers) > 1 and self.parts.scheme not in _SEVERAL):
            message = f"url should name a host: {self.parts.scheme}://host:port"
            raise ValueError(message)
        return self


class KafkaSinkSettings(RemoteSinkSettings):
    """Apache Kafka: acks=all, idempotent, keyed by study."""

    topics: Topics = NOTHING_NAMED
    """Topic by type of event, such as `"hilum.instance.*" = "images"`. Not named here:
    `dicom.metadata.v1` and `dicom.metadata.dlq` have topics of their own names,
    `hilum.instance.*` goes to `hilum.instances.v1`, `hilum.study.*` to `hilum.studies.v1`."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How we prove who we are, when the URL names a user."""
    compression: Literal["none", "gzip"] = "none"
    """Compression of batches."""
    batch_bytes: ByteCount = 512 << 10
    """Events of one partition that are sent together."""
    message_bytes: ByteCount = 1_000_000
    """Largest event; a larger one is a dead letter. Above 1 MB the broker's `message.max.bytes` has
    to be raised too."""


class RabbitSinkSettings(RemoteSinkSettings):
    """RabbitMQ: persistent messages to a topic exchange, with publisher confirms."""

    exchange: Annotated[str, StringConstraints(min_length=1, max_length=127)] = "hilum.events"
    """Topic exchange; the routing key is the type of the event."""
    declare: bool = True
    """Make the exchange, durable, when it is not there."""
    unroutable: Literal["wait", "reject", "drop"] = "wait"
    """What to do with an event for which no queue is bound, and which the broker would therefore
    throw away: `wait` until one is, make it a dead letter (`reject`), or let it go (`drop`)."""
    unconfirmed: Count = 256
    """Messages under way at once. 1 keeps the order of a study even over a queue that refuses some
    of them because it is full."""
    message_bytes: ByteCount = 16 << 20
    """Largest event; a larger one is a dead letter."""


class RedisSinkSettings(RemoteSinkSettings):
    """Redis: channels, or streams."""

    deliver: Literal["channel", "stream"] = "channel"
    """`channel` tells those that listen just now and keeps nothing; `stream` appends to a stream,
    which is as durable as the server's append-only file."""
    topics: Topics = NOTHING_NAMED
    """Channel or stream by type of event; defaults as for Kafka."""
    prefix: Annotated[str, StringConstraints(pattern=r"^[ -~]{0,64}$")] = ""
    """Before every name of a channel or stream."""
    stream_entries: CountOrZero = 0
    """About how many entries a stream keeps; 0 is all."""
    replicas: CountOrZero = 0
    """Replicas that must have the entries of a stream before they count as told."""
    message_bytes: ByteCount = 16 << 20
    """Largest event; a larger one is a dead letter."""

    @field_validator("url")
    @classmethod
    def _numbers_a_database(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch("/?[0-9]{0,4}", urlsplit(value.get_secret_value()).path):
            message = "should end with the number of a database: redis://host:port/0"
            raise ValueError(message)
        return value


class WebhookSinkSettings(RemoteSinkSettings):
    """An HTTP hook: one POST for each event, as a CloudEvent."""

    format: Literal["hilum", "cloudevents", "eventgrid"] = "hilum"
    """`hilum`: our own events. `cloudevents`, `eventgrid`: what happens to instances as the Azure
    DICOM service tells it, `Microsoft.HealthcareApis.DicomImageCreated` and its like, as a
    CloudEvent or in the schema of Event Grid; other events keep their types and bodies."""
    service_host: Annotated[str, StringConstraints(pattern=r"^[!-~]{0,253}$")] = ""
    """Name of this service in events of these two formats and in handshakes; empty: that of
    `http.public_url`, or localhost."""
    handshake: bool = False
    """Ask the receiver whether it wants events before it gets any: by OPTIONS with
    `WebHook-Request-Origin`, as CloudEvents has it, or with a validation event of Event Grid."""

    mode: Literal["binary", "structured"] = "binary"
    """`binary`: the body is the event, the rest is in `ce-*` headers. `structured`: one JSON object
    with all (`application/cloudevents+json`)."""
    source: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")] = "hilum"
    """What the CloudEvents attribute `source` says: a URI or a path that names this archive."""
    allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], LIST_TEXT] = ()
    """Networks the hook may be in although they are not public, such as `10.1.0.0/16` or
    `127.0.0.1/32`. Plain `http://` goes there only."""
    authorization_file: Path | None = None
    """A file with the value of the header `Authorization`."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    """Studies whose events are posted at the same time; those of one study wait for each other."""
    longest_pause_seconds: Seconds = 3600.0
    """A receiver may ask by `Retry-After` to be left alone for so long, not longer."""

    @field_validator("url")
    @classmethod
    def _has_no_user(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if "@" in parts.netloc:
            message = "should hold no user or password; use authorization_file"
            raise ValueError(message)
        if parts.fragment or not re.fullmatch("[!-~]+", value.get_secret_value()):
            message = "should be ASCII (names in punycode, the rest percent-encoded), without #..."
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _plain_text_stays_inside(self) -> "WebhookSinkSettings":
        if self.parts.scheme == "http" and not self.allowed_networks:
            message = "http:// needs allowed_networks; use https:// for public addresses"
            raise ValueError(message)
        return self


def _is_server(text: str) -> bool:
    match = _SERVER.fullmatch(text)
    return match is not None and 0 < int(match["port"] or 1) <= _LARGEST_PORT


class FileSinkSettings(_SinkSettings):
    """A file of JSON lines."""

    rotate_bytes: ByteCount = 256 << 20
    """A file of this size is renamed, and a new one begun."""
    keep_files: CountOrZero = 0
    """Renamed files that are kept, the newest; 0 is all."""

    @field_validator("url")
    @classmethod
    def _names_a_file(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.netloc not in {"", "localhost"} or not parts.path.strip("/"):
            message = "should be file:///path/to/events.jsonl"
            raise ValueError(message)
        return value


def _kind(value: Any) -> str | None:  # noqa: ANN401 - whatever somebody wrote into the file
    if isinstance(value, _SinkSettings):
        url: object = value.url.get_secret_value()
    else:
        url = value.get("url") if isinstance(value, Mapping) else None
        url = url.get_secret_value() if isinstance(url, SecretStr) else url
    try:
        return _KINDS.get(urlsplit(url).scheme) if isinstance(url, str) else None
    except ValueError:
        return None


SinkSettings = Annotated[
    Annotated[KafkaSinkSettings, Tag("kafka")]
    | Annotated[RabbitSinkSettings, Tag("rabbitmq")]
    | Annotated[RedisSinkSettings, Tag("redis")]
    | Annotated[WebhookSinkSettings, Tag("webhook")]
    | Annotated[FileSinkSettings, Tag("file")],
    Discriminator(
        _kind,
        custom_error_type="sink_url",
        custom_error_message="url should start with one of "
        + ", ".join(f"{scheme}:" for scheme in _KINDS),
    ),
]
Sinks = Annotated[Mapping[SinkName, SinkSettings], JSON_TEXT]
