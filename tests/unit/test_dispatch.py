"""Writing: claimed, re-read, sent at most once, settled by key; what is not sent waits, what is unknown is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from connector.dispatch import CLAIM, Dispatcher, WriteCounts
from connector.domain.actions import TASK_GONE
from connector.domain.errors import (
    ConfigError,
    ConflictError,
    FollowupError,
    MissingFieldError,
    OutcomeUnknownError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
    ThrottledError,
)
from connector.domain.model import Mark, Moment, PlannedAction, Receipt, RecordPlan, Value
from tests.core import ANA, BEN, DAY, HOUR, MINUTE, NEEDS, NOW, World, call, lead, ref

Answer = Callable[[Sequence[PlannedAction]], Sequence[Receipt]]


@pytest.fixture
def world() -> World:
    return World().adopted()


def _raises(error: Exception) -> Answer:
    def answer(_: Sequence[PlannedAction]) -> Sequence[Receipt]:
        raise error

    return answer


def _action(lead_: str, position: int = 0, kind: str = "task", **fields: Value) -> PlannedAction:
    saw = {"owner": ANA.id, "status": "new"}
    key = f"go.{lead_}{position}"
    return PlannedAction(key, "go", ref(lead_), kind, fields, {}, "why", "o", position, saw)  # type: ignore[arg-type]


def _planned(world: World, *actions: PlannedAction) -> None:
    """These actions are pending, their records known and in the CRM as they were seen, their marks set."""
    refs = sorted({action.record for action in actions})
    with world.store.begin() as uow:
        for one in refs:
            record = lead(one.id)
            world.source.now.setdefault(one, record)
            uow.save_records([record], NOW)
            mine = tuple(action for action in actions if action.record == one)
            uow.commit_plan(RecordPlan(one, mine, marks=(Mark("go", "o", "", NOW, "fired"),)), "r", NOW)


def _dispatcher(world: World, counts: WriteCounts | None = None) -> Dispatcher:
    made = Dispatcher(world.store, world.adapter, world.rulebook, NEEDS, Moment(NOW, "fake"), "run", world.stop.is_set)
    made.counts = counts or made.counts
    return made


def _work(world: World) -> WriteCounts:
    return _dispatcher(world).work()


# -- the straight path -------------------------------------------------------------------------------------------------


def test_what_is_pending_is_written_once_and_remembered(world: World) -> None:
    _planned(world, _action("1", subject="Call", owner=ANA.id), _action("2"))
    counts = _work(world)
    assert (counts.confirmed, counts.calls, counts.by_kind) == (2, 1, {"task": 2})
    assert set(world.states().values()) == {"confirmed"}
    [task] = world.state("1").activities
    assert (task.key, task.done, task.subject) == ("go.10", False, "Call")
    assert _work(world).calls == 0


def test_steps_are_written_in_their_order_each_on_the_record_as_the_last_one_left_it(world: World) -> None:
    first, second = _action("1", 0, "set", status="working"), _action("1", 1, "reassign", owner=BEN.id)
    _planned(world, first, replace(second, saw={"owner": ANA.id, "status": "working"}))
    assert _work(world).confirmed == 2
    assert [action.kind for action in world.sink.sent] == ["set", "reassign"]
    assert world.source.rereads == 2
    assert {(one.field, one.origin) for one in world.state().changes} == {("status", "us"), ("owner", "us")}
    assert world.state().record.owner == BEN.id
    assert world.due() == ["1"], "what was written may move its deadline, so the next pass looks at it"


def test_batches_are_of_one_kind_and_no_larger_than_a_call(world: World) -> None:
    world.sink.size = 2
    _planned(world, *(_action(str(n)) for n in range(5)), _action("9", 0, "note", text="x"))
    assert _work(world).calls == 4


def test_a_task_that_was_found_deleted_is_known_to_be_and_the_record_is_looked_at_anew(world: World) -> None:
    _planned(world, _action("1", subject="Call"))
    _work(world)
    [task] = world.state("1").activities
    _planned(world, _action("1", 1, "amend", task=task.id, done=True))
    world.sink.answer = lambda actions: [Receipt(actions[0].key, "dropped", code=TASK_GONE, message="gone")]
    assert _work(world).dropped == 1
    [task] = world.state("1").activities
    assert (task.deleted, task.done, task.ended) == (True, False, NOW)
    assert world.due() == ["1"]


# -- the last look -----------------------------------------------------------------------------------------------------


def test_what_a_person_changed_since_is_not_written_and_the_rule_may_decide_anew_on_what_is_true(world: World) -> None:
    _planned(world, _action("1"))
    world.source.now[ref("1")] = lead("1", 70, status="working")
    counts = _work(world)
    assert (counts.confirmed, counts.dropped, world.sink.sent) == (0, 1, [])
    assert world.outbox()["1/0"].message == "status changed since the decision"
    state = world.state()
    assert state.marks == ()
    assert state.record.status == "working", "the next decision is made on what was just read"
    assert [(one.new, one.origin) for one in state.changes] == [("working", "crm")]
    assert world.due() == ["1"]


def test_a_change_seen_by_the_last_look_makes_the_record_due_though_this_write_goes(world: World) -> None:
    _planned(world, _action("1"))
    world.source.now[ref("1")] = lead("1", 70, city="Ulm")
    assert _work(world).confirmed == 1
    assert world.due() == ["1"]


def test_a_record_that_is_gone_gets_no_write_and_is_looked_at_again_only_the_next_day(world: World) -> None:
    _planned(world, _action("1"))
    world.source.now.clear()
    assert _work(world).dropped == 1
    assert world.due(NOW + HOUR) == []
    assert world.due(NOW + DAY) == ["1"]


def test_a_record_that_was_deleted_or_merged_is_stored_as_such(world: World) -> None:
    _planned(world, _action("1"), _action("2"))
    world.source.now[ref("1")] = replace(lead("1", 70), deleted=True)
    world.source.now[ref("2")] = replace(lead("2", 70), deleted=True, merged_into=ref("3"))
    with world.store.begin() as uow:
        uow.save_records([lead("3")], NOW)
        uow.save_activities([call("c", "2")])
    assert _work(world).dropped == 2
    assert world.state("1").record.deleted
    assert world.state("2").record.merged_into == ref("3")
    assert len(world.state("3").activities) == 1
    assert "3" in world.due()


def test_a_dropped_step_takes_the_later_ones_with_it_and_all_are_counted(world: World) -> None:
    _planned(world, _action("1", 0), _action("1", 1), _action("1", 2))
    world.source.now[ref("1")] = lead("1", 70, status="odd")
    assert _work(world).dropped == 3
    assert set(world.states().values()) == {"dropped"}


def test_a_match_that_has_handed_the_record_over_is_not_decided_anew(world: World) -> None:
    _planned(world, _action("1", 0, "reassign", owner=BEN.id), _action("1", 1))
    assert _work(world).confirmed == 1
    assert world.states() == {"1/0": "confirmed", "1/1": "dropped"}, "the task was for an owner it never had"
    assert len(world.state().marks) == 1


# -- receipts ----------------------------------------------------------------------------------------------------------


def test_a_receipt_that_is_missing_is_unknown_and_one_nobody_asked_for_is_ignored(world: World) -> None:
    _planned(world, _action("1"), _action("2"))
    world.sink.answer = lambda actions: [Receipt("stranger", "confirmed", "x"), Receipt("go.20", "confirmed", "y")]
    counts = _work(world)
    assert world.states() == {"1/0": "unknown", "2/0": "confirmed"}
    assert (counts.confirmed, counts.unknown) == (1, 1)


def test_receipts_in_another_order_settle_their_own(world: World) -> None:
    _planned(world, _action("1"), _action("2"))
    world.sink.answer = lambda actions: [Receipt("go.20", "confirmed", "b"), Receipt("go.10", "failed", None, "NO")]
    counts = _work(world)
    assert world.states() == {"1/0": "failed", "2/0": "confirmed"}
    assert (counts.confirmed, counts.failed) == (1, 1)


def test_a_row_that_is_told_twice_and_differently_is_unknown(world: World) -> None:
    _planned(world, _action("1"))
    world.sink.answer = lambda actions: [Receipt("go.10", "confirmed", "b"), Receipt("go.10", "failed", None, "NO")]
    assert _work(world).unknown == 1
    assert world.states() == {"1/0": "unknown"}


def test_a_failed_step_ends_its_match_and_what_did_not_follow_is_counted(world: World) -> None:
    _planned(world, _action("1", 0), _action("1", 1))
    world.sink.answer = lambda actions: [Receipt(action.key, "failed", None, "NO", "refused") for action in actions]
    counts = _work(world)
    assert world.states() == {"1/0": "failed", "1/1": "dropped"}
    assert (counts.failed, counts.dropped) == (1, 1)
    assert len(world.state().marks) == 1, "a refusal is final"


def test_a_row_to_be_tried_later_is_tried_once_per_pass_and_keeps_what_the_crm_said(world: World) -> None:
    _planned(world, _action("1"))
    world.sink.answer = lambda actions: [
        Receipt(one.key, "retry", None, "LOCK", "the row is locked") for one in actions
    ]
    for attempts in range(1, 8):
        assert _work(world).calls == 1
        entry = world.outbox()["1/0"]
        assert (entry.state, entry.attempts, entry.message) == ("pending", attempts, "the row is locked")
    counts = _work(world)
    assert world.states() == {"1/0": "dead"}
    assert counts.failed == 1, "a dead letter is a failure that somebody has to hear of"


def test_rows_to_be_tried_later_do_not_keep_others_from_being_tried_at_all(world: World) -> None:
    _planned(world, *(_action(f"{n:04}") for n in range(CLAIM + 5)))
    stuck = {f"go.{n:04}0" for n in range(CLAIM)}
    world.sink.answer = lambda actions: [
        Receipt(one.key, "retry", message="locked") if one.key in stuck else world.sink.land(one) for one in actions
    ]
    assert _work(world).confirmed == 5
    states = list(world.states().values())
    assert (states.count("pending"), states.count("confirmed")) == (CLAIM, 5)


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [QuotaSpentError("the day is spent"), RetryableError("down"), ThrottledError("slow down")], ids=type
)
def test_what_time_may_mend_stops_the_pass_and_costs_no_attempt(world: World, error: FollowupError) -> None:
    world.sink.size = 1
    _planned(world, _action("1"), _action("2"))
    world.sink.answer = _raises(error)
    counts = _work(world)
    assert (counts.calls, counts.stopped) == (1, str(error))
    entries = world.outbox().values()
    assert [(entry.state, entry.attempts, entry.message) for entry in entries] == [("pending", 0, str(error))] * 2


def test_a_refusal_of_the_whole_call_fails_its_rows_and_the_rest_goes_on(world: World) -> None:
    _planned(world, _action("1"), _action("2", 0, "note"))
    world.sink.answer = lambda actions: (
        _raises(PermanentError("no", "NO"))(actions) if actions[0].kind == "note" else [world.sink.land(actions[0])]
    )
    counts = _work(world)
    assert (counts.confirmed, counts.failed) == (1, 1)


def test_a_conflict_drops_the_rows_and_has_them_decided_anew(world: World) -> None:
    _planned(world, _action("1"))
    world.sink.answer = _raises(ConflictError("changed meanwhile"))
    assert _work(world).dropped == 1
    assert (world.state().marks, world.due()) == ((), ["1"])


@pytest.mark.parametrize("error", [ConfigError("no scope"), MissingFieldError("field gone")], ids=type)
def test_what_a_person_has_to_mend_ends_the_pass_with_nothing_left_claimed(world: World, error: FollowupError) -> None:
    _planned(world, _action("1", 0, "note"), _action("2", 0, "task"))
    for _ in range(10):
        world.sink.answer = _raises(error)
        with pytest.raises(type(error)):
            _work(world)
        assert [(entry.state, entry.attempts) for entry in world.outbox().values()] == [("pending", 0)] * 2
        _dispatcher(world).recover()
    world.sink.answer = None
    assert _work(world).confirmed == 2, "however often it happened, nothing has died of it"


def test_an_answer_lost_for_a_whole_call_leaves_every_row_to_be_looked_up(world: World) -> None:
    _planned(world, _action("1"), _action("2"))
    world.sink.answer = _raises(OutcomeUnknownError("no answer"))
    assert _work(world).unknown == 2
    assert set(world.states().values()) == {"unknown"}


@pytest.mark.parametrize(
    "error", [RetryableError("down"), QuotaSpentError("spent"), OutcomeUnknownError("garbled")], ids=type
)
def test_a_last_look_that_cannot_be_had_now_writes_nothing_and_waits(world: World, error: FollowupError) -> None:
    _planned(world, _action("1"))
    world.source.reread_error = error
    counts = _work(world)
    assert (counts.stopped, world.sink.sent) == (str(error), [])
    assert [(one.state, one.attempts, one.message) for one in world.outbox().values()] == [("pending", 0, str(error))]


def test_a_last_look_that_is_refused_fails_no_write(world: World) -> None:
    _planned(world, _action("1"))
    world.source.reread_error = PermanentError("malformed", "BAD")
    with pytest.raises(PermanentError):
        _work(world)
    assert world.states() == {"1/0": "pending"}


def test_a_fault_of_our_own_in_the_middle_leaves_what_was_not_sent_pending(world: World) -> None:
    world.sink.size = 1
    _planned(world, _action("1"), _action("2"))
    world.sink.answer = _raises(ValueError("bug"))
    with pytest.raises(ValueError, match="bug"):
        _work(world)
    assert world.states() == {"1/0": "claimed", "2/0": "pending"}, "the one that was sent is looked up first"


# -- a stop ------------------------------------------------------------------------------------------------------------


def test_asked_to_stop_the_call_in_flight_is_recorded_and_the_rest_waits(world: World) -> None:
    world.sink.size = 1
    _planned(world, _action("1"), _action("2"), _action("3"))

    def answer(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        world.stop.set()
        return [world.sink.land(action) for action in actions]

    world.sink.answer = answer
    counts = _work(world)
    assert counts.confirmed == 1
    assert "asked to stop" in counts.stopped
    assert world.states() == {"1/0": "confirmed", "2/0": "pending", "3/0": "pending"}
    assert [entry.attempts for entry in world.outbox().values()] == [0, 0, 0]


# -- what earlier passes left ------------------------------------------------------------------------------------------


def _claim(world: World) -> None:
    """A run claims everything and dies."""
    with world.store.begin() as uow:
        uow.claim("dead", 100, NOW - HOUR, NOW - HOUR + 10 * MINUTE)


def test_what_a_dead_run_had_written_is_found_and_not_written_again(world: World) -> None:
    action = _action("1", 0, "set", status="working")
    _planned(world, action)
    _claim(world)
    world.sink.land(action)
    dispatcher = _dispatcher(world)
    dispatcher.recover()
    assert world.states() == {"1/0": "confirmed"}
    assert world.state().record.status == "working"
    assert [one.origin for one in world.state().changes] == ["us"]
    assert dispatcher.work().calls == 0


def test_what_a_dead_run_had_only_claimed_goes_out_and_however_many_runs_died_it_costs_no_attempt(world: World) -> None:
    _planned(world, _action("1"))
    for _ in range(12):
        _claim(world)
        _dispatcher(world).recover()
        [entry] = world.outbox().values()
        assert (entry.state, entry.attempts) == ("pending", 0)
    assert _work(world).confirmed == 1


def test_an_unknown_write_that_is_not_there_counts_as_an_attempt_and_is_sent_again(world: World) -> None:
    _planned(world, _action("1"))
    world.sink.answer = _raises(OutcomeUnknownError("no answer"))
    _work(world)
    world.sink.answer = None
    dispatcher = _dispatcher(world)
    dispatcher.recover()
    [entry] = world.outbox().values()
    assert (entry.state, entry.attempts) == ("pending", 1)
    assert dispatcher.work().confirmed == 1


def test_an_unknown_write_is_never_sent_again_before_it_is_looked_up(world: World) -> None:
    _planned(world, _action("1"))
    world.sink.answer = _raises(OutcomeUnknownError("no answer"))
    _work(world)
    world.sink.answer = None
    assert _work(world).calls == 0
    assert world.states() == {"1/0": "unknown"}


@pytest.mark.parametrize(
    "error", [RetryableError("down"), QuotaSpentError("spent"), OutcomeUnknownError("garbled")], ids=type
)
def test_a_look_up_that_fails_asks_no_further_and_nothing_is_written_in_this_pass(
    world: World, error: FollowupError
) -> None:
    world.sink.size = 1
    _planned(world, _action("1"), _action("2"))
    _claim(world)
    world.sink.look = _raises(error)
    dispatcher = _dispatcher(world)
    dispatcher.recover()
    assert len(world.sink.lookups) == 1
    assert dispatcher.counts.stopped == str(error)
    assert dispatcher.work().calls == 0
    world.sink.look = None
    _dispatcher(world).recover()
    assert set(world.states().values()) == {"pending"}


def test_a_look_up_that_is_refused_leaves_its_rows_unknown_and_the_rest_goes_on(world: World) -> None:
    _planned(world, _action("1", 0, "note"))
    _claim(world)
    _planned(world, _action("2"))
    world.sink.look = _raises(PermanentError("not allowed to look"))
    dispatcher = _dispatcher(world)
    dispatcher.recover()
    assert dispatcher.work().confirmed == 1
    assert world.states() == {"1/0": "unknown", "2/0": "confirmed"}
    assert world.outbox()["1/0"].message == "not allowed to look"


def test_a_look_up_that_does_not_mention_a_row_leaves_it_unknown(world: World) -> None:
    _planned(world, _action("1"))
    _claim(world)
    world.sink.look = lambda actions: [Receipt("stranger", "confirmed")]
    dispatcher = _dispatcher(world)
    dispatcher.recover()
    assert (world.states(), dispatcher.counts.unknown) == ({"1/0": "unknown"}, 1)


def test_later_steps_wait_until_an_unknown_one_is_known(world: World) -> None:
    _planned(world, _action("1", 0), _action("1", 1))
    world.sink.answer = _raises(OutcomeUnknownError("no answer"))
    _work(world)
    world.sink.answer = None
    assert _work(world).calls == 0
    assert world.states() == {"1/0": "unknown", "1/1": "pending"}


# -- only some ---------------------------------------------------------------------------------------------------------


def test_only_the_named_keys_are_written_and_the_others_wait_as_they_were(world: World) -> None:
    _planned(world, *(_action(f"{n:04}") for n in range(CLAIM + 1)), _action("9999"))
    counts = _dispatcher(world).work(frozenset({"go.99990"}))
    assert counts.confirmed == 1
    states = world.states()
    assert states.pop("9999/0") == "confirmed"
    assert set(states.values()) == {"pending"}
    assert {entry.message for entry in world.outbox().values()} == {""}


def test_what_a_dead_run_claimed_is_never_made_pending_without_a_look_up(world: World) -> None:
    action = _action("1")
    _planned(world, action)
    _claim(world)
    world.sink.land(action)
    _dispatcher(world).work(frozenset())
    assert world.states() == {"1/0": "claimed"}
    assert _work(world).calls == 0, "it is looked up, and found"
