"""A role that publishes, in a process of its own, to be killed and started again.

    python -m tests.contract.bus.publisher '<JSON>'

It notes each message that is durable, and begins again behind the last one noted.
"""

import asyncio
from pathlib import Path

from hilum.adapters.bus.options import BusOptions
from hilum.domain.errors import BusUnavailable
from tests.contract.bus.brokers import letter, make_bus
from tests.contract.bus.worker import Log, supervised


async def publish(told: dict[str, object]) -> None:
    options = BusOptions(**told["options"])  # type: ignore[arg-type]
    log = Log(Path(str(told["log"])))
    begin = _next(log)
    async with make_bus(str(told["url"]), options) as bus:
        for number in range(begin, int(str(told["messages"]))):
            message = letter(f"k{number % int(str(told['keys']))}", number)
            while True:
                try:
                    await bus.publish(str(told["topic"]), message)
                except BusUnavailable:
                    await asyncio.sleep(0.1)
                else:
                    break
            log.add("published", message)
            await asyncio.sleep(0.005)


def _next(log: Log) -> int:
    noted = [message_id for event, message_id, *_ in log.lines() if event == "published"]
    return int(noted[-1].rpartition("-")[2]) + 1 if noted else 0


if __name__ == "__main__":
    supervised(publish)
