"""What a pass knows from earlier ones when it decides: turns in a pool, what fired today, loads, who had a company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from connector.domain.decision import Decision, Moment, Plan
from connector.domain.model import Needs
from connector.evaluate import Evaluation, evaluate
from connector.ingest import ingest
from tests.core import ANA, BEN, DAY, HOUR, NEEDS, NOW, FakeRulebook, World, lead


class Watching(FakeRulebook):
    """Remembers what it planned on."""

    def __init__(self, needs: Needs = NEEDS) -> None:
        super().__init__()
        self._wanted = needs
        self.planned_on: list[Moment] = []

    def needs(self) -> Needs:
        return self._wanted

    def plan(self, decisions: Sequence[Decision], moment: Moment) -> Plan:
        self.planned_on.append(moment)
        return super().plan(decisions, moment)


def _world(rulebook: FakeRulebook) -> World:
    return World(rulebook=rulebook).adopted()


def _comes(world: World, id_: str, at: datetime = NOW, **fields: object) -> Evaluation:
    world.put(lead(id_, **{"status": "go", **fields}))
    ingest(world.source, world.store, NEEDS, at)
    return evaluate(world.store, world.rulebook, "fake", at, (ANA, BEN), "run")


def test_the_turn_goes_on_from_pass_to_pass_also_after_most_of_a_year() -> None:
    world = _world(Watching())
    world.rulebook.steps = (("reassign", {}),)
    world.rulebook.pool = True
    days = (0, 1, 2, 300)
    takers = [_comes(world, str(day), NOW + day * DAY).plan.assignments[0].person for day in days]
    assert takers == ["ana", "ben", "ana", "ben"]


def test_what_fired_earlier_on_the_day_counts_and_what_fired_yesterday_does_not() -> None:
    world = _world(Watching())
    _comes(world, "1")
    _comes(world, "2", NOW + HOUR, owner=BEN.id)
    _comes(world, "3", NOW + DAY)
    counted = [moment.fired_today for moment in world.rulebook.moments]
    assert counted == [{}, {("go", ""): 1, ("go", ANA.id): 1}, {}]
    assert [moment.backfilled for moment in world.rulebook.moments] == [{}, {"go": 1}, {}]


def test_loads_and_companies_are_known_to_the_plan_where_the_rules_hand_out_by_them() -> None:
    rulebook = Watching(replace(NEEDS, loads=True, companies=True))
    world = _world(rulebook)
    world.put(lead("old", company="Weber Works"), lead("other", owner=BEN.id, company="Else"))
    _comes(world, "1", owner=BEN.id, company=" WEBER works ")
    [moment] = rulebook.planned_on
    assert dict(moment.loads) == {ANA.id: 1, BEN.id: 2}
    assert {name: set(owners) for name, owners in moment.company_owners.items()} == {"weber works": {ANA.id, BEN.id}}


def test_where_no_rule_hands_out_by_them_neither_loads_nor_companies_are_read() -> None:
    rulebook = Watching()
    world = _world(rulebook)
    _comes(world, "1", company="Weber Works")
    [moment] = rulebook.planned_on
    assert (dict(moment.loads), dict(moment.company_owners)) == ({}, {})
    assert moment.population == {"lead": 1}
