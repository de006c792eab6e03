"""`hilum archive-view rebuild` makes the view of uploads again."""

import asyncio

from tests.instances import an_instance
from tests.integration.cli.conftest import Hilum
from tests.integration.upload.views import a_view


def test_it_makes_lost_views_again_and_tells_how_many(hilum: Hilum) -> None:
    async def upload() -> str:
        async with a_view(hilum.data) as viewed:
            study_id = await viewed.submit(an_instance())
            await viewed.viewing.write(study_id)
            return study_id

    study_id = asyncio.run(upload())
    view = hilum.data / "archive" / study_id
    text = (view / "metadata.json").read_bytes()
    for each in view.iterdir():
        each.unlink()
    view.rmdir()

    told = hilum("archive-view", "rebuild", "--json")
    again = hilum("archive-view", "rebuild")

    assert told.code == again.code == 0
    assert told.json["submissions"] == 1
    assert (view / "metadata.json").read_bytes() == text
    assert (view / "original.dcm").exists()
    assert again.out.startswith("The views of 1 upload made")
    assert hilum("fsck").code == 0


def test_where_it_is_switched_off_it_does_not_begin(hilum: Hilum) -> None:
    (hilum.data.parent / "hilum.toml").write_text("[archive_view]\nenabled = false\n")

    told = hilum("archive-view", "rebuild", "--config", str(hilum.data.parent / "hilum.toml"))

    assert told.code == 3
    assert "archive_view.enabled" in told.err
