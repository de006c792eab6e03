"""`hilum feed` and `hilum reconcile` on an archive that no server has open."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Hilum

LETTER = (
    "INSERT INTO dead_letter (origin, subject, sequence, event_id, event_type, event_key, "
    "correlation_id, cause, message, attempts, first_failed, last_failed, state, target, reason, "
    "copied, headers, body) VALUES ('subscription', 'all', ?, ?, 'hilum.instance.created.v1', "
    "'1.2.3', 'c-1', ?, 'It says no.', 1, 0, 0, 'open', '', '', NULL, '{}', ?)"
)
FOLLOWER = (
    "INSERT INTO subscription (name, sink, filter, state, feed_id, cursor, epoch, sent, rejected, "
    "attempts, created, changed) VALUES (?, 'lines', ?, 'running', 'f', ?, 0, 0, 0, 0, 0, 0)"
)
FILTER = json.dumps({"types": [], "partitions": [], "modalities": [], "sources": []})


@pytest.fixture
def loaded(hilum: Hilum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hilum:
    """One demo study, two followers and three dead letters."""
    lines = {"lines": {"url": (tmp_path / "events.jsonl").as_uri()}}
    monkeypatch.setenv("HILUM_SINKS", json.dumps(lines))
    told = [{"name": "all", "sink": "lines"}]
    monkeypatch.setenv("HILUM_DELIVERY__SUBSCRIPTIONS", json.dumps(told))
    assert hilum("demo", "--studies", "1", "--quiet").code == 0
    hilum.sql(FOLLOWER, "all", FILTER, 3)
    hilum.sql(FOLLOWER, "other", FILTER, 0)
    for number, cause in ((1, "http-400"), (2, "http-400"), (3, "too-large")):
        hilum.sql(LETTER, number, f"e-{number}", cause, b'{"number": %d}' % number)
    return hilum


def states(hilum: Hilum) -> list[tuple[str, str]]:
    return hilum.sql("SELECT state, reason FROM dead_letter ORDER BY key")


def test_the_feed_is_shown_from_its_end_or_from_a_sequence(loaded: Hilum) -> None:
    last = loaded("feed", "tail", "-n", "2", "--json").out.splitlines()
    assert [json.loads(line)["kind"] for line in last] == ["created"] * 2
    entries = loaded("feed", "tail", "--after", "0").out.splitlines()
    numbers = [int(line.split()[0]) for line in entries]
    assert numbers == list(range(1, json.loads(last[-1])["sequence"] + 1))


def test_followers_are_steered_by_name(loaded: Hilum) -> None:
    assert loaded("feed", "pause", "all").code == 0
    assert loaded("feed", "replay", "all", "--after", "1").code == 0
    shown = {each["name"]: each for each in loaded("feed", "status", "--json").json}
    assert (shown["all"]["state"], shown["all"]["cursor"]) == ("paused", 1)
    assert shown["all"]["openDeadLetters"] == {"http-400": 2, "too-large": 1}
    assert shown["other"]["cursor"] == 0
    assert loaded("feed", "resume", "all").code == 0
    assert "running" in loaded("feed", "status").out
    assert loaded("feed", "remove", "other").code == 0

    unknown = loaded("feed", "pause", "other")
    assert (unknown.code, "hilum feed status" in unknown.err) == (3, True)


@pytest.mark.parametrize(("after", "told"), [(10_000, "The feed ends at"), (4, "told up to 3")])
def test_a_replay_that_would_skip_events_is_refused(loaded: Hilum, after: int, told: str) -> None:
    refused = loaded("feed", "replay", "all", "--after", str(after))

    assert (refused.code, told in refused.err) == (3, True), refused.err
    assert loaded.sql("SELECT cursor FROM subscription WHERE name = 'all'") == [(3,)]


def test_a_subscription_that_a_server_follows_is_not_forgotten(loaded: Hilum) -> None:
    loaded.sql("INSERT INTO lease (name, holder, until) VALUES ('other', 'here:7', ?)", 2**62)

    refused = loaded("feed", "remove", "other")

    assert (refused.code, "here:7" in refused.err) == (3, True)
    assert "delivery.subscriptions" in refused.err
    loaded.sql("UPDATE lease SET until = 0")
    assert loaded("feed", "remove", "other").code == 0
    assert loaded("feed", "remove", "other").code == 3


@pytest.mark.parametrize(
    "action",
    [("replay",), ("discard", "--reason", "x"), ("redirect", "--to", "other")],
    ids=lambda action: action[0],
)
def test_a_dead_letter_that_is_not_there_is_said_and_none_is_touched(
    loaded: Hilum, action: tuple[str, ...]
) -> None:
    name, *options = action

    refused = loaded("feed", "dead-letters", name, "1", "77", *options)

    assert (refused.code, "no dead letter 77" in refused.err) == (3, True), refused
    assert states(loaded) == [("open", "")] * 3


def test_followers_in_trouble_are_shown(loaded: Hilum) -> None:
    loaded.sql(
        "UPDATE subscription SET attempts = 7, last_error = 'The [broker] is away.' "
        "WHERE name = 'all'"
    )

    shown = loaded("feed", "status")

    assert shown.code == 0
    assert all(word in shown.out for word in ("[broker]", "away.", "(7", "attempts)"))
    listed = loaded("feed", "dead-letters", "list")
    assert (listed.code, listed.out.count("http-400")) == (1, 2)


def test_dead_letters_are_listed_and_shown(loaded: Hilum) -> None:
    found = loaded("feed", "dead-letters", "list", "--cause", "http-400", "--json")
    assert (found.code, [each["eventId"] for each in found.json]) == (1, ["e-1", "e-2"])
    assert "payload" not in found.json[0]
    shown = loaded("feed", "dead-letters", "show", str(found.json[1]["key"]))
    assert shown.json["payload"] == {"number": 2}
    assert loaded("feed", "dead-letters", "show", "99").code == 3


def test_dead_letters_are_decided_singly_or_by_cause(loaded: Hilum) -> None:
    letters = ("feed", "dead-letters")
    assert loaded(*letters, "replay", "--cause", "http-400").code == 0
    assert loaded(*letters, "discard", "3", "--reason", "known").code == 0
    assert states(loaded) == [("replaying", ""), ("replaying", ""), ("discarded", "known")]
    assert loaded(*letters, "redirect", "1", "--to", "other").code == 0
    assert states(loaded)[0] == ("redirecting", "")
    assert loaded(*letters, "redirect", "2", "--to", "nobody").code == 3
    assert loaded(*letters, "discard", "--reason", "x").code == 2, "nothing was named"
    assert loaded(*letters, "discard", "2").code == 2, "no reason was given"
    assert loaded(*letters, "list").code == 0, "nothing is open"


def test_reconcile_names_what_was_not_told(loaded: Hilum) -> None:
    loaded.sql("DELETE FROM dead_letter WHERE event_id = 'e-2'")

    found = loaded("reconcile", "--json")

    assert found.code == 1
    assert found.json["archive"]["clean"] is True
    (compared,) = found.json["subscriptions"]
    assert (compared["expected"], compared["dead"], compared["told"]) == (3, 2, 0)
    assert [(gap["problem"], gap["sequence"]) for gap in compared["gaps"]] == [("missing", 2)]
    assert "missing" in loaded("reconcile", "--no-archive").out
    assert loaded("reconcile", "--no-archive", "--after", "2").code == 0
