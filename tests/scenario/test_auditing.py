"""An audit on both CRMs over HTTP: it agrees after a normal story, finds what was lost or changed unseen, and can repair it."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.faults import Fault
from connector.cli.main import main
from connector.run import run_pass
from tests.company import START, Company, company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

RULES = """\
  - id: first-call
    why: Every new lead is called within a day
    when: {created: true}
    wait: 1 hour
    then: [{task: {type: call, subject: "Call {lead.name} ({lead.custom.tier})", due: 1 business day}}]
  - id: hand-over
    why: An interested lead goes to ben
    when: {becomes: {status: interested}}
    once: per lead
    then: [{reassign: {to: ben}}, {note: "ben has it"}]
"""


def _story(firm: Company) -> list[str]:
    """Eight leads, made on three days, with everything that happens to leads, and passes in between."""
    field = "Tier__c" if firm.crm == "salesforce" else "tier"
    firm.write("followup.yaml", firm.config(fields={"custom.tier": field}))
    firm.rules(RULES)
    firm.run()
    leads: list[str] = []
    for day, count in ((0, 4), (3, 2), (5, 2)):
        firm.at(START + day * DAY)
        leads += [firm.lead(f"Lead {day}-{number}") for number in range(count)]
        firm.call(leads[0])
        firm.org.log_email(leads[-1], firm.people["ana"], "inbound", "hello")
        firm.run(START + day * DAY + 2 * HOUR)
    firm.at(START + 8 * DAY)
    firm.org.convert(leads[1])
    firm.org.delete(leads[2])
    firm.org.merge(leads[3], leads[4])
    firm.set(leads[5], status="interested")
    firm.run(START + 8 * DAY + HOUR)
    firm.run(START + 9 * DAY)
    return leads


def _audit(firm: Company, *more: str, exit_code: int = 0) -> dict[str, Any]:
    code, out, err = _followup(firm, "--json", *more)
    assert code == exit_code, out + err
    found: dict[str, Any] = json.loads(out)
    return found


def _told(firm: Company, *more: str) -> str:
    return _followup(firm, *more)[1]


def _followup(firm: Company, *more: str) -> tuple[int, str, str]:
    """The command as the console script runs it, without a process of its own for each."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {**firm.environment(), "COLUMNS": "200"}.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main(["audit", *more])
    code = ended.value.code
    assert isinstance(code, int)
    return code, out.getvalue(), err.getvalue()


def _state(firm: Company, statement: str, *values: object) -> int:
    """Somebody's hand in the state file."""
    with sqlite3.connect(firm.folder / ".followup" / "state.db") as state:
        changed = state.execute(statement, values).rowcount
    state.close()
    return changed


