"""Whatever people and prospects write into a CRM: passes go on, values are carried as they are, nothing is injected."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from connector.domain.actions import marker
from tests.company import Company
from tests.fuzz.stage import said

HOUR = timedelta(hours=1)

VALUES = {
    "quotes": 'O\'Hara "Bob" `x`',
    "backslashes": "\\ \\' \\\\' \\n \\u0041",
    "SOQL": "' OR Id != '' --",
    "a second condition": "x') OR (Name != 'y",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "entities": "&lt;b&gt; &amp;amp; &#x27;",
    "a template": "{lead.name} {{lead.email}} {0} {} {custom.x}",
    "other templates": "${HOME} $(id) %s %n %(x)s {{ 7*7 }} #{x} <%= x %>",
    "lines": "one\ntwo\r\nthree\rfour\u2028five\u2029six\x0bseven\x0ceight\x85nine",
    "tabs": "a\tb\t\tc",
    "bidi": "abc\u202egnp.exe\u202c \u2066x\u2069",
    "zero width": "a\u200bb\u200dc\ufeffd\u2060e",
    "NUL": "a\x00b",
    "a lone surrogate": "a\ud800b\udfff",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "combining": "Zoe\u0308 Z" + "\u0300" * 300,
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "a long word": "W" * 5_000,
    "a megabyte": "x" * 1_000_000,
    "null": "null",
    "true": "true",
    "none": "none",
    "a number": "1e999",
    "digits": "007",
    "a sheet's formula": '=HYPERLINK("http://example.org";"x")',
    "plus": "+1+1",
    "minus": "-2-3",
    "at": "@SUM(A1)",
    "terminal": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b2J\x08\x08",
    "console markup": "[bold]x[/bold] [/] [link=http://example.org]y[/link] [red",
    "a backslash before markup": "\\[bold]\\",
    "a marker": marker("first-call.0123456789abcdef"),
    "half a marker": "[[followup:followup:x.0123456789abcdef]",
    "a path": "../../etc/passwd",
    "file name characters": 'a/b\\c:d*e?f"g<h>i|j',
    "blanks": "   ",
}
RULES = """\
  - id: first-call
    why: Every new lead is called
    when: {created: true}
    then:
      - task:
          type: call
          subject: "Call {lead.name}"
          body: "{lead.company} / {lead.title} / {lead.owner}"
          due: 1 business day
    once: per lead
  - id: hand-out
    why: Somebody of inbound takes what Eva gets
    when: {created: true}
    if: {owner: eva}
    then: [{reassign: {pool: inbound, note: "{lead.name} of {lead.company}"}}]
    once: per lead
"""
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What would steer a terminal, turn a line's order round, or is no character."""


def one_line(text: str) -> str:
    """A field's value as a text of ours carries it."""
    text = text.replace("\x00", "\ufffd")
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return re.sub(r"\s+", " ", text).strip().replace("[followup:", "[ followup:")


def filled(firm: Company) -> dict[str, str]:
    """A lead for each value, with that value wherever a person or a prospect can write."""
    firm.rules(RULES)
    firm.run()
    firm.at(HOUR)
    found = {}
    for name, value in VALUES.items():
        owner = (
            firm.org.add_person(value[:80], f"p{len(found)}@example.com") if len(value) < 500 else firm.people["ana"]
        )
        lead = firm.lead(name=value, company=value, title=value, phone=value[:40], owner=owner)
        found[name] = lead
        short = value[:200]
        firm.call(lead, by="ben")
        firm.org.log_email(lead, firm.people["ana"], "inbound", short)
        firm.org.add_note(lead, firm.people["ana"], value[:30_000])
        firm.org.add_task(lead, firm.people["ana"], "call", short, firm.clock.peek())
    return found


