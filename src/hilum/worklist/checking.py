"""Applying the requirements of PS3.4 table CC.2.5-3 to data sets."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from hilum.dicom.json_values import items
from hilum.domain.workitems import InvalidWorkitem, WorkitemDataset, WorkitemState
from hilum.worklist.datasets import Dataset, has_value
from hilum.worklist.requirements import REQUIREMENTS, AtEnd, Need, Requirement

_TOP: Final = tuple(each for each in REQUIREMENTS if not each.within)
_NESTED: Final = tuple(each for each in REQUIREMENTS if each.within)
_TAGS: Final = {each.keyword: each.tag for each in REQUIREMENTS}
_FIXED: Final = {each.tag: each for each in _TOP if not each.change}
_WANTED: Final = {
    WorkitemState.COMPLETED: {AtEnd.ENDED, AtEnd.COMPLETED},
    WorkitemState.CANCELED: {AtEnd.ENDED, AtEnd.CANCELED},
}


def demand_creatable(dataset: WorkitemDataset) -> None:
    """Refuse what may not be a new work item. Raises `InvalidWorkitem`, naming each attribute.

    All at once: whoever writes a client learns of the whole table by one answer.
    """
    wrong = dict.fromkeys(
        _wrong(requirement, requirement.create, holder)
        for requirement, holders in _each_with_holders(dataset)
        for holder in holders
    )
    if sentences := " ".join(filter(None, wrong)):
        raise InvalidWorkitem(sentences)


def supply(dataset: Dataset, vrs: dict[str, str]) -> None:
    """Add what must be there and may be empty; for callers that need not know the whole table.

    `vrs`: of each tag that may have to be added.
    """
    for requirement in _TOP:
        if requirement.create in {Need.PRESENT, Need.EMPTY}:
            dataset.setdefault(requirement.tag, {"vr": vrs[requirement.tag]})


def supplied_tags() -> Sequence[str]:
    """The tags that `supply` may add."""
    return [each.tag for each in _TOP if each.create in {Need.PRESENT, Need.EMPTY}]


def demand_changeable(changes: WorkitemDataset) -> None:
    """Refuse what an update may not bring. Raises `InvalidWorkitem`, naming the attribute."""
    for tag in changes:
        if tag in _FIXED:
            name = _FIXED[tag].path
            message = f"{name} cannot be changed by an update."
            raise InvalidWorkitem(message)
    for requirement, holders in _each_with_holders(changes):
        for holder in holders:
            if requirement.within:
                _demand(requirement, requirement.change_need, holder)
            elif requirement.create is Need.VALUE and requirement.tag in holder:
                _demand(requirement, Need.VALUE, holder)


def missing_at_end(dataset: WorkitemDataset, state: WorkitemState) -> Sequence[str]:
    """Names of what a work item needs a value of to come into a final state, and has none."""
    wanted = _WANTED[state]
    return [
        requirement.path
        for requirement in REQUIREMENTS
        if requirement.final in wanted and not _is_met(requirement, dataset)
    ]


def _is_met(requirement: Requirement, dataset: WorkitemDataset) -> bool:
    holders = _holders(requirement, dataset)
    return bool(holders) and all(has_value(holder, requirement.tag) for holder in holders)


def _demand(requirement: Requirement, need: Need, holder: WorkitemDataset) -> None:
    if sentence := _wrong(requirement, need, holder):
        raise InvalidWorkitem(sentence)


def _wrong(requirement: Requirement, need: Need, holder: WorkitemDataset) -> str:
    """What is wrong with the attribute in `holder`, as a sentence; empty: nothing."""
    tag, reason = requirement.tag, ""
    is_there, is_valued = tag in holder, has_value(holder, tag)
    if need is Need.VALUE and not is_valued:
        reason = "must have a value"
    elif need is Need.PRESENT and not is_there:
        reason = "must be there; it may be empty"
    elif need is Need.EMPTY and (not is_there or is_valued or holder[tag].get("Value")):
        reason = "must be there and be empty"
    elif need is Need.OPTIONAL and is_there and not is_valued:
        reason = "must have a value where it is there"
    return f"{requirement.path} ({tag}) {reason}." if reason else ""


def _each_with_holders(
    dataset: WorkitemDataset,
) -> Iterator[tuple[Requirement, Sequence[WorkitemDataset]]]:
    for requirement in (*_TOP, *_NESTED):
        yield requirement, _holders(requirement, dataset)


def _holders(requirement: Requirement, dataset: WorkitemDataset) -> Sequence[Any]:
    """The data sets in which an attribute has to be: the work item, or items of a sequence."""
    if not requirement.within:
        return [dataset]
    outer = _OUTER.get(requirement.within)
    sequence = _TAGS[requirement.within]
    holders = [dataset] if outer is None else items(dataset, _TAGS[outer])
    return [item for holder in holders for item in items(holder, sequence)]


_OUTER: Final = {
    each.keyword: each.within
    for each in _NESTED
    if each.keyword in {nested.within for nested in _NESTED}
}
