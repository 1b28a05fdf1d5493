"""A pause in the middle of a pass, and what a paused pass leaves for later; on a CRM of dictionaries."""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.decision import EVERYTHING, Pause, PlannedAction, Receipt
from connector.run import run_pass
from tests.core import DAY, HOUR, NOW, World, lead, ref
from tests.dispatching import act_of, dispatcher_of, one_pass, pend


def pause(world: World, rule: str = "go") -> None:
    with world.store.begin() as uow:
        uow.pause(Pause(rule, NOW))


def resume(world: World, rule: str = "go") -> None:
    with world.store.begin() as uow:
        uow.resume(rule)


def states(world: World) -> list[str]:
    with world.store.begin() as uow:
        return sorted(entry.state for entry in uow.outbox())


def test_a_pause_in_the_middle_of_a_pass_stops_the_next_batch_and_nothing_is_lost() -> None:
    world = World()
    world.sink.size = 2
    pend(world, *(act_of(str(number)) for number in range(5)))

    def answer(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        pause(world)
        return [world.sink.land(action) for action in actions]

    world.sink.answer = answer
    counts = one_pass(world)
    assert (counts.confirmed, len(world.sink.sent), states(world)) == (2, 2, ["confirmed"] * 2 + ["pending"] * 3)
    assert one_pass(world).confirmed == 0
    resume(world)
    world.sink.answer = None
    assert one_pass(world).confirmed == 3
    assert len(world.sink.landed) == 5, "each once"


def test_a_lost_answer_of_a_paused_rule_is_looked_up_and_not_written_again() -> None:
    world = World()
    pend(world, act_of("1"))
    world.sink.answer = lambda actions: [Receipt(action.key, "unknown") for action in actions]
    one_pass(world)
    pause(world, EVERYTHING)
    dispatcher_of(world).recover()
    assert (len(world.sink.sent), len(world.sink.lookups)) == (1, 1)
    assert states(world) == ["pending"]
    assert one_pass(world).confirmed == 0
    assert len(world.sink.sent) == 1


def test_while_everything_is_paused_a_pass_reads_and_neither_decides_nor_writes() -> None:
    world = World().adopted()
    world.put(lead("1", status="go"))
    pause(world, EVERYTHING)
    result = run_pass(world.connection())
    assert (result.exit_code, result.summary.counts["evaluated"], world.sink.sent) == (3, 0, [])
    assert world.state("1").record.ref == ref("1"), "it was read"
    assert "everything is paused" in result.summary.message
    assert result.notices[0].startswith("everything is paused since 2026-03-02 09:00 UTC")
    resume(world, EVERYTHING)
    after = run_pass(world.connection())
    assert (after.exit_code, after.writes.confirmed) == (0, 1)


def test_writes_that_were_decided_before_a_pause_count_as_left_over_and_are_told() -> None:
    world = World().adopted()
    pend(world, act_of("1"), act_of("2"))
    pause(world)
    result = run_pass(world.connection())
    assert (result.exit_code, result.summary.counts["left_over"]) == (3, 2)
    assert result.notices == (
        "go is paused since 2026-03-02 09:00 UTC: 0 matches wait; 2 writes decided before wait, too; "
        "`followup resume --rule go` lets it go on",
    )


def test_a_paused_rule_with_nothing_waiting_is_told_and_all_is_done() -> None:
    world = World().adopted()
    pause(world)
    result = run_pass(world.connection())
    assert (result.exit_code, len(result.notices)) == (0, 1)


def test_whatever_was_paused_meanwhile_every_record_is_looked_at_again_afterwards() -> None:
    world = World().adopted()
    world.put(lead("1"), lead("2"))
    run_pass(world.connection())
    world.clock.move_to(NOW + HOUR)
    assert run_pass(world.connection()).summary.counts["evaluated"] == 0
    pause(world)
    resume(world)
    world.clock.move_to(NOW + DAY)
    assert run_pass(world.connection()).summary.counts["evaluated"] == 2, (
        "a deadline of the time of the pause is not trusted"
    )
