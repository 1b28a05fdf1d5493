"""Where what a reason says comes from: the value seen, who or what told it, and since when it stands.

Worked out for `explain` only: a pass decides thousands of times and tells nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connector.domain.decision import Reason, Verdict
from connector.domain.model import Activity
from rules.basics import Anchor
from rules.calendar import WorkCalendar
from rules.compare import shown
from rules.facts import Facts
from rules.model import (
    AttemptsTest,
    DuringTest,
    EnrolledTest,
    FieldTest,
    Leaf,
    NextStepTest,
    OwnerTest,
    QuietTest,
    RepliedTest,
    Rule,
    SinceTest,
    TouchedTest,
    leaves,
)
from rules.needs import conditions_of

Told = tuple[str, str, datetime | None]
"""The value seen, its source, and since when it stands, or when it happened."""

OUR_WRITE = "our own write "
"""Before the key of one of our writes, as a source tells it; whoever knows the runs puts the run in its place."""

CLOCK = "the clock"
READ = "read from the record"


def sourced(verdict: Verdict, rule: Rule, facts: Facts, calendar: WorkCalendar) -> Verdict:
    """The verdict with the source of everything its reasons say."""
    found = {leaf.path: leaf for condition in conditions_of(rule) for leaf in leaves(condition)}
    return replace(verdict, reasons=tuple(_sourced(reason, rule, found, facts, calendar) for reason in verdict.reasons))


def _sourced(reason: Reason, rule: Rule, found: Mapping[str, Leaf], facts: Facts, calendar: WorkCalendar) -> Reason:
    leaf = found.get(reason.path)
    part = reason.path.partition(".")[0]
    if leaf is not None:
        told = of_leaf(leaf, facts, calendar)
    elif part == "when":
        told = _of_trigger(reason, rule, facts, calendar)
    elif part == "guard":
        told = _of_guard(reason, facts, calendar)
    else:
        told = _of_rest(part, rule)
    value, source, at = told
    return replace(reason, value=reason.value or value, source=reason.source or source, at=reason.at or at)


# -- conditions ----------------------------------------------------------------------------------------------------


def of_leaf(leaf: Leaf, facts: Facts, calendar: WorkCalendar) -> Told:
    """What a condition looked at."""
    match leaf:
        case FieldTest():
            return of_field(leaf.field, facts, calendar)
        case QuietTest():
            since = facts.quiet_since(leaf.quiet)
            return shown(since, calendar), _happened(facts, since) or _anchor_source("assigned", facts), since
        case AttemptsTest():
            made = facts.attempts(leaf.types, leaf.by, facts.anchor(leaf.since))
            return _counted(made, facts, leaf.since)
        case RepliedTest():
            return _counted(facts.replies(facts.anchor(leaf.since)), facts, leaf.since)
        case TouchedTest():
            since = facts.anchor("assigned")
            made = facts.replies(since) if leaf.by == "lead" else facts.attempts((), leaf.by, since)
            return _counted(made, facts, "assigned")
        case NextStepTest():
            return _of_next_step(facts)
        case SinceTest():
            anchor: Anchor = "status" if leaf.what == "in_status" else "created"
            since = facts.anchor(anchor)
            return shown(since, calendar), _anchor_source(anchor, facts), since
        case EnrolledTest():
            return _of_enrollment(leaf.name, facts)
        case OwnerTest():
            return _of_owner(leaf, facts, calendar)
        case DuringTest():
            return shown(facts.now, calendar), f"{CLOCK} and the calendar {leaf.calendar} of team.yaml", facts.now


def of_field(name: str, facts: Facts, calendar: WorkCalendar) -> Told:
    """A field's value, whether it was read or comes from the CRM's history, and since when it stands."""
    if name == "score" and facts.score is not None:
        return str(facts.score.value), "worked out from the rule files' scores", facts.now
    if facts.hidden(name):
        return "", "not shown by the CRM", None
    known, value = facts.field(name)
    text = facts.binding.told(name, value, calendar) if known else "empty"
    changes = facts.changes_of(name)
    if name == "created":
        return text, READ, facts.record.created
    if not changes:
        return text, READ, facts.record.modified
    last = changes[-1]
    if last.origin == "us":
        return text, OUR_WRITE + last.id.rpartition("#")[0], last.at
    return text, f"the CRM's history of {name}" if last.exact else f"two readings of {name}", last.at


def _counted(instants: Sequence[datetime], facts: Facts, since: Anchor) -> Told:
    """A count of activities, and the latest of them; of none, what the count began with."""
    if not instants:
        return "0", f"no such activity since {_anchor_source(since, facts)}", facts.anchor(since)
    return str(len(instants)), _happened(facts, instants[-1]), instants[-1]


def _happened(facts: Facts, at: datetime) -> str:
    """The activity of an instant, with who did it; empty when there is none."""
    found = next((each for when, _, each in facts.touches if when == at), None)
    found = found or next((each for when, each in facts.all_replies if when == at), None)
    return "" if found is None else activity_source(found, facts)


def activity_source(each: Activity, facts: Facts) -> str:
    """An activity and who did it."""
    owner = facts.binding.owners.get(each.actor or "")
    if owner is None:
        people = facts.binding.owners.values()
        owner = next((one for one in people if each.actor and one.user_id == each.actor), None)
    kind = "task" if not each.done and each.type != "meeting" else each.type
    if owner is not None:
        return f"{kind} {'of' if kind in ('task', 'meeting') else 'by'} {owner.name}"
    return f"{kind} {'from' if each.type == 'email' else 'of'} the prospect" if each.actor is None else kind


def _anchor_source(since: Anchor, facts: Facts) -> str:
    """What a count begins with."""
    name = {"assigned": "owner", "status": "status"}.get(since)
    changes = facts.changes_of(name) if name else ()
    if name is None or not changes:
        return "the record's creation"
    last = changes[-1]
    if last.origin == "us":
        return OUR_WRITE + last.id.rpartition("#")[0]
    return f"the CRM's history of {name}" if last.exact else f"two readings of {name}"


def _of_next_step(facts: Facts) -> Told:
    steps = facts.next_step
    if not steps:
        return "none", "no open task and no coming meeting was read", facts.last_next_step_end
    first = min(steps, key=lambda each: (each.at, each.id))
    ours = f", {OUR_WRITE}{first.key}" if first.key else ""
    return str(len(steps)), activity_source(first, facts) + ours, first.created or first.at


def _of_enrollment(name: str, facts: Facts) -> Told:
    found = [each for each in facts.state.enrollments if each.name == name]
    if not found:
        return "no", f"{name} was never read for this record", None
    return "yes" if any(each.active for each in found) else "no", f"the members of {name}", found[-1].since


def _of_owner(leaf: OwnerTest, facts: Facts, calendar: WorkCalendar) -> Told:
    _, source, at = of_field("owner", facts, calendar)
    owner = facts.owner
    name = owner.name if owner is not None else facts.owner_id or "nobody"
    if leaf.how in ("absent", "in_pool", "person"):
        return name, f"team.yaml, and {source}", at
    if leaf.how in ("active", "queue"):
        return name, f"the CRM's list of users, and {source}", at
    return name, source, at


# -- triggers, guards and the rest ---------------------------------------------------------------------------------


def _of_trigger(reason: Reason, rule: Rule, facts: Facts, calendar: WorkCalendar) -> Told:
    """What started the clock, or what would."""
    word = reason.path.rpartition(".")[2]
    at = reason.at
    match word:
        case "created":
            return shown(facts.record.created, calendar), READ, facts.record.created
        case "assigned" | "becomes" | "leaves" | "changes":
            name = "owner" if word == "assigned" else getattr(rule.when, "field", "")
            return _of_change(name, at, facts, calendar)
        case "score":
            return of_field("score", facts, calendar)
        case "every":
            return shown(at, calendar), f"the calendar {rule.calendar} of team.yaml", at
        case "offer":
            return _of_offer(at, facts)
        case "overdue" | "completed":
            return _of_task(word, at, facts)
        case "next_step":
            return _of_next_step(facts)
        case "attempts" | "replied" | "activity" | "quiet":
            since = at or (facts.touches[-1][0] if facts.touches else None)
            last = max((when for when, _, _ in facts.touches if at is None or when <= at), default=since)
            told = _happened(facts, last) if last is not None else ""
            return (
                shown(last, calendar) if told else "none",
                told or "no such activity was read",
                last if told else None,
            )
        case _:
            return "", "a mark of the step before", at


def _of_change(name: str, at: datetime | None, facts: Facts, calendar: WorkCalendar) -> Told:
    found = next((each for each in facts.changes_of(name) if each.at == at), None)
    if found is None or at is None:
        return of_field(name, facts, calendar)
    value = facts.binding.told(name, found.new, calendar)
    return value, f"the CRM's history of {name}" if found.exact else f"two readings of {name}", at


def _of_offer(at: datetime | None, facts: Facts) -> Told:
    found = next((each for each in facts.state.offers if each.settled == at), None)
    if found is None or at is None:
        return "none", "our offers", None
    return found.state, f"the offer to {found.person}, {OUR_WRITE}{found.key}", at


def _of_task(word: str, at: datetime | None, facts: Facts) -> Told:
    tasks: Iterable[Activity] = facts.open_tasks if word == "overdue" else facts.activities
    found = [each for each in tasks if word == "overdue" or (each.ended or each.at) == at]
    if not found:
        return "none", "no such task was read", None
    ours = f", {OUR_WRITE}{found[0].key}" if found[0].key else ""
    return shown(found[0].due), activity_source(found[0], facts) + ours, at or found[0].created


def _of_guard(reason: Reason, facts: Facts, calendar: WorkCalendar) -> Told:
    word = reason.path.rpartition(".")[2]
    if word in ("opted_out", "do_not_call"):
        return of_field(word, facts, calendar)
    if word in ("merged", "deleted", "converted"):
        return "yes", READ, facts.record.modified
    if word == "open_task":
        return _of_next_step(facts)
    last = facts.touches[-1] if facts.touches else None
    value = shown(last[0], calendar) if last is not None else ""
    source = f", {activity_source(last[2], facts)}" if last is not None else ""
    return value, f"contact limits of team.yaml{source}", None if last is None else last[0]


def _of_rest(part: str, rule: Rule) -> Told:
    sources = {
        "wait": f"the calendar {rule.calendar}",
        "once": "what this rule did before",
        "limit": "the rule's limit",
        "backfill": "the rule's backfill",
        "priority": "another rule that matches now",
        "engine": "the two evaluators",
        "then": "team.yaml and the CRM's list of users",
        "stop": "the cadence's `stop`",
        "step": "the step's own conditions",
    }
    return "", sources.get(part, f"{rule.place.file}:{rule.place.line}"), None
