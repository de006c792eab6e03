"""What a report says about itself: whose it is, of what, how complete, and who vouches for it."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from hilum.dicom.json_values import JsonDataset, items, text
from hilum.dicom.structured_reports.wording import (
    date_of,
    date_time_of,
    meaning_of,
    name_of,
    text_of,
    time_of,
    uid_name,
)

_PREVIOUS: Final = (("0040A360", "Predecessor document"), ("0040A525", "Identical document"))


class Fact(NamedTuple):
    """One line of the head."""

    label: str
    value: str


def title_of(dataset: JsonDataset) -> str:
    """The title: the concept name of the root, else what kind of report it is."""
    return meaning_of(dataset, "0040A043") or uid_name(text(dataset, "00080016")) or "Report"


def head_of(dataset: JsonDataset) -> Sequence[Fact]:
    """The lines above the content; those without a value are left out."""
    return [fact for fact in _facts(dataset) if fact.value]


def _facts(dataset: JsonDataset) -> Iterator[Fact]:
    yield Fact("Patient", name_of(dataset, "00100010"))
    yield Fact("Patient ID", text_of(dataset, "00100020"))
    yield Fact("Born", date_of(text(dataset, "00100030")))
    yield Fact("Sex", text(dataset, "00100040"))
    yield Fact("Referring physician", name_of(dataset, "00080090"))
    yield Fact("Study", text_of(dataset, "00081030"))
    yield Fact("Study date", _at(dataset, "00080020", "00080030"))
    yield Fact("Accession number", text(dataset, "00080050"))
    series, number = text_of(dataset, "0008103E"), text_of(dataset, "00200011")
    yield Fact("Series", f"{series} (#{number})" if series and number else series)
    yield Fact("Manufacturer", _manufacturer(dataset))
    yield Fact("Completion", text(dataset, "0040A491"))
    yield Fact("Completion description", text_of(dataset, "0040A492"))
    yield Fact("Preliminary", text(dataset, "0040A496"))
    yield Fact("Verification", text(dataset, "0040A493"))
    for observer in items(dataset, "0040A073"):
        yield Fact("Verified by", _observer(observer))
    yield Fact("Content date", _at(dataset, "00080023", "00080033"))
    for tag, label in _PREVIOUS:
        for uids in _documents(dataset, tag):
            yield Fact(label, uids)


def _at(dataset: JsonDataset, date_tag: str, time_tag: str) -> str:
    date, time = date_of(text(dataset, date_tag)), time_of(text(dataset, time_tag))
    return f"{date} {time}".strip() if date else ""


def _manufacturer(dataset: JsonDataset) -> str:
    names = (text_of(dataset, tag) for tag in ("00080070", "00081090"))
    return ", ".join(name for name in names if name)


def _observer(observer: JsonDataset) -> str:
    when = date_time_of(text(observer, "0040A030"))
    who = [name_of(observer, "0040A075"), text_of(observer, "0040A027")]
    named = ", ".join(part for part in who if part)
    return " - ".join(part for part in (when, named) if part)


def _documents(dataset: JsonDataset, tag: str) -> Iterator[str]:
    """Studies, their series, and the documents in these (PS3.3 table C.17.2-1a)."""
    for study in items(dataset, tag):
        for series in items(study, "00081115"):
            for reference in items(series, "00081199"):
                kind = uid_name(text(reference, "00081150"))
                yield f"{kind} {text(reference, '00081155')}".strip()
