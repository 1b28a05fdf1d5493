"""An undo that breaks off, or whose answers are lost: each write is taken back once, by undoing again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.sandbox.faults import Fault
from connector.clock import SystemClock
from connector.undo_pass import undo_pass
from tests.company import Company, company
from tests.undoing import HOUR, dying, kept, stands, undo, written

BEFORE = ("ana", "new", [], [])
WRITES = {
    "salesforce": ("POST|PATCH|DELETE", r"/composite/sobjects"),
    "hubspot": ("POST|PUT", r"/batch/update|/memberships/remove"),
}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Company]:
    """A company on one CRM, for what does not depend on which."""
    with company("salesforce", tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_real_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


def _undone_once(firm: Company, lead: str) -> None:
    """All four writes are taken back, once each, and no pass does anything more."""
    assert stands(firm, lead) == BEFORE
    assert [entry.state for entry in firm.outbox()] == ["confirmed"] * 8
    changes = firm.org.fields_of(lead)
    assert firm.run(20 * HOUR).summary.counts["planned"] == 0
    assert firm.org.fields_of(lead) == changes


@pytest.mark.parametrize(("kind", "nth"), [*(("drop_after", nth) for nth in range(4)), ("drop_before", 2)])
def test_a_lost_answer_at_each_write_of_an_undo_is_looked_up(firm: Company, kind: str, nth: int) -> None:
    lead = written(firm)
    method, path = WRITES[firm.crm]
    firm.server.faults.add(Fault(kind, method, path, skip=nth))  # type: ignore[arg-type]
    undo(firm)
    assert firm.server.faults.struck, "the fault must have struck"
    undo(firm, 3 * HOUR)
    assert undo(firm, 4 * HOUR).exit_code == 0
    _undone_once(firm, lead)


@pytest.mark.parametrize(("nth", "answered"), [(1, False), (3, True)])
def test_an_undo_that_is_killed_is_finished_by_running_it_again_and_by_nothing_else(
    firm: Company, nth: int, answered: bool
) -> None:
    lead = written(firm)
    firm.at(2 * HOUR)
    with firm.connected() as connection, dying(connection, nth, answered=answered):
        undo_pass(connection, "latest")
    before = stands(firm, lead)
    between = firm.run(3 * HOUR)
    assert stands(firm, lead) == before, "an ordinary pass takes nothing back"
    assert (between.writes.calls, between.writes.dropped, between.exit_code) == (0, 0, 3)
    [run] = {entry.run for entry in firm.outbox() if entry.action.rule == "four"}
    assert f"the undo of {run} is not finished: `followup undo {run}` goes on with it" in between.notices
    again = undo(firm, 4 * HOUR, run=run)
    assert (again.exit_code, len(again.undone) + again.before) == (0, 4)
    _undone_once(firm, lead)


def test_a_killed_undo_says_in_the_log_which_pass_it_was_of(one: Company) -> None:
    written(one)
    one.at(2 * HOUR)
    with one.connected() as connection, dying(connection, 1, answered=False):
        undo_pass(connection, "latest")
    with one.connected() as connection, connection.store.begin() as uow:
        [broken, undone] = uow.runs(2)
    assert broken.message == f"takes back {undone.id}; it did not end: `followup undo {undone.id}` finishes it"
    assert broken.exit_code is None


def test_a_write_that_the_crm_refuses_is_left_with_its_reason_and_tried_again_by_the_next_undo(firm: Company) -> None:
    lead = written(firm)
    body = {
        "salesforce": [
            {"success": False, "errors": [{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": ""}]}
        ],
        "hubspot": {"status": "error", "category": "VALIDATION_ERROR", "message": "no"},
    }[firm.crm]
    method, path = {"salesforce": ("PATCH", "/sobjects"), "hubspot": ("POST", "contacts/batch/update")}[firm.crm]
    status = 200 if firm.crm == "salesforce" else 400
    firm.server.faults.add(Fault("answer", method, path, status=status, body=body))
    refused = undo(firm)
    assert refused.exit_code == 3
    assert list(kept(refused)) == ["reassign"]
    assert stands(firm, lead)[0] == "ben"
    assert undo(firm, 3 * HOUR).exit_code == 0
    _undone_once(firm, lead)


def test_an_undo_of_another_pass_leaves_what_an_undo_left_over(one: Company) -> None:
    lead = written(one)
    [first] = {entry.run for entry in one.outbox()}
    other = one.lead("Other Weber")
    one.run(1.5 * HOUR)
    one.at(2 * HOUR)
    with one.connected() as connection, dying(connection, 1, answered=False):
        undo_pass(connection, first)
    assert undo(one, 3 * HOUR).exit_code == 0
    assert stands(one, other)[0] == "ana"
    assert stands(one, lead)[0] == "ben"
    assert undo(one, 4 * HOUR, run=first).exit_code == 0
    assert stands(one, lead) == BEFORE


def test_what_a_person_changed_after_an_undo_broke_off_is_left_and_the_undo_is_finished(firm: Company) -> None:
    lead = written(firm)
    firm.at(2 * HOUR)
    with firm.connected() as connection, dying(connection, 1, answered=False):
        undo_pass(connection, "latest")
    firm.set(lead, owner="cleo", status="interested")
    [run] = {entry.run for entry in firm.outbox() if entry.action.rule == "four"}
    again = undo(firm, 4 * HOUR, run=run)
    assert kept(again) == {"reassign": "owner was changed since", "set": "status was changed since"}
    after = firm.run(5 * HOUR)
    assert (after.notices, after.summary.counts["left_over"], after.exit_code) == ((), 0, 0)
    assert stands(firm, lead)[:2] == ("cleo", "interested")


TWO_FIELDS = """\
  - id: four
    why: What can be taken back
    when: {created: true}
    then: [{set: {status: qualified, custom.tier: Hot}}]
    once: per lead
"""


def test_a_write_of_two_fields_is_planned_anew_by_the_undo_that_goes_on(one: Company) -> None:
    one.write("followup.yaml", one.config(fields={"custom.tier": "Rating"}))
    one.rules(TWO_FIELDS)
    one.run()
    lead = one.lead()
    assert one.run(HOUR).writes.confirmed == 1
    one.at(2 * HOUR)
    with one.connected() as connection, dying(connection, 1, answered=False):
        undo_pass(connection, "latest")
    one.org.set_fields(lead, {"rating": "Cold"}, by=one.people["ana"])
    [run] = {entry.run for entry in one.outbox() if entry.action.rule == "four"}
    again = undo(one, 3 * HOUR, run=run)
    assert [left.why for left in again.left] == ["custom.tier was changed since"]
    assert stands(one, lead)[1] == "new", "the other field of the same write is put back all the same"
