"""The memory of submissions, over every engine."""

import asyncio
from dataclasses import replace

import pytest

from hilum.domain.findings import FINDINGS_KEPT, Severity
from hilum.domain.identifiers import SOPClassUID, Version
from hilum.domain.submissions import (
    HISTORY_KEPT,
    SUBMISSION_SETTLED,
    FileState,
    SubmissionRecord,
    SubmissionState,
)
from tests.contract.submissions.stores import (
    BEGIN,
    ORIGIN,
    POLICY,
    Stores,
    a_finding,
    a_note,
    a_submission,
    study_id,
    to,
    uids,
)

UPLOADED, VALIDATING, VALIDATED, PROCESSING, ARCHIVED, REFUSED, FAILED = SubmissionState
ONE = study_id()
WAY = (VALIDATING, VALIDATED, PROCESSING, ARCHIVED)


async def the_one(stores: Stores) -> SubmissionRecord:
    found = await stores.submissions.submission(ONE)
    assert found is not None
    return found


async def go(stores: Stores, *states: SubmissionState) -> None:
    for state in states:
        stores.clock.go_on()
        assert await stores.submissions.advance(ONE, to(state)) is state


async def test_what_was_received_is_remembered_whole_and_told(stores: Stores) -> None:
    rung, fed = stores.submissions.moved.rung, stores.fed.rung
    await stores.submissions.receive(a_submission())

    found = await the_one(stores)
    assert (found.study_id, found.state, found.round) == (ONE, UPLOADED, 1)
    assert (found.origin, found.policy) == (ORIGIN, POLICY)
    assert (found.created, found.changed) == (BEGIN, BEGIN)
    assert (found.files, found.size_bytes, found.counts) == (2, 201, {FileState.RECEIVED: 2})
    assert [(step.time, step.round, step.state) for step in found.history] == [(BEGIN, 1, UPLOADED)]
    data = {
        "file_path": f"/uploads/{ONE}", "original_filename": "IM0.dcm", "file_size": 201,
        "files": 2, "bytes": 201,
    }  # fmt: skip
    assert found.data == data
    assert await stores.told() == [("study-uploaded", ONE, 1, data)]
    (entry,) = await stores.feed()
    assert (entry.correlation_id, entry.partition, entry.uids.study) == ("corr-1", 1, "")
    assert [
        (note.number, note.state, note.name, note.place, note.size_bytes)
        for note in await stores.submissions.files(ONE, -1, 10)
    ] == [
        (0, FileState.RECEIVED, "IM0.dcm", f"{ONE}/0", 100),
        (1, FileState.RECEIVED, "IM1.dcm", f"{ONE}/1", 101),
    ]
    assert stores.submissions.moved.rung > rung
    assert stores.fed.rung > fed


async def test_receiving_it_again_changes_nothing(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())
    await go(stores, VALIDATING)
    before = await the_one(stores)

    await stores.submissions.receive(a_submission(files=5))

    assert await the_one(stores) == before
    assert len(await stores.told()) == 1


async def test_an_unknown_submission_is_nothing(stores: Stores) -> None:
    submissions = stores.submissions
    assert await submissions.submission(ONE) is None
    assert await submissions.advance(ONE, to(VALIDATING)) is None
    await submissions.note_files(ONE, [a_note()])
    await submissions.work_until(ONE, BEGIN)
    assert await submissions.files(ONE, -1, 10) == []
    assert await submissions.submissions() == []
    assert await stores.told() == []


async def test_the_way_is_told_where_a_state_has_an_event(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())
    await stores.submissions.advance(ONE, to(VALIDATING, text="begun"))
    await stores.submissions.advance(ONE, to(VALIDATED, data={"file_path": "f", "n": [1, None]}))
    await stores.submissions.advance(ONE, to(PROCESSING, data={"not": "told"}))
    held = await the_one(stores)
    assert held.data == {"file_path": "f", "n": [1, None]}, "of the last event"
    await stores.submissions.advance(ONE, to(ARCHIVED, data={"studies": ["1.2"]}))

    assert [(kind, data) for kind, _, _, data in await stores.told()][1:] == [
        ("study-validated", {"file_path": "f", "n": [1, None]}),
        ("study-archived", {"studies": ["1.2"]}),
    ]
    found = await the_one(stores)
    assert [step.state for step in found.history] == [UPLOADED, *WAY]
    assert found.history[1].text == "begun"


@pytest.mark.parametrize(("state", "kind"), [(REFUSED, "study-refused"), (FAILED, "study-failed")])
async def test_a_bad_end_is_told(stores: Stores, state: SubmissionState, kind: str) -> None:
    await stores.submissions.receive(a_submission())
    await stores.submissions.advance(ONE, to(state, data={"error": "why"}))

    assert (await stores.told())[-1] == (kind, ONE, 1, {"error": "why"})


