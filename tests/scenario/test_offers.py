"""Offers on both CRMs, from the task a rep gets to who owns the lead in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.sandbox.faults import Fault
from adapters.sandbox.org import OpenTask
from connector.domain.model import Offer
from tests.company import START, TEAM, Company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

OFFER = """\
version: 1
rules:
  - id: offer
    why: A rep says whether they take it
    when: {becomes: {status: qualified}}
    then:
      - offer: {pool: inbound, accept_within: 4 business hours, note: "Taken over by offer"}
    once: per lead
  - id: taken
    why: Whoever took it calls
    when: {offer: accepted}
    then:
      - task: {type: call, subject: "Call {lead.name}", due: 4 business hours}
    once: per occasion
"""

WRITES = {"salesforce": ("POST", r"/composite/sobjects"), "hubspot": ("POST", r"/tasks/batch/create")}


def _ask(firm: Company, rules: str = OFFER) -> str:
    """A lead of Eva's that becomes qualified on Monday at 10:00 and is offered to the first rep at once."""
    firm.rules(rules)
    firm.run()
    lead = firm.lead(owner="eva")
    firm.run(HOUR)
    firm.set(lead, by="eva", status="qualified")
    assert firm.run(HOUR).exit_code == 0
    return lead


def _offer(firm: Company, lead: str) -> OpenTask:
    """The open task that offers the lead."""
    [task] = [task for task in firm.tasks(lead) if task.subject.startswith("Take ")]
    return task


def _name(firm: Company, owner: object) -> str:
    return next(name for name, id_ in firm.people.items() if id_ == owner)


def _owner(firm: Company, lead: str) -> str:
    return _name(firm, firm.org.fields_of(lead)["owner"])


def _offers(firm: Company) -> list[Offer]:
    with firm.connected() as connection, connection.store.begin() as uow:
        return list(uow.offers())


def _states(firm: Company) -> list[str]:
    return [offer.state for offer in _offers(firm)]


def test_an_offer_that_is_accepted_makes_the_rep_the_owner_once_and_starts_what_comes_after(firm: Company) -> None:
    lead = _ask(firm)
    task = _offer(firm, lead)
    assert task.type == "todo"
    rep = _name(firm, task.owner)
    assert rep in ("ana", "ben", "cleo")
    [verdict] = [verdict for rule, verdict in firm.explain(lead).items() if rule == "offer"]
    assert f"offered to {rep} until 2026-03-02 14:00" in [reason.text for reason in verdict.reasons]
    firm.at(2 * HOUR)
    firm.org.complete_task(task.id, by=firm.people[rep])
    firm.run(2 * HOUR + HOUR / 6)
    assert _owner(firm, lead) == rep
    firm.run(3 * HOUR)
    [call] = firm.tasks(lead)
    assert (call.subject, _name(firm, call.owner)) == ("Call Mara Weber", rep)
    assert _states(firm) == ["accepted"]
    for hours in (4, 30, 100):
        assert firm.run(hours * HOUR).writes.by_kind["reassign"] == 0
    assert len(_offers(firm)) == 1


def test_an_offer_that_runs_out_goes_to_the_next_rep_who_accepts(firm: Company) -> None:
    lead = _ask(firm)
    first = _offer(firm, lead)
    firm.run(4 * HOUR)
    assert _offer(firm, lead).id == first.id
    firm.run(5 * HOUR)
    second = _offer(firm, lead)
    assert second.owner != first.owner
    assert _states(firm) == ["expired", "open"]
    [closed] = [row for row in firm.org.tasks_of(lead) if row["id"] == first.id]
    assert str(closed.get("Subject") or closed.get("hs_task_subject")).startswith("Not taken in time: ")
    firm.at(6 * HOUR)
    firm.org.complete_task(second.id, by=second.owner)
    firm.run(7 * HOUR)
    assert _owner(firm, lead) == _name(firm, second.owner)
    assert _states(firm) == ["expired", "accepted"]


