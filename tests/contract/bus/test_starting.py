"""Choosing an engine: what is said when it cannot be had, and what is not loaded."""

import subprocess
import sys

import pytest

from hilum.bootstrap.bus import open_bus
from hilum.domain.errors import BusUnavailable
from hilum.settings import SettingsRejected, load_settings
from tests.ports import free_port

SECRET = "s3cr3t-word"


@pytest.mark.parametrize("scheme", ["redis", "amqp", "kafka"])
async def test_an_engine_that_is_not_there_is_one_clear_line(scheme: str) -> None:
    url = f"{scheme}://someone:{SECRET}@127.0.0.1:{free_port()}"
    settings = load_settings({"bus.url": url, "bus.request_seconds": 2.0}, environment={})

    with pytest.raises(BusUnavailable) as told:
        async with open_bus(settings):
            pass

    text = str(told.value)
    assert text.count("\n") == 0
    assert "127.0.0.1" in text
    assert "bus.url" in text
    assert SECRET not in text
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "url", ["redis", "mysql://host", "redis://", f"amqp://user:{SECRET}@", "kafka:", "http://[::1"]
)
def test_a_url_that_names_no_engine_is_refused_when_settings_are_read(url: str) -> None:
    with pytest.raises(SettingsRejected, match=r"bus\.url") as told:
        load_settings({"bus.url": url}, environment={})

    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://someone:{SECRET}@127.0.0.1:port/0",
        f"redis://someone:{SECRET}@127.0.0.1:1/zero",
        f"redis://someone:{SECRET}@127.0.0.1:1/0?unheard-of=1",
        f"redis://someone:{SECRET}@one:1,two:2/0",
        f"amqp://someone:{SECRET}@127.0.0.1:99999/",
        f"kafka://someone:{SECRET}@127.0.0.1:port",
        f"kafka://someone:{SECRET}@one:1,two:0",
        f"kafka://someone:{SECRET}@127.0.0.1:1?mechanism=unheard-of",
        f"redis://:{SECRET}/more@127.0.0.1:1/0",
        f"amqp://someone:{SECRET}/more@127.0.0.1:1/",
        f"kafka://someone:{SECRET}/more@127.0.0.1:1",
    ],
)
async def test_a_url_that_its_engine_cannot_go_by_is_one_clear_line(url: str) -> None:
    settings = load_settings({"bus.url": url}, environment={})

    with pytest.raises(BusUnavailable, match=r"^bus\.url .* cannot be used: [^\n]+\.$") as told:
        async with open_bus(settings):
            pass

    assert SECRET not in str(told.value)


def test_the_embedded_bus_loads_no_library_of_a_broker() -> None:
    program = (
        "import sys, asyncio\n"
        "from hilum.bootstrap.bus import open_bus\n"
        "from hilum.settings import load_settings\n"
        "async def main():\n"
        "    async with open_bus(load_settings(environment={})) as bus:\n"
        "        print(await bus())\n"
        "asyncio.run(main())\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'redis', 'aiormq', 'aio_pika', 'aiokafka', 'faststream'}, loaded\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )

    assert (ran.stdout, ran.stderr) == ("In process, 0 messages waiting.\n", "")


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [("redis", "redis", "redis"), ("amqp", "aiormq", "rabbitmq"), ("kafka", "aiokafka", "kafka")],
)
async def test_an_engine_whose_library_is_missing_names_the_extra(
    scheme: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"bus.url": f"{scheme}://127.0.0.1:1"}, environment={})
    ours, theirs = "hilum.adapters.bus.", f"{module}."
    for name in [name for name in sys.modules if name.startswith((ours, theirs))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(BusUnavailable, match=rf"pip install 'hilum\[{extra}\]'"):
        async with open_bus(settings):
            pass
