"""Readable material for tests of the rules: a lead and what happened to it, in the words of a story.

Instants are written as people write them, "2026-03-02 09:00", and mean UTC. 2026-03-02 is a Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from connector.domain.decision import Adoption, Moment
from connector.domain.model import (
    Activity,
    Change,
    CrmSchema,
    Enrollment,
    FieldInfo,
    Mark,
    MarkKind,
    Offer,
    Owner,
    Record,
    RecordRef,
    RecordState,
    Value,
)
from rules.actions import EnrollAction, TaskAction
from rules.basics import NO_WAIT, Duration, Place, Scalar, Template, Unit
from rules.binding import Binding, bind
from rules.calendar import Clocks, calendars_of
from rules.facts import Facts
from rules.judge import Judgement, judge
from rules.model import (
    AllOf,
    AnyOf,
    Condition,
    Created,
    FieldOp,
    FieldTest,
    Limit,
    Not,
    Once,
    Rule,
    RuleSet,
    ScoreLine,
    Trigger,
)
from rules.score import Scorer
from rules.team import CalendarSpec, Person, Pool, Team

REF = RecordRef("salesforce", "lead", "00Q000000000001AAA")
PLACE = Place("rules/test.yaml", 3, 5)

ANA = Owner("005A", "Ana Alvarez", "ana@example.com", user_id="9001")
BEN = Owner("005B", "Ben Bauer", "ben@example.com")
EVA = Owner("005E", "Eva Ek", "eva@example.com")
GUS = Owner("005G", "Gus Gone", "gus@example.com", active=False)
QUEUE = Owner("00GQ", "Inbound Queue", queue=True)
OWNERS = (ANA, BEN, EVA, GUS, QUEUE)

BERLIN = CalendarSpec(
    "berlin",
    "Europe/Berlin",
    {**{day: ((time(9), time(18)),) for day in range(4)}, 4: ((time(9), time(16)),)},
    holidays="DE",
)


def at(text: str) -> datetime:
    """An instant: "2026-03-02 09:00" in UTC, or with its own offset."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else at(text)


# -- the record ----------------------------------------------------------------------------------------------------


def lead(
    created: str = "2026-03-02 09:00",
    *,
    hidden: Iterable[str] = (),
    deleted: bool = False,
    converted: bool = False,
    merged_into: RecordRef | None = None,
    ref: RecordRef = REF,
    **fields: Value,
) -> Record:
    """A lead of Ana's that nobody has opted out of; other fields by name."""
    values: dict[str, Value] = {
        "owner": ANA.id,
        "status": "Open - Not Contacted",
        "name": "Pat Prospect",
        "email": "pat@example.com",
        "opted_out": False,
        "do_not_call": False,
        "created": at(created),
        **fields,
    }
    gone = frozenset(hidden)
    shown = {name: value for name, value in values.items() if name not in gone}
    return Record(ref, shown, at(created), at(created), "1", gone, deleted, converted, merged_into)


def activity(type_: str, when: str, **more: Any) -> Activity:
    """Anything that happened; ids follow type and instant unless given."""
    values: dict[str, Any] = {"id": f"{type_}:{when}", "refs": (REF,), "version": "1", **more}
    return Activity(type=type_, at=at(when), **values)  # type: ignore[arg-type]


def call(when: str, by: Owner | None = ANA, **more: Any) -> Activity:
    """A call that was made; `direction="inbound"` for one that was taken."""
    return activity("call", when, **{"direction": "outbound", "actor": by.id if by else None, **more})


def email(when: str, by: Owner | None = ANA, **more: Any) -> Activity:
    """A mail that was sent; `by=None` for one that the prospect wrote."""
    direction = "inbound" if by is None else "outbound"
    return activity("email", when, **{"direction": direction, "actor": by.id if by else None, **more})


def meeting(when: str, until: str, by: Owner = ANA, **more: Any) -> Activity:
    """A meeting from one instant to another."""
    return activity("meeting", when, **{"ended": at(until), "actor": by.id, "done": False, **more})


