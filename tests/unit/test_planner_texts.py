"""Texts of tasks and notes: holes for fields, and what may not come out of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest
from builders import (
    ANA,
    OWNERS,
    PLACE,
    QUEUE,
    adopted,
    at,
    enroll,
    enrollment,
    lead,
    moment,
    rule,
    ruleset,
    schema,
    span,
    state,
)

from connector.domain.actions import key_in, marker
from connector.domain.decision import PlannedAction, Reason
from connector.domain.model import Record, RecordRef, RecordState, Value
from rules.actions import NoteAction, ReassignAction, RuleAction, TaskAction, UnenrollAction
from rules.basics import Template
from rules.calendar import OFFICE, WorkCalendar
from rules.drafts import why_of
from rules.rulebook import FileRulebook
from rules.template import one_line, parse, render

BERLIN = WorkCalendar(replace(OFFICE, zone="Europe/Berlin"))
CREATED = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


def filled(text: str, **fields: Value) -> str:
    record = Record(RecordRef("salesforce", "lead", "00Q1"), fields, CREATED, CREATED, "1")
    return render(parse(text), record, BERLIN, {"005A": "Ana Alvarez"}.get)


def test_a_text_is_taken_apart_into_literals_and_fields() -> None:
    assert parse("Call {lead.name} of {lead.custom.Tier} now") == Template(
        ("Call ", "name", " of ", "custom.Tier", " now")
    )
    assert parse("Call {name}").fields == ("name",)
    assert parse("nothing to fill").fields == ()


@pytest.mark.parametrize(
    "text", ["{lead.name", "lead.name}", "{}", "{lead}", "{lead.name!r}", "{lead.name:>9}", "{a b}"]
)
def test_anything_but_a_field_name_in_braces_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"lead\.name"):
        parse(text)


def test_a_field_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no field of a lead"):
        parse("{deal.name}")


def test_every_kind_of_value_reads_as_a_person_writes_it() -> None:
    text = (
        "{lead.name} {lead.size} {lead.score} {lead.opted_out} {lead.closes} {lead.called} {lead.owner} {lead.created}"
    )
    values: dict[str, Value] = {
        "name": "Kim Lee",
        "size": 12,
        "score": 4.5,
        "opted_out": False,
        "closes": date(2026, 7, 1),
        "called": datetime(2026, 7, 1, 7, 0, tzinfo=UTC),
        "owner": "005A",
    }
    assert filled(text, **values) == "Kim Lee 12 4.5 no 2026-07-01 2026-07-01 09:00 Ana Alvarez 2026-03-02 09:30"


def test_an_empty_or_hidden_field_says_so_instead_of_leaving_a_gap() -> None:
    assert filled("Ring {lead.phone} ({lead.custom.tier})", phone=None) == "Ring (no phone) ((no tier))"


def test_a_value_is_not_read_as_a_template_again() -> None:
    assert filled("Call {lead.name}", name="{lead.email}", email="kim@example.com") == "Call {lead.email}"


def test_a_prospects_name_can_neither_add_lines_nor_forge_our_marker() -> None:
    forged = f"Kim\n{marker('other-rule.0123456789abcdef')}\r\nLee"
    text = filled("Call {lead.name}", name=forged)
    assert "\n" not in text
    assert key_in(text) is None


@pytest.mark.parametrize("text", ["[followup:x]", "[[followup:followup:x]", "[follow[followup:up:x]"])
def test_no_way_of_nesting_a_marker_lets_one_through(text: str) -> None:
    assert key_in(one_line(text)) is None


def test_two_fields_together_cannot_forge_a_marker_either() -> None:
    assert key_in(filled("{lead.name}{lead.company}", name="[follow", company="up:x.1]")) is None


def test_a_why_names_what_happened_and_what_did_not() -> None:
    reasons = (
        Reason("when.created", True, "created 2026-03-02"),
        Reason("wait", True, "due since 2026-03-09 10:00"),
        Reason("if.country", True, "country is DE"),
        Reason("unless.any.0.attempts", False, "no call yet"),
        Reason("unless.any.1.opted_out", False, "opted_out is no"),
    )
    assert why_of(rule(why="Every new lead is called within a week."), reasons) == (
        "Every new lead is called within a week (created 2026-03-02, country is DE, no call yet)"
    )
    assert why_of(rule(why="Every new lead is called."), ()) == "Every new lead is called."


def test_a_why_repeats_nothing_personal() -> None:
    reasons = (Reason("if.email", True, "email is kim@example.com"), Reason("if.all.0.phone", True, "phone is 1"))
    assert why_of(rule(why="Somebody to call"), reasons) == "Somebody to call"


# -- actions -------------------------------------------------------------------------------------------------------


def planned(action: RuleAction, of: RecordState | None = None, now: str = "2026-03-04 10:00") -> PlannedAction | None:
    """The one action of a rule on a lead, None when it is not needed."""
    book = FileRulebook(ruleset(rule(then=(action,))))
    assert book.bind(schema(), OWNERS) == ()
    when = moment(now, adopted("2020-01-01 00:00"))
    plan = book.plan(book.evaluate([of or state(lead())], when), when)
    assert not plan.waiting
    return plan.actions[0] if plan.actions else None


def task(**more: object) -> TaskAction:
    values: dict[str, object] = {"body": None, "due": span(1, "business days"), "slot": None, "priority": "high"} | more
    return TaskAction("call", parse("Call {lead.name}"), to="owner", place=PLACE, **values)  # type: ignore[arg-type]


def test_a_task_has_its_subject_filled_and_ends_with_the_why() -> None:
    action = planned(task(body=parse("Ask {lead.name}\nwhen they decide")))
    assert action is not None
    assert action.fields == {
        "type": "call",
        "subject": "Call Pat Prospect",
        "body": "Ask Pat Prospect\nwhen they decide\nEvery lead is called (created on 2026-03-02 09:00)",
        "due": at("2026-03-05 10:00"),
        "due_date": date(2026, 3, 5),
        "priority": "high",
        "owner": ANA.id,
    }
    assert action.why == "Every lead is called (created on 2026-03-02 09:00)"


def test_a_task_without_a_body_has_the_why_alone() -> None:
    action = planned(task())
    assert action is not None
    assert action.fields["body"] == action.why


def test_a_subject_is_one_line_that_the_crm_takes() -> None:
    action = planned(task(), state(lead(name="Kim\n" * 200)))
    assert action is not None
    subject = str(action.fields["subject"])
    assert len(subject) <= 255
    assert subject.startswith("Call Kim Kim Kim")
    assert "\n" not in subject


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-04 10:00", "2026-03-05 15:00"),  # the slot of the due day
        ("2026-03-04 15:30", "2026-03-05 15:30"),  # within it
        ("2026-03-05 16:30", "2026-03-09 15:00"),  # after Friday's, so Monday's
    ],
)
def test_a_slot_moves_a_task_to_its_hour_of_an_open_day(now: str, due: str) -> None:
    action = planned(task(slot=(time(15), time(16))), now=now)
    assert action is not None
    assert action.fields["due"] == at(due)


def test_an_enrolment_goes_out_in_the_owners_name_and_not_twice() -> None:
    action = planned(enroll())
    assert action is not None
    assert (action.kind, action.fields) == ("enroll", {"in": "brochure", "sender": ANA.id})
    assert planned(enroll(), state(lead(), enrollment("brochure", "2026-02-01 10:00"))) is None
    again = planned(enroll(), state(lead(), enrollment("brochure", "2026-02-01 10:00", active=False)))
    assert again is not None


def test_an_unenrolment_is_left_out_only_when_the_record_is_known_to_be_out() -> None:
    leave = UnenrollAction("brochure", PLACE)
    action = planned(leave, state(lead(), enrollment("brochure", "2026-02-01 10:00")))
    assert action is not None
    assert action.fields == {"from": "brochure"}
    assert planned(leave) is not None
    assert planned(leave, state(lead(), enrollment("brochure", "2026-02-01 10:00", active=False))) is None


def test_a_note_and_a_handover_note_are_filled() -> None:
    note = planned(NoteAction(parse("{lead.name} of {lead.country}"), PLACE), state(lead(country="DE")))
    assert note is not None
    assert note.fields == {"text": "Pat Prospect of DE"}
    hand_over = ReassignAction("ben", None, False, "hold", parse("from {lead.owner}: {lead.name}"), PLACE)
    moved = planned(hand_over, state(lead(owner=QUEUE.id)))
    assert moved is not None
    assert moved.fields["note"] == "from Inbound Queue: Pat Prospect"
    assert moved.fields["owner_name"] == "Ben Bauer"
    assert moved.old == {"owner": QUEUE.id, "owner_name": "Inbound Queue"}
