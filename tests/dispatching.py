"""A dispatcher over a scripted CRM, and one pass of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from connector.dispatch import Dispatcher, WriteCounts
from connector.domain.decision import Moment, PlannedAction, Receipt, RecordPlan
from connector.domain.model import Mark, Value
from tests.core import ANA, NEEDS, NOW, World, lead, ref

Answer = Callable[[Sequence[PlannedAction]], Sequence[Receipt]]


@pytest.fixture
def world() -> World:
    return World().adopted()


def failing(error: Exception) -> Answer:
    def answer(_: Sequence[PlannedAction]) -> Sequence[Receipt]:
        raise error

    return answer


def act_of(lead_: str, position: int = 0, kind: str = "task", **fields: Value) -> PlannedAction:
    saw = {"owner": ANA.id, "status": "new"}
    key = f"go.{lead_}{position}"
    return PlannedAction(key, "go", ref(lead_), kind, fields, {}, "why", "o", position, saw)  # type: ignore[arg-type]


def pend(world: World, *actions: PlannedAction) -> None:
    """These actions are pending, their records known and in the CRM as they were seen, their marks set."""
    refs = sorted({action.record for action in actions})
    with world.store.begin() as uow:
        for one in refs:
            record = lead(one.id)
            world.source.now.setdefault(one, record)
            uow.save_records([record], NOW)
            mine = tuple(action for action in actions if action.record == one)
            uow.commit_plan(RecordPlan(one, mine, marks=(Mark("go", "o", "", NOW, "fired"),)), "r", NOW)


def dispatcher_of(world: World, counts: WriteCounts | None = None) -> Dispatcher:
    made = Dispatcher(world.store, world.adapter, world.rulebook, NEEDS, Moment(NOW, "fake"), "run", world.stop.is_set)
    made.counts = counts or made.counts
    return made


def one_pass(world: World) -> WriteCounts:
    return dispatcher_of(world).work()
