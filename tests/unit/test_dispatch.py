"""Writes that go out: their order, the last look at the record, and what becomes of their receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from connector.dispatch import CLAIM, FRESH_SECONDS
from connector.domain.actions import TASK_DONE, TASK_GONE
from connector.domain.decision import EVERYTHING, Pause, PlannedAction, Receipt
from connector.domain.model import Needs, Record, RecordRef
from tests.core import ANA, BEN, DAY, HOUR, NOW, World, call, lead, ref
from tests.dispatching import act_of, one_pass, pend, world

__all__ = ["world"]


# -- the straight path -------------------------------------------------------------------------------------------------


def test_what_is_pending_is_written_once_and_remembered(world: World) -> None:
    pend(world, act_of("1", subject="Call", owner=ANA.id), act_of("2"))
    counts = one_pass(world)
    assert (counts.confirmed, counts.calls, counts.by_kind) == (2, 1, {"task": 2})
    assert set(world.states().values()) == {"confirmed"}
    [task] = world.state("1").activities
    assert (task.key, task.done, task.subject) == ("go.10", False, "Call")
    assert one_pass(world).calls == 0


def test_steps_are_written_in_their_order_each_on_the_record_as_the_last_one_left_it(world: World) -> None:
    first, second = act_of("1", 0, "set", status="working"), act_of("1", 1, "reassign", owner=BEN.id)
    pend(world, first, replace(second, saw={"owner": ANA.id, "status": "working"}))
    assert one_pass(world).confirmed == 2
    assert [action.kind for action in world.sink.sent] == ["set", "reassign"]
    assert world.source.rereads == 2
    assert {(one.field, one.origin) for one in world.state().changes} == {("status", "us"), ("owner", "us")}
    assert world.state().record.owner == BEN.id
    assert world.due() == ["1"], "what was written may move its deadline, so the next pass looks at it"


def test_batches_are_of_one_kind_and_no_larger_than_a_call(world: World) -> None:
    world.sink.size = 2
    pend(world, *(act_of(str(n)) for n in range(5)), act_of("9", 0, "note", text="x"))
    assert one_pass(world).calls == 4


def test_a_task_that_was_found_deleted_is_known_to_be_and_the_record_is_looked_at_anew(world: World) -> None:
    pend(world, act_of("1", subject="Call"))
    one_pass(world)
    [task] = world.state("1").activities
    pend(world, act_of("1", 1, "amend", task=task.id, done=True))
    world.sink.answer = lambda actions: [Receipt(actions[0].key, "dropped", code=TASK_GONE, message="gone")]
    assert one_pass(world).dropped == 1
    [task] = world.state("1").activities
    assert (task.deleted, task.done, task.ended) == (True, False, NOW)
    assert world.due() == ["1"]


def test_a_task_that_was_found_completed_is_known_to_be_and_is_not_changed_again_in_every_pass(world: World) -> None:
    pend(world, act_of("1", subject="Call"))
    one_pass(world)
    [task] = world.state("1").activities
    pend(world, act_of("1", 1, "amend", task=task.id, done=True))
    world.sink.answer = lambda actions: [Receipt(actions[0].key, "dropped", code=TASK_DONE, message="done")]
    assert one_pass(world).dropped == 1
    [task] = world.state("1").activities
    assert (task.deleted, task.done, task.ended) == (False, True, NOW)
    assert world.due() == ["1"]


# -- the last look -----------------------------------------------------------------------------------------------------


def test_what_a_person_changed_since_is_not_written_and_the_rule_may_decide_anew_on_what_is_true(world: World) -> None:
    pend(world, act_of("1"))
    world.source.now[ref("1")] = lead("1", 70, status="working")
    counts = one_pass(world)
    assert (counts.confirmed, counts.dropped, world.sink.sent) == (0, 1, [])
    assert world.outbox()["1/0"].message == "status changed since the decision"
    state = world.state()
    assert state.marks == ()
    assert state.record.status == "working", "the next decision is made on what was just read"
    assert [(one.new, one.origin) for one in state.changes] == [("working", "crm")]
    assert world.due() == ["1"]


def test_a_change_seen_by_the_last_look_makes_the_record_due_though_this_write_goes(world: World) -> None:
    pend(world, act_of("1"))
    world.source.now[ref("1")] = lead("1", 70, city="Ulm")
    assert one_pass(world).confirmed == 1
    assert world.due() == ["1"]


def test_a_last_look_that_has_grown_old_is_had_again_before_the_next_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr("connector.dispatch.monotonic", lambda: seconds)
    world.sink.size = 1
    pend(world, act_of("1"), act_of("2"))

    def slow(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        nonlocal seconds
        seconds += FRESH_SECONDS + 1
        world.source.now[ref("2")] = replace(lead("2", owner=BEN.id), version="2")
        return [Receipt(action.key, "confirmed", f"T{action.key}") for action in actions]

    world.sink.answer = slow
    counts = one_pass(world)
    assert (counts.confirmed, counts.dropped, counts.calls) == (1, 1, 1)
    assert [action.record.id for action in world.sink.sent] == ["1"]


def test_a_pause_while_a_record_is_read_again_stops_its_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr("connector.dispatch.monotonic", lambda: seconds)
    world.sink.size = 1
    pend(world, act_of("1"), act_of("2"))
    reread = world.source.reread

    def slow(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        nonlocal seconds
        seconds += FRESH_SECONDS + 1
        return [Receipt(action.key, "confirmed", f"T{action.key}") for action in actions]

    def read_while_somebody_pauses(refs: Sequence[RecordRef], needs: Needs) -> Mapping[RecordRef, Record]:
        if seconds:
            with world.store.begin() as uow:
                uow.pause(Pause(EVERYTHING, NOW))
        return reread(refs, needs)

    world.sink.answer = slow
    world.source.reread = read_while_somebody_pauses  # type: ignore[method-assign]
    assert one_pass(world).confirmed == 1
    assert [action.record.id for action in world.sink.sent] == ["1"]
    assert world.states() == {"1/0": "confirmed", "2/0": "pending"}


def test_a_record_that_is_gone_gets_no_write_and_is_looked_at_again_only_the_next_day(world: World) -> None:
    pend(world, act_of("1"))
    world.source.now.clear()
    assert one_pass(world).dropped == 1
    assert world.due(NOW + HOUR) == []
    assert world.due(NOW + DAY) == ["1"]


def test_a_record_that_was_deleted_or_merged_is_stored_as_such(world: World) -> None:
    pend(world, act_of("1"), act_of("2"))
    world.source.now[ref("1")] = replace(lead("1", 70), deleted=True)
    world.source.now[ref("2")] = replace(lead("2", 70), deleted=True, merged_into=ref("3"))
    with world.store.begin() as uow:
        uow.save_records([lead("3")], NOW)
        uow.save_activities([call("c", "2")])
    assert one_pass(world).dropped == 2
    assert world.state("1").record.deleted
    assert world.state("2").record.merged_into == ref("3")
    assert len(world.state("3").activities) == 1
    assert "3" in world.due()


def test_a_dropped_step_takes_the_later_ones_with_it_and_all_are_counted(world: World) -> None:
    pend(world, act_of("1", 0), act_of("1", 1), act_of("1", 2))
    world.source.now[ref("1")] = lead("1", 70, status="odd")
    assert one_pass(world).dropped == 3
    assert set(world.states().values()) == {"dropped"}


def test_a_match_that_has_handed_the_record_over_is_not_decided_anew(world: World) -> None:
    pend(world, act_of("1", 0, "reassign", owner=BEN.id), act_of("1", 1))
    assert one_pass(world).confirmed == 1
    assert world.states() == {"1/0": "confirmed", "1/1": "dropped"}, "the task was for an owner it never had"
    assert [mark.kind for mark in world.state().marks] == ["fired"]


# -- receipts ----------------------------------------------------------------------------------------------------------


def test_a_receipt_that_is_missing_is_unknown_and_one_nobody_asked_for_is_ignored(world: World) -> None:
    pend(world, act_of("1"), act_of("2"))
    world.sink.answer = lambda actions: [Receipt("stranger", "confirmed", "x"), Receipt("go.20", "confirmed", "y")]
    counts = one_pass(world)
    assert world.states() == {"1/0": "unknown", "2/0": "confirmed"}
    assert (counts.confirmed, counts.unknown) == (1, 1)


def test_receipts_in_another_order_settle_their_own(world: World) -> None:
    pend(world, act_of("1"), act_of("2"))
    world.sink.answer = lambda actions: [Receipt("go.20", "confirmed", "b"), Receipt("go.10", "failed", None, "NO")]
    counts = one_pass(world)
    assert world.states() == {"1/0": "failed", "2/0": "confirmed"}
    assert (counts.confirmed, counts.failed) == (1, 1)


def test_a_row_that_is_told_twice_and_differently_is_unknown(world: World) -> None:
    pend(world, act_of("1"))
    world.sink.answer = lambda actions: [Receipt("go.10", "confirmed", "b"), Receipt("go.10", "failed", None, "NO")]
    assert one_pass(world).unknown == 1
    assert world.states() == {"1/0": "unknown"}


def test_a_failed_step_ends_its_match_and_what_did_not_follow_is_counted(world: World) -> None:
    pend(world, act_of("1", 0), act_of("1", 1))
    world.sink.answer = lambda actions: [Receipt(action.key, "failed", None, "NO", "refused") for action in actions]
    counts = one_pass(world)
    assert world.states() == {"1/0": "failed", "1/1": "dropped"}
    assert (counts.failed, counts.dropped) == (1, 1)
    assert len(world.state().marks) == 1, "a refusal is final"


def test_a_row_to_be_tried_later_is_tried_once_per_pass_and_keeps_what_the_crm_said(world: World) -> None:
    pend(world, act_of("1"))
    world.sink.answer = lambda actions: [
        Receipt(one.key, "retry", None, "LOCK", "the row is locked") for one in actions
    ]
    for attempts in range(1, 8):
        assert one_pass(world).calls == 1
        entry = world.outbox()["1/0"]
        assert (entry.state, entry.attempts, entry.message) == ("pending", attempts, "the row is locked")
    counts = one_pass(world)
    assert world.states() == {"1/0": "dead"}
    assert counts.failed == 1, "a dead letter is a failure that somebody has to hear of"


def test_rows_to_be_tried_later_do_not_keep_others_from_being_tried_at_all(world: World) -> None:
    pend(world, *(act_of(f"{n:04}") for n in range(CLAIM + 5)))
    stuck = {f"go.{n:04}0" for n in range(CLAIM)}
    world.sink.answer = lambda actions: [
        Receipt(one.key, "retry", message="locked") if one.key in stuck else world.sink.land(one) for one in actions
    ]
    assert one_pass(world).confirmed == 5
    states = list(world.states().values())
    assert (states.count("pending"), states.count("confirmed")) == (CLAIM, 5)
