"""Every answer that a test of this folder gets has to be documented."""

from collections.abc import Iterator

import pytest

from tests.conformance.azure.documents import Documents, documents
from tests.served_dicomweb import SEEN, ServedDicomWeb


@pytest.fixture(scope="session")
def api_documents(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """The OpenAPI documents as a server gives them."""
    with ServedDicomWeb(tmp_path_factory.mktemp("documents")) as server:
        return Documents(documents(server))


@pytest.fixture(autouse=True)
def _answers_are_documented(api_documents: Documents) -> Iterator[None]:
    SEEN.clear()
    yield
    problems = [problem for seen in SEEN if (problem := api_documents.problem(seen)) is not None]
    assert not problems, "\n".join(problems)
