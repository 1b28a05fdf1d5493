"""The words of a rule file's frame: rules, cadences, scores, and what says how often and how much they act."""

from __future__ import annotations

from rules.vocabulary.actions import ACTIONS
from rules.vocabulary.base import ACTIVITY_WORDS, Row, Word, listed, table

_FOR: Row = ("for", "the kind of record it is about: lead, contact or deal", "lead")
_CALENDAR: Row = ("calendar", "the calendar of team.yaml for business hours and days", "office")
_WHY: Row = ("why", "one sentence for people, who read it in the task and in reports", "New leads are called")
_LIMIT: Row = ("limit", "how many records it may act on in one pass", "{per_run: 25}")
_BACKFILL: Row = ("backfill", "lets a new rule act on what matched before it was there", "all")
_PRIORITY: Row = ("priority", "the higher one wins when two rules want different things of one record", "10")
_CONTACT: Row = (
    "contact", "whether the team's contact limits hold it back: within_limits, or always for an answer the prospect awaits",
    "always",
)  # fmt: skip

FILE_WORDS: tuple[Word, ...] = (
    *table(
        "a rule file",
        ("version", "the version of the rule language; always 1", "1"),
        ("defaults", "what every rule of this file shares", "{for: lead}"),
        ("rules", "the list of rules", "[]"),
        ("cadences", "the list of cadences: steps that follow one another", "[]"),
        ("scores", "the list of lines that give points to records", "[]"),
        ("tests", "given/when/then cases for the rules, run by `followup test`", "[]"),
    ),
    *table(
        "defaults",
        _FOR,
        _CALENDAR,
        ("unless", "conditions that stop every rule of this file", "{status: do_not_contact}"),
    ),
    *table(
        "a rule",
        ("id", "the rule's name, unique and stable, because its history hangs on it", "week-one-call"),
        _WHY,
        _FOR,
        ("when", "the one trigger that starts the clock", "{created: true}"),
        ("wait", "how long after the trigger the rule acts", "5 business days"),
        ("if", "conditions that must hold when the wait is over", "{status: new}"),
        ("unless", "conditions that stop the rule when the wait is over", "{opted_out: true}"),
        ("then", "the list of actions, in order", '[{note: "Nobody called for a week"}]'),
        ("once", "what the rule fires once for", "per lead"),
        _LIMIT,
        _BACKFILL,
        _PRIORITY,
        _CALENDAR,
        _CONTACT,
    ),
    *table(
        "a cadence",
        ("id", "the cadence's name, unique and stable; its steps are ID/1, ID/2 and so on", "inbound"),
        _WHY,
        _FOR,
        ("start", "the one trigger that starts the first step's clock", "{created: true}"),
        ("if", "conditions that must hold when a step is due; it waits until they do", "{source: inbound}"),
        ("unless", "conditions that stop a step while they hold", "{owner: nobody}"),
        ("stop", "conditions that end the cadence for good as soon as they hold", "{replied: true}"),
        ("steps", "the list of steps, each after the one before it", "[{after: 1 hour, note: Due}]"),
        ("once", "what the cadence runs once for; per occasion of its start when not given", "per lead"),
        _LIMIT,
        _BACKFILL,
        _PRIORITY,
        _CALENDAR,
        _CONTACT,
    ),
    *table(
        "a step",
        ("after", "how long after the step before it, or after the start", "1 business day"),
        ("why", "one sentence for people; the cadence's when not given", "The second call"),
        ("if", "conditions that must hold when the step is due; else it is passed over", "{phone: {known: true}}"),
        ("unless", "conditions on which the step is passed over when it is due", "{attempts: {at_least: 1}}"),
        ("then", "the list of actions, when one kind of action stands in it twice", '[{note: "Second week"}]'),
        *ACTIONS,
    ),
    *table(
        "a score line",
        ("if", "conditions: the points are given while they hold", "{industry: [software, finance]}"),
        ("per", "what gives the points each time: an activity, or an amount of value", "{activity: email_opened}"),
        ("points", "the points; below zero takes some away", "20"),
        ("at_most", "the line gives no more than so many points, or takes no more away", "40"),
        ("half_life", "after this time an activity's points count half, then a quarter", "14 days"),
        ("why", "a few words for people, shown wherever the score is shown", "Our best industries"),
        _FOR,
    ),
    *table(
        "per",
        ("activity", f"each time this happened: {listed(ACTIVITY_WORDS)}", "email_opened"),
        ("value", "each time the record's value holds this amount", "1000"),
    ),
    *table(
        "limit",
        ("per_run", "at most so many records in one pass", "25"),
        ("percent", "at most this share of all records of the kind in one pass", "5"),
        ("per_owner_day", "at most so many records per owner and day", "10"),
        ("on_exceed", "hold what is beyond the limit, or stop the whole rule for this pass", "hold"),
        ("first", "who goes first when not all may: oldest (who waits longest), score or value (the highest)", "score"),
    ),
    *table("backfill", ("spread", "so many old matches per day", "20 per day")),
)  # fmt: skip
