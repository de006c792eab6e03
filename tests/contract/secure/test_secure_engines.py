"""Engines that want TLS and a password: who is believed, who is let in, and that nothing leaks."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from hilum.adapters.database.postgresql_doorbell import Doorbell
from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.bootstrap.bus import open_bus
from hilum.domain.errors import ArchiveUnavailable, BusUnavailable, HilumError, SinkUnavailable
from hilum.domain.events import Event
from hilum.foundation.bell import Bell
from hilum.ports.bus import Message
from hilum.settings import Settings, load_settings
from scripts.engines.engine import Engine
from tests.contract.index.kept import a_kept
from tests.contract.sinks.events import events_of_studies
from tests.contract.sinks.far_sides import sink_of
from tests.engines import own
from tests.secure import (
    PASSWORD,
    USER,
    Authority,
    SecureKafka,
    SecurePostgres,
    SecureRabbitMQ,
    SecureRedis,
)

PATIENCE_SECONDS = 20.0


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    tmp_path.chmod(0o755)
    return Authority(tmp_path)


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    """Signed nothing of ours."""
    return Authority(tmp_path, "theirs")


def leaks_nothing(error: HilumError) -> bool:
    return PASSWORD not in str(error)


# PostgreSQL


@pytest.mark.slow
async def test_postgres_over_tls_is_believed_by_its_certificate_alone(
    ours: Authority, theirs: Authority
) -> None:
    with own(SecurePostgres(ours)) as engine:
        superuser = f"{engine.address}?sslmode=require"
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")  # type: ignore[arg-type]
            connection.execute(f"GRANT CREATE ON DATABASE postgres TO {USER}")  # type: ignore[arg-type]
        place = urlsplit(engine.address)
        port = place.port

        def url(host: str = "127.0.0.1", ca: Path = ours.ca, password: str = PASSWORD) -> str:
            rest = f"sslmode=verify-full&sslrootcert={quote(str(ca))}"
            return f"postgresql://{USER}:{password}@{host}:{port}/postgres?{rest}"

        await asyncio.to_thread(migrate, url())
        bell = Bell()
        async with SqlIndex(url()) as index, Doorbell(url(), {"feed": bell}):
            await index.commit([a_kept()])
            assert (await index.counts()).instances == 1
            await bell.wait(0, PATIENCE_SECONDS)
            assert bell.rung
            with psycopg.connect(superuser) as connection:
                found = connection.execute(
                    "SELECT DISTINCT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a "
                    "USING (pid) WHERE a.usename = %s",
                    (USER,),
                ).fetchall()
            assert found == [(True,)]

        for wrong, words in (
            (url(ca=theirs.ca), "certificate"),
            (url(host="localhost"), "certificate"),
            (url(password="wrong"), "password"),
        ):
            with pytest.raises(ArchiveUnavailable, match=words) as caught:
                await asyncio.to_thread(migrate, wrong)
            assert leaks_nothing(caught.value)


# Sinks


async def tells(table: dict[str, Any], events: Sequence[Event]) -> None:
    sink = sink_of(table)
    await sink.open()
    try:
        assert list(await sink.send(events)) == []
    finally:
        await sink.close()


async def is_refused(table: dict[str, Any]) -> None:
    sink = sink_of({**table, "connect_seconds": 5})
    try:
        with pytest.raises(SinkUnavailable) as caught:
            await sink.open()
        assert leaks_nothing(caught.value)
    finally:
        await sink.close()


async def keeps_its_promises(
    engine: Engine, ours: Authority, theirs: Authority, secret: str, **more: Any
) -> None:
    """Tells events; believes no other authority, and no other name; a wrong password is none."""
    with own(engine) as started:
        table = {"url": started.address, "secret": secret, "tls_ca_file": str(ours.ca), **more}
        await _until_told(table, events_of_studies(20, studies=3))
        await is_refused({**table, "tls_ca_file": str(theirs.ca)})
        await is_refused({**table, "url": started.address.replace("127.0.0.1", "localhost")})
        await is_refused({**table, "secret": "wrong"})
        url = started.address.replace("@", f":{secret}@")
        await carries_messages(url, ours, theirs)


async def carries_messages(url: str, ours: Authority, theirs: Authority) -> None:
    """As a bus, which believes the certificates of the system: OpenSSL lets us name them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(ours.ca))
        async with open_bus(bus_settings(url)) as bus:
            assert "answers" in await bus()
            await bus.publish("work", Message("message-1", "1.2", b"{}"))
        for wrong in (url.replace("127.0.0.1", "localhost"), url.replace(":sE", ":wrong")):
            if wrong != url:
                await bus_is_refused(wrong)
        patch.setenv("SSL_CERT_FILE", str(theirs.ca))
        await bus_is_refused(url)


def bus_settings(url: str) -> Settings:
    return load_settings(
        environment={"HILUM_BUS__URL": url, "HILUM_BUS__REQUEST_SECONDS": str(PATIENCE_SECONDS)}
    )


async def bus_is_refused(url: str) -> None:
    with pytest.raises(BusUnavailable) as caught:
        async with open_bus(bus_settings(url)):
            pytest.fail("it was let in")
    assert leaks_nothing(caught.value)


async def _until_told(table: dict[str, Any], events: Sequence[Event]) -> None:
    """A broker that makes topics on demand needs a moment for it."""
    async with asyncio.timeout(3 * PATIENCE_SECONDS):
        while True:
            try:
                return await tells(table, events)
            except SinkUnavailable as error:
                if "topic" not in str(error):
                    raise


@pytest.mark.slow
async def test_redis_over_tls_with_a_user(ours: Authority, theirs: Authority) -> None:
    await keeps_its_promises(SecureRedis(ours), ours, theirs, PASSWORD, deliver="stream")


@pytest.mark.slow
async def test_kafka_over_tls_with_scram(ours: Authority, theirs: Authority) -> None:
    await keeps_its_promises(SecureKafka(ours), ours, theirs, PASSWORD)


@pytest.mark.slow
async def test_rabbitmq_over_tls(ours: Authority, theirs: Authority) -> None:
    more = {"unroutable": "drop"}
    await keeps_its_promises(SecureRabbitMQ(ours), ours, theirs, "guest", **more)
