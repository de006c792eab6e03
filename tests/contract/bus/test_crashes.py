"""What holds when a member is killed, whichever engine carries the messages."""

from pathlib import Path

import pytest

from tests.contract.bus.brokers import Broker, Recorder, letter, until
from tests.contract.bus.processes import stage

pytestmark = pytest.mark.slow


async def test_what_a_killed_member_had_in_hand_goes_to_another(
    far: Broker, tmp_path: Path
) -> None:
    heir = Recorder()
    async with far.bus() as bus:
        for number in range(20):
            await bus.publish(far.topic, letter(f"k{number % 2}", number))
        with stage(far, tmp_path) as processes:
            doomed = processes.member("hang", concurrency=1)
            await until(lambda: bool(processes.lines("begin")))
            doomed.kill()
            handed_over = processes.lines("begin")[0]
            async with bus.subscribe(far.topic, "g", heir):
                await until(lambda: len(heir.done) == 20)

    for key in ("k0", "k1"):
        first = int(key[1])
        assert heir.of(key) == [f"{key}-{number}" for number in range(first, 20, 2)]
    repeated = {message.message_id: message.attempt for message in heir.done}
    # Only the one that a handler had seen was handed over twice, not those that waited behind it.
    assert repeated == {m.message_id: 1 for m in heir.done} | {handed_over.message_id: 2}


async def test_a_message_that_kills_its_member_dies_and_takes_no_other_along(
    far: Broker, tmp_path: Path
) -> None:
    undertaker = Recorder()
    attempts = 3
    async with far.bus() as bus:
        for number in range(12):
            await bus.publish(far.topic, letter(f"k{number % 4}", number))
        orders = {"poison": "k1-5", "attempts": attempts, "concurrency": 1}
        with stage(far, tmp_path) as processes:
            member = processes.member("die", **orders)
            for _ in range(attempts):
                await until(lambda: member.ended)
                member.start()
            async with bus.subscribe(f"{far.topic}.dead", "undertaker", undertaker):
                await until(lambda: len(undertaker.done) == 1)
            await until(lambda: len(processes.ids("end")) == 11)
            assert await member.stop() == 0
            begun = processes.lines("begin")

    dead = undertaker.done[0]
    assert (dead.message_id, dead.headers["cause"]) == ("k1-5", "crashed")
    assert dead.headers["attempts"] == str(attempts)
    assert [line.attempt for line in begun if line.message_id == "k1-5"] == [1, 2, 3]
    # With one handler at a time nobody else was under way when the process died.
    assert {line.attempt for line in begun if line.message_id != "k1-5"} == {1}


async def test_a_member_that_is_told_to_end_finishes_what_it_began(
    far: Broker, tmp_path: Path
) -> None:
    async with far.bus() as bus:
        for number in range(200):
            await bus.publish(far.topic, letter(f"k{number % 10}", number))
        with stage(far, tmp_path) as processes:
            first = processes.member("slow")
            await until(lambda: len(processes.lines("end")) > 10)
            assert await first.stop() == 0
            ended = processes.lines("end")
            assert processes.ids("begin") == processes.ids("end")
            processes.member("slow")
            await until(lambda: len(processes.ids("end")) == 200)

            # What the first one had finished was acknowledged: nothing came twice.
            assert len(processes.lines("end")) == 200
            assert len(ended) < 200
            assert {line.attempt for line in processes.lines("begin")} == {1}
