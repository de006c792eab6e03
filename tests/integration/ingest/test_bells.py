"""What one process of an archive on PostgreSQL notes, the others hear of at once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.bootstrap.archive import open_archive
from hilum.domain.submissions import Advance, SubmissionState
from hilum.settings import Settings, load_settings
from tests.contract.index.engines import postgres_database
from tests.contract.submissions.stores import a_submission, study_id


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with postgres_database() as url:
        chosen = {"data_dir": tmp_path, "database.url": url, "storage.reserve_bytes": 0}
        yield load_settings(chosen, environment={})


async def test_a_submission_that_moves_rings_in_every_process(settings: Settings) -> None:
    async with open_archive(settings) as one, open_archive(settings) as other:
        heard, fed = other.index.submissions.moved, other.index.fed
        for work in (
            one.index.submissions.receive(a_submission()),
            one.index.submissions.advance(study_id(), Advance(SubmissionState.VALIDATED)),
        ):
            rung, told = heard.rung, fed.rung
            await work
            async with asyncio.timeout(20):
                while heard.rung == rung:
                    await heard.wait(rung, 20)
                while fed.rung == told:
                    await fed.wait(told, 20)

        found = await other.index.submissions.submission(study_id())
        assert found is not None
        assert found.state is SubmissionState.VALIDATED
