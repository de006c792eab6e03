"""Redis, from Debian."""

from scripts.engines.engine import Engine, ask, program
from scripts.engines.place import Place
from scripts.engines.process import Launch


class Redis(Engine):
    name = "redis"
    title = "Redis"
    debian = ("redis-server",)

    def missing(self) -> list[str]:
        return [] if program("redis-server") else ["redis-server"]

    def prepare(self, place: Place) -> None:
        place.data.mkdir(exist_ok=True)
        (place.folder / "redis.conf").write_text(
            f"bind 127.0.0.1\nport {place.port}\ndir {place.data}\n"
            # What was acknowledged outlives a power cut, not only a kill.
            'appendonly yes\nappendfsync always\nsave ""\n'
        )

    def launch(self, place: Place) -> Launch:
        return Launch([program("redis-server") or "redis-server", place.folder / "redis.conf"])

    def answers(self, place: Place) -> bool:
        return ask(place.port, b"PING\r\n").startswith(b"+PONG")

    def address(self, place: Place) -> str:
        return f"redis://127.0.0.1:{place.port}/0"
