"""Offers just before their steps are written, and how `explain` tells where they stand."""

from __future__ import annotations

from dataclasses import replace

from connector.domain.decision import PlannedAction, Reason, Verdict
from connector.domain.model import RecordState
from rules.team import Team
from tests.builders import (
    BEN,
    EVA,
    QUEUE,
    at,
    change,
    lead,
    mark,
    moment,
    state,
)
from tests.offered import (
    LATE,
    MADE,
    UNTIL,
    Parts,
    asked,
    book,
    crew,
    no_owner,
    offer,
    only,
    planned,
)

# -- just before the write ---------------------------------------------------------------------------------------------


def _recheck(action: PlannedAction, of: RecordState, now: str = LATE) -> Reason | None:
    return book().recheck(action, of, moment(now))


def test_a_hand_over_holds_whatever_the_rule_says_but_not_when_somebody_was_faster() -> None:
    action = only(planned(LATE, no_owner(), offer(), asked(done=True)), "reassign")
    assert _recheck(action, state(no_owner(status="Working - Contacted"))) is None
    dropped = _recheck(action, state(lead(owner=EVA.id)))
    assert dropped is not None
    assert dropped.text == "owner changed since the decision"


def test_an_offer_whose_hour_has_passed_before_it_was_written_is_made_anew() -> None:
    plan = planned(UNTIL, no_owner(), offer(), asked())
    assert _recheck(only(plan, "offer"), state(no_owner()), "2026-03-02 16:59") is None
    dropped = _recheck(only(plan, "offer"), state(no_owner()), "2026-03-02 17:00")
    assert dropped is not None
    assert "offered anew" in dropped.text


def test_a_task_is_still_closed_after_the_conversion_and_not_after_the_deletion() -> None:
    moved = change("owner", QUEUE.id, EVA.id, "2026-03-02 10:00")
    action = only(planned("2026-03-02 10:30", lead(owner=EVA.id), moved, offer(), asked()), "amend")
    assert _recheck(action, state(replace(lead(), converted=True))) is None
    assert _recheck(action, state(replace(lead(), deleted=True))) is not None


# -- explain -----------------------------------------------------------------------------------------------------------


def _explained(now: str, *parts: Parts, of: Team | None = None) -> Verdict:
    return book(of=of).explain(state(mark("fired", "created", MADE), *parts), moment(now))[0]


def test_explain_says_how_the_offers_stand() -> None:
    verdict = _explained(
        "2026-03-02 14:30", no_owner(), offer(state="rejected"), offer(BEN, 2, until="2026-03-02 17:00"), asked(BEN, 2)
    )
    told = [reason.text for reason in verdict.reasons if reason.path == "then.offer"]
    assert told == ["ana declined it on 2026-03-02 14:00", "offered to ben until 2026-03-02 18:00, round 2"]
    assert verdict.next_at == at("2026-03-02 17:00")


def test_explain_says_that_nobody_is_left() -> None:
    verdict = _explained(LATE, no_owner(), offer(state="expired"), asked(), of=crew("ana"))
    assert verdict.outcome == "held"
    assert "is left to ask" in verdict.reasons[-1].text
