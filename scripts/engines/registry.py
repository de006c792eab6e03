"""The engines that there are, in the order in which they are installed and started."""

from scripts.engines.engine import Engine
from scripts.engines.orthanc import Orthanc
from scripts.engines.postgres import Postgres
from scripts.engines.redis import Redis

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (Postgres(), Redis(), Orthanc())}
