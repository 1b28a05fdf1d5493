"""Three-valued logic keeps its laws, and a rule says honestly until when time alone cannot change its mind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.decision import Moment
from connector.domain.model import Activity, Change, Enrollment, Mark, Offer, RecordState
from rules.basics import NO_WAIT, Duration, Unit
from rules.calendar import WorkCalendar
from rules.condition import Result, evaluate
from rules.facts import Facts
from rules.judge import Judgement, judge
from rules.model import (
    ActivityIs,
    Assigned,
    AttemptsReach,
    AttemptsTest,
    Condition,
    Created,
    DuringTest,
    Every,
    FieldChange,
    FieldTest,
    NextStepTest,
    NoNextStep,
    OfferSettled,
    Once,
    OwnerTest,
    QuietFor,
    QuietTest,
    Replied,
    RepliedTest,
    Rule,
    ScoreCrosses,
    ScoreLine,
    SinceTest,
    Step,
    StepDone,
    TaskCompleted,
    TaskOverdue,
    TouchedTest,
)
from rules.score import Scorer
from rules.team import Absence, ContactLimits
from tests.builders import (
    ANA,
    BEN,
    PLACE,
    QUEUE,
    REF,
    adopted,
    all_of,
    any_of,
    assigned,
    at,
    bound,
    calendars_of,
    call,
    call_task,
    change,
    email,
    enroll,
    enrollment,
    field_is,
    lead,
    mark,
    meeting,
    moment,
    not_,
    note,
    person,
    points,
    rule,
    state,
    task,
    team,
)

# A fortnight around the day on which Berlin's clocks go forward, in steps of half an hour.
MONDAY = at("2026-03-23 00:00")
STEPS = 14 * 48
HALF_HOUR = timedelta(minutes=30)

TEAM = team(
    person("ana", zone="Europe/Berlin", away=(Absence(date(2026, 3, 25), date(2026, 3, 27)),)),
    contact=ContactLimits(min_gap=Duration(1, "business days"), max_per_week=2),
)
CALENDARS = calendars_of(TEAM)
BERLIN = CALENDARS["berlin"]

steps = st.integers(0, STEPS)
UNITS: tuple[Unit, ...] = ("hours", "days", "weeks", "business hours", "business days")
durations = st.builds(Duration, st.integers(1, 6), st.sampled_from(UNITS))


def moment_of(step: int) -> datetime:
    return MONDAY + step * HALF_HOUR


def stamp(step: int) -> str:
    return moment_of(step).isoformat()


# -- stories -------------------------------------------------------------------------------------------------------

activities: st.SearchStrategy[Activity] = st.one_of(
    st.builds(lambda step, by: call(stamp(step), by), steps, st.sampled_from((ANA, BEN))),
    st.builds(lambda step: call(stamp(step), direction="inbound"), steps),
    st.builds(lambda step, by: email(stamp(step), by), steps, st.sampled_from((ANA, None))),
    st.builds(lambda step, later: email(stamp(step), opened=moment_of(step + later)), steps, st.integers(0, 100)),
    st.builds(lambda step: call(stamp(step), task_type="call", outcome="No answer"), steps),
    st.builds(lambda step: note(stamp(step)), steps),
    st.builds(
        lambda step, length, outcome, ahead: meeting(
            stamp(step), stamp(step + length), outcome=outcome, created=ahead and moment_of(max(0, step - ahead))
        ),
        steps,
        st.integers(1, 4),
        st.sampled_from((None, "CANCELED")),
        st.none() | st.integers(1, 100),
    ),
    st.builds(lambda step, due, done: task(stamp(step), stamp(due), done=done), steps, steps, st.booleans()),
    st.builds(lambda step, days: task(stamp(step), date(2026, 3, 23) + timedelta(days)), steps, st.integers(0, 14)),
)
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(lambda step, to: assigned(to, stamp(step), ANA), steps, st.sampled_from((ANA, BEN, QUEUE))),
    st.builds(
        lambda step, new, origin: change("status", "x", new, stamp(step), origin=origin),
        steps,
        st.sampled_from(("New", "Interested")),
        st.sampled_from(("crm", "us")),
    ),
    st.builds(
        lambda step, old, new: change("score", old, new, stamp(step)), steps, st.integers(0, 99), st.integers(0, 99)
    ),
)
offers: st.SearchStrategy[Offer] = st.builds(
    lambda step, after, how: Offer(
        REF, "offers", "created", 1, "inbound", "ana", ANA.id, moment_of(step), moment_of(step + 8), f"k{step}", how,
        None if how == "open" else moment_of(step + after),
    ),
    steps,
    st.integers(0, 8),
    st.sampled_from(("open", "accepted", "rejected", "expired")),
)  # fmt: skip
enrollments: st.SearchStrategy[Enrollment] = st.builds(lambda step: enrollment("brochure", stamp(step)), steps)
marks: st.SearchStrategy[Mark] = st.one_of(
    st.builds(
        lambda step, kind, occasion: mark(kind, occasion, stamp(step)),
        steps,
        st.sampled_from(("fired", "baseline", "held", "lost")),
        st.sampled_from(("created", "another")),
    ),
    st.builds(
        lambda step, kind, rule: mark(kind, "created" if rule == "in/1" else "step@created", stamp(step), rule=rule),
        steps,
        st.sampled_from(("fired", "baseline", "held", "lost", "skipped", "stopped")),
        st.sampled_from(("in/1", "in/1", "in/2")),
    ),
)


@st.composite
def stories(draw: st.DrawFn) -> RecordState:
    """A lead created within the fortnight and up to nine things that happen to it, some after now."""
    record = lead(
        stamp(draw(st.integers(0, 48))),
        owner=draw(st.sampled_from((ANA.id, BEN.id, QUEUE.id, None))),
        status=draw(st.sampled_from(("New", "Interested", None))),
        opted_out=draw(st.sampled_from((False, True, None))),
        score=draw(st.sampled_from((None, 10, 60))),
        renewal=moment_of(draw(steps)),
        zone=draw(st.sampled_from((None, "America/New_York", "Asia/Kolkata"))),
        hidden=draw(st.sampled_from(((), ("score",), ("status",)))),
    )
    happened = draw(st.lists(activities, max_size=5))
    numbered = [Activity(**{**_slots(each), "id": f"a{number}"}) for number, each in enumerate(happened)]
    rest = draw(st.lists(st.one_of(changes, changes, enrollments, marks, marks, offers), max_size=5))
    return state(record, *numbered, *rest)


def _ahead(activity: Activity, now: datetime) -> bool:
    """Whether something counts as done, or a mail as opened, before its time; only meetings are known so early."""
    done = activity.done and activity.type != "meeting" and activity.at > now
    return done or (activity.opened is not None and activity.opened > now)


def known_at(of: RecordState, now: datetime) -> RecordState:
    """What can be known of a record at an instant."""
    return replace(
        of,
        activities=tuple(each for each in of.activities if not _ahead(each, now)),
        changes=tuple(each for each in of.changes if each.at <= now),
    )


def _slots(activity: Activity) -> dict[str, object]:
    return {name: getattr(activity, name) for name in activity.__slots__}


# -- conditions and rules ------------------------------------------------------------------------------------------

WORDS = ("call", "email", "meeting", "note")
TRIES = ("call", "email_sent", "meeting")
who = st.sampled_from(("owner", "lead", "anyone"))
anchors = st.sampled_from(("created", "assigned", "status"))
silences = st.builds(QuietFor, durations, st.sampled_from((WORDS, ("call",), ("meeting",))), who)
maybe = st.one_of(st.none(), durations)

leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(lambda quiet: QuietTest(quiet, "if.quiet", PLACE), silences),
    st.builds(
        lambda low, high, by, since: AttemptsTest(low, high, TRIES, by, since, "if.attempts", PLACE),
        st.integers(0, 3),
        st.one_of(st.none(), st.integers(0, 3)),
        who,
        anchors,
    ),
    st.builds(lambda expected, since: RepliedTest(expected, since, "if.replied", PLACE), st.booleans(), anchors),
    st.builds(lambda by: TouchedTest(by, "if.touched_by", PLACE), who),
    st.builds(
        lambda how, duration: NextStepTest(how, duration, "if.next_step", PLACE),
        st.sampled_from(("none", "due_within", "overdue")),
        maybe,
    ),
    st.builds(
        lambda what, over, up_to: SinceTest(what, over, up_to, f"if.{what}", PLACE),
        st.sampled_from(("in_status", "age")),
        maybe,
        maybe,
    ),
    st.builds(
        lambda how, value: OwnerTest(how, value, "if.owner", PLACE),
        st.sampled_from(("active", "absent", "queue", "nobody")),
        st.booleans(),
    ),
    st.builds(lambda name: DuringTest(name, "if.during", PLACE), st.sampled_from(("office", "berlin"))),
    st.builds(lambda duration: field_is("renewal", op="within", duration=duration), durations),
    st.sampled_from((field_is("status", "New"), field_is("opted_out", True), field_is("score", 50, op="over"))),
    st.builds(
        lambda op, limit: field_is("score", limit, op=op),
        st.sampled_from(("at_least", "at_most", "over", "under", "in", "not_in", "contains")),
        st.integers(-10, 60),
    ),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: all_of(*items)),
        st.lists(inner, max_size=3).map(lambda items: any_of(*items)),
        inner.map(not_),
    ),
    max_leaves=5,
)
triggers = st.one_of(
    st.sampled_from((Created(), Assigned(), Replied(), NoNextStep())),
    st.builds(lambda how: FieldChange(how, "status", ("Interested",)), st.sampled_from(("becomes", "leaves"))),
    silences,
    st.builds(AttemptsReach, st.integers(1, 3), st.sampled_from((TRIES, ("meeting",))), who, anchors),
    st.builds(
        ActivityIs,
        st.sampled_from((("call",), ("meeting", "email_opened"), ("meeting_booked",), ("email_received", "note"))),
        st.sampled_from(((), ("no_answer",))),
    ),
    st.builds(ScoreCrosses, st.sampled_from((5, 20, 45))),
    st.builds(TaskOverdue, durations, st.sampled_from(((), ("todo",)))),
    st.builds(TaskCompleted, st.sampled_from(((), ("call",)))),
    st.builds(OfferSettled, st.sampled_from(("accepted", "rejected", "expired"))),
    st.builds(
        lambda days, hour: Every(tuple(sorted(days)), time(hour, 30)),
        st.sets(st.integers(0, 6), min_size=1, max_size=7),
        st.integers(0, 23),
    ),
    st.just(StepDone("in/1")),
    st.just(StepDone("in/2")),
)
cadences = st.builds(
    lambda stop, if_, unless: Step("in", 2, 3, stop, if_, unless),
    st.none() | leaves,
    st.none() | leaves,
    st.none() | leaves,
)
halves = st.sampled_from((None, Duration(1, "days"), Duration(3, "days"), Duration(30, "minutes")))


def _no_score(leaf: Condition) -> bool:
    """A line of the score cannot ask for the score; the loader refuses it."""
    return not (isinstance(leaf, FieldTest) and leaf.field == "score")


lines: st.SearchStrategy[ScoreLine] = st.one_of(
    st.builds(
        lambda given, word, most, half: points(given, activity=word, at_most=most, half_life=half),
        st.sampled_from((5, 10, 40, -15)),
        st.sampled_from(("call", "email_opened", "meeting", "meeting_booked", "email_received")),
        st.sampled_from((None, 20)),
        halves,
    ),
    st.builds(lambda given, test: points(given, if_=test), st.sampled_from((20, 30, -10)), leaves.filter(_no_score)),
)
cards = st.lists(lines, max_size=4).map(tuple)
onces = st.sampled_from(
    (Once("lead"), Once("owner"), Once("occasion"), Once("status"), Once("period", Duration(3, "days")))
)


@st.composite
def whole_rules(draw: st.DrawFn) -> Rule:
    return rule(
        draw(triggers),
        wait=draw(st.one_of(st.just(NO_WAIT), durations)),
        if_=draw(st.one_of(st.none(), conditions)),
        unless=draw(st.one_of(st.none(), conditions)),
        then=draw(st.sampled_from(((call_task(),), (enroll(),)))),
        once=draw(onces),
        calendar=draw(st.sampled_from(("office", "berlin"))),
        step=draw(st.none() | cadences),
    )


def seen(
    condition: Condition,
    of: RecordState,
    when: datetime,
    calendar: WorkCalendar = BERLIN,
    scores: tuple[ScoreLine, ...] = (),
) -> Result:
    facts = Facts(of, moment(when.isoformat()), TEAM, bound(of=TEAM), Scorer(scores, CALENDARS))
    return evaluate(condition, facts, calendar, CALENDARS)


def judged(the_rule: Rule, of: RecordState, when: Moment, scores: tuple[ScoreLine, ...] = ()) -> Judgement:
    facts = Facts(of, when, TEAM, bound(the_rule, of=TEAM), Scorer(scores, CALENDARS))
    return judge(the_rule, facts, when, CALENDARS)


# -- logic ---------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(conditions, conditions, stories(), steps)
def test_three_values_keep_the_laws_of_kleene(one: Condition, other: Condition, of: RecordState, step: int) -> None:
    def value(condition: Condition) -> bool | None:
        return seen(condition, of, moment_of(step)).holds

    assert value(not_(not_(one))) is value(one)
    assert value(all_of(one, other)) is value(all_of(other, one))
    assert value(any_of(one, other)) is value(any_of(other, one))
    assert value(not_(all_of(one, other))) is value(any_of(not_(one), not_(other)))
    assert value(not_(any_of(one, other))) is value(all_of(not_(one), not_(other)))
    assert value(all_of(one, any_of(one, other))) is value(one)
    assert value(any_of(one, all_of(one, other))) is value(one)


@settings(max_examples=100, deadline=None)
@given(conditions, stories(), steps)
def test_only_an_unknown_condition_is_guarded(condition: Condition, of: RecordState, step: int) -> None:
    result = seen(condition, of, moment_of(step))
    assert not result.guarded or result.holds is None
    assert result.flips_at is None or result.flips_at > moment_of(step)


# -- time ----------------------------------------------------------------------------------------------------------


def within(start: datetime, end: datetime | None, percents: list[int]) -> list[datetime]:
    """Some instants from a start up to, not including, an end; a fortnight on when it never comes."""
    last = end - timedelta(microseconds=1) if end is not None else start + 2 * STEPS * HALF_HOUR
    return [*(start + (last - start) * percent / 100 for percent in percents), last]


@settings(max_examples=250, deadline=None)
@given(conditions, stories(), steps, st.lists(st.integers(0, 99), min_size=3, max_size=3), cards)
def test_nothing_flips_before_the_instant_a_condition_names(
    condition: Condition, of: RecordState, step: int, percents: list[int], scores: tuple[ScoreLine, ...]
) -> None:
    now = moment_of(step)
    of = known_at(of, now)
    first = seen(condition, of, now, scores=scores)
    for later in within(now, first.flips_at, percents):
        again = seen(condition, of, later, scores=scores)
        assert (again.holds, again.guarded) == (first.holds, first.guarded)


@settings(max_examples=250, deadline=None)
@given(whole_rules(), stories(), steps, st.booleans(), st.lists(st.integers(0, 99), min_size=3, max_size=3), cards)
def test_a_rule_does_not_change_its_mind_before_the_instant_it_names(
    the_rule: Rule, of: RecordState, step: int, baselined: bool, percents: list[int], scores: tuple[ScoreLine, ...]
) -> None:
    now = max(moment_of(step), of.record.created)
    of = known_at(of, now)
    # A workspace meets a rule in a pass, so never after it; what was due by then may have to be taken as baseline.
    adoption = adopted(min(now, at("2026-03-25 09:00")).isoformat(), baselined=baselined)
    first = judged(the_rule, of, moment(now.isoformat(), adoption), scores)
    assert first.next_at is None or first.next_at > now
    of = replace(of, marks=(*of.marks, *first.marks))
    if any(each.kind in ("skipped", "stopped") for each in first.marks):
        # The pass in which a step is passed over says that; the next one says what comes after it.
        first = judged(the_rule, of, moment(now.isoformat(), adoption), scores)
    for later in within(now, first.next_at, percents):
        again = judged(the_rule, of, moment(later.isoformat(), adoption), scores)
        assert again.verdict.outcome == first.verdict.outcome
        assert (again.match and again.match.occasion) == (first.match and first.match.occasion)


@settings(max_examples=100, deadline=None)
@given(whole_rules(), stories(), steps)
def test_what_has_fired_does_not_fire_again_on_the_same_occasion(the_rule: Rule, of: RecordState, step: int) -> None:
    now = moment(moment_of(step).isoformat())
    first = judged(the_rule, of, now)
    if first.match is None:
        return
    fired = Mark(the_rule.id, first.match.occasion, first.match.scope, now.now, "fired")
    again = judged(the_rule, state(of.record, *of.activities, *of.changes, *of.enrollments, *of.marks, fired), now)
    assert again.match is None or again.match.occasion != first.match.occasion
