"""The list of what is in quarantine, over every engine."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from hilum.domain.findings import FINDINGS_KEPT
from hilum.domain.origins import Door, Origin
from hilum.domain.quarantine import QuarantineState
from hilum.ports.quarantine import QuarantineQuery
from tests.contract.submissions.stores import (
    BEGIN,
    Stores,
    a_finding,
    a_quarantined,
    study_id,
    uids,
)

HELD, RELEASED, REPAIRED, DISCARDED, EXPIRED = QuarantineState
ALL = QuarantineQuery()
MONTH = timedelta(days=30)
STOW = Origin(Door.STOW, "corr-2")


async def keys(
    stores: Stores, query: QuarantineQuery = ALL, before: int | None = None
) -> list[int]:
    return [each.key for each in await stores.quarantine.list(query, before, 10)]


async def test_what_was_refused_is_remembered_whole(stores: Stores) -> None:
    new = a_quarantined()
    key = await stores.quarantine.add(new)

    found = await stores.quarantine.get(key)

    assert found is not None
    assert (found.key, found.what, found.state) == (key, new, HELD)
    assert (found.received, found.changed) == (BEGIN, BEGIN)
    assert [(step.time, step.state, step.by) for step in found.history] == [(BEGIN, HELD, "")]
    bare = a_quarantined("q-2/0", uids=None, study_id=None, number=None, name="", findings=())
    other = await stores.quarantine.get(await stores.quarantine.add(bare))
    assert other is not None
    assert other.what == bare
    assert await stores.quarantine.get(other.key + 1) is None


async def test_the_same_place_again_is_the_same_thing_again(stores: Stores) -> None:
    new = a_quarantined()
    numbers = await asyncio.gather(*(stores.quarantine.add(new) for _ in range(4)))

    assert len(set(numbers)) == 1
    assert await stores.quarantine.add(a_quarantined("q-2/0")) not in numbers
    assert await stores.quarantine.totals() == (2, 200)


async def test_it_is_found_by_its_place_whatever_became_of_it(stores: Stores) -> None:
    new = a_quarantined()
    key = await stores.quarantine.add(new)
    await stores.quarantine.decide(key, DISCARDED, "operator", "", BEGIN)

    found = await stores.quarantine.at(new.place)

    assert found is not None
    assert (found.key, found.state, found.what) == (key, DISCARDED, replace(new, findings=()))
    assert await stores.quarantine.at("elsewhere/0") is None


async def test_files_of_a_submission_are_found_by_their_numbers(stores: Stores) -> None:
    keys = [
        await stores.quarantine.add(
            a_quarantined(f"{study_id(of)}/{number}", study_id=study_id(of), number=number)
        )
        for of, number in ((1, 0), (1, 7), (2, 0))
    ]

    assert await stores.quarantine.of_files(study_id(1), [0, 3, 7]) == {0: keys[0], 7: keys[1]}
    assert await stores.quarantine.of_files(study_id(1), []) == {}


async def test_it_is_found_by_what_is_known_of_it(stores: Stores) -> None:
    one = await stores.quarantine.add(a_quarantined("a/0"))
    two = await stores.quarantine.add(
        a_quarantined("b/0", code="code-2", study_id=study_id(2), uids=uids(2))
    )
    three = await stores.quarantine.add(a_quarantined("c/0", origin=STOW, study_id=None, uids=None))
    await stores.quarantine.decide(two, DISCARDED, "operator", "", BEGIN)

    assert await keys(stores) == [three, two, one]
    assert await keys(stores, ALL, three) == [two, one]
    assert await keys(stores, QuarantineQuery(state=HELD)) == [three, one]
    assert await keys(stores, QuarantineQuery(code="code-2")) == [two]
    assert await keys(stores, QuarantineQuery(door="stow")) == [three]
    assert await keys(stores, QuarantineQuery(study_id=study_id())) == [one]
    assert await keys(stores, QuarantineQuery(study_instance_uid=uids(2).study)) == [two]
    assert await keys(stores, QuarantineQuery(state=HELD, door="upload", code="code-1")) == [one]
    assert await keys(stores, QuarantineQuery(state=EXPIRED)) == []
    listed = (await stores.quarantine.list(ALL, None, 1))[0]
    assert (listed.what.findings, listed.history) == ((), ())
    whole = a_quarantined("c/0", origin=STOW, study_id=None, uids=None)
    assert listed.what == replace(whole, findings=())


async def test_one_decides_and_only_once(stores: Stores) -> None:
    key = await stores.quarantine.add(a_quarantined())
    later = stores.clock.go_on()
    states = (RELEASED, REPAIRED, DISCARDED)

    decided = await asyncio.gather(
        *(stores.quarantine.decide(key, each, "anna", "why", later) for each in states)
    )

    assert sorted(decided) == [False, False, True]
    found = await stores.quarantine.get(key)
    assert found is not None
    assert found.state is states[decided.index(True)]
    assert found.changed == later
    step = found.history[-1]
    assert (step.time, step.state, step.by, step.text) == (later, found.state, "anna", "why")
    assert len(found.history) == 2
    assert await stores.quarantine.decide(key + 1, RELEASED, "anna", "", later) is False


async def test_a_line_is_added_to_a_history_and_the_state_stays(stores: Stores) -> None:
    key = await stores.quarantine.add(a_quarantined("a/0"))
    await stores.quarantine.decide(key, DISCARDED, "operator", "", BEGIN)

    await stores.quarantine.tell(key, "another", "and so on", BEGIN)
    await stores.quarantine.tell(key + 1, "nobody", "of nothing", BEGIN)

    record = await stores.quarantine.get(key)
    assert record is not None
    assert record.state is DISCARDED
    last = record.history[-1]
    assert (last.state, last.by, last.text) == (DISCARDED, "another", "and so on")
    assert len(record.history) == 3


async def test_its_time_is_over_until_its_bytes_are_gone(stores: Stores) -> None:
    held = await stores.quarantine.add(a_quarantined("a/0"))
    repaired = await stores.quarantine.add(a_quarantined("b/0", expires=BEGIN + MONTH * 2))
    await stores.quarantine.decide(repaired, REPAIRED, "anna", "", BEGIN)

    async def expired(after: timedelta) -> list[int]:
        return [each.key for each in await stores.quarantine.expired(BEGIN + after, 10)]

    assert await expired(MONTH - timedelta(microseconds=1)) == []
    assert await expired(MONTH) == [held]
    assert await expired(MONTH * 2) == [held, repaired]
    assert len(await stores.quarantine.expired(BEGIN + MONTH * 2, 1)) == 1

    for _ in range(2):
        await stores.quarantine.forget([held, repaired, repaired + 1])
        assert await expired(MONTH * 3) == []
        found = [await stores.quarantine.get(key) for key in (held, repaired)]
        assert [each and each.state for each in found] == [EXPIRED, REPAIRED]
        assert [each and len(each.history) for each in found] == [2, 2]


async def test_totals_count_what_is_held(stores: Stores) -> None:
    assert await stores.quarantine.totals() == (0, 0)
    numbers = [
        await stores.quarantine.add(a_quarantined(f"{name}/0", size_bytes=2**40)) for name in "abc"
    ]
    assert await stores.quarantine.totals() == (3, 3 * 2**40)
    await stores.quarantine.decide(numbers[0], RELEASED, "anna", "", BEGIN)
    await stores.quarantine.forget(numbers[1:2])
    assert await stores.quarantine.totals() == (1, 2**40)
    assert await stores.quarantine.totals(Door.UPLOAD) == (1, 2**40)
    assert await stores.quarantine.totals(Door.C_STORE) == (0, 0)


async def test_of_many_findings_the_first_are_kept(stores: Stores) -> None:
    findings = tuple(a_finding(number) for number in range(FINDINGS_KEPT + 1))
    key = await stores.quarantine.add(a_quarantined(findings=findings))

    found = await stores.quarantine.get(key)

    assert found is not None
    assert found.what.findings == findings[:-1]
