"""Sinks as the settings name them."""

import ast
import builtins
import sys
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

import hilum.bootstrap.sinks
from hilum.adapters.sinks.topics import Topics
from hilum.bootstrap.delivery import declared
from hilum.bootstrap.sinks import make_sink
from hilum.settings import Settings, SettingsRejected, load_settings
from hilum.settings.sinks import SinkSettings


def _settings(**sinks: dict[str, Any]) -> Settings:
    return load_settings(environment={"HILUM_SINKS": orjson.dumps(sinks).decode()})


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"url": "kafka://a:9092,b"}, "KafkaSink"),
        ({"url": "kafkas://a"}, "KafkaSink"),
        ({"url": "amqp://a/vhost"}, "RabbitSink"),
        ({"url": "amqps://a"}, "RabbitSink"),
        ({"url": "redis://a"}, "RedisSink"),
        ({"url": "rediss://a:1/5"}, "RedisSink"),
        ({"url": "https://a.example.org/x?y=z"}, "WebhookSink"),
        ({"url": "http://a", "allowed_networks": ["10.0.0.0/8"]}, "WebhookSink"),
        ({"url": "file:///tmp/x.jsonl"}, "JsonLinesSink"),
    ],
)
def test_the_url_says_which_kind_it_is(table: dict[str, Any], kind: str) -> None:
    assert type(make_sink("one", _settings(one=table))).__name__ == kind


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"url": "nats://a"}, "url should start with one of kafka:"),
        ({}, "url should start with one of"),
        ({"url": "kafka://"}, "should name a host"),
        ({"url": "kafka://a b"}, "should name a host"),
        ({"url": "amqp://a,b"}, "should name a host"),
        ({"url": "redis://a:99999"}, "should name a host"),
        ({"url": "redis://a/first"}, "number of a database"),
        ({"url": "http://a"}, "needs allowed_networks"),
        ({"url": "https://user:hidden@a"}, "no user or password"),
        ({"url": "https://a/#x"}, "without #"),
        ({"url": "https://a/\r\nx: y"}, "should"),
        ({"url": "file://host/x"}, "file:///path"),
        ({"url": "file:///"}, "file:///path"),
        ({"url": "kafka://u:hidden@a", "secret": "hidden"}, "give the secret once"),
        ({"url": "kafka://a", "exchange": "x"}, "extra inputs"),
        ({"url": "kafka://a", "topics": {"hilum.*": "a b"}}, "topics"),
    ],
)
def test_what_cannot_be_used_is_told_without_secrets(table: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsRejected) as caught:
        _settings(one=table)

    assert words in str(caught.value)
    assert "sinks.one" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_sink_that_is_not_configured_is_told() -> None:
    with pytest.raises(SettingsRejected, match=r"there is no such sink \(one\)"):
        make_sink("two", _settings(one={"url": "kafka://a"}))


@pytest.mark.parametrize(
    ("url", "library", "extra"),
    [
        ("kafka://a", "aiokafka", "kafka"),
        ("amqp://a", "aio_pika", "rabbitmq"),
        ("redis://a", "redis", "redis"),
    ],
)
def test_a_missing_library_is_one_line_that_names_the_extra(
    url: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == library:
            raise ModuleNotFoundError(name=library)
        return real(name, *arguments, **keywords)

    for module in [each for each in sys.modules if each.startswith("hilum.adapters.sinks.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(SettingsRejected) as caught:
        make_sink("one", _settings(one={"url": url}))

    assert str(caught.value) == (
        f"sinks.one: its library {library} is not installed: pip install 'hilum[{extra}]'."
    )


def test_a_secret_comes_from_a_file_a_variable_or_the_url(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("pass word\n")
    for table in (
        {"url": "redis://a", "secret_file": str(file)},
        {"url": "redis://a", "secret_variable": "REDIS_SECRET"},
        {"url": "redis://u:pass%20word@a"},
        {"url": "redis://a", "secret": "pass word"},
    ):
        sink: Any = make_sink("one", _settings(one=table), {"REDIS_SECRET": "pass word"})
        assert sink._options.password == "pass word"
        assert "pass word" not in repr(sink._options)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"secret_file": "/no/such/file"}, "/no/such/file cannot be read"),
        ({"secret_variable": "NOT_SET"}, "NOT_SET is not set"),
        ({"secret": "whsec_???"}, "not base64"),
        ({"tls_ca_file": "/no/such/file"}, "TLS files of a sink cannot be used"),
    ],
)
def test_secrets_that_cannot_be_had_are_told(table: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsRejected, match=words):
        make_sink("one", _settings(one={"url": "https://a.example.org", **table}), {})


def test_every_setting_of_every_kind_is_read() -> None:
    tree = ast.parse(Path(hilum.bootstrap.sinks.__file__).read_text())
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    union = get_args(SinkSettings)[0]
    for kind in get_args(union):
        fields = set(get_args(kind)[0].model_fields)
        assert fields - {"url"} <= read, kind


def test_the_longest_name_of_a_type_chooses_the_topic() -> None:
    topics = Topics({"hilum.*": "all", "hilum.instance.deleted.*": "gone"})

    assert topics.of("hilum.instance.created.v1") == "hilum.instances.v1"
    assert topics.of("hilum.instance.deleted.v1") == "gone"
    assert topics.of("hilum.dead-letter.v1") == "all"
    assert topics.of("dicom.metadata.dlq") == "dicom.metadata.dlq"
    assert topics.of("something.else.v1") == "something.else.v1"


@pytest.mark.parametrize("scheme", ["kafkas", "amqps", "rediss"])
def test_tls_files_of_a_broker_that_cannot_be_used_stop_the_start(scheme: str) -> None:
    table = {"url": f"{scheme}://a", "tls_ca_file": "/no/such/file"}

    with pytest.raises(SettingsRejected, match="TLS files of a sink cannot be used"):
        make_sink("one", _settings(one=table))


@pytest.mark.parametrize(
    ("types", "is_wrong"),
    [
        (["hilum.instances.*"], True),
        (["dicom.metadata.v1", "dicom.metadata.v9"], True),
        (["hilum.instance.*", "dicom.metadata.dlq", "hilum.dead-letter.v1", "*"], False),
        ([], False),
    ],
)
def test_a_type_of_event_that_does_not_exist_stops_the_start(
    types: list[str], *, is_wrong: bool
) -> None:
    settings = load_settings(
        {
            "sinks": {"one": {"url": "file:///tmp/x.jsonl"}},
            "delivery.subscriptions": {"ward": {"sink": "one", "types": types}},
        },
        environment={},
    )

    if not is_wrong:
        assert len(declared(settings)) == 1
        return
    with pytest.raises(SettingsRejected, match=r"subscriptions\.ward.*is no type of event"):
        declared(settings)
