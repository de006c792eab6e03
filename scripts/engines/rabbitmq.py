"""RabbitMQ, from Debian."""

from pathlib import Path

from scripts.engines.engine import Engine, ask, program
from scripts.engines.place import Place
from scripts.engines.process import Launch

# The program itself: the one of the same name in /usr/sbin would switch to a user of its own.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_GREETING = b"AMQP\x00\x00\x09\x01"
# The node name server of Erlang must run first, and must end with the broker: as a child of the
# same shell that becomes the broker. An Erlang that finds none starts one that outlives all.
_SCRIPT = """
epmd -port "$ERL_EPMD_PORT" &
for try in 1 2 3 4 5 6 7 8 9 10; do
    epmd -port "$ERL_EPMD_PORT" -names >/dev/null 2>&1 && break
    sleep 0.1
done
exec "$0"
"""


class RabbitMQ(Engine):
    name = "rabbitmq"
    title = "RabbitMQ"
    port_names = ("port", "distribution", "names")
    debian = ("rabbitmq-server",)
    start_seconds = 120

    def missing(self) -> list[str]:
        return [] if _SERVER.exists() and program("epmd") else ["rabbitmq-server"]

    def prepare(self, place: Place) -> None:
        place.data.mkdir(exist_ok=True)
        (place.folder / "plugins").write_text("[].\n")
        (place.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{place.port}\n"
            "loopback_users.guest = true\n"
            # A test machine's disk may be nearly full; the broker would block every publisher.
            "disk_free_limit.absolute = 200MB\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n"
        )

    def launch(self, place: Place) -> Launch:
        ports = place.ports
        return Launch(
            ["/bin/sh", "-c", _SCRIPT, _SERVER],
            {
                "HOME": str(place.folder),  # the secret of Erlang's nodes
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "ERL_EPMD_PORT": str(ports["names"]),
                "RUNNING_UNDER_SYSTEMD": "true",  # or a shell would stand between us and it
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_CONFIG_FILE": str(place.folder / "rabbitmq.conf"),
                "RABBITMQ_ADVANCED_CONFIG_FILE": str(place.folder / "none.config"),
                "RABBITMQ_GENERATED_CONFIG_DIR": str(place.folder / "generated"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(place.folder / "plugins"),
                "RABBITMQ_MNESIA_BASE": str(place.data),
                "RABBITMQ_LOG_BASE": str(place.folder),
                "RABBITMQ_LOGS": "-",
                "RABBITMQ_NODENAME": f"hilum-{place.port}@localhost",
                "RABBITMQ_DIST_PORT": str(ports["distribution"]),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                    # Loopback only; and no threads that wait busily, on a machine of few cores.
                    "-kernel inet_dist_use_interface {127,0,0,1} "
                    "+sbwt none +sbwtdcpu none +sbwtdio none"
                ),
            },
        )

    def answers(self, place: Place) -> bool:
        return ask(place.port, _GREETING).startswith(b"\x01")  # a method frame: Connection.Start

    def address(self, place: Place) -> str:
        return f"amqp://guest:guest@127.0.0.1:{place.port}/"
