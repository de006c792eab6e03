"""What the Kafka engine works out before it asks Kafka."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.adapters.bus.kafka_client import _connection
from hilum.adapters.bus.kafka_progress import counts_in, text_of


def test_a_plain_url_names_servers() -> None:
    found = _connection("kafka://one,two:9093,[::1]:9094,[::2]", 1000)

    assert found["bootstrap_servers"] == ["one:9092", "two:9093", "[::1]:9094", "[::2]:9092"]
    assert found["security_protocol"] == "PLAINTEXT"
    assert "sasl_mechanism" not in found


@pytest.mark.parametrize(
    ("url", "protocol", "mechanism"),
    [
        ("kafka://me:p%40ss@one:1", "SASL_PLAINTEXT", "SCRAM-SHA-512"),
        ("kafkas://me:p%40ss@one:1?mechanism=PLAIN", "SASL_SSL", "PLAIN"),
    ],
)
def test_a_url_with_a_user_logs_in(url: str, protocol: str, mechanism: str) -> None:
    found = _connection(url, 1000)

    assert (found["security_protocol"], found["sasl_mechanism"]) == (protocol, mechanism)
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("me", "p@ss")
    assert isinstance(found["ssl_context"], ssl.SSLContext) == url.startswith("kafkas")


@given(
    start=st.integers(0, 2**60),
    counts=st.dictionaries(st.integers(0, 255), st.integers(1, 999), max_size=256),
)
def test_counts_survive_as_metadata_of_a_commit(start: int, counts: dict[int, int]) -> None:
    offsets = {start + above: count for above, count in counts.items()}

    text = text_of(offsets, start)

    assert counts_in(text, start) == offsets
    assert len(text.encode()) <= 4096  # what a broker takes by default


@pytest.mark.parametrize("text", ["", "leader-epoch", "1:", "a:b", "1:2:3"])
def test_metadata_of_somebody_else_counts_nothing(text: str) -> None:
    assert counts_in(text, 5) == {}
