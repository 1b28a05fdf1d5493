"""What `followup undo` takes back and what it leaves, on both CRMs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.domain.errors import PermanentError
from connector.run import run_pass
from connector.undo_pass import undo_pass
from tests.company import Company, company
from tests.undoing import FOUR, HOUR, edit_task, kept, meanwhile, member_by_somebody, stands, undo, undo_plan, written

CALL = """\
  - {id: call, why: Call, when: {created: true}, then: [{task: {type: call, subject: "Call {lead.name}"}}]}
"""
BEFORE = ("ana", "new", [], [])


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Company]:
    """A company on one CRM, for what does not depend on which."""
    with company("salesforce", tmp_path) as made:
        yield made


def test_everything_that_is_still_as_we_left_it_is_taken_back_and_no_later_pass_does_it_again(firm: Company) -> None:
    lead = written(firm)
    assert stands(firm, lead) == ("ben", "qualified", ["Call Mara Weber"], [lead])
    result = undo(firm)
    assert (result.exit_code, kept(result)) == (0, {})
    assert [entry.action.kind for entry in result.undone] == ["unenroll", "reassign", "set", "amend"]
    assert stands(firm, lead) == BEFORE
    [closed] = firm.org.tasks_of(lead)
    assert str(closed.get("Subject") or closed.get("hs_task_subject")) == "Undone: Call Mara Weber"
    for hours in (3, 4, 200):
        after = firm.run(hours * HOUR)
        assert (after.summary.counts["planned"], after.writes.confirmed, after.exit_code) == (0, 0, 0)
    assert stands(firm, lead) == BEFORE


def test_an_undo_is_a_pass_with_old_and_new_values_that_comes_to_the_log(one: Company) -> None:
    lead = written(one)
    result = undo(one)
    with one.connected() as connection, connection.store.begin() as uow:
        [run, undone] = uow.runs(2)
        writes = uow.outbox(run=run.id)
    assert (run.command, run.exit_code, run.counts["undoes"]) == ("undo", 0, undone.id)
    assert run.id == result.summary.id
    assert run.message == f"takes back {undone.id}: 4 taken back, 0 left"
    [back] = [entry.action for entry in writes if entry.action.kind == "reassign"]
    assert (back.old["owner"], back.fields["owner"]) == (one.people["ben"], one.people["ana"])
    assert back.record == one.ref(lead)
    assert {entry.action.rule for entry in writes} == {"undo"}


def test_undoing_twice_finds_nothing_left(one: Company) -> None:
    lead = written(one)
    first = undo(one)
    again = undo(one, 3 * HOUR)
    assert (again.writes, again.left, again.before, again.exit_code) == ((), (), 4, 0)
    assert again.undoes.id == first.undoes.id, "the latest pass is never an undo"
    assert stands(one, lead) == BEFORE


def test_a_dry_run_says_the_same_and_writes_nothing_anywhere(firm: Company) -> None:
    lead = written(firm)
    before, entries = stands(firm, lead), firm.outbox()
    with firm.connected() as connection, connection.store.begin() as uow:
        runs = uow.runs(100)
    would = undo_plan(firm)
    assert [entry.action.kind for entry in would.writes] == ["unenroll", "reassign", "set", "amend"]
    assert (would.exit_code, would.undone) == (0, ())
    assert (stands(firm, lead), firm.outbox()) == (before, entries)
    with firm.connected() as connection, connection.store.begin() as uow:
        assert uow.runs(100) == runs
    assert [entry.action for entry in undo(firm).writes] == [entry.action for entry in would.writes]


def test_only_what_one_rule_wrote_is_taken_back_when_that_is_asked(one: Company) -> None:
    other = "  - {id: other, why: Somebody looks, when: {created: true}, then: [{task: {type: todo, subject: Look}}]}\n"
    lead = written(one, FOUR + other)
    undo(one, rule="other")
    assert stands(one, lead) == ("ben", "qualified", ["Call Mara Weber"], [lead])
    with pytest.raises(PermanentError, match=r"the rule nobody wrote nothing in .*; these did: four, other"):
        undo(one, rule="nobody")
    assert len(undo(one).undone) == 4


def test_notes_and_what_nobody_can_leave_again_are_listed_with_the_reason(firm: Company) -> None:
    lead = written(
        firm,
        """\
  - id: noted
    why: What stays
    when: {created: true}
    then:
      - note: "Came in"
      - reassign: {to: ben, note: "For ben"}
    once: per lead
