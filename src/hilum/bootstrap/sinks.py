"""From a named sink of the settings to the engine; a broker's library is imported when chosen."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from hilum.adapters.sinks.addresses import AddressRule
from hilum.adapters.sinks.jsonl import JsonLinesOptions, JsonLinesSink
from hilum.adapters.sinks.posting import Target
from hilum.adapters.sinks.signing import signing_key
from hilum.adapters.sinks.tls import TlsFiles
from hilum.adapters.sinks.topics import Topics
from hilum.adapters.sinks.webhook import WebhookOptions, WebhookSink
from hilum.domain.errors import SinkUnavailable
from hilum.ports.sinks import EventSink
from hilum.settings import Settings, SettingsRejected
from hilum.settings.sinks import (
    FileSinkSettings,
    KafkaSinkSettings,
    RabbitSinkSettings,
    RedisSinkSettings,
    RemoteSinkSettings,
    SinkSettings,
    WebhookSinkSettings,
)

_ANY_PORT: Final = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}


def make_sink(
    name: str, settings: Settings, environment: Mapping[str, str] | None = None
) -> EventSink:
    """The sink that is called `name`; nothing is connected before its `open`.

    Raises `SettingsRejected` when there is no such sink, its secret cannot be read, or the extra
    with its library is not installed.
    """
    found = settings.sinks.get(name)
    if found is None:
        known = ", ".join(sorted(settings.sinks)) or "none is configured"
        raise SettingsRejected([f"sinks.{name}: there is no such sink ({known})."])
    environment = os.environ if environment is None else environment
    try:
        return _made(name, found, _secret(found, environment), settings)
    except OSError as error:
        problem = f"{error.filename} cannot be read ({error.strerror})"
    except (SinkUnavailable, ValueError) as error:
        problem = str(error).rstrip(".")
    raise SettingsRejected([f"sinks.{name}: {problem}."])


def _made(name: str, found: SinkSettings, secret: str, settings: Settings) -> EventSink:
    match found:
        case KafkaSinkSettings():
            return _kafka(name, found, secret)
        case RabbitSinkSettings():
            return _rabbitmq(name, found, secret)
        case RedisSinkSettings():
            return _redis(name, found, secret)
        case WebhookSinkSettings():
            return _webhook(name, found, secret, settings)
        case FileSinkSettings():
            return _file(name, found)


def _kafka(name: str, found: KafkaSinkSettings, secret: str) -> EventSink:
    with _needing("kafka"):
        from hilum.adapters.sinks.kafka import KafkaSink  # noqa: PLC0415
        from hilum.adapters.sinks.kafka_producer import KafkaOptions  # noqa: PLC0415

    options = KafkaOptions(
        servers=[_with_port(each, 9092) for each in found.servers],
        topics=Topics(found.topics),
        user=unquote(found.parts.username or ""),
        password=secret,
        mechanism=found.mechanism,
        tls=_tls(found),
        compression=None if found.compression == "none" else found.compression,
        batch_bytes=found.batch_bytes,
        message_bytes=found.message_bytes,
        connect_seconds=found.connect_seconds,
        acknowledge_seconds=found.acknowledge_seconds,
    )
    return KafkaSink(name, options)


def _rabbitmq(name: str, found: RabbitSinkSettings, secret: str) -> EventSink:
    with _needing("rabbitmq"):
        from hilum.adapters.sinks.rabbitmq import RabbitOptions, RabbitSink  # noqa: PLC0415

    parts = found.parts
    options = RabbitOptions(
        host=parts.hostname or "",
        port=parts.port or _ANY_PORT[parts.scheme],
        virtual_host=unquote(parts.path.removeprefix("/")) or "/",
        user=unquote(parts.username or "guest"),
        password=secret or "guest",
        tls=_tls(found),
        exchange=found.exchange,
        declare=found.declare,
        unroutable=found.unroutable,
        unconfirmed=found.unconfirmed,
        message_bytes=found.message_bytes,
        connect_seconds=found.connect_seconds,
        acknowledge_seconds=found.acknowledge_seconds,
    )
    return RabbitSink(name, options)


def _redis(name: str, found: RedisSinkSettings, secret: str) -> EventSink:
    with _needing("redis"):
        from hilum.adapters.sinks.redis import RedisOptions, RedisSink  # noqa: PLC0415

    parts = found.parts
    options = RedisOptions(
        host=parts.hostname or "",
        port=parts.port or _ANY_PORT[parts.scheme],
        database=int(parts.path.strip("/") or 0),
        user=unquote(parts.username or ""),
        password=secret,
        tls=_tls(found),
        deliver=found.deliver,
        topics=Topics(found.topics, prefix=found.prefix),
        stream_entries=found.stream_entries,
        replicas=found.replicas,
        message_bytes=found.message_bytes,
        connect_seconds=found.connect_seconds,
        acknowledge_seconds=found.acknowledge_seconds,
    )
    return RedisSink(name, options)


def _webhook(name: str, found: WebhookSinkSettings, secret: str, settings: Settings) -> EventSink:
    parts = found.parts
    secure = parts.scheme == "https"
    tls = _tls(found) or TlsFiles()
    target = Target(
        host=parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        tls=tls.context() if secure else None,
    )
    options = WebhookOptions(
        target=target,
        addresses=AddressRule(found.allowed_networks),
        mode=found.mode,
        source=found.source,
        azure=None if found.format == "hilum" else found.format,
        host=found.service_host or urlsplit(settings.http.public_url).netloc or "localhost",
        partitions=settings.partitions.enabled,
        handshake=found.handshake,
        key=signing_key(secret),
        authorization=_authorization(found.authorization_file),
        concurrency=found.concurrency,
        connect_seconds=found.connect_seconds,
        answer_seconds=found.acknowledge_seconds,
        longest_pause_seconds=found.longest_pause_seconds,
    )
    return WebhookSink(name, options)


def _file(name: str, found: FileSinkSettings) -> EventSink:
    path = Path(unquote(found.parts.path))
    return JsonLinesSink(name, JsonLinesOptions(path, found.rotate_bytes, found.keep_files))


def _with_port(server: str, port: int) -> str:
    return server if re.search(r":[0-9]+$", server) else f"{server}:{port}"


def _tls(found: RemoteSinkSettings) -> TlsFiles | None:
    if found.parts.scheme not in {"kafkas", "amqps", "rediss", "https"}:
        return None
    files = TlsFiles(found.tls_ca_file, found.tls_certificate_file, found.tls_key_file)
    files.context()  # files that cannot be used stop the start: no waiting makes them right
    return files


def _secret(found: SinkSettings, environment: Mapping[str, str]) -> str:
    if found.secret is not None:
        return found.secret.get_secret_value()
    if found.secret_file is not None:
        return _text_of(found.secret_file)
    if found.secret_variable:
        secret = environment.get(found.secret_variable)
        if secret is None:
            message = f"the environment variable {found.secret_variable} is not set"
            raise ValueError(message)
        return secret
    return unquote(found.parts.password or "")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        message = f"{file} is not UTF-8 text"
        raise ValueError(message) from None


def _authorization(file: Path | None) -> str:
    value = "" if file is None else _text_of(file).strip()
    if not (value.isascii() and value.isprintable()):
        message = "authorization_file should hold one line of ASCII text"
        raise ValueError(message)
    return value


@contextmanager
def _needing(extra: str) -> Iterator[None]:
    """Say which extra is missing, when a module of the block's import is."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"its library {error.name} is not installed: pip install 'hilum[{extra}]'"
        raise ValueError(message) from None
