"""Where the reasons of `explain` come from: each says the value seen, who or what told it, and since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from connector.domain.actions import action_key
from connector.domain.model import Enrollment, RecordState
from rules.basics import Duration
from rules.model import (
    Assigned,
    AttemptsReach,
    AttemptsTest,
    Condition,
    Created,
    DuringTest,
    EnrolledTest,
    FieldChange,
    NextStepTest,
    OwnerTest,
    QuietFor,
    QuietTest,
    RepliedTest,
    Rule,
    SinceTest,
    TouchedTest,
    Trigger,
)
from rules.rulebook import FileRulebook
from tests.builders import (
    ANA,
    BEN,
    OWNERS,
    PLACE,
    REF,
    adopted,
    assigned,
    at,
    call,
    change,
    email,
    enroll,
    field_is,
    lead,
    mark,
    moment,
    rule,
    ruleset,
    state,
    task,
)

NOW = "2026-03-10 12:00"
KEY = action_key("r", REF, "created", 0)
TWO_DAYS = QuietFor(Duration(2, "days"), ("call", "email"), "anyone")

Told = tuple[str, str, datetime | None]


def reasons(the_rule: Rule, of: RecordState) -> dict[str, Told]:
    rulebook = FileRulebook(ruleset(the_rule), engine="plain")
    rulebook.bind(None, OWNERS)
    [verdict] = rulebook.explain(of, moment(NOW, adopted("2026-01-01 09:00")))
    return {reason.path: (reason.value, reason.source, reason.at) for reason in verdict.reasons}


def seen(condition: Condition, *parts: object) -> Told:
    """What `explain` tells of one condition."""
    found = reasons(rule(if_=condition), state(*parts))  # type: ignore[arg-type]
    return found["if.x"]


STATUS = field_is("status", "Interested", path="if.x")
MOVED = change("status", "Open - Not Contacted", "Interested", "2026-03-05 10:00")
INTERESTED = lead(status="Interested")


def test_a_field_comes_from_the_record_from_history_from_two_readings_or_from_us() -> None:
    assert seen(STATUS, INTERESTED) == ("Interested", "read from the record", at("2026-03-02 09:00"))
    assert seen(STATUS, INTERESTED, MOVED) == ("Interested", "the CRM's history of status", MOVED.at)
    assert seen(STATUS, INTERESTED, replace(MOVED, exact=False))[1] == "two readings of status"
    ours = replace(MOVED, id=f"{KEY}#status", origin="us")
    assert seen(STATUS, INTERESTED, ours)[1] == f"our own write {KEY}"
    assert seen(STATUS, lead(hidden=["status"])) == ("", "not shown by the CRM", None)


def test_what_happened_names_who_did_it_and_when() -> None:
    attempts = AttemptsTest(1, None, (), "anyone", "assigned", "if.x", PLACE)
    replied = RepliedTest(True, "created", "if.x", PLACE)
    touched = TouchedTest("owner", "if.x", PLACE)
    calls = (call("2026-03-04 10:00"), call("2026-03-06 10:00", by=BEN))
    assert seen(attempts, *calls) == ("2", "call by Ben Bauer", at("2026-03-06 10:00"))
    assert seen(attempts) == ("0", "no such activity since the record's creation", at("2026-03-02 09:00"))
    given = assigned(ANA, "2026-03-03 09:00", BEN)
    assert seen(attempts, given)[1] == "no such activity since the CRM's history of owner"
    assert seen(replied, email("2026-03-05 10:00", by=None))[1] == "email from the prospect"
    assert seen(touched, *calls) == ("1", "call by Ana Alvarez", at("2026-03-04 10:00"))
    assert seen(QuietTest(TWO_DAYS, "if.x", PLACE), *calls)[1:] == ("call by Ben Bauer", at("2026-03-06 10:00"))


def test_steps_status_age_and_enrolments_name_their_source() -> None:
    none = NextStepTest("none", None, "if.x", PLACE)
    ours = task("2026-03-11 10:00", key=KEY, created=at("2026-03-09 10:00"))
    assert seen(none, ours) == ("1", f"task of Ana Alvarez, our own write {KEY}", at("2026-03-09 10:00"))
    assert seen(none)[:2] == ("none", "no open task and no coming meeting was read")
    in_status = SinceTest("in_status", Duration(1, "days"), None, "if.x", PLACE)
    assert seen(in_status, INTERESTED, MOVED)[1:] == ("the CRM's history of status", MOVED.at)
    age = SinceTest("age", Duration(1, "days"), None, "if.x", PLACE)
    assert seen(age)[1:] == ("the record's creation", at("2026-03-02 09:00"))
    enrolled = EnrolledTest("brochure", "if.x", PLACE)
    assert seen(enrolled) == ("no", "brochure was never read for this record", None)
    member = Enrollment(REF, "brochure", at("2026-03-04 10:00"))
    assert seen(enrolled, member) == ("yes", "the members of brochure", at("2026-03-04 10:00"))


@pytest.mark.parametrize(
    ("how", "value", "source"),
    [
        ("absent", True, "team.yaml, and read from the record"),
        ("in_pool", "inbound", "team.yaml, and read from the record"),
        ("active", True, "the CRM's list of users, and read from the record"),
        ("nobody", False, "read from the record"),
    ],
)
def test_the_owner_is_told_by_name_and_by_who_knows(how: str, value: str | bool, source: str) -> None:
    owner = OwnerTest(how, value, "if.x", PLACE)  # type: ignore[arg-type]
    assert seen(owner)[:2] == ("Ana Alvarez", source)


def test_the_clock_and_the_calendar_are_sources_too() -> None:
    assert seen(DuringTest("berlin", "if.x", PLACE))[1:] == ("the clock and the calendar berlin of team.yaml", at(NOW))


@pytest.mark.parametrize(
    ("when", "path", "told"),
    [
        (Created(), "when.created", ("2026-03-02 09:00", "read from the record", "2026-03-02 09:00")),
        (
            FieldChange("becomes", "status", ("Interested",)),
            "when.becomes",
            ("Interested", "the CRM's history of status", "2026-03-05 10:00"),
        ),
        (Assigned(), "when.assigned", ("005A", "the CRM's history of owner", "2026-03-03 09:00")),
        (
            AttemptsReach(2, (), "anyone", "created"),
            "when.attempts",
            ("2026-03-06 10:00", "call by Ben Bauer", "2026-03-06 10:00"),
        ),
    ],
)
def test_a_trigger_says_what_started_the_clock(when: Trigger, path: str, told: tuple[str, str, str]) -> None:
    calls = (call("2026-03-04 10:00"), call("2026-03-06 10:00", by=BEN))
    of = state(INTERESTED, MOVED, assigned(ANA, "2026-03-03 09:00", BEN), *calls)
    found = reasons(rule(when=when, calendar="berlin"), of)[path]
    assert (found[1], found[2]) == (told[1], at(told[2]))


def test_waits_marks_and_guards_say_where_they_come_from() -> None:
    waiting = reasons(rule(wait=Duration(20, "days")), state())
    assert waiting["wait"] == ("20 days", "the calendar office", at("2026-03-22 09:00"))
    fired = reasons(rule(), state(mark("fired", "created", "2026-03-03 09:00")))
    assert fired["once"] == ("fired", "what this rule did before", at("2026-03-03 09:00"))
    opted = reasons(rule(then=(enroll(),)), state(lead(opted_out=True)))
    assert opted["guard.opted_out"][:2] == ("yes", "read from the record")
    gone = reasons(rule(), state(lead(converted=True)))
    assert gone["guard.converted"][:2] == ("yes", "read from the record")
    ours = task("2026-03-11 10:00", key=KEY, task_type="call")
    assert KEY in reasons(rule(), state(ours))["guard.open_task"][1]
