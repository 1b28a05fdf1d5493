"""A bulk edit on both CRMs: nothing of it goes by itself, and a person lets it go at a pace, or discards it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.domain.errors import StoreError
from connector.store.sql_store import SqlUnitOfWork
from tests.company import START, Company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

LOOK = """\
  - id: look
    why: Somebody should look at whoever is interested
    when: {becomes: {status: interested}}
    then:
      - task: {type: call, subject: "Call {lead.name}"}
      - note: "Told to call {lead.name}"
    once: per occasion
"""

OFFER = """\
  - id: offer
    why: A rep says whether they take it
    when: {becomes: {status: qualified}}
    then: [{offer: {pool: inbound, accept_within: 4 business hours}}]
    once: per lead
"""

OLD = """\
  - id: old
    why: What was forgotten is called
    when: {quiet: 3 days}
    if: {status: new}
    then: [{task: {type: call, subject: "Call {lead.name}"}}, {enroll: {in: brochure}}]
    once: per 90 days
"""


def leads_of(firm: Company, count: int, **fields: object) -> list[str]:
    """So many leads that were there before."""
    given = {"status": firm.status("new"), "owner": firm.people["ana"], "created": START - 10 * DAY, **fields}
    there = len(firm.org.leads())
    each = [{"name": f"Lead {n}", "email": f"lead{n}@example.org", **given} for n in range(there, there + count)]
    return list(firm.org.load(each, 0))


def breaker(firm: Company, **limits: object) -> None:
    """followup.yaml with this breaker."""
    firm.write("followup.yaml", firm.config(limits={"breaker": limits}))


def edit(firm: Company, leads: list[str], status: str = "interested") -> None:
    """Somebody's bulk edit."""
    for lead in leads:
        firm.set(lead, by="eva", status=status)


def held(firm: Company) -> dict[str, int]:
    """Held matches by rule."""
    with firm.connected() as connection, connection.store.begin() as uow:
        return {each.rule: each.matches for each in uow.held()}


def let_go(firm: Company, first: int | None = None) -> None:
    with firm.connected() as connection, connection.store.begin() as uow:
        uow.release(None, first, firm.clock.peek())


def storm(firm: Company, rules: str = LOOK, count: int = 12, status: str = "interested") -> list[str]:
    """Twelve of twenty leads are edited at once, where ten are a storm."""
    breaker(firm, per_rule={"records": 10})
    firm.rules(rules)
    leads = leads_of(firm, 20)
    firm.run()
    edit(firm, leads[:count], status)
    firm.at(HOUR)
    return leads


def test_nothing_of_a_bulk_edit_goes_by_itself_and_every_door_says_so(firm: Company) -> None:
    leads = storm(firm)
    before = len(firm.org.writes)
    planned = firm.plan()
    assert planned.plan.actions == ()
    assert planned.summary.counts["held"] == 24
    result = firm.run()
    assert (result.exit_code, result.writes.calls, len(firm.org.writes)) == (3, 0, before)
    for notices in (planned.notices, result.notices):
        [line] = notices
        assert "look: 12 of 20 leads match, more than limits.breaker.per_rule.records (10) allows" in line
        assert "`followup release --rule look --first 50`" in line
    assert held(firm) == {"look": 12}
    assert firm.explain(leads[0])["look"].outcome == "held"
    again = firm.run(3 * HOUR)
    assert (again.exit_code, again.writes.calls, again.notices) == (3, 0, ())


def test_a_person_lets_a_storm_go_at_a_pace_and_what_changed_meanwhile_is_dropped(firm: Company) -> None:
    leads = storm(firm)
    firm.run()
    let_go(firm, first=4)
    first = firm.run(2 * HOUR)
    assert (first.writes.confirmed, first.exit_code, held(firm)) == (8, 3, {"look": 8})
    assert len(firm.tasks()) == 4
    waiting = [lead for lead in leads[:12] if not firm.tasks(lead)]
    firm.set(waiting[0], owner="ben")
    firm.set(waiting[1], status="unqualified")
    firm.run(3 * HOUR)
    let_go(firm)
    rest = firm.run(4 * HOUR)
    assert held(firm) == {}
    assert {lead for lead in leads if firm.tasks(lead)} >= set(leads[:12]) - set(waiting[:2])
    dropped = {str(entry.action.record): entry.message for entry in firm.outbox() if entry.state == "dropped"}
    assert dropped[f"lead:{waiting[1]}"]
    assert rest.writes.dropped
    assert all(len(firm.tasks(lead)) <= 1 for lead in leads)
    assert firm.run(5 * HOUR).notices == (), "what was let go is no storm of the next hour"


def test_what_a_person_discards_does_not_come_back_for_that_occasion(firm: Company) -> None:
    leads = storm(firm)
    firm.run()
    with firm.connected() as connection, connection.store.begin() as uow:
        assert uow.discard("look", None, firm.clock.peek()) == 24
    quiet = firm.run(3 * HOUR)
    assert (quiet.exit_code, quiet.writes.calls, firm.tasks()) == (0, 0, [])
    assert firm.explain(leads[0])["look"].outcome == "done"
    edit(firm, leads[:1], "working")
    firm.at(4 * HOUR)
    edit(firm, leads[:1])
    assert firm.run(5 * HOUR).writes.confirmed == 2, "another occasion is another matter"