def _odd(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [window for window in found["windows"] if window["missing"] or window["extra"]]


def _unseen(firm: Company, lead: str, tier: str) -> None:
    """A formula of the CRM now says something else: no stamp moves."""
    if firm.crm == "salesforce":
        table = firm.org._db.tables["Lead"]
        table.rows[lead] = {**table.rows[lead], "Tier__c": tier}
    else:
        contacts = firm.org.portal.tables["contacts"]
        contacts.calculate(contacts.rows[lead], {"tier": tier}, firm.org.portal.now())


def _lose_task(firm: Company, task: str) -> None:
    """The CRM has lost a task, as after a restore from an older backup."""
    if firm.crm == "salesforce":
        firm.org._db.drop("Task", task)
    else:
        tasks = firm.org.portal.tables["tasks"]
        tasks.index.drop(task)
        del tasks.rows[task]


def test_after_a_normal_story_the_counts_agree_and_nothing_drifts(firm: Company) -> None:
    _story(firm)
    before = len(firm.org.writes)
    found = _audit(firm)
    assert _odd(found) == []
    assert (found["drift"], found["newer"], found["left_out"]) == ([], 0, 0)
    leads = [window for window in found["windows"] if window["stream"] == "lead"]
    assert sum(window["crm"] for window in leads) == sum(window["store"] for window in leads) == 6
    tasks = [window for window in found["windows"] if window["stream"] == "task"]
    assert sum(window["crm"] for window in tasks) == sum(window["store"] for window in tasks) > 5
    assert found["sampled"]["records"] >= 6
    assert found["sampled"]["writes"] >= 6
    assert found["api_calls"] < 300
    assert len(firm.org.writes) == before
    for lead in firm.org.leads():
        _unseen(firm, lead, "gold")
    first, again = (_audit(firm, "--sample", "2", exit_code=1) for _ in range(2))
    assert (first["sampled"]["records"], len(first["drift"])) == (2, 2)
    assert (first["drift"], first["seed"]) == (again["drift"], again["seed"]), "the same state draws the same sample"


def test_what_was_lost_or_changed_unseen_is_told_by_name_and_repaired(firm: Company) -> None:
    leads = _story(firm)
    task = next(entry.crm_id for entry in firm.outbox() if entry.action.record.id == leads[6])
    assert _state(firm, "DELETE FROM records WHERE id = ?", leads[7]) == 1
    assert _state(firm, "DELETE FROM activities WHERE id = ?", task) == 1
    ana = firm.people["ana"]
    assert _state(firm, "UPDATE records SET data = replace(data, ?, ?) WHERE id = ?", ana, "nobody", leads[0]) == 1
    _unseen(firm, leads[6], "gold")
    before = _everything(firm)
    found = _audit(firm, exit_code=1)
    lost, unread = _odd(found)
    assert (lost["stream"], lost["missing"], lost["extra"]) == ("lead", [leads[7]], [])
    assert lost["since"] == "2026-03-06T23:00:00Z", "the day it was made, on the team's clock"
    assert (unread["stream"], unread["missing"], unread["extra"]) == ("task", [task], [])
    assert sorted(found["drift"], key=str) == [
        {"what": f"lead:{leads[0]}", "field": "owner", "stored": "nobody", "crm": ana},
        {"what": f"lead:{leads[6]}", "field": "custom.tier"},
    ], "the value of a text is not told"
    told = _told(firm)
    assert f"not stored lead:{leads[7]}" in told
    assert f"lead:{leads[0]}  owner is stored as nobody, the CRM has Ana Ferreira" in told
    assert f"lead:{leads[6]}  custom.tier differs" in told
    assert "gold" not in told
    assert told.rstrip().endswith("`followup audit --repair` brings the store in line")
    assert _everything(firm) == before, "an audit changes nothing in the state but the count of calls"
    repaired = _audit(firm, "--repair", exit_code=1)["repaired"]
    assert repaired["records"] == 3
    assert sorted(repaired["read_again"]) == ["lead", "task"]
    healed = _audit(firm)
    assert (_odd(healed), healed["drift"], healed["newer"]) == ([], [], 1), "the task is for the next pass to read"
    with firm.connected() as connection, connection.store.begin() as uow:
        assert uow.records([firm.ref(leads[6])])[firm.ref(leads[6])].fields["custom.tier"] == "gold"
        assert {firm.ref(leads[0]), firm.ref(leads[6])} <= set(uow.due(START + 9 * DAY, 100)), "rules look at it again"
    firm.run()
    again = _audit(firm)
    assert (_odd(again), again["drift"]) == ([], [])


def _everything(firm: Company) -> list[tuple[object, ...]]:
    """Every row of the state but the one that counts calls."""
    with sqlite3.connect(firm.folder / ".followup" / "state.db") as state:
        tables = [row[0] for row in state.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = [(table, *row) for table in tables for row in state.execute(f"SELECT * FROM {table}")]  # noqa: S608
    state.close()
    return [row for row in found if "calls_today" not in row]


def test_a_task_of_ours_that_the_crm_lost_is_told_and_no_other(firm: Company) -> None:
    leads = _story(firm)
    tasks = {task.lead: task.id for task in firm.tasks()}
    firm.org.delete_task(tasks[leads[7]])  # a person did that: it is no drift, read or not
    _lose_task(firm, tasks[leads[6]])
    found = _audit(firm, exit_code=1)
    assert [drift["what"] for drift in found["drift"]] == [f"task of first-call on lead:{leads[6]}"]
    assert [window["extra"] for window in _odd(found)] == [[tasks[leads[6]]]]
    told = _told(firm)
    assert f"task of first-call on lead:{leads[6]}  our write is stored and not in the CRM" in told
    assert _audit(firm, "--repair", exit_code=1)["repaired"]["activities"] == 1
    firm.run()
    assert _audit(firm)["drift"] == []


def test_neither_what_is_for_the_next_pass_to_read_nor_what_was_forgotten_is_drift(firm: Company) -> None:
    leads = _story(firm)
    firm.at(START + 9 * DAY + 3 * HOUR)
    firm.set(leads[6], status="working")
    firm.org.delete(leads[7])
    firm.org.merge(leads[0], leads[5])
    firm.lead("Newcomer")
    found = _audit(firm)
    assert (_odd(found), found["drift"]) == ([], [])
    assert found["newer"] >= 3
    assert "changed since the last reading" in _told(firm)
    firm.run(START + 9 * DAY + 4 * HOUR)
    assert _audit(firm)["newer"] == 0
    assert firm.cli("forget", leads[6], "--yes").returncode == 0
    found = _audit(firm)
    assert _odd(found) == [], "what was forgotten is rightly not stored"
    assert sum(window["forgotten"] for window in found["windows"] if window["stream"] == "lead") == 1
    assert sum(window["forgotten"] for window in found["windows"] if window["stream"] == "task") == 1
    assert "2 were forgotten on request" in _told(firm)


def test_equal_stamps_at_a_windows_edge_are_counted_once(firm: Company) -> None:
    firm.run()
    firm.at(datetime(2026, 3, 7, 23, tzinfo=UTC))  # midnight in Berlin
    edge = [firm.lead(f"Edge {number}") for number in range(3)]
    firm.run(START + 7 * DAY)
    firm.run(START + 9 * DAY)
    found = _audit(firm)
    leads = [window for window in found["windows"] if window["stream"] == "lead"]
    assert [(w["since"], w["crm"]) for w in leads if w["crm"]] == [("2026-03-07T23:00:00Z", len(edge))]
    assert [one["until"] for one in leads[:-1]] == [one["since"] for one in leads[1:]], "windows touch, none overlaps"
    only = _audit(firm, "--since", "2026-03-08", "--until", "2026-03-08")
    assert [window["crm"] for window in only["windows"] if window["stream"] == "lead"] == [len(edge)]
    before = _audit(firm, "--since", "2026-03-01", "--until", "2026-03-07")
    assert sum(window["crm"] for window in before["windows"] if window["stream"] == "lead") == 0


def test_a_row_deleted_without_a_trace_is_found_and_taken_out(tmp_path: Path) -> None:
    with company("salesforce", tmp_path) as firm:
        leads = _story(firm)
        firm.org.hard_delete(leads[6])
        [window] = _odd(_audit(firm, exit_code=1))[:1]
        assert (window["stream"], window["extra"]) == ("lead", [leads[6]])
        _audit(firm, "--repair", exit_code=1)
        assert _odd(_audit(firm)) == []


def test_an_audit_that_cannot_be_made_says_so_in_one_line(firm: Company) -> None:
    code, _, err = _followup(firm)
    assert code == 1
    assert "nothing was read yet" in err
    firm.lead()
    firm.run()
    with firm.connected() as connection, connection.store.lock():
        assert _followup(firm)[0] == 5
    firm.run(DAY)
    code, _, err = _followup(firm, "--since", "2026-03-02", "--until", "2026-03-01")
    assert code == 2
    assert "--since is not before --until" in err
    firm.server.faults.add(Fault("answer", ".*", "/query|/search", status=404, times=None))
    code, out, err = _followup(firm, "--repair")
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 1


def test_what_a_pass_that_was_stopped_in_its_reading_did_not_read_is_no_drift(firm: Company) -> None:
    leads = _story(firm)
    firm.at(START + 9 * DAY + 3 * HOUR)
    firm.org.delete(leads[6])
    firm.at(START + 9 * DAY + 6 * HOUR)
    with firm.connected() as connection:
        stopped = run_pass(connection, lambda _stage, _count: connection.stop.set())
    assert stopped.exit_code == 3
    firm.at(START + 9 * DAY + 9 * HOUR)
    assert _audit(firm)["drift"] == []
    firm.run(START + 10 * DAY)
    assert _audit(firm)["newer"] == 0
