"""Which submissions have work left, or are old; over every engine."""

from datetime import timedelta

from hilum.domain.quarantine import QuarantineState
from hilum.domain.submissions import SubmissionState
from hilum.ports.quarantine import QuarantineQuery
from tests.contract.submissions.stores import (
    BEGIN,
    PATIENCE,
    Stores,
    a_quarantined,
    a_submission,
    study_id,
    to,
)

UPLOADED, VALIDATING, VALIDATED, PROCESSING, ARCHIVED, REFUSED, FAILED = SubmissionState
ONE = study_id()


async def test_who_was_not_heard_of_is_unfinished_until_it_settles(stores: Stores) -> None:
    submissions, clock = stores.submissions, stores.clock
    for number in (1, 2):
        await submissions.receive(a_submission(number))
        clock.go_on()
    soon, later = BEGIN + PATIENCE, BEGIN + PATIENCE + timedelta(seconds=1)

    assert await submissions.unfinished(soon - timedelta(microseconds=1), 10) == []
    (one,) = await submissions.unfinished(soon, 10)
    assert (one.study_id, one.state, one.correlation_id) == (ONE, UPLOADED, "corr-1")
    assert [each.study_id for each in await submissions.unfinished(later, 10)] == [
        ONE, study_id(2),
    ]  # fmt: skip
    assert len(await submissions.unfinished(later, 1)) == 1

    await submissions.advance(ONE, to(VALIDATING))
    assert [each.study_id for each in await submissions.unfinished(later, 10)] == [study_id(2)]
    await submissions.work_until(ONE, clock.now() + timedelta(hours=1))
    assert len(await submissions.unfinished(clock.now() + timedelta(minutes=59), 10)) == 1
    assert len(await submissions.unfinished(clock.now() + timedelta(hours=1), 10)) == 2
    for state in (ARCHIVED, REFUSED):
        await submissions.advance(ONE, to(state))
        await submissions.work_until(ONE, BEGIN)
        assert [each.study_id for each in await submissions.unfinished(later, 10)] == [study_id(2)]

    await submissions.advance(ONE, to(VALIDATING, new_round=True))
    due = clock.now() + PATIENCE
    assert [each.study_id for each in await submissions.unfinished(due, 10)] == [study_id(2), ONE]


async def test_old_submissions_are_forgotten_but_not_what_nobody_decided_about(
    stores: Stores,
) -> None:
    submissions, clock = stores.submissions, stores.clock
    for number in (1, 2, 3, 4):
        await submissions.receive(a_submission(number))
    for number in (1, 2, 3):
        await submissions.advance(study_id(number), to(REFUSED))
    await stores.quarantine.add(a_quarantined(study_id=ONE))
    clock.go_on()

    assert await submissions.prune(BEGIN, 10) == 0
    assert await submissions.prune(clock.now(), 1) == 1
    assert await submissions.submission(study_id(2)) is None
    assert await submissions.files(study_id(2), -1, 10) == []
    assert await submissions.prune(clock.now(), 10) == 1
    assert await submissions.prune(clock.now(), 10) == 0
    left = [one.study_id for one in await submissions.submissions()]
    assert left == [study_id(4), ONE], "unfinished, and held in quarantine"
    (held,) = await stores.quarantine.expired(BEGIN + timedelta(days=40), 10)
    await stores.quarantine.forget([held.key])
    assert await submissions.prune(clock.now(), 10) == 1


async def test_what_was_in_quarantine_is_forgotten_like_an_old_submission(stores: Stores) -> None:
    quarantine, clock = stores.quarantine, stores.clock
    held, released, gone, later = [
        await quarantine.add(a_quarantined(f"{name}/0", study_id=None)) for name in "abcd"
    ]
    await quarantine.decide(released, QuarantineState.RELEASED, "anna", "", BEGIN)
    await quarantine.decide(gone, QuarantineState.DISCARDED, "anna", "", BEGIN)
    await quarantine.forget([gone])
    before = clock.go_on()
    await quarantine.forget([later])

    assert await stores.submissions.prune(before, 10) == 1
    assert await stores.submissions.prune(before, 10) == 0

    left = await quarantine.list(QuarantineQuery(), None, 10)
    assert [one.key for one in left] == [later, released, held], "bytes there, or not long gone"
    assert await quarantine.get(gone) is None
