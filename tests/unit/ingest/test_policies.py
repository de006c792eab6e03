"""Rules for some senders: the first that matches counts."""

import pytest

from hilum.domain.identifiers import PartitionKey
from hilum.domain.instances import OnConflict, StorePolicy
from hilum.domain.origins import Door, Origin
from hilum.ingest.policies import NO_RULES, PolicyRule, PolicyRules

_POLICY = StorePolicy("standard", on_conflict=OnConflict.NEW_VERSION, depth="practice")
_CT = Origin(Door.C_STORE, "c", peer="CT1@10.0.0.7")


def test_without_rules_a_policy_stays_as_its_door_has_it() -> None:
    assert NO_RULES(_POLICY, _CT) is _POLICY


def test_a_rule_changes_what_it_names_and_nothing_else() -> None:
    rules = PolicyRules((PolicyRule(depth="strict", decode=True, quarantine=False),))

    assert rules(_POLICY, _CT) == StorePolicy(
        "standard", OnConflict.NEW_VERSION, depth="strict", decode=True, quarantine=False
    )


def test_of_several_rules_that_match_only_the_first_counts() -> None:
    rules = PolicyRules(
        (
            PolicyRule(Door.STOW, profile="minimal"),
            PolicyRule(Door.C_STORE, "CT*", profile="strict"),
            PolicyRule(depth="", decode=True),
        )
    )

    policy = rules(_POLICY, _CT)

    assert (policy.profile, policy.depth, policy.decode) == ("strict", "practice", False)


@pytest.mark.parametrize(
    ("sender", "origin", "matches"),
    [
        ("CT1@*", _CT, True),
        ("CT2@*", _CT, False),
        ("*@10.0.0.?", _CT, True),
        ("ct1@*", _CT, False),
        ("ward-*", Origin(Door.STOW, "c", peer="10.0.0.9", principal="ward-3"), True),
        ("10.0.0.9", Origin(Door.STOW, "c", peer="10.0.0.9", principal="ward-3"), True),
        ("orthanc-?", Origin(Door.ORTHANC, "c", peer="orthanc-a"), True),
        ("*", Origin(Door.IMPORT, "c"), True),
    ],
)
def test_a_sender_is_known_by_its_peer_or_by_its_name(
    sender: str, origin: Origin, matches: bool
) -> None:
    changed = PolicyRules((PolicyRule(sender=sender, depth="strict"),))(_POLICY, origin)

    assert (changed.depth == "strict") is matches


def test_a_rule_can_be_about_one_partition() -> None:
    rules = PolicyRules((PolicyRule(partition=PartitionKey(2), depth="strict"),))
    second = StorePolicy("standard", partition=PartitionKey(2))

    assert rules(_POLICY, _CT) is _POLICY
    assert rules(second, _CT).depth == "strict"


@pytest.mark.parametrize("door", [Door.QUARANTINE, Door.DEMO, Door.REBUILD])
def test_what_operators_do_has_no_rules(door: Door) -> None:
    rules = PolicyRules((PolicyRule(profile="strict", depth="strict"),))

    assert rules(_POLICY, Origin(door, "c")) is _POLICY
