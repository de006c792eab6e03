"""The translator that makes the S3 server speak Google Cloud Storage, asked without a library.

The contract suite of object stores asks it through obstore.
"""

import httpx
import pytest

from tests.engines import address, bucket


@pytest.fixture
def folder() -> str:
    """Address of a new bucket."""
    return f"{address('gcs')}/{bucket('gcs')}"


def test_an_object_is_put_once_and_kept_with_what_was_said_of_it(folder: str) -> None:
    once = {"x-goog-if-generation-match": "0"}
    told = {"content-type": "application/dicom", "x-goog-meta-sha": "abc"}

    first = httpx.put(f"{folder}/a%2Fb%20c", content=b"first", headers=once | told)
    second = httpx.put(f"{folder}/a%2Fb%20c", content=b"second", headers=once)
    got = httpx.get(f"{folder}/a/b%20c")

    assert (first.status_code, second.status_code) == (200, 412)
    assert got.content == b"first"
    assert got.headers["content-type"] == "application/dicom"
    assert got.headers["x-goog-meta-sha"] == "abc"
    assert got.headers["x-goog-generation"] == first.headers["x-goog-generation"]


def test_a_generation_that_s3_cannot_check_is_refused(folder: str) -> None:
    answer = httpx.put(f"{folder}/a", content=b"x", headers={"x-goog-if-generation-match": "7"})

    assert answer.status_code == 501
    assert httpx.get(f"{folder}/a").status_code == 404


def test_a_connection_serves_one_request_after_the_other(folder: str) -> None:
    large = bytes(range(256)) * 20_000
    with httpx.Client() as client:
        for number in range(3):
            assert client.put(f"{folder}/{number}", content=large).status_code == 200
            part = client.get(f"{folder}/{number}", headers={"range": "bytes=1000-1999"})
            assert part.status_code == 206
            assert part.content == large[1000:2000]
            assert int(client.head(f"{folder}/{number}").headers["content-length"]) == len(large)
            assert client.delete(f"{folder}/{number}").status_code == 204
            assert client.get(f"{folder}/{number}").status_code == 404