@pytest.mark.parametrize("reached", list(SubmissionState))
async def test_a_state_never_goes_back(stores: Stores, reached: SubmissionState) -> None:
    submissions = stores.submissions
    for number, wanted in enumerate(SubmissionState, 1):
        one = study_id(number)
        await submissions.receive(a_submission(number))
        if reached is not UPLOADED:
            assert await submissions.advance(one, to(reached)) is reached
        before, told = await submissions.submission(one), await stores.told()
        assert before is not None
        rung = submissions.moved.rung

        state = await submissions.advance(one, to(wanted, text="again"))

        if wanted.rank > reached.rank:
            assert state is wanted
            continue
        assert state is reached
        found = await submissions.submission(one)
        assert found is not None
        assert replace(found, attempts=before.attempts) == before
        assert await stores.told() == told
        assert submissions.moved.rung == rung


@pytest.mark.parametrize("settled", sorted(SUBMISSION_SETTLED))
async def test_a_new_round_leads_out_of_a_settled_state(
    stores: Stores, settled: SubmissionState
) -> None:
    await stores.submissions.receive(a_submission())
    await go(stores, settled)
    stores.clock.go_on()

    again = to(VALIDATED, new_round=True, text="released", data={"a": 1})
    assert await stores.submissions.advance(ONE, again) is VALIDATED

    found = await the_one(stores)
    assert (found.round, found.state) == (2, VALIDATED)
    assert [(step.round, step.state) for step in found.history] == [
        (1, UPLOADED), (1, settled), (2, VALIDATED),
    ]  # fmt: skip
    assert (await stores.told())[-1] == ("study-validated", ONE, 2, {"a": 1})
    await go(stores, PROCESSING, ARCHIVED)
    assert (await the_one(stores)).round == 2


async def test_a_new_round_may_end_where_it_begins(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())
    await go(stores, ARCHIVED)

    for _ in range(2):
        assert await stores.submissions.advance(ONE, to(ARCHIVED, new_round=True)) is ARCHIVED

    assert (await the_one(stores)).round == 3
    assert [number for _, _, number, _ in await stores.told()] == [1, 1, 2, 3]


@pytest.mark.parametrize("state", [UPLOADED, VALIDATING, VALIDATED, PROCESSING])
async def test_no_round_begins_before_the_last_one_ended(
    stores: Stores, state: SubmissionState
) -> None:
    await stores.submissions.receive(a_submission())
    if state is not UPLOADED:
        await go(stores, state)

    assert await stores.submissions.advance(ONE, to(ARCHIVED, new_round=True)) is state
    assert (await the_one(stores)).round == 1


async def test_of_two_processes_that_advance_at_once_one_tells(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())

    for state in WAY:
        reached = await asyncio.gather(
            *(
                each.advance(ONE, to(state))
                for _ in range(3)
                for each in (stores.submissions, stores.second)
            )
        )
        assert set(reached) == {state}

    assert [kind for kind, *_ in await stores.told()] == [
        "study-uploaded", "study-validated", "study-archived",
    ]  # fmt: skip
    assert [step.state for step in (await the_one(stores)).history] == [UPLOADED, *WAY]


async def test_processes_with_different_ends_agree_on_one(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())

    ends = (ARCHIVED, REFUSED, FAILED)
    reached = await asyncio.gather(
        *(
            each.advance(ONE, to(end))
            for end in ends
            for each in (stores.submissions, stores.second)
        )
    )

    assert len(set(reached)) == 1
    assert len(await stores.told()) == 2


async def test_what_is_known_of_a_file_replaces_what_was(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())
    whole = a_note(
        1, FileState.ARCHIVED, parent=0, uids=uids(), sop_class_uid=SOPClassUID("1.2.840"),
        version=Version(7), code="code-1", findings=(a_finding(), a_finding(2, Severity.INFO)),
        place="",
    )  # fmt: skip
    unpacked = a_note(0, FileState.UNPACKED, name="all.zip")
    stores.clock.go_on()

    for _ in range(2):
        await stores.submissions.note_files(ONE, [unpacked, a_note(1), whole, a_note(2)])

        assert await stores.submissions.files(ONE, -1, 10) == [unpacked, whole, a_note(2)]
        found = await the_one(stores)
        assert found.counts == {
            FileState.UNPACKED: 1, FileState.ARCHIVED: 1, FileState.VALID: 1,
        }  # fmt: skip
        assert (found.files, found.size_bytes) == (3, 201)
    await stores.submissions.note_files(ONE, [])
    await stores.submissions.note_files(ONE, [a_note(2, FileState.DISCARDED)])
    assert (await the_one(stores)).counts == {
        FileState.UNPACKED: 1, FileState.ARCHIVED: 1, FileState.DISCARDED: 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reached", "late"),
    [
        (FileState.ARCHIVED, FileState.VALID),
        (FileState.ARCHIVED, FileState.ALREADY_HELD),
        (FileState.ARCHIVED, FileState.QUARANTINED),
        (FileState.QUARANTINED, FileState.VALID),
        (FileState.UNPACKED, FileState.RECEIVED),
        (FileState.DISCARDED, FileState.QUARANTINED),
    ],
)
async def test_a_note_that_comes_late_takes_no_file_back(
    stores: Stores, reached: FileState, late: FileState
) -> None:
    await stores.submissions.receive(a_submission(files=1))
    await stores.submissions.note_files(ONE, [a_note(0, reached, version=Version(7))])

    await stores.second.note_files(ONE, [a_note(0, late), a_note(1, late)])

    first, second = await stores.submissions.files(ONE, -1, 10)
    assert (first.state, first.version, second.state) == (reached, Version(7), late)
    assert (await the_one(stores)).counts == {reached: 1, late: 1}


