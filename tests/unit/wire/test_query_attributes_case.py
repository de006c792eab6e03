"""A keyword in the wrong case must not be taken for a parameter of somebody else."""

import pytest

from hilum.domain.errors import InvalidQuery
from hilum.domain.levels import Level
from hilum.wire.query_parameters import read_search
from hilum.wire.surfaces import STANDARD


@pytest.mark.parametrize("name", ["patientid", "PATIENTID", "studydate", "patientName"])
def test_a_keyword_in_another_case_is_refused(name: str) -> None:
    with pytest.raises(InvalidQuery):
        read_search(f"{name}=XYZ".encode(), STANDARD.search, Level.STUDY)


def test_a_parameter_of_somebody_else_is_ignored() -> None:
    assert not read_search(b"callback=XYZ", STANDARD.search, Level.STUDY).query.conditions
