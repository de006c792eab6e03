"""What comes of every request in every state, beside the tables of PS3.4 section CC.1.1."""

from itertools import product

import pytest

from hilum.domain.workitems import WorkitemState
from hilum.worklist.states import (
    CANCEL_REQUESTS,
    UPDATES,
    Shown,
    Verdict,
    change_verdict,
    refusal,
    shown,
)

S, R, C, X = WorkitemState

_EXPECTED = {
    # (state, Transaction UID): what comes of wanting IN PROGRESS, COMPLETED, CANCELED
    (S, Shown.RIGHT): (Verdict.DO, Verdict.NOT_TAKEN, Verdict.NOT_TAKEN),
    (S, Shown.WRONG): (Verdict.DO, Verdict.NOT_TAKEN, Verdict.NOT_TAKEN),
    (S, Shown.NOTHING): (Verdict.DO, Verdict.NOT_TAKEN, Verdict.NOT_TAKEN),
    (R, Shown.RIGHT): (Verdict.TAKEN, Verdict.DO_IF_COMPLETE, Verdict.DO_IF_COMPLETE),
    (R, Shown.WRONG): (Verdict.WRONG,) * 3,
    (R, Shown.NOTHING): (Verdict.WRONG,) * 3,
    (C, Shown.RIGHT): (Verdict.FINAL, Verdict.ALREADY_COMPLETED, Verdict.FINAL),
    (C, Shown.WRONG): (Verdict.WRONG,) * 3,
    (C, Shown.NOTHING): (Verdict.WRONG,) * 3,
    (X, Shown.RIGHT): (Verdict.FINAL, Verdict.FINAL, Verdict.ALREADY_CANCELED),
    (X, Shown.WRONG): (Verdict.WRONG,) * 3,
    (X, Shown.NOTHING): (Verdict.WRONG,) * 3,
}


@pytest.mark.parametrize(("state", "given"), list(product(WorkitemState, Shown)))
def test_every_change_of_state_has_the_verdict_of_the_table(
    state: WorkitemState, given: Shown
) -> None:
    assert (
        tuple(change_verdict(state, wanted, given) for wanted in (R, C, X))
        == (_EXPECTED[state, given])
    )


@pytest.mark.parametrize(("state", "given"), list(product(WorkitemState, Shown)))
def test_nothing_becomes_scheduled_again(state: WorkitemState, given: Shown) -> None:
    assert change_verdict(state, S, given) is Verdict.NOT_SCHEDULABLE


def test_an_update_is_for_nobody_or_for_who_performs() -> None:
    done = {key for key, verdict in UPDATES.items() if verdict is Verdict.DO}

    assert done == {(S, Shown.NOTHING), (R, Shown.RIGHT)}
    assert set(UPDATES) == set(product(WorkitemState, Shown))


def test_every_state_knows_what_to_do_with_a_wish_to_cancel() -> None:
    assert dict(CANCEL_REQUESTS) == {
        S: Verdict.DO,
        R: Verdict.ASK,
        C: Verdict.COMPLETED_BEFORE,
        X: Verdict.ALREADY_CANCELED,
    }


def test_a_verdict_that_refuses_says_its_status() -> None:
    doing = {Verdict.DO, Verdict.DO_IF_COMPLETE, Verdict.ASK}
    telling = {Verdict.ALREADY_COMPLETED, Verdict.ALREADY_CANCELED}
    for verdict in Verdict:
        error = refusal(verdict, C)
        if verdict in doing | telling:
            assert error is None
        elif verdict is not Verdict.UNEXPECTED:
            assert str(error).startswith(f"{verdict.value[:4]}: ")


def test_a_transaction_uid_is_right_only_when_it_is_the_one_that_is_held() -> None:
    assert shown("1.2", "1.2") is Shown.RIGHT
    assert shown("1.2", "1.2.3") is Shown.WRONG
    assert shown(None, "1.2") is Shown.WRONG
    assert shown("1.2", None) is Shown.NOTHING
