"""Our findings beside those of dciodvfy, on files of others and on planted faults."""

import pytest

from tests.judged import Judgement, judge_corpus, judge_planted
from tests.peers.dciodvfy import needs_dciodvfy
from tools.validation.reasons import EXTRA, MISSED, reason

pytestmark = [needs_dciodvfy(), pytest.mark.peer("dciodvfy"), pytest.mark.slow]
_LEAST = 0.9


@pytest.fixture(scope="module")
def judgements() -> tuple[Judgement, Judgement]:
    return judge_corpus(), judge_planted()


def test_nine_of_ten_of_its_errors_are_found(judgements: tuple[Judgement, ...]) -> None:
    for judgement in judgements:
        assert judgement.errors > 100
        assert judgement.share >= _LEAST


def test_every_difference_is_explained_and_every_explanation_needed(
    judgements: tuple[Judgement, ...],
) -> None:
    needed = set()
    unexplained = []
    for judgement in judgements:
        for reasons, differences in ((MISSED, judgement.missed), (EXTRA, judgement.extra)):
            for (what, attribute), files in differences.items():
                for file in files:
                    why = reason(reasons, what, attribute, file)
                    needed.add(why)
                    if why is None:
                        unexplained.append((what, attribute, file))
    assert unexplained == []
    assert {*MISSED, *EXTRA} <= needed