def note(when: str, by: Owner = ANA, **more: Any) -> Activity:
    """A note on the record."""
    return activity("note", when, **{"actor": by.id, **more})


def task(when: str, due: str | date | None = None, *, done: bool = False, **more: Any) -> Activity:
    """A task, open unless `done`."""
    moment_ = at(due) if isinstance(due, str) else due
    return activity("task", when, **{"due": moment_, "done": done, "actor": ANA.id, "task_type": "todo", **more})


def change(field: str, old: Value, new: Value, when: str, **more: Any) -> Change:
    """A field went from one value to another."""
    return Change(f"{field}:{when}", REF, field, old, new, at(when), **more)


def assigned(to: Owner, when: str, old: Owner | None = None, **more: Any) -> Change:
    """The owner changed."""
    return change("owner", old.id if old else None, to.id, when, **more)


def enrollment(name: str, since: str | None = None, active: bool = True) -> Enrollment:
    """The record is, or was, in NAME."""
    return Enrollment(REF, name, _maybe(since), active)


def mark(kind: MarkKind, occasion: str, when: str, *, scope: str = "", rule: str = "r") -> Mark:
    """The rule has dealt with an occasion."""
    return Mark(rule, occasion, scope, at(when), kind)


def state(*parts: Record | Activity | Change | Enrollment | Mark | Offer) -> RecordState:
    """Everything that is stored about a record, in any order; `lead()` when no record is among it."""
    records = [part for part in parts if isinstance(part, Record)]
    record = records[0] if records else lead()
    return RecordState(
        record,
        record.created,
        activities=tuple(sorted((part for part in parts if isinstance(part, Activity)), key=lambda each: each.at)),
        changes=tuple(sorted((part for part in parts if isinstance(part, Change)), key=lambda each: each.at)),
        enrollments=tuple(part for part in parts if isinstance(part, Enrollment)),
        marks=tuple(part for part in parts if isinstance(part, Mark)),
        offers=tuple(part for part in parts if isinstance(part, Offer)),
    )


# -- the world -----------------------------------------------------------------------------------------------------


def moment(now: str, *adoptions: Adoption, **more: Any) -> Moment:
    """An instant at which rule `r` had long been adopted, unless adoptions say otherwise."""
    known = {each.rule: each for each in (adopted("2020-01-01 00:00"), *adoptions)}
    return Moment(at(now), "salesforce", **{"owners": OWNERS, "adoptions": known, **more})


def adopted(when: str, *, baselined: bool = True, rule: str = "r") -> Adoption:
    """When the workspace first met a rule."""
    return Adoption(rule, at(when), baselined)


def person(name: str, crm: str = "", **more: Any) -> Person:
    """Somebody of the team, known to the CRM by their example.com address."""
    return Person(name, crm or f"{name}@example.com", **more)


def team(*people: Person, calendars: Iterable[CalendarSpec] = (BERLIN,), **more: Any) -> Team:
    """Ana, Ben, Eva and Gus, a pool of the first two, and a calendar in Berlin."""
    known = {each.name: each for each in (*(person(name) for name in ("ana", "ben", "eva", "gus")), *people)}
    pools = {"inbound": Pool("inbound", ("ana", "ben"))}
    return Team(**{"people": known, "pools": pools, "calendars": {each.name: each for each in calendars}, **more})


def schema(**more: Any) -> CrmSchema:
    """A CRM with the usual fields of a lead, four statuses, and one enrolment."""
    statuses = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Interested")
    fields = {
        "status": FieldInfo("status", "Status", "picklist", True, statuses),
        "name": FieldInfo("name", "Name", "text", False),
        "email": FieldInfo("email", "Email", "text"),
        "country": FieldInfo("country", "Country", "text"),
        "score": FieldInfo("score", "Score__c", "number"),
        "opted_out": FieldInfo("opted_out", "HasOptedOutOfEmail", "boolean"),
        "do_not_call": FieldInfo("do_not_call", "DoNotCall", "boolean"),
        "rating": FieldInfo("rating", "Rating", "picklist", True, ("Hot", "Cold")),
    }
    words = {"new": "Open - Not Contacted", "working": "Working - Contacted", "interested": "Interested"}
    values: dict[str, Any] = {"fields": {"lead": fields}, "statuses": words, "enrollments": ("brochure",), **more}
    return CrmSchema("salesforce", **values)


