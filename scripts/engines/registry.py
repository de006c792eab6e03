"""The engines that there are, in the order in which they are installed and started."""

from scripts.engines.azure import Azure
from scripts.engines.engine import Engine
from scripts.engines.gcs import Gcs
from scripts.engines.kafka import Kafka
from scripts.engines.orthanc import Orthanc
from scripts.engines.postgres import Postgres
from scripts.engines.rabbitmq import RabbitMQ
from scripts.engines.redis import Redis
from scripts.engines.s3 import S3

ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (Postgres(), Redis(), RabbitMQ(), Kafka(), S3(), Azure(), Gcs(), Orthanc())
}
