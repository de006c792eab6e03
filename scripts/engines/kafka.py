"""Apache Kafka, one node that is broker and controller (KRaft): Java archives fetched by Maven."""

import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from scripts.engines.building import fresh, run
from scripts.engines.engine import Engine, ask, program
from scripts.engines.place import Place, ServicesError, cache_folder
from scripts.engines.process import Launch

VERSION = "4.1.1"
_DEPENDENCIES = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    # The broker logs through an interface and brings no implementation of it.
    ("org.slf4j", "slf4j-simple", "1.7.36"),
)
# Metadata, version 4, correlation id 1, client "hilum", no topics, none created.
_QUESTION = bytes.fromhex(
    "00000014 0003 0004 00000001 0005 68696c756d 00000000 00".replace(" ", "")
)
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
"""


class Kafka(Engine):
    name = "kafka"
    title = "Apache Kafka"
    port_names = ("port", "controller")
    debian = ("default-jre-headless", "maven")
    start_seconds = 120
    formatting: ClassVar[Sequence[str]] = ()
    """Further arguments of the command that formats its storage."""

    def settings(self, place: Place) -> str:
        """Of the broker; of two lines with one name the last one counts."""
        return _SETTINGS.format(data=place.data, **place.ports)

    def missing(self) -> list[str]:
        absent = [] if program("java") else ["default-jre-headless"]
        if not _archives().is_dir():
            absent += [f"kafka-{VERSION}"] if program("mvn") else ["maven", f"kafka-{VERSION}"]
        return absent

    def fetch(self) -> None:
        if _archives().is_dir():
            return
        folder = fresh("kafka")
        (folder / "pom.xml").write_text(_project())
        maven = (program("mvn") or "mvn", "--batch-mode", "--quiet")
        goal = ("dependency:copy-dependencies", "-DincludeScope=runtime")
        run("Kafka", [*maven, *goal, f"-DoutputDirectory={folder / 'libs'}"], folder)
        (folder / "libs").rename(_archives())
        shutil.rmtree(folder)

    def prepare(self, place: Place) -> None:
        settings = place.folder / "server.properties"
        settings.write_text(self.settings(place))
        if (place.data / "meta.properties").exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Joined by "=": an identifier may begin with a dash.
        named = f"--cluster-id={cluster}"
        command = _java(
            "64m", "kafka.tools.StorageTool", "format", named, "-c", settings, *self.formatting
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServicesError(f"Kafka could not format {place.data}: {done.stderr[-2000:]}")

    def launch(self, place: Place) -> Launch:
        return Launch(_java("512m", "kafka.Kafka", place.folder / "server.properties"))

    def answers(self, place: Place) -> bool:
        # After size, correlation id and throttle time: how many brokers take part. The broker
        # listens before it does, and clients would be told of none.
        return int.from_bytes(ask(place.port, _QUESTION)[12:16]) > 0

    def address(self, place: Place) -> str:
        return f"127.0.0.1:{place.port}"


def _archives() -> Path:
    return cache_folder() / f"kafka-{VERSION}"


def _java(memory: str, *arguments: str | Path) -> list[str | Path]:
    return [
        *(
            program("java") or "java",
            f"-Xmx{memory}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=4",
        ),
        *("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{_archives()}/*", *arguments),
    ]


def _project() -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, name, version in _DEPENDENCIES
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>hilum</groupId>"
        "<artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )
