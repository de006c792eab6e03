"""Our findings beside those of dciodvfy, on files of others and on planted faults."""

import pytest

from tests.judged import Judgement, judge_corpus, judge_planted
from tests.peers.dciodvfy import needs_dciodvfy
from tools.validation.reasons import EXTRA, MISSED, reason

pytestmark = [needs_dciodvfy(), pytest.mark.peer("dciodvfy"), pytest.mark.slow]
_LEAST = 0.9


@pytest.fixture(scope="module", params=[judge_corpus, judge_planted], ids=["corpus", "planted"])
def judgement(request: pytest.FixtureRequest) -> Judgement:
    judged = request.param()
    assert isinstance(judged, Judgement)
    return judged


def test_nine_of_ten_of_its_errors_are_found(judgement: Judgement) -> None:
    assert judgement.errors > 100
    assert judgement.share >= _LEAST


def test_every_difference_is_explained(judgement: Judgement) -> None:
    unexplained = [
        (what, attribute, file)
        for reasons, differences in ((MISSED, judgement.missed), (EXTRA, judgement.extra))
        for (what, attribute), files in differences.items()
        for file in files
        if reason(reasons, what, attribute, file) is None
    ]
    assert unexplained == []
