"""Our own tasks after they were written: changed by us, by a person, or never made; and what a pass asks of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from connector.dispatch import Dispatcher
from connector.domain.decision import Assignment, Decision, Moment, Plan, PlannedAction, Receipt, RecordPlan
from connector.domain.model import Activity, Needs, Offer, Value
from connector.echo import CLOSED, OURS
from connector.evaluate import evaluate, preview
from connector.ingest import ReadCounts, ingest
from tests.core import ANA, BEN, HOUR, MINUTE, NEEDS, NOW, World, lead, page, ref


@pytest.fixture
def world() -> World:
    made = World().adopted()
    made.put(lead("1", owner=ANA.id))
    ingest(made.source, made.store, NEEDS, NOW)
    with made.store.begin() as uow:
        uow.save_activities([_task()])
    made.evaluated()
    return made


def _task(**more: object) -> Activity:
    values: dict[str, object] = {
        "version": "1",
        "done": False,
        "key": "go.1",
        "actor": ANA.id,
        "subject": "Call",
        **more,
    }
    return Activity("T1", "task", (ref("1"),), NOW, task_type="call", **values)  # type: ignore[arg-type]


def _amend(**fields: Value) -> PlannedAction:
    return PlannedAction("go.9", "go", ref("1"), "amend", {"task": "T1", **fields}, {}, "why", "away@x", 1_000)


def _offer(rule: str = "go") -> PlannedAction:
    fields: dict[str, Value] = {"subject": "Take it?", "owner": BEN.id, "until": NOW + HOUR, "due": NOW + HOUR}
    return PlannedAction("go.8", rule, ref("1"), "offer", fields, {}, "why", "o", 0, {"owner": ANA.id, "status": "go"})


def _write(world: World, action: PlannedAction, answer: Receipt | None = None, *offers: Offer) -> None:
    world.source.now.setdefault(action.record, lead("1", owner=ANA.id))
    action = replace(action, saw=dict(world.state().record.fields))
    if answer is not None:
        world.sink.answer = lambda _: [answer]
    with world.store.begin() as uow:
        uow.commit_plan(RecordPlan(ref("1"), (action,), offers=offers), "r", NOW)
    Dispatcher(world.store, world.adapter, world.rulebook, NEEDS, Moment(NOW, "fake"), "r", world.stop.is_set).work()


def _read(world: World, activity: Activity) -> ReadCounts:
    world.source.pages.append(page(activity))
    return ingest(world.source, world.store, NEEDS, NOW)


# -- changes of our own ------------------------------------------------------------------------------------------------


def test_a_task_given_to_somebody_else_is_stored_so_and_its_reading_back_is_an_echo(world: World) -> None:
    _write(world, _amend(owner=BEN.id, subject="Call (for Ana)", due=NOW + HOUR))
    [stored] = world.state().activities
    assert (stored.actor, stored.subject, stored.due, stored.version) == (BEN.id, "Call (for Ana)", NOW + HOUR, OURS)
    assert world.due() == ["1"], "its deadline was worked out without what was written"
    world.evaluated()
    assert _read(world, replace(stored, version="2")).echoes == 1
    assert world.due() == []


def test_a_task_we_closed_is_no_news_and_nobodys_work(world: World) -> None:
    _write(world, _amend(done=True, subject="Not taken in time: Call"))
    [stored] = world.state().activities
    assert (stored.done, stored.ended, stored.version) == (True, NOW, CLOSED)
    world.evaluated()
    assert _read(world, replace(stored, version="2")).echoes == 1
    assert world.due() == []


def test_a_task_a_person_completes_puts_aside_or_opens_again_is_news(world: World) -> None:
    for version, change in enumerate(({"done": True}, {"deferred": True}, {}), 2):
        assert _read(world, _task(version=str(version), **change)).activities == 1
        assert world.due() == ["1"]
        world.evaluated()


def test_a_change_that_a_person_overtook_has_the_record_looked_at_again(world: World) -> None:
    _write(world, _amend(owner=BEN.id), Receipt("go.9", "dropped", message="somebody completed the task meanwhile"))
    [stored] = world.state().activities
    assert (stored.actor, stored.version) == (ANA.id, "1")
    assert world.due() == ["1"]


# -- offers that were not made -----------------------------------------------------------------------------------------


def _row() -> Offer:
    return Offer(ref("1"), "go", "o", 1, "pool", "ben", BEN.id, NOW, NOW + HOUR, "go.8")


@pytest.mark.parametrize(("answer", "left"), [("failed", ["expired"]), ("dropped", []), ("confirmed", ["open"])])
def test_an_offer_that_could_not_be_made_lets_the_next_one_be_asked(
    world: World, answer: str, left: Sequence[str]
) -> None:
    _write(world, _offer(), Receipt("go.8", answer, "T2"), _row())  # type: ignore[arg-type]
    assert [offer.state for offer in world.state().offers] == left
    assert world.due() == ["1"]
    tasks = [each for each in world.state().activities if each.id == "T2"]
    assert [(task.task_type, task.done, task.due) for task in tasks] == (
        [("todo", False, NOW + HOUR)] if answer == "confirmed" else []
    )


def test_an_offer_that_was_made_is_not_made_to_somebody_else_when_its_match_is_decided_anew(world: World) -> None:
    """The rulebook asks Ben, whatever it asked before; the offer that stands is to Ana."""
    stands = replace(_row(), person="ana", owner=ANA.id)
    _write(world, _offer(), Receipt("go.8", "confirmed", "T2"), stands)
    line = Assignment("pool", "ben", ref("1"), "go", NOW, "why")

    def plan(decisions: Sequence[Decision], moment: Moment) -> Plan:
        return Plan((RecordPlan(ref("1"), (_offer(),), offers=(_row(),)),), (line,))

    world.rulebook.plan = plan  # type: ignore[method-assign]
    evaluate(world.store, world.rulebook, "fake", NOW + MINUTE, (ANA, BEN), "run")
    assert world.state().offers == (stands,)
    with world.store.begin() as uow:
        assert uow.assignments() == []


# -- what a pass asks of a pool ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "loads", "owners"),
    [
        (Needs(), {}, {}),
        (Needs(loads=True), {ANA.id: 1}, {}),
        (Needs(companies=True), {}, {"acme": (ANA.id,)}),
    ],
)
def test_loads_and_companies_are_looked_up_only_for_rules_that_go_by_them(
    world: World, needs: Needs, loads: object, owners: object
) -> None:
    with world.store.begin() as uow:
        uow.save_records([lead("1", owner=ANA.id, company="Acme", status="go")], NOW)
        uow.mark_due([ref("1")], NOW)
    seen: list[Moment] = []
    world.rulebook.needs = lambda: needs  # type: ignore[method-assign]

    def plan(decisions: Sequence[Decision], moment: Moment) -> Plan:
        seen.append(moment)
        return Plan()

    world.rulebook.plan = plan  # type: ignore[method-assign]
    preview(world.store, world.rulebook, "fake", NOW, (ANA, BEN))
    assert [(moment.loads, moment.company_owners) for moment in seen] == [(loads, owners)]