""",
    )
    result = undo(firm)
    assert result.exit_code == 3
    assert [(left.entry.action.kind, left.why) for left in result.left] == [
        ("note", "a note stays on its record"),
        ("note", "a note stays on its record"),
    ]
    assert firm.org.fields_of(lead)["owner"] == firm.people["ana"]


def test_nobody_who_was_taken_out_is_put_back(one: Company) -> None:
    one.rules("""\
  - {id: enrol, why: In, when: {created: true}, then: [{enroll: {in: brochure}}], once: per lead}
  - {id: leave, why: Out, when: {becomes: {status: interested}}, then: [{unenroll: {from: brochure}}], once: per lead}
""")
    one.run()
    lead = one.lead()
    one.run(HOUR / 2)
    one.set(lead, status="interested")
    one.run(HOUR)
    result = undo(one)
    assert kept(result) == {"unenroll": "nobody is enrolled again by an undo: that would be contact"}
    assert one.org.members(one.brochure) == []


def test_who_was_in_before_us_stays_in(firm: Company) -> None:
    firm.rules("  - {id: enrol, why: In, when: {created: true}, then: [{enroll: {in: brochure}}], once: per lead}\n")
    firm.run()
    lead = firm.lead()
    firm.at(HOUR)
    with firm.connected() as connection, meanwhile(connection, lambda: member_by_somebody(firm, connection, lead)):
        run_pass(connection)
    assert "it may have been in brochure before us" in kept(undo(firm))["enroll"]
    assert firm.org.members(firm.brochure) == [lead]


# -- what a person did since -----------------------------------------------------------------------------------------


def test_values_that_a_person_changed_since_are_left_to_them(firm: Company) -> None:
    lead = written(firm)
    firm.set(lead, owner="cleo", status="working")
    result = undo(firm)
    assert result.exit_code == 3
    assert kept(result) == {"reassign": "owner was changed since", "set": "status was changed since"}
    assert stands(firm, lead) == ("cleo", "working", [], [])


def test_a_value_that_a_person_changed_and_set_to_the_same_again_is_theirs(one: Company) -> None:
    lead = written(one)
    one.at(1.2 * HOUR)
    one.set(lead, owner="cleo")
    one.run(1.4 * HOUR)
    one.at(1.6 * HOUR)
    one.set(lead, owner="ben")
    assert kept(undo(one, run=_writer(one))) == {"reassign": "owner was changed since, and set to the same again"}
    assert stands(one, lead)[0] == "ben"


def test_a_task_that_a_person_touched_is_left(firm: Company) -> None:
    firm.rules(CALL)
    firm.run()
    hows = ("complete", "defer", "delete", "subject", "text", "owner")
    leads = {how: firm.lead(f"Lead {how}") for how in hows}
    firm.run(HOUR)
    firm.at(1.5 * HOUR)
    for how, lead in leads.items():
        [task] = firm.tasks(lead)
        match how:
            case "complete":
                firm.org.complete_task(task.id, by=firm.people["ana"])
            case "defer":
                firm.org.defer_task(task.id, by=firm.people["ana"])
            case "delete":
                firm.org.delete_task(task.id)
            case _:
                edit_task(firm, task.id, **{how: "cleo" if how == "owner" else "Mine now"})
    rows = {lead: firm.org.tasks_of(lead) for lead in leads.values()}
    result = undo(firm)
    why = {left.entry.action.record.id: left.why for left in result.left}
    assert {how: "somebody" in why[lead] for how, lead in leads.items()} == dict.fromkeys(hows, True)
    assert {lead: firm.org.tasks_of(lead) for lead in leads.values()} == rows
    assert result.undone == ()


def test_an_edit_that_comes_between_the_plan_and_the_write_is_seen(firm: Company) -> None:
    lead = written(firm)
    [task] = firm.tasks(lead)
    firm.at(2 * HOUR)

    def edits() -> None:
        edit_task(firm, task.id, text="I have begun")
        firm.set(lead, owner="cleo")

    with firm.connected() as connection, meanwhile(connection, edits):
        result = undo_pass(connection, "latest")
    # The list is left first; by then ana had edited the task and given the lead away.
    assert set(kept(result)) == {"task", "reassign"}
    assert stands(firm, lead) == ("cleo", "new", ["Call Mara Weber"], [])


def test_of_two_values_only_the_one_that_is_still_ours_is_put_back(one: Company) -> None:
    lead = written(
        one,
        "  - {id: two, why: Two, when: {created: true}, then: [{set: {status: qualified, title: CEO}}]}\n",
        title="Buyer",
    )
    one.set(lead, title="Owner")
    result = undo(one)
    assert kept(result) == {"set": "title was changed since"}
    assert (one.org.fields_of(lead)["title"], stands(one, lead)[1]) == ("Owner", "new")


# -- records and people that are gone --------------------------------------------------------------------------------


def test_a_record_that_is_gone_gets_no_write(firm: Company) -> None:
    firm.rules(FOUR)
    firm.run()
    deleted, converted, loser = firm.lead("Deleted"), firm.lead("Converted"), firm.lead("Loser")
    firm.run(HOUR)
    other = firm.lead("Winner")
    firm.at(1.5 * HOUR)
    firm.org.delete(deleted)
    firm.org.convert(converted)
    survivor = firm.org.merge(other, loser)
    result = undo(firm)
    assert (result.writes, result.exit_code, len(result.left)) == ((), 3, 12)
    why = {left.entry.action.record.id: left.why for left in result.left}
    assert why == {
        deleted: "the record was deleted",
        converted: "the record was converted: nothing is written to it",
        loser: f"the record was merged into lead:{survivor}: look there",
    }


def test_nobody_who_is_inactive_gets_a_record_back(firm: Company) -> None:
    lead = written(firm)
    firm.org.deactivate(firm.people["ana"])
    result = undo(firm)
    assert kept(result) == {"reassign": "Ana Ferreira, who had it before, is inactive"}
    assert stands(firm, lead)[:2] == ("ben", "new")


def test_a_record_that_nobody_had_goes_back_to_nobody(tmp_path: Path) -> None:
    with company("hubspot", tmp_path) as firm:
        to_ben = "  - {id: ben, why: Ben, when: {created: true}, once: per lead, then: [{reassign: {to: ben}}]}\n"
        lead = written(firm, to_ben, owner="")
        assert firm.org.fields_of(lead)["owner"] == firm.people["ben"]
        assert undo(firm).exit_code == 0
        assert firm.org.fields_of(lead)["owner"] is None
        assert firm.run(3 * HOUR).summary.counts["planned"] == 0


def test_deals_and_contacts_are_taken_back_like_leads(firm: Company) -> None:
    rule = "{{id: {0}, for: {0}, why: W, when: {{created: true}}, once: per {0}, then: [{{task: {{type: call, subject: C}}}}, "
    rule += "{{reassign: {{to: ben}}}}]}}"
    if firm.crm == "hubspot":
        firm.write("followup.yaml", firm.config(records={"lead": "leads", "contact": "contacts"}))
    firm.rules(f"  - {rule.format('deal')}\n  - {rule.format('contact')}\n")
    assert firm.run().problems == ()
    firm.org.add_deal({"name": "Deal", "owner": firm.people["ana"]})
    firm.org.add_contact({"name": "Con", "email": "con@example.org", "owner": firm.people["ana"]})
    assert firm.run(HOUR).writes.confirmed == 4
    result = undo(firm)
    assert (result.exit_code, len(result.undone)) == (0, 4)
    assert {entry.action.fields.get("owner", firm.people["ana"]) for entry in result.undone} == {firm.people["ana"]}
    assert firm.tasks() == []
    assert firm.run(3 * HOUR).summary.counts["planned"] == 0


def test_a_prospect_who_opted_out_since_keeps_that_and_gets_the_call_taken_back(one: Company) -> None:
    lead = written(one)
    one.set(lead, opted_out=True)
    assert undo(one).exit_code == 0
    assert stands(one, lead) == BEFORE
    assert one.org.fields_of(lead)["opted_out"] is True


# -- which pass ------------------------------------------------------------------------------------------------------


def test_a_pass_that_is_not_there_or_not_one_or_an_undo_is_refused_in_one_line(one: Company) -> None:
    written(one)
    with pytest.raises(PermanentError, match=r"^there is no pass 1999; `followup log` lists them$"):
        undo(one, run="1999")
    with pytest.raises(PermanentError, match=r"^20260302 is the beginning of several passes: name one of "):
        undo(one, run="20260302")
    done = undo(one)
    with pytest.raises(PermanentError, match="is an undo itself and is not undone"):
        undo(one, run=done.summary.id)


def test_what_a_pass_has_not_written_yet_is_said_and_left(one: Company) -> None:
    one.rules(CALL.replace("then:", "limit: {per_run: 1}, then:"))
    one.run()
    one.lead()
    one.lead()
    assert one.run(HOUR).exit_code == 3
    result = undo(one)
    assert [left.why for left in result.left] == ["not written yet: it is held until `followup release`"]
    assert (len(result.undone), result.exit_code) == (1, 3)


def _writer(firm: Company) -> str:
    """The pass of which there are writes."""
    [run] = {entry.run for entry in firm.outbox()}
    return run
