"""An erasure request on both CRMs: every byte of a person goes from the state, and the person never comes back into it."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta

import pytest

from connector.cli.main import main
from tests.company import START, Company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

RULES = """\
  - id: first-call
    why: Every new lead is called
    when: {created: true}
    wait: 1 hour
    then: [{task: {type: call, subject: "Call {lead.name} of {lead.company}", body: "{lead.phone}", due: 1 business day}}]
  - id: chase
    why: A lead that became interested is handed to ben
    when: {becomes: {status: interested}}
    once: per lead
    then: [{reassign: {to: ben}}, {enroll: {in: brochure}}, {note: "{lead.name} wants it"}]
"""

PERSON = {
    "name": "Zebulon Quarxmann",
    "company": "Quarx & Söhne",
    "email": "zeb@quarx.example",
    "phone": "+49 30 777 8123",
}
WORDS = ("Zebulon", "Quarx", "zeb@quarx.example", "777 8123", "about the flux")


def _told(firm: Company) -> tuple[str, str]:
    """A person and a bystander, with everything that followup ever does to one of them."""
    firm.rules(RULES)
    firm.run()
    if firm.crm == "hubspot":  # a number that is nothing else's
        firm.org.portal._counters["contacts"] = 765_432_100
    person, other = firm.lead(**PERSON), firm.lead("Mara Weber")
    firm.run()
    firm.org.log_email(person, firm.people["ana"], "inbound", "about the flux")
    firm.call(person)
    firm.call(other)
    firm.run(2 * HOUR)
    firm.at(3 * HOUR)
    firm.set(person, status="interested")
    firm.run(4 * HOUR)
    firm.run(5 * HOUR)
    return person, other


def _followup(firm: Company, *arguments: str) -> tuple[int, str, str]:
    """A command as the console script runs it, without a process of its own for each."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in firm.environment().items():
            patch.setenv(name, value)
        patch.setattr("sys.stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
    code = ended.value.code
    assert isinstance(code, int)
    return code, out.getvalue(), err.getvalue()


def _bytes(firm: Company) -> bytes:
    """What every file in the state's folder holds, the database's own way of writing text."""
    return b"".join(file.read_bytes() for file in (firm.folder / ".followup").rglob("*") if file.is_file())


def _stored(firm: Company, lead: str) -> dict[str, object]:
    with firm.connected() as connection, connection.store.begin() as uow:
        return dict(uow.footprint([firm.ref(lead)]))


def test_every_byte_of_a_person_is_gone_from_the_state_and_no_row_names_it(firm: Company) -> None:
    person, other = _told(firm)
    before = _bytes(firm)
    assert all(word.encode() in before or json.dumps(word)[1:-1].encode() in before for word in WORDS)
    assert {"records", "activities", "changes", "marks", "writes", "enrolments"} <= _stored(firm, person).keys()
    kept = _stored(firm, other)
    code, _, err = _followup(firm, "forget", person)
    assert code == 2
    assert f"lead:{person} would go from the state, for good: records 1, " in err
    assert "say --yes" in err
    with firm.connected() as connection, connection.store.lock():
        assert _followup(firm, "forget", person, "--yes")[0] == 5, "a pass that runs keeps it out"
    assert WORDS[0].encode() in _bytes(firm), "nothing went so far"
    code, out, err = _followup(firm, "forget", person, "--yes")
    assert code == 0, err
    assert out.startswith("forgotten: records 1, activities ")
    assert "backups of the state" in out
    held = _bytes(firm)
    assert [word for word in (*WORDS, person) if word.encode() in held or json.dumps(word)[1:-1].encode() in held] == []
    assert (_stored(firm, person), _stored(firm, other)) == ({}, kept)
    firm.run(6 * HOUR)
    names = {f"{firm.crm}/lead/{person}", f"{firm.crm}/contact/{person}", person, f"lead:{person}"}
    with sqlite3.connect(firm.folder / ".followup" / "state.db") as state:
        tables = [row[0] for row in state.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        values = [value for table in tables for row in state.execute(f"SELECT * FROM {table}") for value in row]  # noqa: S608
    state.close()
    assert not [value for value in values if value in names or (isinstance(value, str) and f'"{person}"' in value)]
    code, _, err = _followup(firm, "explain", person)
    assert code == 1
    assert "was forgotten on 2026-03-02" in err
    assert "forgotten on request, and not stored again: " in _followup(firm, "doctor")[1]
    assert _followup(firm, "forget", "nobody", "--yes")[::2] == (
        1,
        "followup: no such record in the state; a pass or plan reads what is new in the CRM\n",
    )


def test_a_write_without_an_answer_comes_first_and_a_crash_is_finished_by_forgetting_again(firm: Company) -> None:
    person, _ = _told(firm)
    with sqlite3.connect(firm.folder / ".followup" / "state.db") as state:
        state.execute("UPDATE outbox SET state = 'unknown' WHERE record LIKE ? AND kind = 'note'", (f"%/{person}",))
    state.close()
    code, _, err = _followup(firm, "forget", person, "--yes")
    assert code == 1
    assert "`followup run` looks it up" in err
    assert _stored(firm, person)["records"] == 1
    firm.run(6 * HOUR)
    with firm.connected() as connection, connection.store.begin() as uow:
        assert not [entry for entry in uow.our_writes(firm.ref(person)) if entry.state == "unknown"]
        uow._connection.exec_driver_sql("PRAGMA secure_delete=OFF")  # type: ignore[attr-defined]
        uow.forget([firm.ref(person)], START + 5 * HOUR)  # and then the machine goes down
    assert b"Quarx" in _bytes(firm)
    code, out, err = _followup(firm, "forget", person, "--yes")
    assert code == 0, err
    assert "it was forgotten on 2026-03-02" in out
    assert b"Quarx" not in _bytes(firm)


def test_a_forgotten_person_never_comes_back_and_is_never_written_to(firm: Company) -> None:
    person, other = _told(firm)
    _followup(firm, "forget", person, "--yes")
    writes = len(firm.org.writes)
    firm.at(DAY)
    firm.set(person, status="working", company="Quarx & Söhne II")
    firm.call(person)
    firm.org.log_email(person, firm.people["ana"], "inbound", "about the flux again")
    firm.set(person, status="interested")
    for hours in (25, 26, 50):
        firm.run(hours * HOUR)
    assert _stored(firm, person) == {}
    assert b"Quarx" not in _bytes(firm)
    assert b"flux" not in _bytes(firm)
    assert len(firm.org.writes) == writes
    assert _stored(firm, other)["records"] == 1
    fresh = firm.lead("Newcomer")
    firm.run(60 * HOUR)
    firm.run(62 * HOUR)
    assert len(firm.tasks(fresh)) == 1, "everybody else is followed up as before"
    firm.org.merge(other, person)
    firm.run(63 * HOUR)
    assert _stored(firm, person) == {}


def test_a_live_record_merged_into_a_forgotten_one_is_only_gone(firm: Company) -> None:
    person, other = _told(firm)
    _followup(firm, "forget", person, "--yes")
    firm.at(DAY)
    survivor = firm.org.merge(person, other)
    firm.run(25 * HOUR)
    assert _stored(firm, person) == {}
    with firm.connected() as connection, connection.store.begin() as uow:
        [gone] = uow.records([firm.ref(other)]).values()
    assert gone.deleted
    if survivor == person:
        assert gone.merged_into is None


def test_what_was_merged_goes_together(firm: Company) -> None:
    person, other = _told(firm)
    firm.at(DAY)
    survivor = firm.org.merge(person, other)
    firm.run(25 * HOUR)
    code, out, _ = _followup(firm, "forget", other, "--yes", "--json")
    assert code == 0
    assert json.loads(out)["went"]["records"] == (2 if survivor == person else 3)
    for lead in (person, other, survivor):
        assert _stored(firm, lead) == {}


def test_a_merge_that_is_read_while_somebody_makes_up_their_mind_goes_with_it(
    firm: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, other = _told(firm)

    def thinks_it_over(*_: object) -> None:
        firm.at(DAY)
        firm.org.merge(other, person)
        firm.run(25 * HOUR)

    monkeypatch.setattr("connector.cli.forget._ask", thinks_it_over)
    assert _followup(firm, "forget", person)[0] == 0
    assert b"flux" not in _bytes(firm), "what the person wrote had gone to the survivor"
