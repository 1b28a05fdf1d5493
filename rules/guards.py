"""What stops a rule whatever its file says: records that are gone, people who refused, contact that is too frequent."""

from __future__ import annotations

from datetime import datetime

from connector.domain.decision import Reason
from connector.domain.model import Record
from rules.actions import EnrollAction, OfferAction, RuleAction, TaskAction
from rules.calendar import WorkCalendar
from rules.contact import channel, hold, is_limited, refuses_calls
from rules.facts import Facts
from rules.model import FieldChange, FieldTest, Rule, leaves, wanted_of


def gone(record: Record) -> Reason | None:
    """Why nothing is ever written to this record, None for a live one."""
    if record.merged_into is not None:
        return Reason("guard.merged", True, f"merged into {record.merged_into}")
    if record.deleted:
        return Reason("guard.deleted", True, "the record is deleted")
    return Reason("guard.converted", True, "the record is converted") if record.converted else None


def closed(rule: Rule, facts: Facts) -> Reason | None:
    """Why a deal that is won or lost is left alone; a rule that asks for its status or reason is meant for it."""
    known, value = facts.field("closed")
    if not known or value is not True or _asks_for_end(rule):
        return None
    return Reason(
        "guard.closed", True, "the deal is closed; a rule for closed deals names their status in `when` or `if`"
    )


def _asks_for_end(rule: Rule) -> bool:
    if isinstance(rule.when, FieldChange) and rule.when.field in _ENDS:
        return True
    tests = (leaf for condition in wanted_of(rule) for leaf in leaves(condition) if isinstance(leaf, FieldTest))
    return any(test.field in _ENDS for test in tests)


_ENDS = ("status", "reason")


def opt_out(facts: Facts) -> Reason | None:
    """Why the record may not be enrolled in anything: it opted out, or nobody can see whether it did."""
    known, value = facts.field("opted_out")
    if known and value is False:
        return None
    if known:
        return Reason("guard.opted_out", True, "has opted out")
    return Reason("guard.opted_out", None, "opt-out cannot be seen: enrolment stops")


def refused(rule: Rule, facts: Facts) -> Reason | None:
    """Why the prospect or the CRM stands against an action of the rule for good; None when nothing does."""
    for action in rule.then:
        found = _refused(action, facts)
        if found is not None:
            return found
    return None


def _refused(action: RuleAction, facts: Facts) -> Reason | None:
    if isinstance(action, EnrollAction):
        return opt_out(facts)
    if not isinstance(action, TaskAction):
        return None
    if action.type == "call" and refuses_calls(facts.record):
        return Reason("guard.do_not_call", True, "has refused calls")
    if action.type == "preferred" and channel(facts.record) is None:
        return Reason("guard.do_not_call", True, "has refused calls and has opted out of mails")
    return None


def open_task(rule: Rule, facts: Facts) -> Reason | None:
    """The task this rule would make is there already and still open."""
    for action in rule.then:
        if isinstance(action, TaskAction):
            types = ("call", "email") if action.type == "preferred" else (action.type,)
            for type_ in types:
                if facts.open_task_of(rule.id, type_):
                    return Reason("guard.open_task", True, f"an open {type_} task of this rule is there")
    return None


def open_offer(rule: Rule, facts: Facts) -> tuple[Reason, datetime | None] | None:
    """The record is on offer already, by this rule or another: nobody is asked for it beside that.

    An offer of a rule that does not run any more is settled by nobody; it stands until its hour.
    """
    if not _offers(rule):
        return None
    running = {each.id for each in facts.binding.rules if _offers(each)}
    # Of the offers of one occasion only the latest is looked after; a merge may have left an earlier one open.
    latest = {(each.rule, each.occasion): each for each in sorted(facts.state.offers, key=lambda each: each.round)}
    asked = [each for each in latest.values() if each.state == "open"]
    asked = [each for each in asked if each.rule in running or facts.now < each.until]
    if not asked:
        return None
    until = None if any(each.rule in running for each in asked) else max(each.until for each in asked)
    return Reason("guard.open_offer", True, f"it is on offer to {asked[0].person} already"), until


def _offers(rule: Rule) -> bool:
    return any(isinstance(action, OfferAction) for action in rule.then)


def stops(rule: Rule, facts: Facts, calendar: WorkCalendar) -> list[tuple[Reason, datetime | None]]:
    """All that stops the rule besides its own conditions, each with until when (None: until there is news)."""
    found: list[tuple[Reason, datetime | None]] = [
        (reason, None)
        for reason in (closed(rule, facts), open_task(rule, facts), refused(rule, facts))
        if reason is not None
    ]
    timed = (open_offer(rule, facts), too_soon(rule, facts, calendar))
    return [*found, *(each for each in timed if each is not None)]


def too_soon(rule: Rule, facts: Facts, calendar: WorkCalendar) -> tuple[Reason, datetime | None] | None:
    """Why the team's contact limits hold the rule back now, and until when."""
    return hold(facts, calendar) if is_limited(rule) else None
