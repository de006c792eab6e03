"""Rules and profiles of validation as settings."""

from pathlib import Path

import pytest

from hilum.bootstrap.validation import deep_profiles, policy_rules
from hilum.domain.instances import StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.settings import SettingsRejected, load_settings

_RULES = """
[[validation.rules]]
door = "c-store"
sender = "CT1@*"
depth = "ward"
decode = true

[[validation.rules]]
sender = "trusted-*"
profile = "minimal"
depth = ""

[validation.profiles.ward]
base = "practice"
require = ["PatientID"]
"""


def _problems(folder: Path, text: str) -> str:
    path = folder / "hilum.toml"
    path.write_text(text)
    with pytest.raises(SettingsRejected) as refused:
        load_settings(None, path, {})
    return str(refused.value)


def test_rules_and_profiles_are_tables_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "hilum.toml"
    path.write_text(_RULES)

    settings = load_settings(None, path, {})

    assert deep_profiles(settings)["ward"].required == (0x00100020,)
    rules = policy_rules(settings)
    policy = rules(StorePolicy("standard"), Origin(Door.C_STORE, "c", peer="CT1@10.0.0.1"))
    assert (policy.depth, policy.decode) == ("ward", True)
    trusted = rules(
        StorePolicy("standard", depth="practice"), Origin(Door.STOW, "c", principal="trusted-1")
    )
    assert (trusted.profile, trusted.depth) == ("minimal", "")


def test_rules_and_profiles_are_json_in_the_environment() -> None:
    settings = load_settings(
        environment={
            "HILUM_VALIDATION__RULES": '[{"door": "upload", "depth": "mine"}]',
            "HILUM_VALIDATION__PROFILES": '{"mine": {"base": "strict", "ignore": ["charset"]}}',
        }
    )

    assert policy_rules(settings).rules[0].door is Door.UPLOAD
    assert "charset" in deep_profiles(settings)["mine"].silent


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[[validation.rules]]\ndepth = "practise"',
            "there is no deep profile 'practise'; did you mean 'practice'?",
        ),
        ('[[validation.rules]]\ndoor = "fax"', "validation.rules.0.door"),
        (
            '[validation.profiles.mine]\nrefuse = ["pixel-lenght"]',
            "profile 'mine', refuse: there is no code 'pixel-lenght'; did you mean 'pixel-length'?",
        ),
        ('[validation.profiles.mine]\nbase = "mine"', "is based on itself: mine -> mine"),
        ('[validation.profiles.mine]\nbase = "his"', "there is no base 'his'"),
        ('[validation.profiles.strict]\nbase = "standard"', "is built in"),
        ('[upload]\ndepth = "deepest"', "there is no deep profile 'deepest'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_could_be(
    tmp_path: Path, text: str, told: str
) -> None:
    assert told in _problems(tmp_path, text)
