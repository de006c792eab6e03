"""From a query string to a search for work items (PS3.18 section 11.9; Azure DICOM service)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from hilum.dicom.attributes import Folding
from hilum.domain.errors import InvalidQuery
from hilum.domain.identifiers import PartitionKey
from hilum.domain.queries import Between, DateTimeBetween, Equals
from hilum.domain.workitems import WorkitemKey, WorkitemMatch, WorkitemQuery
from hilum.wire.query_attributes import NO_ATTRIBUTE, find_tag, means_attribute, printable
from hilum.wire.query_values import EMPTY_VALUE, literal_match, standard_match
from hilum.wire.worklist_rules import RETURNED, WorklistRules
from hilum.worklist.matching import MatchedAttribute, moment

_RESERVED: Final = frozenset({"limit", "offset", "fuzzymatching", "includefield"})
_LONGEST_QUERY: Final = 32_768
_MOST_PARAMETERS: Final = 200
_MOST_VALUES: Final = 1000
_MAXIMUM_OFFSET: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class WorkitemSearch:
    """A query, and what is wanted of each match."""

    query: WorkitemQuery
    tags: tuple[str, ...] | None
    """DICOM JSON keys; None: everything there is."""
    limit: int
    """Results to answer with; the query asks for one more where it matters that there are more."""


def read_workitem_search(
    query_string: bytes, rules: WorklistRules, partition: PartitionKey
) -> WorkitemSearch:
    """Raises `InvalidQuery`, which names the parameter and never its value."""
    pairs = read_pairs(query_string)
    reserved = _reserved(pairs)
    fuzzy = _boolean(reserved.get("fuzzymatching", ["false"])[0])
    attributes = [(name, value) for name, value in pairs if name.lower() not in _RESERVED]
    keys, named = _keys(attributes, rules, fuzzy=fuzzy)
    limit = _limit(reserved, rules)
    offset = _number(reserved, "offset", 0)
    if offset > _MAXIMUM_OFFSET:
        raise InvalidQuery("offset", f"it is at most {_MAXIMUM_OFFSET}")
    query = WorkitemQuery(partition, keys, limit if rules.strict else limit + 1, offset)
    return WorkitemSearch(query, _returned(reserved.get("includefield", []), named), limit)


def read_keys(pairs: Sequence[tuple[str, str]], rules: WorklistRules) -> Sequence[WorkitemKey]:
    """What must match, of a filtered subscription. Raises `InvalidQuery`."""
    return _keys(pairs, rules, fuzzy=False)[0]


def read_pairs(query_string: bytes) -> list[tuple[str, str]]:
    """Names and values of a query string. Raises `InvalidQuery`."""
    if len(query_string) > _LONGEST_QUERY:
        raise InvalidQuery("", f"it is longer than {_LONGEST_QUERY} bytes")
    try:
        pairs = parse_qsl(
            query_string.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except UnicodeDecodeError as error:
        raise InvalidQuery("", "it is not UTF-8") from error
    except ValueError as error:
        raise InvalidQuery("", f"at most {_MOST_PARAMETERS} parameters are read") from error
    if any("\0" in value for _, value in pairs):
        raise InvalidQuery("", "it holds a control character")
    return pairs


def _keys(
    attributes: Sequence[tuple[str, str]], rules: WorklistRules, *, fuzzy: bool
) -> tuple[list[WorkitemKey], set[str]]:
    """What must match, and the attributes that were named."""
    keys: list[WorkitemKey] = []
    named: set[str] = set()
    seen: set[str] = set()
    for name, value in attributes:
        if not rules.strict and not means_attribute(name.partition(".")[0]):
            continue  # of a client's own, not meant for us
        path = _path(name)
        if path in seen:
            raise InvalidQuery(printable(name), "the attribute is given more than once")
        seen.add(path)
        named.add(path[:8])
        attribute = rules.searchable.get(path)
        if attribute is None:
            if not rules.literal and not value.strip():
                continue
            raise InvalidQuery(printable(name), _offer(rules))
        match = _match(attribute, value, rules, fuzzy=fuzzy)
        if match is not None:
            keys.append(WorkitemKey(path, match))
    return keys, named


def _match(
    attribute: MatchedAttribute, text: str, rules: WorklistRules, *, fuzzy: bool
) -> WorkitemMatch | None:
    """None: anything matches."""
    if attribute.is_time and text.strip() not in {"", "*", EMPTY_VALUE}:
        return _time(attribute.name, text.strip())
    if rules.literal and attribute.path not in rules.wild:
        match = literal_match(attribute.name, text, attribute.folding, fuzzy=fuzzy)
    elif rules.literal and not text.strip():
        raise InvalidQuery(attribute.name, "it has no value")
    else:
        read = standard_match(
            attribute.name, text, attribute, fuzzy=fuzzy, maximum_list=_MOST_VALUES
        )
        if read is None:
            return None
        match = read
    if isinstance(match, DateTimeBetween):
        raise InvalidQuery(attribute.name, "it is no date with a time")
    if isinstance(match, Equals) and attribute.folding is Folding.UID:
        return Equals(str(match.value))
    return match


def _time(name: str, text: str) -> WorkitemMatch:
    """A moment, or a range whose ends may be left open: `first-last`."""
    if (low := moment(text, last=False)) is not None:
        high = moment(text, last=True)
        return Equals(low) if low == high else Between(low, high)
    for at, sign in enumerate(text):  # an offset from UTC has a minus sign, too
        if sign != "-":
            continue
        first, last = text[:at].strip(), text[at + 1 :].strip()
        low, high = moment(first, last=False), moment(last, last=True)
        if (first or last) and (low or not first) and (high or not last):
            if low and high and low > high:
                raise InvalidQuery(name, "the range ends before it begins")
            return Between(low, high)
    raise InvalidQuery(name, "write YYYYMMDDHHMMSS.FFFFFF+ZZXX, of a range two with a dash between")


def _path(name: str) -> str:
    tags = [find_tag(part) for part in name.split(".")]
    if None in tags:
        raise InvalidQuery(printable(name), NO_ATTRIBUTE)
    return ".".join(f"{tag:08X}" for tag in tags)


def _offer(rules: WorklistRules) -> str:
    names = sorted(each.name for each in rules.searchable.values())
    return f"it cannot be searched for; here can be searched for {', '.join(names)}"


def _reserved(pairs: Sequence[tuple[str, str]]) -> Mapping[str, list[str]]:
    reserved: dict[str, list[str]] = {}
    for name, value in pairs:
        if name.lower() in _RESERVED:
            reserved.setdefault(name.lower(), []).append(value)
    for name, values in reserved.items():
        if name != "includefield" and len(values) > 1:
            raise InvalidQuery(name, "it is given more than once")
    return reserved


def _boolean(text: str) -> bool:
    if text.strip().lower() not in {"true", "false"}:
        raise InvalidQuery("fuzzymatching", "it is either true or false")
    return text.strip().lower() == "true"


def _number(reserved: Mapping[str, list[str]], name: str, default: int) -> int:
    text = reserved.get(name, [str(default)])[0].strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidQuery(name, "it is a whole number, not negative")
    return int(text)


def _limit(reserved: Mapping[str, list[str]], rules: WorklistRules) -> int:
    limit = _number(reserved, "limit", rules.default_limit)
    if limit == 0 or (rules.strict and limit > rules.maximum_limit):
        raise InvalidQuery("limit", f"it is a number from 1 to {rules.maximum_limit}")
    return min(limit, rules.maximum_limit)


def _returned(included: Sequence[str], named: set[str]) -> tuple[str, ...] | None:
    names = [name.strip() for text in included for name in text.split(",") if name.strip()]
    if any(name.lower() == "all" for name in names):
        return None
    tags = {*RETURNED, *named}
    for name in names:
        tag = find_tag(name.partition(".")[0])
        if tag is None:
            raise InvalidQuery("includefield", f"no attribute is called {printable(name)}")
        tags.add(f"{tag:08X}")
    return tuple(sorted(tags))
