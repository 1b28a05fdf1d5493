"""Pools and contact limits over passes on both CRMs: what the store and the CRM keep is what the next pass goes by."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.company import TEAM, Company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

MAIL_AND_CALL = """\
  - id: ring
    why: Every new lead is called
    when: {created: true}
    then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]
    once: per lead
    priority: 1
  - id: brochure
    why: Every new lead gets the brochure
    when: {created: true}
    then: [{enroll: {in: brochure}}]
    once: per lead
"""

HAND_OUT = """\
  - id: hand-out
    why: Somebody of inbound takes what Eva gets
    when: {created: true}
    if: {owner: eva}
    then: [{reassign: {pool: inbound}}]
    once: per lead
    limit: {per_run: 5}
"""


def test_a_mail_waits_for_the_gap_after_the_call_that_another_rule_asked_for(firm: Company) -> None:
    firm.write("team.yaml", TEAM + "contact: {min_gap: 1 business day}\n")
    firm.rules(MAIL_AND_CALL)
    firm.run()
    lead = firm.lead()
    first = firm.run(HOUR)
    assert [action.rule for action in first.plan.actions] == ["ring"]
    assert first.plan.notices == (f"lead:{lead}: brochure lost to ring over a touch inside the minimum gap",)
    [task] = firm.tasks(lead)
    assert firm.run(2 * HOUR).writes.confirmed == 0
    blocked = firm.explain(lead)["brochure"]
    assert (blocked.outcome, blocked.reasons[-1].path) == ("blocked", "guard.min_gap")
    assert "a task of ours (call) is open, due on 2026-03-03 10:00" in blocked.reasons[-1].text
    firm.at(25 * HOUR)
    firm.org.complete_task(task.id, by=firm.people["ana"])
    firm.run(26 * HOUR)
    after = firm.explain(lead)["brochure"]
    assert (after.outcome, after.next_at) == ("blocked", firm.clock.peek() + 23 * HOUR)
    gone = firm.run(49 * HOUR)
    assert [action.kind for action in gone.plan.actions] == ["enroll"]
    assert gone.writes.confirmed == 1


def test_a_pool_hands_out_evenly_over_passes_absences_and_releases(firm: Company) -> None:
    away = TEAM.replace("manager: eva}\n  ben", "manager: eva, away: [{from: 2026-03-03, to: 2026-03-03}]}\n  ben")
    firm.write("team.yaml", away.replace("crm: ben@example.com,", "crm: ben@example.com, daily: 3,"))
    firm.rules(HAND_OUT)
    firm.run()
    leads = [firm.lead(f"Lead {number}", owner="eva") for number in range(6)]
    monday = firm.run(HOUR)
    assert (monday.writes.confirmed, monday.summary.counts["held"]) == (5, 1)
    with firm.connected() as connection, connection.store.begin() as uow:
        assert uow.release(None, None, firm.clock.peek()) == 1
    firm.run(2 * HOUR)
    assert _owners(firm, leads) == {"ana": 2, "ben": 2, "cleo": 2}, "what was released took its turn"
    firm.at(DAY)
    tuesday = [firm.lead(f"Later {number}", owner="eva") for number in range(8)]
    firm.run(DAY + HOUR)
    with firm.connected() as connection, connection.store.begin() as uow:
        uow.release(None, None, firm.clock.peek())
    firm.run(DAY + 2 * HOUR)
    assert _owners(firm, tuesday) == {"ben": 3, "cleo": 5}, "Ana is away, and three a day are enough for Ben"
    firm.at(2 * DAY)
    wednesday = [firm.lead(f"Last {number}", owner="eva") for number in range(3)]
    firm.run(2 * DAY + HOUR)
    assert _owners(firm, wednesday)["ana"] <= 2, "who was away is not made up for"


def _owners(firm: Company, leads: list[str]) -> Counter[str]:
    names = {crm_id: name for name, crm_id in firm.people.items()}
    return Counter(names[firm.org.fields_of(lead)["owner"]] for lead in leads)