# -- the rule ------------------------------------------------------------------------------------------------------


def span(amount: int, unit: Unit) -> Duration:
    """A duration."""
    return Duration(amount, unit)


def field_is(
    name: str, *values: Scalar, op: FieldOp = "in", path: str = "", duration: Duration | None = None
) -> FieldTest:
    """A condition on a field."""
    return FieldTest(name, op, values, path or f"if.{name}", PLACE, duration)


def all_of(*items: Condition) -> AllOf:
    """Every one of these."""
    return AllOf(items, "if", PLACE)


def any_of(*items: Condition) -> AnyOf:
    """At least one of these."""
    return AnyOf(items, "unless", PLACE)


def not_(item: Condition) -> Not:
    """Not this."""
    return Not(item, "if.not", PLACE)


def text(template: str) -> Template:
    """Text without holes."""
    return Template((template,))


def call_task(to: str = "owner") -> TaskAction:
    """A call, due in one business day."""
    return TaskAction("call", text("Call"), None, Duration(1, "business days"), None, "normal", to, PLACE)


def enroll(name: str = "brochure") -> EnrollAction:
    """An enrolment."""
    return EnrollAction(name, "owner", PLACE)


def rule(when: Trigger | None = None, **more: Any) -> Rule:
    """Rule `r`: a call task as soon as the trigger happens, once per lead, unless said otherwise."""
    values: dict[str, Any] = {
        "id": "r",
        "why": "Every lead is called",
        "kind": "lead",
        "wait": NO_WAIT,
        "calendar": "office",
        "then": (call_task(),),
        "once": Once("lead"),
        "place": PLACE,
        "limit": None,
        **more,
    }
    return Rule(when=when or Created(), **values)


def points(given: float, why: str = "interest", **more: Any) -> ScoreLine:
    """A line of a lead's score: `if_`, `activity` or `per_value` among `more`."""
    return ScoreLine(kind="lead", points=given, why=why, place=PLACE, **more)


def ruleset(
    *rules: Rule, of: Team | None = None, limit: Limit | None = None, scores: Sequence[ScoreLine] = ()
) -> RuleSet:
    """Rules, a team, and the lines of scores."""
    return RuleSet(rules, of or team(), limit or Limit(per_run=100), tuple(scores))


def bound(*rules: Rule, of: Team | None = None, scores: Sequence[ScoreLine] = ()) -> Binding:
    """Rules that are taken as they stand: every word is the CRM's."""
    return bind(ruleset(*rules, of=of, scores=scores), None, OWNERS)[0]


def facts(
    of: RecordState,
    now: str | datetime,
    *rules: Rule,
    on: Team | None = None,
    scores: Sequence[ScoreLine] = (),
) -> Facts:
    """What a record looks like at an instant."""
    when = moment(now if isinstance(now, str) else now.isoformat())
    return _facts(of, when, on or team(), rules, scores)


def _facts(of: RecordState, when: Moment, crew: Team, rules: Sequence[Rule], scores: Sequence[ScoreLine]) -> Facts:
    scoring = Scorer(scores, calendars_of(crew)) if scores else None
    return Facts(of, when, crew, bound(*rules, of=crew, scores=scores), scoring)


def calendars(of: Team | None = None) -> Clocks:
    """The team's calendars."""
    return calendars_of(of or team())


def judged(
    the_rule: Rule, of: RecordState, now: str | Moment, on: Team | None = None, scores: Sequence[ScoreLine] = ()
) -> Judgement:
    """What a rule says of a record at an instant."""
    when = moment(now) if isinstance(now, str) else now
    crew = on or team()
    return judge(the_rule, _facts(of, when, crew, (the_rule,), scores), when, calendars(crew))


def outcome(the_rule: Rule, of: RecordState, now: str | Moment, on: Team | None = None) -> str:
    """The one word of `judged`."""
    return judged(the_rule, of, now, on).verdict.outcome
