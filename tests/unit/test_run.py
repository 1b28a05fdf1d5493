"""One pass: its order, its figures, its exit code, and how it is closed in the log whatever ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from connector.domain.decision import Assignment, PlannedAction, Receipt, RunSummary
from connector.domain.errors import (
    BusyError,
    ConfigError,
    FollowupError,
    MissingFieldError,
    OutcomeUnknownError,
    PermanentError,
    Problem,
    QuotaSpentError,
    RetryableError,
    StoreError,
)
from connector.run import BROKEN_OFF, STOPPED, PassResult, apply_plan, plan_pass, run_pass
from connector.store.unit_of_work import SqlUnitOfWork
from tests.core import ANA, BEN, DAY, HOUR, NOW, World, call, lead, page, ref
from tests.dispatching import act_of, pend


@pytest.fixture
def world() -> World:
    return World().adopted()


def _go(world: World, count: int = 1) -> None:
    world.put(*(lead(f"{n}", status="go") for n in range(count)))


def _runs(world: World) -> Sequence[RunSummary]:
    with world.store.begin() as uow:
        return uow.runs(100)


def _figures(result: PassResult) -> dict[str, Any]:
    return dict(result.summary.counts)


def _adds_up(result: PassResult) -> bool:
    figures = _figures(result)
    written = figures["written"]
    settled = written["confirmed"] + written["failed"] + written["unknown"] + figures["dropped"]
    pending = figures["left_over"] - written["unknown"]
    return bool(figures["planned"] == settled + pending)


# -- figures and exit codes --------------------------------------------------------------------------------------------


def test_a_pass_reads_decides_writes_and_says_so(world: World) -> None:
    _go(world, 3)
    result = run_pass(world.connection())
    figures = _figures(result)
    assert (figures["evaluated"], figures["planned"], figures["written"]["confirmed"]) == (3, 3, 3)
    assert figures["read"]["records"] == 3
    assert (result.exit_code, figures["left_over"], _adds_up(result)) == (0, 0, True)
    [logged] = _runs(world)
    assert (logged.exit_code, logged.counts["planned"]) == (0, 3)


def test_a_second_pass_over_a_quiet_crm_does_nothing(world: World) -> None:
    _go(world, 3)
    run_pass(world.connection())
    result = run_pass(world.connection())
    figures = _figures(result)
    assert (figures["evaluated"], figures["planned"], figures["written"]["calls"], result.exit_code) == (0, 0, 0, 0)


def test_an_alarm_over_what_was_just_written_is_told_and_ends_the_pass_with_three(world: World) -> None:
    def answer(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        world.rulebook.alarms = ("odd after the write",)
        return [world.sink.land(action) for action in actions]

    _go(world)
    world.sink.answer = answer
    result = run_pass(world.connection())
    assert result.exit_code == 3
    assert "odd after the write" in result.notices


def test_a_pass_that_is_stopped_while_it_writes_looks_at_nothing_more(world: World) -> None:
    def answer(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        world.stop.set()
        world.rulebook.alarms = ("looked at",)
        return [world.sink.land(action) for action in actions]

    _go(world)
    world.sink.answer = answer
    assert "looked at" not in run_pass(world.connection()).notices


def _mixed(world: World) -> Callable[[Sequence[PlannedAction]], Sequence[Receipt]]:
    """Every sixth row goes another way."""

    def answer(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        receipts = []
        for action in actions:
            way = int(action.record.id) % 6
            if way == 0:
                receipts.append(world.sink.land(action))
            elif way < 5:
                word = ("failed", "unknown", "retry", "dropped")[way - 1]
                receipts.append(Receipt(action.key, word))  # type: ignore[arg-type]
        return receipts

    return answer


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_figures_add_up_whatever_becomes_of_each_row(world: World, steps: int) -> None:
    world.rulebook.steps = tuple(("note", {"text": str(n)}) for n in range(steps))
    _go(world, 12)
    world.sink.answer = _mixed(world)
    result = run_pass(world.connection())
    assert _figures(result)["planned"] == 12 * steps
    assert _adds_up(result), _figures(result)
    assert result.exit_code == 3


def _left_by_a_dead_pass(world: World) -> None:
    """Two leads with the same action on its way, which no pass has sent yet."""
    pend(world, act_of("1"), act_of("2"))
    world.source.now.update({ref(one): lead(one) for one in ("1", "2")})


def test_what_a_merge_leaves_to_one_of_two_is_counted_as_dropped_when_it_is_read(world: World) -> None:
    _left_by_a_dead_pass(world)
    world.put(replace(lead("1", 9), deleted=True, merged_into=ref("2")), lead("2", 9))
    figures = _figures(run_pass(world.connection()))
    assert (figures["written"]["confirmed"], figures["dropped"], figures["left_over"]) == (1, 1, 0)


def test_what_a_merge_leaves_to_one_of_two_is_counted_as_dropped_by_the_last_look_too(world: World) -> None:
    _left_by_a_dead_pass(world)
    world.source.now[ref("1")] = replace(lead("1", 9), deleted=True, merged_into=ref("2"))
    figures = _figures(run_pass(world.connection()))
    assert (figures["written"]["confirmed"], figures["dropped"], figures["left_over"]) == (1, 1, 0)


@pytest.mark.parametrize("word", ["failed", "unknown", "retry"])
def test_what_is_failed_unknown_or_left_over_ends_a_pass_with_three(world: World, word: Any) -> None:
    _go(world)
    world.sink.answer = lambda actions: [Receipt(one.key, word) for one in actions]
    assert run_pass(world.connection()).exit_code == 3


def test_a_row_that_dies_after_many_tries_ends_its_pass_and_later_ones_with_three(world: World) -> None:
    _go(world)
    world.sink.answer = lambda actions: [Receipt(one.key, "retry", message="locked") for one in actions]
    codes = [run_pass(world.connection()).exit_code for _ in range(9)]
    assert codes == [3] * 9, "and for as long as it waits for a person"


def test_what_is_held_or_quarantined_or_alarming_ends_a_pass_with_three(world: World) -> None:
    world.rulebook.held = True
    _go(world)
    result = run_pass(world.connection())
    assert (result.exit_code, _figures(result)["held"]) == (3, 1)
    other = World().adopted()
    other.rulebook.problems = (Problem("rules.yaml", 1, 1, "odd", "x"),)
    assert run_pass(other.connection()).exit_code == 3
    other = World().adopted()
    other.rulebook.alarms = ("odd",)
    _go(other)
    assert run_pass(other.connection()).exit_code == 3


def test_what_was_only_dropped_is_no_reason_to_wake_anybody(world: World) -> None:
    _go(world)
    world.source.now[ref("0")] = lead("0", 70, status="other")
    result = run_pass(world.connection())
    assert (result.exit_code, _figures(result)["dropped"], _adds_up(result)) == (0, 1, True)


def test_a_record_that_differs_when_it_is_written_is_not_planned_and_dropped_in_every_pass(world: World) -> None:
    _go(world)
    world.source.now[ref("0")] = lead("0", 70, status="other")
    run_pass(world.connection())
    assert _figures(run_pass(world.connection()))["planned"] == 0


def test_no_pass_ends_before_it_began(world: World) -> None:
    world.rulebook.on_evaluate = lambda: world.clock.move_to(NOW - DAY)
    _go(world)
    run_pass(world.connection())
    [logged] = _runs(world)
    assert logged.finished == logged.now == NOW


# -- errors ------------------------------------------------------------------------------------------------------------

ERRORS: dict[FollowupError, int] = {
    ConfigError("grant the scope"): 2,
    RetryableError("the CRM is down"): 1,
    QuotaSpentError("the day is spent"): 3,
    PermanentError("refused"): 1,
    MissingFieldError("a field is gone"): 1,
    OutcomeUnknownError("garbled"): 1,
}


def _raise(error: Exception) -> Callable[..., Any]:
    def act(*_: object) -> Any:
        raise error

    return act


def _in_describe(world: World, error: Exception) -> None:
    world.source.describe_error = error


def _in_reading(world: World, error: Exception) -> None:
    world.source.pages = [page(lead("1")), error, page(lead("2"))]


def _in_evaluate(world: World, error: Exception) -> None:
    _go(world)
    world.rulebook.on_evaluate = _raise(error)


@pytest.mark.parametrize("where", [_in_describe, _in_reading, _in_evaluate])
@pytest.mark.parametrize(("error", "code"), ERRORS.items(), ids=lambda one: type(one).__name__)
def test_an_error_ends_the_pass_closes_it_in_the_log_and_lets_go_of_the_lock(
    world: World, where: Callable[[World, Exception], None], error: FollowupError, code: int
) -> None:
    where(world, error)
    with pytest.raises(type(error)):
        run_pass(world.connection())
    [logged] = _runs(world)
    assert (logged.exit_code, logged.message) == (code, str(error))
    assert logged.finished is not None
    world.source.describe_error = None
    world.rulebook.on_evaluate = lambda: None
    assert run_pass(world.connection()).exit_code == 0, "the next pass goes on"


def test_a_pass_that_fails_while_reading_says_what_it_had_read(world: World) -> None:
    world.source.pages = [page(lead("1"), call("c", "1")), RetryableError("down")]
    with pytest.raises(RetryableError):
        run_pass(world.connection())
    read: Any = _runs(world)[0].counts["read"]
    assert (read["records"], read["activities"]) == (1, 1)


def test_an_error_in_the_look_up_of_what_was_left_ends_the_pass_in_the_log(world: World) -> None:
    _go(world)
    world.sink.answer = _raise(OutcomeUnknownError("no answer"))
    run_pass(world.connection())
    world.sink.look = _raise(ConfigError("grant the scope"))
    with pytest.raises(ConfigError):
        run_pass(world.connection())
    assert [run.exit_code for run in _runs(world)].count(2) == 1
    assert world.states() == {"0/0": "unknown"}


def test_an_error_while_writing_ends_the_pass_in_the_log_and_the_next_one_writes_the_rest(world: World) -> None:
    _go(world, 3)
    world.sink.answer = _raise(ConfigError("grant the scope"))
    with pytest.raises(ConfigError):
        run_pass(world.connection())
    [logged] = _runs(world)
    assert (logged.exit_code, logged.counts["left_over"], logged.counts["planned"]) == (2, 3, 3)
    world.sink.answer = None
    assert _figures(run_pass(world.connection()))["written"]["confirmed"] == 3


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), OSError("the machine")], ids=type)
def test_a_pass_that_is_broken_off_is_closed_in_the_log_too(world: World, error: BaseException) -> None:
    _go(world)
    world.rulebook.on_evaluate = _raise(error)  # type: ignore[arg-type]
    with pytest.raises(type(error)):
        run_pass(world.connection())
    [logged] = _runs(world)
    assert (logged.exit_code, logged.message) == (1, BROKEN_OFF)
    world.rulebook.on_evaluate = lambda: None
    assert run_pass(world.connection()).exit_code == 0


def test_when_not_even_the_log_can_be_written_the_first_error_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.store.begin() as uow:
        kind = type(uow)
    monkeypatch.setattr(kind, "finish_run", _raise(StoreError("no room for the log")))
    world.source.describe_error = ConfigError("grant the scope")
    with pytest.raises(ConfigError, match="grant the scope"):
        run_pass(world.connection())
    world.source.describe_error = None
    with pytest.raises(StoreError, match="no room"):
        run_pass(world.connection())
    with world.store.lock():
        pass


def test_a_pass_that_finds_the_lock_taken_does_nothing_at_all(world: World) -> None:
    _go(world)
    with world.store.lock(), pytest.raises(BusyError):
        run_pass(world.connection())
    assert (_runs(world), world.states(), len(world.source.pages)) == ([], {}, 1)
    for act in (plan_pass, lambda connection: apply_plan(connection, Shown())):
        with world.store.lock(), pytest.raises(BusyError):
            act(world.connection())


def test_without_one_sound_rule_a_pass_says_what_is_wrong(world: World) -> None:
    world.rulebook.ids = []
    world.rulebook.problems = (Problem("rules.yaml", 3, 5, "tusk is no action"),)
    with pytest.raises(ConfigError, match=r"rules\.yaml:3:5: tusk"):
        run_pass(world.connection())
    assert _runs(world)[0].exit_code == 2


# -- order -------------------------------------------------------------------------------------------------------------


def test_what_was_left_is_looked_up_before_anything_is_read_or_decided(world: World) -> None:
    world.rulebook.steps = (("set", {"status": "working"}),)
    _go(world)
    world.sink.answer = lambda actions: [replace(world.sink.land(one), state="unknown") for one in actions]
    assert run_pass(world.connection()).exit_code == 3
    world.sink.answer = None
    world.put(world.source.now[ref("0")])
    result = run_pass(world.connection())
    figures = _figures(result)
    assert (figures["written"]["confirmed"], figures["read"]["records"], figures["read"]["changes"]) == (1, 0, 0)
    assert figures["planned"] == 0, "our own write is no news: only when to look at the record again is worked out anew"


def test_the_state_forgets_in_time_what_is_settled_and_deleted(world: World) -> None:
    connection = world.connection()
    world.put(replace(lead("1"), deleted=True))
    run_pass(connection)
    world.clock.move_to(NOW + 500 * DAY)
    run_pass(connection)
    with world.store.begin() as uow:
        assert uow.records([ref("1")]) == {}


def test_what_is_kept_no_longer_goes_once_a_day_and_at_once_when_less_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[tuple[datetime, datetime]] = []
    monkeypatch.setattr(SqlUnitOfWork, "prune", lambda _uow, *before: bounds.append(before))
    connection = world.connection()
    for hours in (0, 1, 14, 15, 16, 30):  # the day ends after 15
        world.clock.move_to(NOW + hours * HOUR)
        run_pass(connection)
    assert [traces + 90 * DAY for traces, _ in bounds] == [NOW, NOW + 15 * HOUR]
    connection.keep_traces = 30 * DAY
    run_pass(connection)
    assert bounds[2:] == [(NOW + 30 * HOUR - 30 * DAY, NOW + 30 * HOUR - 400 * DAY)]


# -- a stop ------------------------------------------------------------------------------------------------------------


def test_asked_to_stop_while_reading_a_pass_decides_nothing_on_what_it_has_read_by_halves(world: World) -> None:
    world.source.pages = [page(lead("0", status="go")), page(call("c", "0"), cursor="2")]
    world.source.now[ref("0")] = lead("0", status="go")
    result = run_pass(world.connection(), lambda _stage, _count: world.stop.set())
    assert (result.exit_code, world.states(), world.due()) == (3, {}, ["0"])
    assert (result.summary.message, world.rulebook.seen) == (STOPPED, [])
    world.stop.clear()
    result = run_pass(world.connection())
    assert (result.exit_code, world.states()) == (0, {"0/0": "confirmed"})


def test_asked_to_stop_while_deciding_a_pass_writes_nothing(world: World) -> None:
    _go(world)
    world.rulebook.on_evaluate = world.stop.set
    result = run_pass(world.connection())
    assert (result.exit_code, world.states(), world.sink.sent) == (3, {}, [])


def test_a_plan_that_was_cut_short_by_a_stop_is_not_shown_as_a_plan(world: World) -> None:
    _go(world)
    world.stop.set()
    with pytest.raises(RetryableError, match="plan"):
        plan_pass(world.connection())


# -- plan and apply ----------------------------------------------------------------------------------------------------


class Shown:
    """A plan that somebody has seen."""

    def __init__(self, *actions: PlannedAction) -> None:
        self._actions = {action.key: action for action in actions}

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._actions)

    def restore(self, action: PlannedAction) -> PlannedAction:
        return replace(action, fields=self._actions[action.key].fields)


def test_a_plan_writes_nothing_logs_no_run_and_says_whether_there_are_changes(world: World) -> None:
    assert plan_pass(world.connection()).exit_code == 0
    _go(world, 2)
    result = plan_pass(world.connection())
    assert (result.exit_code, len(result.plan.actions), _figures(result)["planned"]) == (4, 2, 2)
    assert (world.states(), world.sink.sent, _runs(world)) == ({}, [], [])
    assert _figures(run_pass(world.connection()))["written"]["confirmed"] == 2


def test_a_plan_before_the_first_run_takes_no_baseline(world: World) -> None:
    world = World()
    _go(world, 2)
    assert plan_pass(world.connection()).baseline == {"go": 2}
    world.clock.move_to(NOW + DAY)
    assert run_pass(world.connection()).baseline == {"go": 2}
    with world.store.begin() as uow:
        assert uow.adoptions()["go"].at == NOW + DAY


def test_apply_writes_what_was_shown_and_leaves_the_rest_due(world: World) -> None:
    _go(world, 3)
    first, *_ = plan_pass(world.connection()).plan.actions
    result = apply_plan(world.connection(), Shown(replace(first, fields={"subject": "As shown"})))
    assert [action.fields["subject"] for action in world.sink.sent] == ["As shown"]
    assert (_figures(result)["planned"], result.exit_code, _adds_up(result)) == (1, 0, True)
    assert _figures(run_pass(world.connection()))["written"]["confirmed"] == 2


def test_apply_of_one_rules_action_leaves_the_other_rule_of_the_same_record_to_the_next_pass(world: World) -> None:
    world.rulebook.ids = ["go", "other"]
    world.adopted()
    _go(world)
    run, other = plan_pass(world.connection()).plan.actions
    apply_plan(world.connection(), Shown(run))
    assert [action.rule for action in world.sink.sent] == ["go"]
    assert ([mark.rule for mark in world.state("0").marks], world.due()) == (["go"], ["0"])
    run_pass(world.connection())
    assert [action.key for action in world.sink.sent] == [run.key, other.key]


def test_what_was_dropped_goes_out_under_the_same_key_once_it_holds_again(world: World) -> None:
    _go(world)
    world.source.now[ref("0")] = lead("0", 70, status="other")
    assert _figures(run_pass(world.connection()))["dropped"] == 1
    world.put(lead("0", 80, status="go"))
    assert _figures(run_pass(world.connection()))["written"]["confirmed"] == 1
    assert world.states() == {"0/0": "confirmed"}


def test_apply_counts_what_is_no_longer_decided_as_planned_and_dropped(world: World) -> None:
    _go(world)
    [action] = plan_pass(world.connection()).plan.actions
    run_pass(world.connection())
    result = apply_plan(world.connection(), Shown(action))
    assert (_figures(result)["planned"], _figures(result)["dropped"], _adds_up(result)) == (1, 1, True)
    assert len(world.sink.sent) == 1


def test_apply_writes_nothing_that_an_earlier_run_had_left(world: World) -> None:
    _go(world)
    world.sink.answer = _raise(QuotaSpentError("spent"))
    run_pass(world.connection())
    world.sink.answer = None
    world.sink.sent.clear()
    world.put(lead("7", status="go"))
    [shown] = plan_pass(world.connection()).plan.actions
    result = apply_plan(world.connection(), Shown(shown))
    assert [action.record.id for action in world.sink.sent] == ["7"]
    assert (world.states()["0/0"], result.exit_code) == ("pending", 3)


def test_apply_gives_the_record_to_whom_was_shown_though_it_is_somebody_elses_turn_by_now(world: World) -> None:
    world.rulebook.steps = (("reassign", {}), ("task", {"subject": "Hello", "owner": "?"}))
    world.rulebook.pool = True
    world.put(lead("0", status="go", owner="queue"))
    shown = plan_pass(world.connection()).plan.actions
    assert shown[0].fields == {"owner": ANA.id}
    with world.store.begin() as uow:
        uow.save_assignments([Assignment("pool", "ana", ref("other"), "go", NOW, "")])
    result = apply_plan(world.connection(), Shown(*shown))
    assert world.source.now[ref("0")].owner == ANA.id
    assert (_figures(result)["written"]["confirmed"], _figures(result)["dropped"]) == (2, 0), "the task follows"
    with world.store.begin() as uow:
        assert [line.ref.id for line in uow.assignments()] == ["other"], "Ben's turn is not taken: Ben got nothing"


def test_apply_takes_the_turn_of_whom_was_shown_when_it_still_is_theirs(world: World) -> None:
    world.rulebook.steps = (("reassign", {}),)
    world.rulebook.pool = True
    world.put(lead("0", status="go", owner="queue"), lead("1", status="go", owner="queue"))
    shown = plan_pass(world.connection()).plan.actions
    apply_plan(world.connection(), Shown(shown[0]))
    with world.store.begin() as uow:
        assert [(line.person, line.ref.id) for line in uow.assignments()] == [("ana", "0")]
    assert shown[1].fields == {"owner": BEN.id}
    run_pass(world.connection())
    assert world.source.now[ref("1")].owner == BEN.id


def test_a_pass_takes_the_time_it_began_for_everything_it_decides(world: World) -> None:
    _go(world)
    run_pass(world.connection())
    assert {moment.now for moment in world.rulebook.moments} == {NOW}
    assert world.outbox()["0/0"].updated == NOW
