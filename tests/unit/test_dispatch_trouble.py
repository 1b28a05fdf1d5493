"""Writes that do not go out: errors, stops, and what earlier passes left."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connector.dispatch import CLAIM
from connector.domain.decision import PlannedAction, Receipt
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
from tests.core import HOUR, MINUTE, NOW, World
from tests.dispatching import act_of, dispatcher_of, failing, one_pass, pend, world

__all__ = ["world"]


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [QuotaSpentError("the day is spent"), RetryableError("down"), ThrottledError("slow down")], ids=type
)
def test_what_time_may_mend_stops_the_pass_and_costs_no_attempt(world: World, error: FollowupError) -> None:
    world.sink.size = 1
    pend(world, act_of("1"), act_of("2"))
    world.sink.answer = failing(error)
    counts = one_pass(world)
    assert (counts.calls, counts.stopped) == (1, str(error))
    entries = world.outbox().values()
    assert [(entry.state, entry.attempts, entry.message) for entry in entries] == [("pending", 0, str(error))] * 2


def test_a_refusal_of_the_whole_call_fails_its_rows_and_the_rest_goes_on(world: World) -> None:
    pend(world, act_of("1"), act_of("2", 0, "note"))
    world.sink.answer = lambda actions: (
        failing(PermanentError("no", "NO"))(actions) if actions[0].kind == "note" else [world.sink.land(actions[0])]
    )
    counts = one_pass(world)
    assert (counts.confirmed, counts.failed) == (1, 1)


def test_a_conflict_drops_the_rows_and_has_them_decided_anew(world: World) -> None:
    pend(world, act_of("1"))
    world.sink.answer = failing(ConflictError("changed meanwhile"))
    assert one_pass(world).dropped == 1
    assert (world.state().marks, world.due()) == ((), ["1"])


@pytest.mark.parametrize("error", [ConfigError("no scope"), MissingFieldError("field gone")], ids=type)
def test_what_a_person_has_to_mend_ends_the_pass_with_nothing_left_claimed(world: World, error: FollowupError) -> None:
    pend(world, act_of("1", 0, "note"), act_of("2", 0, "task"))
    for _ in range(10):
        world.sink.answer = failing(error)
        with pytest.raises(type(error)):
            one_pass(world)
        assert [(entry.state, entry.attempts) for entry in world.outbox().values()] == [("pending", 0)] * 2
        dispatcher_of(world).recover()
    world.sink.answer = None
    assert one_pass(world).confirmed == 2, "however often it happened, nothing has died of it"


def test_an_answer_lost_for_a_whole_call_leaves_every_row_to_be_looked_up(world: World) -> None:
    pend(world, act_of("1"), act_of("2"))
    world.sink.answer = failing(OutcomeUnknownError("no answer"))
    assert one_pass(world).unknown == 2
    assert set(world.states().values()) == {"unknown"}


@pytest.mark.parametrize(
    "error", [RetryableError("down"), QuotaSpentError("spent"), OutcomeUnknownError("garbled")], ids=type
)
def test_a_last_look_that_cannot_be_had_now_writes_nothing_and_waits(world: World, error: FollowupError) -> None:
    pend(world, act_of("1"))
    world.source.reread_error = error
    counts = one_pass(world)
    assert (counts.stopped, world.sink.sent) == (str(error), [])
    assert [(one.state, one.attempts, one.message) for one in world.outbox().values()] == [("pending", 0, str(error))]


def test_a_last_look_that_is_refused_fails_no_write(world: World) -> None:
    pend(world, act_of("1"))
    world.source.reread_error = PermanentError("malformed", "BAD")
    with pytest.raises(PermanentError):
        one_pass(world)
    assert world.states() == {"1/0": "pending"}


def test_a_fault_of_our_own_in_the_middle_leaves_what_was_not_sent_pending(world: World) -> None:
    world.sink.size = 1
    pend(world, act_of("1"), act_of("2"))
    world.sink.answer = failing(ValueError("bug"))
    with pytest.raises(ValueError, match="bug"):
        one_pass(world)
    assert world.states() == {"1/0": "claimed", "2/0": "pending"}, "the one that was sent is looked up first"


# -- a stop ------------------------------------------------------------------------------------------------------------


def test_asked_to_stop_the_call_in_flight_is_recorded_and_the_rest_waits(world: World) -> None:
    world.sink.size = 1
    pend(world, act_of("1"), act_of("2"), act_of("3"))

    def answer(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        world.stop.set()
        return [world.sink.land(action) for action in actions]

    world.sink.answer = answer
    counts = one_pass(world)
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
    action = act_of("1", 0, "set", status="working")
    pend(world, action)
    _claim(world)
    world.sink.land(action)
    dispatcher = dispatcher_of(world)
    dispatcher.recover()
    assert world.states() == {"1/0": "confirmed"}
    assert world.state().record.status == "working"
    assert [one.origin for one in world.state().changes] == ["us"]
    assert dispatcher.work().calls == 0


def test_what_a_dead_run_had_only_claimed_goes_out_and_however_many_runs_died_it_costs_no_attempt(world: World) -> None:
    pend(world, act_of("1"))
    for _ in range(12):
        _claim(world)
        dispatcher_of(world).recover()
        [entry] = world.outbox().values()
        assert (entry.state, entry.attempts) == ("pending", 0)
    assert one_pass(world).confirmed == 1


def test_an_unknown_write_that_is_not_there_counts_as_an_attempt_and_is_sent_again(world: World) -> None:
    pend(world, act_of("1"))
    world.sink.answer = failing(OutcomeUnknownError("no answer"))
    one_pass(world)
    world.sink.answer = None
    dispatcher = dispatcher_of(world)
    dispatcher.recover()
    [entry] = world.outbox().values()
    assert (entry.state, entry.attempts) == ("pending", 1)
    assert dispatcher.work().confirmed == 1


def test_an_unknown_write_is_never_sent_again_before_it_is_looked_up(world: World) -> None:
    pend(world, act_of("1"))
    world.sink.answer = failing(OutcomeUnknownError("no answer"))
    one_pass(world)
    world.sink.answer = None
    assert one_pass(world).calls == 0
    assert world.states() == {"1/0": "unknown"}


@pytest.mark.parametrize(
    "error", [RetryableError("down"), QuotaSpentError("spent"), OutcomeUnknownError("garbled")], ids=type
)
def test_a_look_up_that_fails_asks_no_further_and_nothing_is_written_in_this_pass(
    world: World, error: FollowupError
) -> None:
    world.sink.size = 1
    pend(world, act_of("1"), act_of("2"))
    _claim(world)
    world.sink.look = failing(error)
    dispatcher = dispatcher_of(world)
    dispatcher.recover()
    assert len(world.sink.lookups) == 1
    assert dispatcher.counts.stopped == str(error)
    assert dispatcher.work().calls == 0
    world.sink.look = None
    dispatcher_of(world).recover()
    assert set(world.states().values()) == {"pending"}


def test_a_look_up_that_is_refused_leaves_its_rows_unknown_and_the_rest_goes_on(world: World) -> None:
    pend(world, act_of("1", 0, "note"))
    _claim(world)
    pend(world, act_of("2"))
    world.sink.look = failing(PermanentError("not allowed to look"))
    dispatcher = dispatcher_of(world)
    dispatcher.recover()
    assert dispatcher.work().confirmed == 1
    assert world.states() == {"1/0": "unknown", "2/0": "confirmed"}
    assert world.outbox()["1/0"].message == "not allowed to look"


def test_a_look_up_that_does_not_mention_a_row_leaves_it_unknown(world: World) -> None:
    pend(world, act_of("1"))
    _claim(world)
    world.sink.look = lambda actions: [Receipt("stranger", "confirmed")]
    dispatcher = dispatcher_of(world)
    dispatcher.recover()
    assert (world.states(), dispatcher.counts.unknown) == ({"1/0": "unknown"}, 1)


def test_later_steps_wait_until_an_unknown_one_is_known(world: World) -> None:
    pend(world, act_of("1", 0), act_of("1", 1))
    world.sink.answer = failing(OutcomeUnknownError("no answer"))
    one_pass(world)
    world.sink.answer = None
    assert one_pass(world).calls == 0
    assert world.states() == {"1/0": "unknown", "1/1": "pending"}


# -- only some ---------------------------------------------------------------------------------------------------------


def test_only_the_named_keys_are_written_and_the_others_wait_as_they_were(world: World) -> None:
    pend(world, *(act_of(f"{n:04}") for n in range(CLAIM + 1)), act_of("9999"))
    counts = dispatcher_of(world).work(frozenset({"go.99990"}))
    assert counts.confirmed == 1
    states = world.states()
    assert states.pop("9999/0") == "confirmed"
    assert set(states.values()) == {"pending"}
    assert {entry.message for entry in world.outbox().values()} == {""}


def test_what_a_dead_run_claimed_is_never_made_pending_without_a_look_up(world: World) -> None:
    action = act_of("1")
    pend(world, action)
    _claim(world)
    world.sink.land(action)
    dispatcher_of(world).work(frozenset())
    assert world.states() == {"1/0": "claimed"}
    assert one_pass(world).calls == 0, "it is looked up, and found"