@pytest.mark.parametrize("how", ["defer", "delete"])
def test_an_offer_that_is_declined_goes_to_the_next_rep_at_once(firm: Company, how: str) -> None:
    lead = _ask(firm)
    first = _offer(firm, lead)
    firm.at(2 * HOUR)
    if how == "defer":
        firm.org.defer_task(first.id, by=first.owner)
    else:
        firm.org.delete_task(first.id)
    firm.run(2 * HOUR + HOUR / 6)
    second = _offer(firm, lead)
    assert second.owner != first.owner
    assert _states(firm) == ["rejected", "open"]


def test_when_nobody_is_left_the_pass_says_so_and_the_last_task_can_still_be_taken(firm: Company) -> None:
    firm.write("team.yaml", TEAM.replace("pools:\n", "pools:\n  two: {members: [ana, ben]}\n"))
    lead = _ask(firm, OFFER.replace("pool: inbound", "pool: two"))
    firm.run(5 * HOUR + HOUR / 2)
    last = _offer(firm, lead)
    result = firm.run(2 * DAY)
    assert result.exit_code == 3
    assert "nobody of pool two is left to ask" in result.plan.waiting[0].why
    assert firm.run(2 * DAY + HOUR).exit_code == 3
    assert firm.explain(lead)["offer"].outcome == "held"
    firm.at(2 * DAY + 2 * HOUR)
    firm.org.complete_task(last.id, by=last.owner)
    assert firm.run(2 * DAY + 3 * HOUR).exit_code == 0
    assert _owner(firm, lead) == _name(firm, last.owner)


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "answer_after"])
def test_an_answer_lost_at_the_offer_leaves_exactly_one_task(firm: Company, kind: str) -> None:
    firm.rules(OFFER)
    firm.run()
    lead = firm.lead(owner="eva")
    firm.run(HOUR)
    firm.set(lead, by="eva", status="qualified")
    method, path = WRITES[firm.crm]
    firm.server.faults.add(Fault(kind, method, path, status=502, body="<html>bad gateway</html>"))  # type: ignore[arg-type]
    firm.run(HOUR)
    assert firm.server.faults.struck
    firm.run(HOUR + HOUR / 6)
    firm.run(HOUR + HOUR / 3)
    task = _offer(firm, lead)
    [offer] = _offers(firm)
    assert (firm.people[offer.person], offer.state) == (task.owner, "open")


