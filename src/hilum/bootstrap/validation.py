"""What instances are judged by, from settings."""

from collections.abc import Mapping

from hilum.domain.identifiers import PartitionKey
from hilum.domain.origins import Door
from hilum.ingest.current_tags import CurrentTags
from hilum.ingest.judging import Criteria
from hilum.ingest.policies import PolicyRule, PolicyRules
from hilum.settings import Settings
from hilum.settings.validation import ValidationRuleSettings, recipes
from hilum.validation.decoding import FrameJudge
from hilum.validation.profiles import DEEP_PROFILES, DeepProfile
from hilum.validation.recipes import make_profiles


def criteria(settings: Settings, frames: FrameJudge, tags: CurrentTags) -> Criteria:
    """Rules, profiles and limits; `frames` decodes, `tags` knows what is indexed besides."""
    return Criteria(
        policy_rules(settings),
        deep_profiles(settings),
        frames,
        settings.pixels.maximum_frame_bytes,
        tags,
    )


def policy_rules(settings: Settings) -> PolicyRules:
    """The rules that change the policy of a door for some of its senders."""
    return PolicyRules(tuple(_rule(each) for each in settings.validation.rules))


def deep_profiles(settings: Settings) -> Mapping[str, DeepProfile]:
    """The deep profiles there are, those of the settings included."""
    chosen = settings.validation.profiles
    return make_profiles(recipes(chosen)) if chosen else DEEP_PROFILES


def _rule(rule: ValidationRuleSettings) -> PolicyRule:
    return PolicyRule(
        door=None if rule.door is None else Door(rule.door),
        sender=rule.sender,
        partition=None if rule.partition is None else PartitionKey(rule.partition),
        profile=rule.profile,
        depth=rule.depth,
        decode=rule.decode,
        quarantine=rule.quarantine,
    )
