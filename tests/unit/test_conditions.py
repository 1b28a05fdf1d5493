"""What each condition says of a record, why, and until when."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from connector.domain.model import RecordState, Value
from rules.basics import Scalar
from rules.condition import Result, evaluate
from rules.model import (
    AttemptsTest,
    Condition,
    DuringTest,
    EnrolledTest,
    FieldOp,
    NextStepTest,
    OwnerTest,
    QuietFor,
    QuietTest,
    RepliedTest,
    SinceTest,
    TouchedTest,
)
from rules.team import Absence, Team
from tests.builders import (
    ANA,
    BEN,
    GUS,
    PLACE,
    QUEUE,
    all_of,
    any_of,
    assigned,
    at,
    calendars,
    call,
    change,
    email,
    enrollment,
    facts,
    field_is,
    lead,
    meeting,
    not_,
    person,
    span,
    state,
    task,
    team,
)

NOW = "2026-03-10 12:00"  # a Tuesday


def seen(
    condition: Condition, of: RecordState, now: str = NOW, on: Team | None = None, clock: str = "office"
) -> Result:
    known = calendars(on)
    return evaluate(condition, facts(of, now, on=on), known[clock], known)


def holds(condition: Condition, of: RecordState, now: str = NOW, on: Team | None = None) -> bool | None:
    return seen(condition, of, now, on).holds


# -- fields --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "op", "constants", "expected"),
    [
        ("Germany", "in", ("GERMANY", "Austria"), True),
        ("Swiss", "in", ("Germany", "Austria"), False),
        ("Purchased", "not_in", ("purchased",), False),
        ("Web", "not_in", ("purchased",), True),
        (60, "at_least", (60,), True),
        (59.5, "at_least", (60,), False),
        ("60", "at_least", (60,), True),
        ("many", "at_least", (60,), None),
        (True, "at_least", (0,), None),
        (60, "at_most", (60,), True),
        (60, "over", (60,), False),
        (61, "over", (60,), True),
        (60, "under", (60,), False),
        (1, "in", (True,), False),
        (1, "in", ("1",), True),
        (True, "in", (True,), True),
        (False, "in", ("no",), True),
        (True, "in", ("false",), False),
        ("Head of Sales", "contains", ("head",), True),
        ("Sales", "contains", ("head",), False),
        ("Head of Sales", "starts_with", ("HEAD",), True),
        ("Ahead", "starts_with", ("head",), False),
        ("Web", "known", (True,), True),
        ("Web", "known", (False,), False),
        (None, "known", (True,), False),
        ("", "known", (False,), True),
        (None, "in", ("Web",), None),
        (None, "not_in", ("Web",), None),
        (date(2026, 3, 5), "before", (date(2026, 3, 6),), True),
        (date(2026, 3, 6), "before", (date(2026, 3, 6),), False),
        (date(2026, 3, 6), "after", (date(2026, 3, 6),), False),
        (date(2026, 3, 7), "after", (date(2026, 3, 6),), True),
        (date(2026, 3, 6), "in", ("2026-03-06",), True),
        (datetime(2026, 3, 6, 10, tzinfo=UTC), "in", (date(2026, 3, 6),), True),
        (datetime(2026, 3, 6, 10, tzinfo=UTC), "after", (date(2026, 3, 6),), False),
        (datetime(2026, 3, 7, 0, tzinfo=UTC), "after", (date(2026, 3, 6),), True),
        (datetime(2026, 3, 5, 23, tzinfo=UTC), "before", (date(2026, 3, 6),), True),
        ("2026-03-05", "before", ("2026-03-06",), True),
        ("soon", "before", ("2026-03-06",), None),
    ],
)
def test_a_field_is_compared_by_its_type(
    value: Value, op: FieldOp, constants: tuple[Scalar, ...], expected: bool | None
) -> None:
    assert holds(field_is("x", *constants, op=op), state(lead(x=value))) is expected


def test_a_day_begins_at_midnight_of_the_rules_calendar() -> None:
    of = state(lead(x=at("2026-03-06 23:30")))  # 7 March, 00:30, in Berlin
    condition = field_is("x", date(2026, 3, 6), op="after")
    assert seen(condition, of).holds is False
    assert seen(condition, of, clock="berlin").holds is True


def test_created_is_known_even_where_the_crm_gives_no_such_field() -> None:
    of = state(lead("2026-03-02 09:00", hidden=["x"], created_by="somebody"))
    assert holds(field_is("created", date(2026, 3, 2)), of) is True


def test_within_looks_both_ways_and_says_when_it_changes() -> None:
    condition = field_is("renewal", op="within", duration=span(3, "days"))
    of = state(lead(renewal=at("2026-03-15 12:00")))
    assert seen(condition, of, "2026-03-10 12:00").flips_at == at("2026-03-12 12:00")
    assert holds(condition, of, "2026-03-12 11:59") is False
    assert holds(condition, of, "2026-03-12 12:00") is True
    assert seen(condition, of, "2026-03-15 12:00").flips_at == at("2026-03-18 12:00")
    assert holds(condition, of, "2026-03-18 12:00") is False
    day = state(lead(renewal=date(2026, 3, 15)))
    assert holds(condition, day, "2026-03-12 00:00") is True
    assert holds(condition, day, "2026-03-18 23:59") is True
    assert holds(condition, state(lead(renewal="soon")), NOW) is None


@pytest.mark.parametrize("name", ["opted_out", "do_not_call", "status"])
def test_not_knowing_a_field_that_guards_contact_stops_unless(name: str) -> None:
    condition = any_of(field_is("country", "DE"), field_is(name, True))
    hidden = seen(condition, state(lead(country="FR", hidden=[name])))
    assert (hidden.holds, hidden.guarded, hidden.stops) == (None, True, True)
    assert hidden.reasons[-1].text == f"the CRM does not show {name}"
    empty = seen(condition, state(lead(country="FR", **{name: None})))
    assert (empty.holds, empty.stops) == (None, True)


def test_not_knowing_another_field_does_not_stop_unless() -> None:
    result = seen(any_of(field_is("country", "DE")), state(lead(country=None)))
    assert (result.holds, result.stops) == (None, False)
    assert result.reasons[0].text == "country is empty"


def test_a_hidden_address_stops_unless_and_an_empty_one_does_not() -> None:
    condition = field_is("email", "spam", op="contains")
    assert seen(condition, state(lead(hidden=["email"]))).stops
    assert not seen(condition, state(lead(email=None))).stops


def test_a_guard_that_decides_nothing_does_not_stop() -> None:
    condition = all_of(field_is("opted_out", True), field_is("country", "DE"))
    result = seen(condition, state(lead(country="FR", hidden=["opted_out"])))
    assert (result.holds, result.stops) == (False, False)


def test_reasons_tell_the_value_that_was_seen() -> None:
    of = state(lead(country="FR", score=40))
    texts = [
        reason.text
        for reason in seen(
            any_of(
                field_is("status", "Open - Not Contacted"),
                field_is("country", "DE", "AT"),
                field_is("score", 60, op="at_least"),
                field_is("opted_out", True),
            ),
            of,
        ).reasons
    ]
    assert texts == [
        "status is Open - Not Contacted",
        "country is FR, not DE or AT",
        "score is 40, not at least 60",
        "opted_out is no",
    ]


# -- combining -----------------------------------------------------------------------------------------------------

YES, NO, UNKNOWN = field_is("country", "DE"), field_is("country", "FR"), field_is("industry", "software")
GERMAN = state(lead(country="DE", industry=None))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (all_of(), True),
        (any_of(), False),
        (all_of(YES, UNKNOWN), None),
        (all_of(NO, UNKNOWN), False),
        (any_of(YES, UNKNOWN), True),
        (any_of(NO, UNKNOWN), None),
        (not_(UNKNOWN), None),
        (not_(YES), False),
        (not_(any_of(NO, all_of(YES, NO))), True),
    ],
)
def test_conditions_combine_with_three_values(condition: Condition, expected: bool | None) -> None:
    assert holds(condition, GERMAN) is expected


def test_every_leaf_has_its_reason_also_those_that_do_not_matter() -> None:
    result = seen(any_of(YES, UNKNOWN, all_of(NO, not_(YES))), GERMAN)
    assert [reason.holds for reason in result.reasons] == [True, None, False, True]


# -- follow-up -----------------------------------------------------------------------------------------------------


def attempts(low: int | None, high: int | None = None, by: str = "anyone") -> AttemptsTest:
    return AttemptsTest(low, high, ("call",), by, "assigned", "unless.attempts", PLACE)  # type: ignore[arg-type]


def test_attempts_lie_within_bounds() -> None:
    of = state(call("2026-03-03 10:00"), call("2026-03-04 10:00", BEN))
    assert holds(attempts(2), of) is True
    assert holds(attempts(3), of) is False
    assert holds(attempts(None, 1), of) is False
    assert holds(attempts(1, 2), of) is True
    assert holds(attempts(2, by="owner"), of) is False
    assert seen(attempts(3), of).reasons[0].text == "2 call attempts since assigned on 2026-03-02 09:00, not at least 3"


def test_a_meeting_that_will_be_over_may_change_a_count_of_attempts() -> None:
    met = AttemptsTest(1, None, ("meeting",), "anyone", "assigned", "if.attempts", PLACE)
    of = state(meeting("2026-03-10 13:00", "2026-03-10 14:00"))
    assert (seen(met, of).holds, seen(met, of).flips_at) == (False, at("2026-03-10 14:00"))
    assert holds(met, of, "2026-03-10 14:00") is True
    assert seen(attempts(1), of).flips_at is None
    touched = TouchedTest("owner", "if.touched_by", PLACE)
    assert (seen(touched, of).holds, seen(touched, of).flips_at) == (False, at("2026-03-10 14:00"))


def test_a_reply_counts_since_its_anchor() -> None:
    answered = RepliedTest(True, "assigned", "unless.replied", PLACE)
    silent = RepliedTest(False, "assigned", "if.replied", PLACE)
    of = state(email("2026-03-03 10:00", None))
    assert (holds(answered, of), holds(silent, of)) == (True, False)
    later = state(lead(owner=BEN.id), email("2026-03-03 10:00", None), assigned(BEN, "2026-03-04 10:00", ANA))
    assert (holds(answered, later), holds(silent, later)) == (False, True)
    assert seen(answered, later).reasons[0].text == "no reply since assigned on 2026-03-04 10:00"


def test_only_an_attempt_by_the_owner_is_a_touch_by_the_owner() -> None:
    touched = TouchedTest("owner", "if.touched_by", PLACE)
    assert holds(touched, state(call("2026-03-03 10:00"))) is True
    assert holds(touched, state(call("2026-03-03 10:00", BEN))) is False
    assert holds(touched, state(email("2026-03-03 10:00", None))) is False
    assert holds(TouchedTest("anyone", "if.touched_by", PLACE), state(call("2026-03-03 10:00", BEN))) is True
    assert holds(TouchedTest("lead", "if.touched_by", PLACE), state(email("2026-03-03 10:00", None))) is True


def test_quiet_holds_from_the_end_of_its_time() -> None:
    quiet = QuietTest(QuietFor(span(7, "days"), ("call", "meeting"), "anyone"), "if.quiet", PLACE)
    of = state(call("2026-03-04 12:00"))
    assert seen(quiet, of, "2026-03-11 11:59").flips_at == at("2026-03-11 12:00")
    assert holds(quiet, of, "2026-03-11 11:59") is False
    assert holds(quiet, of, "2026-03-11 12:00") is True
    interrupted = state(call("2026-03-01 12:00"), meeting("2026-03-10 13:00", "2026-03-10 14:00"))
    assert seen(quiet, interrupted).flips_at == at("2026-03-10 14:00")


def next_step(how: str, days: int | None = None) -> NextStepTest:
    return NextStepTest(how, span(days, "days") if days else None, "if.next_step", PLACE)  # type: ignore[arg-type]


def test_no_next_step_means_no_open_task_and_no_coming_meeting() -> None:
    assert holds(next_step("none"), state()) is True
    assert holds(next_step("none"), state(task("2026-03-03 10:00"))) is False
    assert holds(next_step("none"), state(task("2026-03-03 10:00", done=True))) is True
    coming = state(meeting("2026-03-10 13:00", "2026-03-10 14:00"), meeting("2026-03-11 13:00", "2026-03-11 14:00"))
    assert holds(next_step("none"), coming) is False
    assert seen(next_step("none"), coming).flips_at == at("2026-03-11 14:00")


def test_a_next_step_due_soon_and_one_that_is_late() -> None:
    of = state(task("2026-03-03 10:00", due="2026-03-14 10:00"))
    assert seen(next_step("due_within", 2), of).flips_at == at("2026-03-12 10:00")
    assert holds(next_step("due_within", 2), of, "2026-03-12 10:00") is True
    assert seen(next_step("overdue", 1), of).flips_at == at("2026-03-15 10:00")
    assert holds(next_step("overdue", 1), of, "2026-03-15 09:59") is False
    assert holds(next_step("overdue", 1), of, "2026-03-15 10:00") is True
    assert holds(next_step("overdue"), of, "2026-03-14 10:00") is True


def test_a_task_due_on_a_day_is_late_when_the_day_is_over() -> None:
    of = state(task("2026-03-03 10:00", due=date(2026, 3, 10)))
    assert holds(next_step("overdue"), of, "2026-03-10 23:59") is False
    assert holds(next_step("overdue"), of, "2026-03-11 00:00") is True
    assert holds(next_step("overdue"), state(task("2026-03-03 10:00"))) is False


def test_how_long_it_is_in_its_status_and_how_old_it_is() -> None:
    of = state(change("status", "a", "b", "2026-03-05 10:00"))
    over = SinceTest("in_status", span(10, "days"), None, "if.in_status", PLACE)
    assert seen(over, of).flips_at == at("2026-03-15 10:00")
    assert holds(over, of, "2026-03-15 09:59") is False
    assert holds(over, of, "2026-03-15 10:00") is True
    young = SinceTest("age", None, span(10, "days"), "if.age", PLACE)
    assert seen(young, of).flips_at == at("2026-03-12 09:00")
    assert holds(young, of, "2026-03-12 08:59") is True
    assert holds(young, of, "2026-03-12 09:00") is False
    assert seen(over, state(lead(hidden=["status"]))).stops


def test_enrolled_means_now() -> None:
    enrolled = EnrolledTest("brochure", "if.enrolled", PLACE)
    assert holds(enrolled, state(enrollment("brochure"))) is True
    assert holds(enrolled, state(enrollment("brochure", active=False))) is False
    assert holds(enrolled, state(enrollment("welcome"))) is False


def owner_is(how: str, value: str | bool = True) -> OwnerTest:
    return OwnerTest(how, value, "if.owner", PLACE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("owner", "condition", "expected"),
    [
        (ANA.id, owner_is("active"), True),
        (GUS.id, owner_is("active"), False),
        (GUS.id, owner_is("active", False), True),
        (QUEUE.id, owner_is("active"), False),
        (QUEUE.id, owner_is("queue"), True),
        (ANA.id, owner_is("queue"), False),
        (QUEUE.id, owner_is("queue", "inbound queue"), True),
        (QUEUE.id, owner_is("queue", "outbound"), False),
        (None, owner_is("nobody"), True),
        (None, owner_is("active"), False),
        (None, owner_is("active", False), True),
        (ANA.id, owner_is("nobody"), False),
        (ANA.id, owner_is("person", "ana"), True),
        (BEN.id, owner_is("person", "ana"), False),
        (BEN.id, owner_is("in_pool", "inbound"), True),
        (GUS.id, owner_is("in_pool", "inbound"), False),
        ("005X", owner_is("active"), None),
    ],
)
def test_what_the_owner_is(owner: str | None, condition: OwnerTest, expected: bool | None) -> None:
    assert holds(condition, state(lead(owner=owner))) is expected


def test_an_absence_lasts_from_its_first_to_its_last_day_in_the_persons_zone() -> None:
    away = person("ana", zone="Europe/Berlin", away=(Absence(date(2026, 3, 12), date(2026, 3, 13)),))
    on, of = team(away), state()
    condition = owner_is("absent")
    assert seen(condition, of, "2026-03-10 12:00", on).flips_at == at("2026-03-11 23:00")
    assert holds(condition, of, "2026-03-11 22:59", on) is False
    assert holds(condition, of, "2026-03-11 23:00", on) is True
    assert seen(condition, of, "2026-03-12 12:00", on).flips_at == at("2026-03-13 23:00")
    assert holds(condition, of, "2026-03-13 23:00", on) is False


def test_during_follows_the_named_calendar() -> None:
    during = DuringTest("office", "if.during", PLACE)
    assert seen(during, state(), "2026-03-10 12:00").flips_at == at("2026-03-10 17:00")
    assert holds(during, state(), "2026-03-10 12:00") is True
    assert holds(during, state(), "2026-03-10 17:00") is False
    assert seen(during, state(), "2026-03-13 17:00").flips_at == at("2026-03-16 09:00")


# -- when time alone changes it ------------------------------------------------------------------------------------


def test_a_group_changes_only_when_all_that_decides_it_has_changed() -> None:
    of = state()
    open_now = DuringTest("office", "if.during", PLACE)  # until 17:00
    young = SinceTest("age", None, span(10, "days"), "if.age", PLACE)  # until 12 March, 09:00
    assert seen(any_of(open_now, young), of).flips_at == at("2026-03-12 09:00")
    assert seen(all_of(open_now, young), of).flips_at == at("2026-03-10 17:00")
    assert seen(any_of(open_now, field_is("country", "DE")), state(lead(country="DE"))).flips_at is None
    assert seen(all_of(open_now, field_is("country", "DE")), state(lead(country="FR"))).flips_at is None