def test_a_run_that_dies_behind_the_write_leaves_exactly_one_task(
    firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.rules(OFFER)
    firm.run()
    lead = firm.lead(owner="eva")
    firm.run(HOUR)
    firm.set(lead, by="eva", status="qualified")

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr("connector.dispatch.remember", dies)
        with pytest.raises(KeyboardInterrupt):
            firm.run(HOUR)
    assert _offer(firm, lead), "the task is there, and nobody noted it"
    firm.run(HOUR + HOUR / 6)
    task = _offer(firm, lead)
    assert {(entry.action.kind, entry.state) for entry in firm.outbox()} == {("offer", "confirmed")}
    firm.org.complete_task(task.id, by=task.owner)
    firm.run(2 * HOUR)
    assert _owner(firm, lead) == _name(firm, task.owner)


def test_an_offer_that_was_shown_is_made_as_shown(firm: Company) -> None:
    firm.rules(OFFER)
    firm.run()
    lead = firm.lead(owner="eva")
    firm.run(HOUR)
    firm.set(lead, by="eva", status="qualified")
    firm.at(HOUR)
    shown = firm.cli("plan", "--out", "plan.json")
    assert shown.returncode == 0, shown.stderr
    assert "offer of pool inbound to " in shown.stdout
    assert firm.tasks(lead) == []
    firm.at(2 * HOUR)
    applied = firm.cli("apply", "plan.json")
    assert applied.returncode == 0, applied.stderr
    task, [offer] = _offer(firm, lead), _offers(firm)
    assert (firm.people[offer.person], offer.until) == (task.owner, START + 5 * HOUR)
    firm.org.complete_task(task.id, by=task.owner)
    firm.run(3 * HOUR)
    assert _owner(firm, lead) == offer.person


def test_a_lead_that_gets_an_owner_by_hand_is_not_on_offer_any_more(firm: Company) -> None:
    lead = _ask(firm)
    task = _offer(firm, lead)
    firm.at(2 * HOUR)
    firm.set(lead, by="eva", owner="cleo" if _name(firm, task.owner) != "cleo" else "ana")
    firm.run(2 * HOUR + HOUR / 6)
    assert [task for task in firm.tasks(lead) if task.subject.startswith("Take ")] == []
    for hours in (6, 30):
        assert firm.run(hours * HOUR).writes.confirmed == 0
    assert _states(firm) == ["expired"]


def test_a_task_completed_between_reading_and_closing_counts_for_the_rep(firm: Company) -> None:
    lead = _ask(firm)
    first = _offer(firm, lead)
    firm.at(5 * HOUR)

    def complete(stage: str, _count: int) -> None:
        if stage == "evaluate" and first.id in {task.id for task in firm.tasks(lead)}:
            firm.org.complete_task(first.id, by=first.owner)

    firm.run(None, complete)
    firm.run(5 * HOUR + HOUR / 6)
    firm.run(5 * HOUR + HOUR / 3)
    assert _owner(firm, lead) == _name(firm, first.owner)
    assert _states(firm) == ["accepted"]


def test_an_open_task_moves_to_the_cover_while_its_owner_is_away_and_once_only(firm: Company) -> None:
    firm.run()
    lead = firm.lead(owner="ana")
    firm.run(2 * HOUR)
    [task] = firm.tasks(lead)
    away = TEAM.replace("manager: eva}\n  ben", "manager: eva, away: [{from: 2026-03-03, to: 2026-03-06}]}\n  ben")
    firm.write("team.yaml", away)
    firm.run(3 * HOUR)
    assert [each.owner for each in firm.tasks(lead)] == [firm.people["ana"]]
    firm.run(DAY)
    [moved] = firm.tasks(lead)
    assert (moved.id, moved.owner) == (task.id, firm.people["eva"])
    assert moved.subject == "Call Mara Weber (for Ana Ferreira, away until 2026-03-06)"
    assert firm.run(DAY + HOUR).writes.confirmed == 0


def test_a_task_that_its_owner_finished_meanwhile_is_left_alone(firm: Company) -> None:
    firm.run()
    lead = firm.lead(owner="ana")
    firm.run(2 * HOUR)
    [task] = firm.tasks(lead)
    away = TEAM.replace("manager: eva}\n  ben", "manager: eva, away: [{from: 2026-03-03, to: 2026-03-06}]}\n  ben")
    firm.write("team.yaml", away)

    def complete(stage: str, _count: int) -> None:
        if stage == "evaluate" and firm.tasks(lead):
            firm.org.complete_task(task.id, by=firm.people["ana"])

    firm.at(DAY)
    firm.run(None, complete)
    assert {entry.state for entry in firm.outbox() if entry.action.kind == "amend"} == {"dropped"}
    [row] = [row for row in firm.org.tasks_of(lead) if row["id"] == task.id]
    assert (row.get("OwnerId") or row.get("hubspot_owner_id")) == firm.people["ana"]


UPDATES = {"salesforce": ("PATCH", r"/composite/sobjects"), "hubspot": ("POST", r"/contacts/batch/update")}


def test_what_comes_after_an_acceptance_waits_for_the_hand_over_that_did_not_land(firm: Company) -> None:
    lead = _ask(firm)
    task = _offer(firm, lead)
    firm.at(2 * HOUR)
    firm.org.complete_task(task.id, by=task.owner)
    method, path = UPDATES[firm.crm]
    firm.server.faults.add(Fault("drop_before", method, path))
    firm.run(2 * HOUR + HOUR / 6)
    assert firm.server.faults.struck
    assert _owner(firm, lead) == "eva"
    for minutes in (20, 30, 40, 50):
        firm.run(2 * HOUR + minutes * HOUR / 60)
    assert _owner(firm, lead) == _name(firm, task.owner)
    [call] = firm.tasks(lead)
    assert (call.subject, call.owner) == ("Call Mara Weber", task.owner)
