"""Open tasks of people who are away, one record at a time: who does them, and when that is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from connector.domain.actions import action_key
from connector.domain.decision import PlannedAction
from connector.domain.model import Activity, RecordRef
from rules.model import Created
from rules.team import Absence, Pool, Team
from tests.builders import (
    ANA,
    BEN,
    EVA,
    GUS,
    REF,
    at,
    lead,
    mark,
    moment,
    person,
    rule,
    state,
    task,
    team,
)
from tests.offered import MADE, Parts, asked, book, no_owner, offer, planned

# -- people who are away -----------------------------------------------------------------------------------------------


def away(first: str, last: str, **more: object) -> Team:
    absence = (Absence(date.fromisoformat(first), date.fromisoformat(last)),)
    return team(person("ana", away=absence, manager="eva", **more))


def ours(due: str | date, **more: object) -> Activity:
    values = {"id": "t1", "key": action_key("r", REF, "created", 0), "task_type": "call", "subject": "Call", **more}
    return task(MADE, due, **values)  # type: ignore[arg-type]


def moves(now: str, *parts: Parts, of: Team) -> list[PlannedAction]:
    return [each for each in planned(now, *parts, rules=[rule(Created())], of=of).actions if each.kind == "amend"]


def test_a_task_that_is_due_before_its_owner_is_back_moves_to_the_manager() -> None:
    crew_ = away("2026-03-03", "2026-03-06")
    parts = (lead(), ours("2026-03-05 10:00"))
    [decision] = book(rule(Created()), of=crew_).evaluate(
        [state(mark("fired", "created", MADE), *parts)], moment("2026-03-02 12:00")
    )
    assert (decision.upkeep, decision.next_at) == (False, at("2026-03-03 00:00"))
    [moved] = moves("2026-03-03 00:00", *parts, of=crew_)
    assert moved.fields == {
        "task": "t1",
        "owner": EVA.id,
        "subject": "Call (for Ana Alvarez, away until 2026-03-06)",
    }
    assert moved.old["owner"] == ANA.id
    assert moved.key == action_key("r", REF, "away@2026-03-03#t1", 1_000)


def test_a_task_goes_to_the_cover_before_the_manager() -> None:
    [moved] = moves(
        "2026-03-03 09:00", lead(), ours("2026-03-04 10:00"), of=away("2026-03-03", "2026-03-06", cover="ben")
    )
    assert moved.fields["owner"] == BEN.id


@pytest.mark.parametrize(
    "part",
    [
        ours("2026-03-09 10:00"),
        ours("2026-03-04 10:00", done=True),
        ours("2026-03-04 10:00", deferred=True),
        ours("2026-03-04 10:00", actor=BEN.id),
        ours("2026-03-04 10:00", key=None),
        ours("2026-03-04 10:00", deleted=True),
    ],
    ids=["due later", "done", "put aside", "somebody else's", "no task of ours", "deleted"],
)
def test_other_tasks_stay_where_they_are(part: Activity) -> None:
    assert moves("2026-03-03 09:00", lead(), part, of=away("2026-03-03", "2026-03-06")) == []


def test_tasks_of_a_converted_record_stay() -> None:
    converted = replace(lead(), converted=True)
    assert moves("2026-03-03 09:00", converted, ours("2026-03-04 10:00"), of=away("2026-03-03", "2026-03-06")) == []


def test_an_offer_to_somebody_who_is_away_runs_out_by_itself() -> None:
    absent = replace(away("2026-03-02", "2026-03-06"), pools={"inbound": Pool("inbound", ("ana",))})
    plan = planned("2026-03-02 10:00", no_owner(), offer(), asked(), of=absent)
    assert plan.actions == ()


def test_a_move_is_dropped_when_the_cover_has_left_meanwhile() -> None:
    [moved] = moves("2026-03-03 09:00", lead(), ours("2026-03-04 10:00"), of=away("2026-03-03", "2026-03-06"))
    assert book().recheck(moved, state(lead()), moment("2026-03-03 09:00")) is None
    gone = replace(moved, fields={**moved.fields, "owner": GUS.id})
    assert book().recheck(gone, state(lead()), moment("2026-03-03 09:00")) is not None


def test_a_task_that_hangs_first_on_another_record_is_moved_with_that_one() -> None:
    company = RecordRef("salesforce", "contact", "003000000000001AAA")
    elsewhere = ours("2026-03-04 10:00", refs=(company, REF))
    assert moves("2026-03-03 09:00", lead(), elsewhere, of=away("2026-03-03", "2026-03-06")) == []


def test_a_move_is_dropped_when_the_cover_is_away_by_then_too() -> None:
    [moved] = moves("2026-03-03 09:00", lead(), ours("2026-03-04 10:00"), of=away("2026-03-03", "2026-03-06"))
    both = team(*away("2026-03-03", "2026-03-06").people.values(), person("eva", away=(_day("2026-03-04"),)))
    assert book(of=both).recheck(moved, state(lead()), moment("2026-03-03 09:00")) is None
    dropped = book(of=both).recheck(moved, state(lead()), moment("2026-03-04 09:00"))
    assert dropped is not None
    assert dropped.text == "Eva Ek is away, too"


def _day(text: str) -> Absence:
    return Absence(date.fromisoformat(text), date.fromisoformat(text))
