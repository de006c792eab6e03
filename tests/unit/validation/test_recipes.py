"""Profiles that somebody writes down, and what is wrong with what they wrote."""

import pytest

from hilum.dicom.elements import ElementPath
from hilum.validation.findings import Finding, Severity
from hilum.validation.instance import examine_source
from hilum.validation.profiles import DEEP_PROFILES
from hilum.validation.recipes import ProfileRecipe, ProfileRejected, make_profiles
from tests.planted import CT, base

_RETIRED = Finding("attribute-retired", Severity.INFO, ElementPath((), 0x00181400), "", "", "x")
_MISSING = Finding("attribute-missing", Severity.ERROR, ElementPath((), 0x00200052), "", "", "x")


def _severities(name: str, **recipes: ProfileRecipe) -> list[tuple[str, Severity]]:
    profile = make_profiles(recipes)[name]
    return [(each.code, each.severity) for each in profile.apply([_RETIRED, _MISSING])]


def test_a_profile_tells_otherwise_than_its_base_what_it_names() -> None:
    mild = ProfileRecipe("standard", warn=("attribute-missing",), ignore=("attribute-retired",))

    assert _severities("mild", mild=mild) == [("attribute-missing", Severity.WARNING)]


def test_what_a_base_keeps_silent_can_be_told_again() -> None:
    recipe = ProfileRecipe("practice", refuse=("attribute-retired",))

    assert ("attribute-retired", Severity.ERROR) in _severities("mine", mine=recipe)


def test_a_profile_can_be_based_on_one_that_is_written_behind_it() -> None:
    profiles = make_profiles(
        {
            "site": ProfileRecipe("ward", require=("StudyID",)),
            "ward": ProfileRecipe("practice", require=("PatientID",)),
        }
    )

    assert profiles["site"].required == (0x00100020, 0x00200010)
    assert profiles.keys() >= DEEP_PROFILES.keys()


@pytest.mark.parametrize("written", ["AccessionNumber", "(0008,0050)", "00080050", "0008,0050"])
def test_a_required_attribute_without_a_value_is_an_error_in_every_profile(written: str) -> None:
    profile = make_profiles({"mine": ProfileRecipe("practice", require=(written,))})["mine"]

    told = profile.apply(examine_source(base(CT), required=profile.required).findings)

    assert [(each.code, each.severity, each.found) for each in told] == [
        ("required-attribute", Severity.ERROR, "no value")
    ]
    assert told[0].path == ElementPath((), 0x00080050)


@pytest.mark.parametrize(
    ("recipes", "told"),
    [
        ({"standard": ProfileRecipe("strict")}, "'standard' is built in"),
        (
            {"a": ProfileRecipe("practise")},
            "profile 'a': there is no base 'practise'; did you mean 'practice'?",
        ),
        (
            {"a": ProfileRecipe("b"), "b": ProfileRecipe("c"), "c": ProfileRecipe("b")},
            "profile 'b' is based on itself: a -> b -> c -> b",
        ),
        (
            {"a": ProfileRecipe("strict", warn=("value-lenght",))},
            "profile 'a', warn: there is no code 'value-lenght'; did you mean 'value-length'?",
        ),
        (
            {"a": ProfileRecipe("strict", warn=("charset",), ignore=("charset",))},
            "profile 'a': 'charset' stands in both warn and ignore",
        ),
        (
            {"a": ProfileRecipe("strict", require=("PatientsID",))},
            "profile 'a', require: 'PatientsID' is no keyword of PS3.6 and no tag",
        ),
    ],
)
def test_a_recipe_that_cannot_be_followed_says_why(
    recipes: dict[str, ProfileRecipe], told: str
) -> None:
    with pytest.raises(ProfileRejected) as rejected:
        make_profiles(recipes)

    assert told in str(rejected.value)