def test_a_bulk_edit_in_portions_is_one_storm(firm: Company) -> None:
    leads = storm(firm, count=6)
    assert firm.run().writes.confirmed == 12
    edit(firm, leads[6:12])
    [line] = firm.run(HOUR + timedelta(minutes=20)).notices
    assert "12 of 20 leads match, 6 of them within the hour before" in line
    assert held(firm) == {"look": 6}
    edit(firm, leads[12:13])
    later = firm.run(4 * HOUR)
    assert (later.writes.confirmed, later.notices) == (2, ()), "an hour later the rule goes on"


def test_a_storm_whose_pass_breaks_off_does_not_slip_through_afterwards(
    firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    storm(firm)
    monkeypatch.setattr("connector.evaluate.CHUNK", 5)
    commits = 0

    def broken(self: SqlUnitOfWork, *given: object, real=SqlUnitOfWork.commit_plan) -> None:  # type: ignore[no-untyped-def]
        nonlocal commits
        commits += 1
        if commits > 7:
            raise StoreError("the disk is full")
        real(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(SqlUnitOfWork, "commit_plan", broken)
        with pytest.raises(StoreError):
            firm.run()
    assert held(firm) == {"look": 5}, "one portion was committed"
    result = firm.run()
    assert (result.writes.calls, held(firm)) == (0, {"look": 12})


def test_of_a_storm_of_offers_nobody_is_asked_until_some_are_let_go(firm: Company) -> None:
    leads = storm(firm, OFFER, status="qualified")
    result = firm.run()
    assert (result.exit_code, result.writes.calls, result.summary.counts["held"]) == (3, 0, 12)
    assert firm.run(3 * HOUR).writes.calls == 0
    edit(firm, leads[12:13], "qualified")
    assert firm.run(4 * HOUR).writes.confirmed == 1, "a new lead is offered as ever"
    let_go(firm, first=3)
    assert firm.run(5 * HOUR).writes.confirmed == 3
    assert (len(firm.tasks()), held(firm)) == (4, {"offer": 9})
    with firm.connected() as connection, connection.store.begin() as uow:
        assert {offer.at for offer in uow.offers()} == {START + 4 * HOUR, START + 5 * HOUR}, "in time to be answered"


def test_a_storm_over_several_rules_holds_the_whole_pass(firm: Company) -> None:
    breaker(firm, per_pass={"records": 10})
    firm.rules(LOOK + OFFER)
    leads = leads_of(firm, 20)
    firm.run()
    edit(firm, leads[:6])
    edit(firm, leads[6:12], "qualified")
    result = firm.run(HOUR)
    assert (result.exit_code, result.writes.calls, held(firm)) == (3, 0, {"look": 6, "offer": 6})
    [line] = result.notices
    assert "all rules together (look, offer): 12 of 20 leads match" in line


def test_a_breaker_that_is_off_lets_go_what_the_limits_let_go(firm: Company) -> None:
    storm(firm)
    breaker(firm, per_rule="off", per_pass="off")
    assert firm.run().writes.confirmed == 24


# -- a first pass on an old org -----------------------------------------------------------------------------------------


def test_a_first_pass_writes_nothing_and_says_what_it_would_have_written(firm: Company) -> None:
    firm.rules(OLD + LOOK)
    leads_of(firm, 12)
    leads_of(firm, 3, status=firm.status("working"))
    before = len(firm.org.writes)
    for result in (firm.plan(), firm.run()):
        assert (result.writes.calls, len(firm.org.writes)) == (0, before)
        assert result.baseline == {"old": 12}
        assert {rule: (one.records, dict(one.writes)) for rule, one in result.would.items()} == {
            "old": (12, {"task": 12, "enroll": 12})
        }
    assert firm.run(HOUR).would == {}, "once"


def test_what_happened_before_a_rule_was_here_counts_only_where_the_rule_would_act(firm: Company) -> None:
    firm.rules("""\
  - id: first-call
    why: Every new lead is called
    when: {created: true}
    unless: {status: working}
    then: [{task: {type: call, subject: "Call {lead.name}"}}]
""")
    leads_of(firm, 4)
    leads_of(firm, 3, status=firm.status("working"))
    result = firm.run()
    assert (result.baseline, result.would["first-call"].records) == ({"first-call": 7}, 4)


@pytest.mark.parametrize(("line", "first"), [("backfill: all", 12), ("backfill: {spread: 5 per day}", 5)])
def test_a_backfill_that_is_written_later_lets_the_baseline_go(firm: Company, line: str, first: int) -> None:
    firm.rules(LOOK + OLD)
    leads_of(firm, 12)
    assert firm.run().writes.calls == 0
    firm.rules(LOOK + OLD.rstrip() + f"\n    {line}\n")
    assert firm.run(HOUR).writes.confirmed == 2 * first
    assert firm.run(DAY + HOUR).writes.confirmed == 2 * min(first, 12 - first)
