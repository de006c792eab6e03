"""Where instances may go and come from."""

from pathlib import Path

import pytest

from hilum.domain.transfers import PlaceKind, PlaceNotAllowed, TransferPlace
from hilum.operations.transfers.allowed import Allowed

AZURE = "https://*.blob.core.windows.net"


def _is_allowed(allowed: Allowed, place: TransferPlace) -> bool:
    try:
        allowed.demand(place)
    except PlaceNotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("setting", "url", "prefix", "expected"),
    [
        (AZURE, "https://account.blob.core.windows.net/container", "", True),
        (AZURE, "http://account.blob.core.windows.net/container", "", False),
        (AZURE, "https://a.b.blob.core.windows.net/container", "", False),
        (AZURE, "https://blob.core.windows.net/container", "", False),
        (AZURE, "https://account.blob.core.windows.net.evil.org/container", "", False),
        (AZURE, "https://account.blob.core.windows.net:8443/container", "", False),
        (AZURE, "https://169.254.169.254/container", "", False),
        ("s3://bucket", "s3://bucket", "", True),
        ("s3://bucket", "s3://bucket", "any", True),
        ("s3://bucket", "s3://bucket2", "", False),
        ("s3://bucket/a", "s3://bucket", "a/b", True),
        ("s3://bucket/a", "s3://bucket", "ab", False),
        ("s3://bucket/a", "s3://bucket", "", False),
        ("http://10.0.0.1:9000", "http://10.0.0.1:9000/bucket", "", True),
        ("http://10.0.0.1:9000", "http://10.0.0.1:9001/bucket", "", False),
    ],
)
def test_a_place_is_allowed_by_the_beginning_of_its_url(
    setting: str, url: str, prefix: str, expected: bool
) -> None:
    place = TransferPlace(PlaceKind.S3, url, prefix)

    assert _is_allowed(Allowed([setting]), place) is expected
    assert not _is_allowed(Allowed(), place)


def test_a_folder_must_lie_below_an_allowed_one_links_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (inside / "way-out").symlink_to(outside)
    allowed = Allowed((), [inside])

    def of(path: Path, prefix: str = "") -> TransferPlace:
        return TransferPlace(PlaceKind.FOLDER, str(path), prefix)

    assert _is_allowed(allowed, of(inside))
    assert _is_allowed(allowed, of(inside / "deep"))
    assert _is_allowed(allowed, of(inside, "deep"))
    assert not _is_allowed(allowed, of(outside))
    assert not _is_allowed(allowed, of(inside / "way-out"))
    assert not _is_allowed(allowed, of(inside, "way-out"))
    assert not _is_allowed(allowed, of(tmp_path / "inside-too"))
