"""Which topic, channel or stream an event belongs to."""

from collections.abc import Mapping
from typing import Final

DEFAULT_TOPICS: Final[Mapping[str, str]] = {
    "dicom.metadata.v1": "dicom.metadata.v1",
    "dicom.metadata.dlq": "dicom.metadata.dlq",
    "hilum.instance.*": "hilum.instances.v1",
    "hilum.study.*": "hilum.studies.v1",
}
"""By type of event; a name that ends with `*` stands for all types that begin like it."""


class Topics:
    """The defaults, with `chosen` in their place. The longest name that fits a type decides."""

    __slots__ = ("_exact", "_families", "_prefix")

    def __init__(self, chosen: Mapping[str, str] | None = None, *, prefix: str = "") -> None:
        topics = {**DEFAULT_TOPICS, **(chosen or {})}
        self._prefix = prefix
        self._exact = {name: topic for name, topic in topics.items() if not name.endswith("*")}
        families = ((name[:-1], topic) for name, topic in topics.items() if name.endswith("*"))
        self._families = sorted(families, key=lambda family: -len(family[0]))

    def of(self, event_type: str) -> str:
        """The topic of this type; a type that nothing was said about has one of its own name."""
        topic = self._exact.get(event_type)
        if topic is None:
            fitting = (topic for start, topic in self._families if event_type.startswith(start))
            topic = next(fitting, event_type)
            self._exact[event_type] = topic
        return self._prefix + topic