def test_values_are_carried_as_they_are_and_no_pass_stumbles(firm: Company) -> None:
    leads = filled(firm)
    done = firm.run(2 * HOUR)
    assert done.exit_code == 0, done.summary
    assert done.writes.confirmed == len(leads)
    for name, lead in leads.items():
        ours = [task for task in firm.tasks(lead) if task.subject.startswith("Call ")]
        assert len(ours) == 1, name
        wanted = f"Call {one_line(VALUES[name]) or '(no name)'}"
        assert ours[0].subject.strip() == wanted[:255].strip(), name
    for hours in (3, 4, 30):
        again = firm.run(hours * HOUR)
        assert again.exit_code == 0
        assert again.writes.calls == 0, again.plan.actions
        assert again.summary.counts["evaluated"] == 0 or hours == 3


PRINTED = [
    "show latest --json",
    "show latest",
    "log",
    "report",
    "doctor",
    "replay --since 2026-03-02",
    "report --html page.html",
]


def test_what_is_printed_steers_no_terminal(firm: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(firm.folder)
    leads = filled(firm)
    assert not STEERING.search(said(firm, "plan"))
    firm.run(2 * HOUR)
    for command in PRINTED:
        assert not STEERING.search(said(firm, *command.split())), command
    page = (firm.folder / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    told = said(firm, "show", "latest")
    assert all(lead in told for lead in leads.values())
    assert "[bold]x[/bold] [/] [link=http://example.org]y[/link] [red" in told


def plant(firm: Company, lead: str, text: str) -> str:
    """A person's task on a lead with a text, as a form that a prospect filled in would make it."""
    task = str(firm.org.add_task(lead, firm.people["ana"], "call", "From the web form", firm.clock.peek()))
    if firm.crm == "salesforce":
        firm.org.update_row(task, {"Description": text})
    else:
        portal = firm.org.portal
        table = portal.table("tasks")
        portal.update(table, portal.row(table, task), {"hs_task_body": text}, portal.person(firm.people["ana"]))
    return task


def keys(firm: Company, lead: str) -> dict[str, str | None]:
    """The keys of a lead's stored activities."""
    with firm.connected() as connection, connection.store.begin() as uow:
        [state] = uow.states([firm.ref(lead)])
    return {activity.id: activity.key for activity in state.activities}


def test_a_marker_that_a_prospect_wrote_makes_no_task_ours(firm: Company) -> None:
    firm.rules(RULES)
    firm.run()
    firm.at(HOUR)
    lead = firm.lead()
    task = plant(firm, lead, f"please call\n{marker('first-call.0123456789abcdef')}")
    read = firm.run(2 * HOUR).summary.counts["read"]
    assert isinstance(read, dict)
    assert read["echoes"] == 0
    assert keys(firm, lead)[task] is None
    [ours] = [each for each in firm.tasks(lead) if each.id != task]
    firm.run(3 * HOUR)
    assert keys(firm, lead)[ours.id] is not None


def test_a_copy_of_our_task_is_its_maker_s(firm: Company) -> None:
    firm.rules(RULES)
    firm.run()
    firm.at(HOUR)
    lead = firm.lead()
    firm.run(2 * HOUR)
    [ours] = firm.tasks(lead)
    key = next(entry.action.key for entry in firm.outbox())
    copy = plant(firm, lead, marker(key))
    firm.run(3 * HOUR)
    stored = keys(firm, lead)
    assert (stored[ours.id], stored[copy]) == (key, None)


STATUS = """\
  - id: mark
    why: Whoever works a lead writes down what was agreed
    when: {changes: status}
    then: [{task: {type: todo, subject: "Status {lead.status}", due: 1 business day}}]
"""


def test_a_status_may_be_any_text(firm: Company) -> None:
    firm.rules(STATUS)
    lead = firm.lead()
    firm.run()
    for number, (name, value) in enumerate(VALUES.items(), 1):
        firm.at(number * HOUR)
        firm.org.set_fields(lead, {"status": value}, by=firm.people["ana"])
        if number % 12 == 0:
            assert firm.run(number * HOUR + HOUR / 2).exit_code == 0, name
    with firm.connected() as connection, connection.store.begin() as uow:
        [state] = uow.states([firm.ref(lead)])
    assert len(state.changes) >= 20
    assert max(len(change.id) for change in state.changes) < 200, "no key of the store is as long as a value"
