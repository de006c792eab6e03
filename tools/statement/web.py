"""Tables of the web services, from what a running server says of itself."""

import asyncio
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx

from hilum.bootstrap.serving import serve
from hilum.dicom.frames import FramesUnknown
from hilum.domain.errors import HilumError
from hilum.settings import Settings
from hilum.wire.http_status import RETRY_AFTER_SECONDS, http_status
from hilum.wire.surfaces import SURFACES
from statement.markdown import code, codes, table

_MATCHING: Final = ", for matching"
_SYNTAX: Final = "; transfer-syntax="
_TYPE: Final = re.compile(r'type="([^"]+)"')

Transaction = Mapping[str, Any]


@cache
def capabilities() -> Mapping[str, Sequence[Transaction]]:
    """What each surface offers, by its prefix: the answers of a server in an empty folder."""
    return asyncio.run(_ask())


async def _ask() -> Mapping[str, Sequence[Transaction]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {
                "data_dir": Path(folder),
                "http": {"port": 0},
                "dimse": {"port": 0},
                "storage": {"reserve_bytes": 0},
                "logging": {"level": "error"},
            }
        )
        async with serve(settings) as serving, httpx.AsyncClient() as client:
            told = {}
            for surface in SURFACES:
                url = f"{serving.http.url}{surface.prefix}/capabilities"
                answer = await client.get(url, headers={"Accept": "application/json"})
                told[surface.prefix] = answer.raise_for_status().json()["transactions"]
            return told


def transactions() -> str:
    """Every resource and method, and the surfaces that have it."""
    seen: dict[tuple[str, str], tuple[str, str, list[str]]] = {}
    for prefix, told in capabilities().items():
        for each in told:
            key = (each["path"], each["method"])
            seen.setdefault(key, (each["id"], each["title"], []))[2].append(prefix)
    rows = [
        (code(path), method, name, title, codes(prefixes))
        for (path, method), (name, title, prefixes) in sorted(seen.items())
        if method != "HEAD"
    ]
    return table(("Resource", "Method", "Transaction", "What it does", "On"), rows)


def media_types() -> str:
    """What each transaction answers with and takes."""
    rows = _Rows()
    for name, prefix, each in _each():
        answered = next(filter(None, (_given(answer) for answer in each["answers"])), ())
        taken = each.get("takes", ())
        if answered or taken:
            rows.add(name, prefix, codes(answered, "<br>"), codes(taken, "<br>"))
    return rows.table("Transactions", "Answers with", "Takes")


def syntax_pairs() -> str:
    """Every media type with every transfer syntax that may be named with it."""
    rows = _Rows()
    for name, prefix, each in _each():
        pairs: dict[str, dict[str, None]] = {}
        for option in _options(each):
            media_type, _, syntax = option.partition(_SYNTAX)
            if syntax:
                part = _TYPE.search(media_type)
                pairs.setdefault(part[1] if part else media_type, {})[syntax] = None
        for media_type, syntaxes in pairs.items():
            rows.add(name, prefix, code(media_type), codes(syntaxes))
    return rows.table("Transactions", "Media type", "Values of `transfer-syntax`")


def parameters() -> str:
    """Every query parameter but the attributes that a search matches on."""
    rows = _Rows()
    for name, prefix, each in _each():
        for parameter in each["parameters"]:
            title = parameter.get("title", "")
            if parameter["in"] == "query" and not title.endswith(_MATCHING):
                values = codes(parameter.get("options", ()))
                rows.add(name, prefix, code(parameter["name"]), title, values)
    return rows.table("Transactions", "Parameter", "Meaning", "Values, where they are listed")


def answers() -> str:
    """Every status that a transaction documents."""
    rows = _Rows()
    for name, prefix, each in _each():
        for answer in each["answers"]:
            rows.add(name, prefix, answer["status"], answer["title"])
    rows.sort()
    return rows.table("Transactions", "Status", "Meaning")


class _Rows:
    """Rows of cells, each with the transactions and surfaces for which it holds."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def add(self, transaction: str, prefix: str, *cells: str) -> None:
        self._found.setdefault(cells, {}).setdefault(transaction, []).append(prefix)

    def sort(self) -> None:
        self._found = dict(sorted(self._found.items()))

    def table(self, *heads: str) -> str:
        rows = []
        for cells, by_transaction in self._found.items():
            by_surfaces: dict[str, list[str]] = {}
            for transaction, prefixes in by_transaction.items():
                by_surfaces.setdefault(_on(prefixes), []).append(transaction)
            rows += [
                (", ".join(transactions), *cells, on) for on, transactions in by_surfaces.items()
            ]
        return table((*heads, "On"), rows)


def error_statuses() -> str:
    """Every error that an answer can tell of."""
    kinds = sorted(_kinds(HilumError), key=lambda kind: (http_status_of(kind), kind.code))
    rows = [
        (code(kind.code), kind.title, str(http_status_of(kind)), _retry_after(kind))
        for kind in kinds
    ]
    return table(("Error", "Title", "Status", "`Retry-After`"), dict.fromkeys(rows))


def http_status_of(kind: type[HilumError]) -> int:
    """The status of a kind of error on the DICOMweb surfaces."""
    return http_status(kind.__new__(kind), dicomweb=True)


def _kinds(kind: type[HilumError]) -> Iterator[type[HilumError]]:
    # Those that no DICOMweb request meets (settings, brokers) live outside domain and dicom.
    if kind.__module__.startswith((HilumError.__module__, FramesUnknown.__module__)):
        yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


def _retry_after(kind: type[HilumError]) -> str:
    for ancestor in kind.__mro__:
        if ancestor in RETRY_AFTER_SECONDS:
            return f"{RETRY_AFTER_SECONDS[ancestor]} s"
    return ""


def _each() -> Iterator[tuple[str, str, Transaction]]:
    """Every transaction but HEAD: its id, the prefix of a surface that has it, and itself."""
    for prefix, told in capabilities().items():
        for each in told:
            if each["method"] != "HEAD":
                yield each["id"], prefix, each


def _given(answer: Mapping[str, Any]) -> Sequence[str]:
    found: Sequence[str] = answer["media_types"] if answer["status"].startswith("2") else ()
    return found


def _options(transaction: Transaction) -> Iterable[str]:
    for parameter in transaction["parameters"]:
        if parameter["in"] == "header":
            yield from parameter.get("options", ())


def _on(prefixes: Sequence[str]) -> str:
    return "all" if len(prefixes) == len(SURFACES) else codes(prefixes)
