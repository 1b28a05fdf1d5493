"""Deciding: only what is due, committed as it goes, and a crash, a stop or a change of rules in between loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

import connector.evaluate as module
from connector.domain.decision import Adoption, Plan, Receipt
from connector.domain.storage import Store
from connector.evaluate import ALARMS, Evaluation, evaluate, preview
from connector.ingest import ingest
from tests.core import ANA, BEN, DAY, HOUR, MINUTE, NEEDS, NOW, World, lead, ref


@pytest.fixture
def world() -> World:
    return World()


def _leads(world: World, count: int, status: str = "go") -> None:
    world.put(*(lead(f"{n:04}", status=status) for n in range(count)))
    ingest(world.source, world.store, NEEDS, NOW)


def _evaluate(world: World, now: datetime = NOW, should_stop: Callable[[], bool] = lambda: False) -> Evaluation:
    return evaluate(world.store, world.rulebook, "fake", now, (ANA, BEN), "run", should_stop=should_stop)


def _preview(world: World, now: datetime = NOW) -> Evaluation:
    return preview(world.store, world.rulebook, "fake", now, (ANA, BEN))


def _adoptions(world: World) -> dict[str, Adoption]:
    with world.store.begin() as uow:
        return dict(uow.adoptions())


class CrashError(Exception):
    """The process dies here."""


def _dies(*_: object) -> None:
    raise CrashError


# -- due, and no more --------------------------------------------------------------------------------------------------


def test_only_what_is_due_is_looked_at(world: World) -> None:
    world.adopted()
    _leads(world, 3, "new")
    assert _evaluate(world).evaluated == 3
    assert _evaluate(world).evaluated == 0


def test_what_was_left_with_a_deadline_is_looked_at_when_it_has_come(world: World) -> None:
    world.adopted()
    world.rulebook.next_at = NOW + DAY
    _leads(world, 2, "new")
    _evaluate(world)
    assert _evaluate(world, NOW + DAY - MINUTE).evaluated == 0
    assert _evaluate(world, NOW + DAY).evaluated == 2


def test_more_records_than_fit_into_a_chunk_are_each_looked_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    world.adopted()
    _leads(world, 11)
    result = _evaluate(world)
    assert (result.evaluated, len(world.rulebook.seen), len(result.plan.actions)) == (11, 11, 11)
    assert len(world.outbox()) == 11
    assert world.due() == []


def test_rules_or_people_that_change_make_everything_due_again(world: World) -> None:
    world.adopted()
    _leads(world, 2, "new")
    _evaluate(world)
    world.rulebook.fingerprint = "2"
    assert _evaluate(world).evaluated == 2
    people = (ANA, replace(BEN, active=False))
    assert evaluate(world.store, world.rulebook, "fake", NOW, people, "run").evaluated == 2
    assert evaluate(world.store, world.rulebook, "fake", NOW, people, "run").evaluated == 0
    led = (ANA, replace(BEN, active=False, manager=ANA.id))
    assert evaluate(world.store, world.rulebook, "fake", NOW, led, "run").evaluated == 2, "a rule may ask the manager"
    assert evaluate(world.store, world.rulebook, "fake", NOW, led, "run").evaluated == 0


def test_a_clock_that_is_set_back_makes_everything_due_again_and_a_small_step_does_not(world: World) -> None:
    world.adopted()
    world.rulebook.next_at = NOW + 5 * DAY
    _leads(world, 2, "new")
    _evaluate(world, NOW + 3 * DAY)
    assert _evaluate(world, NOW + 3 * DAY - MINUTE).evaluated == 0
    assert _evaluate(world, NOW + DAY).evaluated == 2


# -- baseline ----------------------------------------------------------------------------------------------------------


def test_what_matched_before_the_rule_was_here_is_baseline_and_never_fires(world: World) -> None:
    _leads(world, 3)
    result = _evaluate(world)
    assert (result.baseline, len(result.plan.actions)) == ({"go": 3}, 0)
    assert _adoptions(world) == {"go": Adoption("go", NOW, True)}
    world.put(*(lead(f"{n:04}", 70, status="go", city="Ulm") for n in range(3)))
    ingest(world.source, world.store, NEEDS, NOW)
    assert len(_evaluate(world).plan.actions) == 0


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_crash_between_two_chunks_leaves_the_baseline_to_be_taken_as_of_the_same_moment(
    world: World, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    _leads(world, 6)

    def dies_at_the_next() -> None:
        if len(world.rulebook.seen) > 2 * chunks:
            raise CrashError

    world.rulebook.on_evaluate = dies_at_the_next
    with pytest.raises(CrashError):
        _evaluate(world)
    assert _adoptions(world) == {"go": Adoption("go", NOW, False)}
    world.rulebook.on_evaluate = lambda: None
    result = _evaluate(world, NOW + HOUR)
    assert (result.baseline["go"], len(result.plan.actions)) == (6 - 2 * chunks, 0)
    assert _adoptions(world) == {"go": Adoption("go", NOW, True)}


def test_a_crash_after_the_last_record_and_before_the_end_of_the_baseline_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _leads(world, 2)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_commit", _dies)
        with pytest.raises(CrashError):
            _evaluate(world)
    assert not _adoptions(world)["go"].baselined
    assert len(_evaluate(world, NOW + HOUR).plan.actions) == 0
    assert _adoptions(world)["go"] == Adoption("go", NOW, True)


def test_a_rule_that_was_quarantined_before_its_baseline_was_taken_takes_it_when_it_is_back(world: World) -> None:
    _leads(world, 2)
    world.rulebook.on_evaluate = _dies
    with pytest.raises(CrashError):
        _evaluate(world)
    world.rulebook.on_evaluate = lambda: None
    world.rulebook.ids = ["other"]
    _evaluate(world)
    assert not _adoptions(world)["go"].baselined
    assert _evaluate(world).evaluated == 0, "a rule that does not run keeps nothing due"
    world.rulebook.ids = ["go", "other"]
    result = _evaluate(world)
    assert (result.baseline, len(result.plan.actions)) == ({"go": 2}, 0)


def test_a_quarantined_rule_that_comes_back_finds_what_it_missed(world: World) -> None:
    world.adopted()
    world.rulebook.ids = []
    _leads(world, 2)
    world.rulebook.ids = ["other"]
    _evaluate(world)
    world.rulebook.ids = ["go", "other"]
    assert {action.rule for action in _evaluate(world).plan.actions} == {"go"}


# -- a plan only -------------------------------------------------------------------------------------------------------


def test_a_preview_adopts_nothing_and_a_later_run_takes_its_baseline_as_of_its_own_time(world: World) -> None:
    _leads(world, 2)
    assert _preview(world).baseline == {"go": 2}
    assert _adoptions(world) == {}
    assert world.outbox() == {}
    assert world.state("0000").marks == ()
    result = _evaluate(world, NOW + DAY)
    assert result.baseline == {"go": 2}
    assert _adoptions(world) == {"go": Adoption("go", NOW + DAY, True)}


def test_a_preview_decides_what_the_run_then_decides_and_keeps_it_due(world: World) -> None:
    world.adopted()
    _leads(world, 3)
    shown = _preview(world).plan.actions
    assert _preview(world).plan.actions == shown
    assert _evaluate(world).plan.actions == shown


# -- commits -----------------------------------------------------------------------------------------------------------


def test_a_crash_between_two_chunks_of_the_plan_plans_each_match_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    world.adopted()
    world.rulebook.pool = True
    world.rulebook.steps = (("reassign", {}), ("task", {"subject": "Call"}))
    _leads(world, 5)
    real, chunks = module._commit, []

    def dies_after_the_first(store: Store, plan: Plan, run: str, now: datetime) -> None:
        chunks.append(replace(plan, records=plan.records[:2]))
        real(store, chunks[0], run, now)
        raise CrashError

    with monkeypatch.context() as patched:
        patched.setattr(module, "_commit", dies_after_the_first)
        with pytest.raises(CrashError):
            _evaluate(world)
    assert len(world.outbox()) == 4
    assert len(world.due()) == 3, "what was not committed is still due"
    _evaluate(world)
    assert len(world.outbox()) == 10
    with world.store.begin() as uow:
        lines = uow.assignments()
    assert sorted(line.ref.id for line in lines) == [f"{n:04}" for n in range(5)], "one turn each"


def test_asked_to_stop_nothing_is_planned_and_everything_with_a_match_stays_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    world.adopted()
    _leads(world, 6)
    result = _evaluate(world, should_stop=lambda: True)
    assert (result.evaluated, result.plan) == (2, Plan())
    assert world.outbox() == {}
    assert len(world.due()) == 6


def test_passes_that_are_stopped_again_and_again_each_get_further_with_a_new_rule(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    _leads(world, 5)
    assert [_evaluate(world, should_stop=lambda: True).evaluated for _ in range(3)] == [2, 2, 1]
    result = _evaluate(world)
    assert (result.evaluated, _adoptions(world)["go"].baselined) == (0, True)
    assert all(len(world.state(f"{n:04}").marks) == 1 for n in range(5))


def test_asked_to_stop_in_its_first_pass_a_rule_has_not_taken_its_baseline(world: World) -> None:
    _leads(world, 2)
    _evaluate(world, should_stop=lambda: True)
    assert not _adoptions(world)["go"].baselined


def test_a_step_that_was_carried_out_is_not_planned_again_when_its_match_is_decided_anew(world: World) -> None:
    world.adopted()
    world.rulebook.steps = (("note", {"text": "x"}), ("reassign", {}), ("task", {"subject": "Call"}))
    world.rulebook.pool = True
    _leads(world, 1)
    first = _evaluate(world).plan.actions
    with world.store.begin() as uow:
        uow.claim("run", 10, NOW, NOW + HOUR)
        uow.settle([Receipt(first[0].key, "confirmed"), Receipt(first[1].key, "failed")], NOW)
        uow.remove_marks(ref("0000"), "go", "o")
        uow.mark_due([ref("0000")], NOW)
        turns = len(uow.assignments())
    assert [action.kind for action in _preview(world).plan.actions] == ["task"]
    assert [action.kind for action in _evaluate(world).plan.actions] == ["task"]
    with world.store.begin() as uow:
        assert len(uow.assignments()) == turns, "no turn is taken by a step that is not written again"


@pytest.mark.parametrize("kind", ["reassign", "offer"])
def test_a_step_that_was_carried_out_keeps_its_own_turn_and_no_other(world: World, kind: str) -> None:
    world.adopted()
    world.rulebook.steps = (("note", {"text": "x"}), (kind, {}))
    world.rulebook.pool = True
    _leads(world, 1)
    first = _evaluate(world).plan.actions

    def anew(landed: str, dropped: str) -> tuple[list[str], int]:
        """What is planned, and the turns taken, when the match is decided anew."""
        with world.store.begin() as uow:
            uow.claim("run", 10, NOW, NOW + HOUR)
            uow.settle([Receipt(landed, "confirmed"), Receipt(dropped, "dropped")], NOW)
            uow.remove_marks(ref("0000"), "go", "o")
            uow.mark_due([ref("0000")], NOW)
        plan = _preview(world).plan
        return [action.kind for action in plan.actions], len(plan.assignments)

    assert anew(first[0].key, first[1].key) == ([kind], 1), "the note stands there; the turn is the other step's"
    _evaluate(world)
    assert anew(first[1].key, "") == ([], 0)


def test_a_turn_taken_by_a_reassignment_that_was_dropped_is_given_back(world: World) -> None:
    world.adopted()
    world.rulebook.steps = (("set", {"status": "x"}), ("reassign", {}))
    world.rulebook.pool = True
    _leads(world, 2)
    first = _evaluate(world).plan.actions
    with world.store.begin() as uow:
        uow.claim("run", 10, NOW, NOW + HOUR)
        uow.settle([Receipt(first[0].key, "dropped")], NOW)
        uow.remove_marks(ref("0000"), "go", "o")
        assert [(line.person, line.ref.id) for line in uow.assignments()] == [("ben", "0001")]


# -- memory and words --------------------------------------------------------------------------------------------------


def test_an_alarm_on_every_record_is_told_some_times_and_then_counted(world: World) -> None:
    world.adopted()
    world.rulebook.alarms = ("go on this: odd",)
    _leads(world, ALARMS + 30, "new")
    alarms = _evaluate(world).alarms
    assert len(alarms) == ALARMS + 1
    assert "30 more" in alarms[-1]


def test_a_record_without_a_state_ends_the_chunks_all_the_same(world: World) -> None:
    world.adopted()
    _leads(world, 1, "new")
    with world.store.begin() as uow:
        uow.mark_due([ref("nobody")], NOW)
    assert _evaluate(world).evaluated == 1