async def test_attempts_count_until_one_ends_in_order_or_gets_somewhere(stores: Stores) -> None:
    async def attempts() -> int:
        return (await the_one(stores)).attempts

    store = stores.submissions
    await store.receive(a_submission())
    assert await attempts() == 0
    for number in (1, 2, 3):
        assert await store.advance(ONE, to(VALIDATING)) is VALIDATING
        assert await attempts() == number

    await store.note_files(ONE, [a_note(0)])
    assert await attempts() == 1
    await store.advance(ONE, to(VALIDATING))
    await store.note_files(ONE, [a_note(0)])
    assert await attempts() == 2, "what was known already is no progress"
    await store.attempt_ended(ONE)
    assert await attempts() == 0
    await store.advance(ONE, to(VALIDATING))
    await store.advance(ONE, to(VALIDATED))
    await store.advance(ONE, to(VALIDATED))
    assert await attempts() == 0
    assert len((await the_one(stores)).history) == 3


async def test_processes_that_note_at_once_count_right(stores: Stores) -> None:
    await stores.submissions.receive(a_submission(files=1))

    await asyncio.gather(
        *(
            each.note_files(ONE, [a_note(number), a_note(number + 1)])
            for number in range(0, 40, 2)
            for each in (stores.submissions, stores.second)
        )
    )

    found = await the_one(stores)
    assert (found.files, found.counts) == (40, {FileState.VALID: 40})


async def test_files_come_in_pages(stores: Stores) -> None:
    await stores.submissions.receive(a_submission(files=5))

    numbers = []
    after = -1
    while page := await stores.submissions.files(ONE, after, 2):
        numbers.append([note.number for note in page])
        after = page[-1].number

    assert numbers == [[0, 1], [2, 3], [4]]


async def test_of_many_findings_the_worst_are_kept_in_their_order(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())
    warnings = [a_finding(number, Severity.WARNING) for number in range(FINDINGS_KEPT)]
    late = a_finding(999)

    await stores.submissions.note_files(ONE, [a_note(findings=(*warnings, late))])

    note = (await stores.submissions.files(ONE, -1, 1))[0]
    assert note.findings == (*warnings[:-1], late)


async def test_submissions_are_listed_newest_first(stores: Stores) -> None:
    for number in (1, 2, 3, 4):
        await stores.submissions.receive(a_submission(number))
    await go(stores, REFUSED)

    listed = await stores.submissions.submissions(limit=3)
    assert [one.study_id for one in listed] == [study_id(4), study_id(3), study_id(2)]
    assert [one.history for one in listed] == [()] * 3
    (rest,) = await stores.submissions.submissions(before=listed[-1].key)
    assert (rest.study_id, rest.state) == (ONE, REFUSED)
    (refused,) = await stores.submissions.submissions(state=REFUSED)
    assert refused == rest
    assert await stores.submissions.submissions(state=REFUSED, before=refused.key) == []


async def test_the_worst_files_come_first(stores: Stores) -> None:
    await stores.submissions.receive(a_submission(files=6))
    warning, remark = (a_finding(severity=each) for each in (Severity.WARNING, Severity.INFO))
    found = {1: [warning], 2: [remark], 3: [remark, a_finding()], 4: [warning], 5: [a_finding()]}
    notes = [a_note(number, findings=tuple(of)) for number, of in found.items()]
    await stores.submissions.note_files(ONE, notes)

    worst = await stores.submissions.worst_files(ONE, 3)

    assert worst == [notes[2], notes[4], notes[0]]
    assert len(await stores.submissions.worst_files(ONE, 9)) == 4
    assert await stores.submissions.worst_files(study_id(9), 9) == []


async def test_a_long_history_keeps_its_newest_lines(stores: Stores) -> None:
    await stores.submissions.receive(a_submission())
    await go(stores, ARCHIVED)
    for _ in range(HISTORY_KEPT):
        await stores.submissions.advance(ONE, to(ARCHIVED, new_round=True))

    history = (await the_one(stores)).history
    assert [step.round for step in history] == list(range(2, HISTORY_KEPT + 2))
