"""The vocabulary of rule files and team.yaml: every word with what it means and an example.

A word means one thing in one place: `task` among the actions, `due` inside a task. The places are the names of
`schema.py`'s models (`where`); messages, `schema WORD` and the reference read from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from rules.yamlfile import shown

MANY = 200
"""So many names that the nearest is sought only among those with the same first letter."""

FieldType = Literal["text", "number", "boolean", "date", "owner"]

FIELDS: Mapping[str, FieldType] = {
    "status": "text",
    "owner": "owner",
    "source": "text",
    "country": "text",
    "industry": "text",
    "size": "number",
    "title": "text",
    "email": "text",
    "phone": "text",
    "score": "number",
    "value": "number",
    "created": "date",
    "name": "text",
    "company": "text",
    "opted_out": "boolean",
    "do_not_call": "boolean",
    "rating": "text",
    "prefers": "text",
}
"""Our words for a record's fields, and what they hold. `custom.NAME` adds those that followup.yaml binds."""

ATTEMPT_WORDS = ("call", "email_sent", "meeting")
REPLY_WORDS = ("email_received", "call_inbound", "meeting_booked")
RESERVED_NAMES = ("owner", "manager", "source_rep", "queue", "nobody", "anyone", "lead", "hold")
"""Words that stand where a person's name may stand, so nobody can be called that in team.yaml."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the language: where it stands, what it means, and how it is written there."""

    where: str
    name: str
    meaning: str
    example: str


def _words(where: str, *rows: tuple[str, str, str]) -> tuple[Word, ...]:
    return tuple(Word(where, name, meaning, f"{name}: {example}") for name, meaning, example in rows)


_KNOWN = ("known", "whether the field has a value", "true")
_NUMBERS = (
    ("at_least", "this number or more", "60"),
    ("at_most", "this number or less", "60"),
    ("over", "more than this number", "10"),
    ("up_to", "this number or less", "500"),
    ("under", "less than this number", "500"),
)
_TEXTS = (
    ("contains", "the text stands somewhere in the field; case does not matter", "head"),
    ("starts_with", "the field begins with the text; case does not matter", "head"),
)
_DATES = (
    ("before", "earlier than this day", "2026-07-01"),
    ("after", "later than this day", "2026-01-01"),
    ("within", "no further from now than this, before or after", "3 days"),
)
_NOT = ("not", "any value but these; an empty field is unknown", "purchased")
_SINCE = ("since", "from when on they count: assigned, created or status", "assigned")
_TYPE = ("type", "which attempts count, of those in team.yaml", "call")
_BY_PERSON = ("by", "whose attempts count: owner or anyone", "owner")
_FOR = ("for", "the kind of record it is about: lead, contact or deal", "lead")
_CALENDAR = ("calendar", "the calendar of team.yaml for business hours and days", "office")
_HOW = ("how", "how the pool takes turns: round_robin", "round_robin")

WORDS: tuple[Word, ...] = (
    *_words(
        "a rule file",
        ("version", "the version of the rule language; always 1", "1"),
        ("defaults", "what every rule of this file shares", "{for: lead}"),
        ("rules", "the list of rules", "[]"),
        ("tests", "given/when/then cases for the rules; they change nothing here", "[]"),
    ),
    *_words(
        "defaults",
        _FOR,
        _CALENDAR,
        ("unless", "conditions that stop every rule of this file", "{status: do_not_contact}"),
    ),
    *_words(
        "a rule",
        ("id", "the rule's name, unique and stable, because its history hangs on it", "week-one-call"),
        ("why", "one sentence for people, who read it in the task and in reports", "New leads are called"),
        _FOR,
        ("when", "the one trigger that starts the clock", "{created: true}"),
        ("wait", "how long after the trigger the rule acts", "5 business days"),
        ("if", "conditions that must hold when the wait is over", "{status: new}"),
        ("unless", "conditions that stop the rule when the wait is over", "{opted_out: true}"),
        ("then", "the list of actions, in order", '[{note: "Nobody called for a week"}]'),
        ("once", "what the rule fires once for", "per lead"),
        ("limit", "how many records the rule may act on in one pass", "{per_run: 25}"),
        ("backfill", "lets a new rule act on what matched before it was there", "all"),
        ("priority", "the higher one wins when two rules want different things of one record", "10"),
        _CALENDAR,
    ),
    *_words(
        "when",
        ("created", "the record was created", "true"),
        ("becomes", "a field took a value", "{status: interested}"),
        ("leaves", "a field lost a value", "{status: new}"),
        ("changes", "a field took any other value", "status"),
        ("assigned", "a person became the owner", "true"),
        ("quiet", "nothing counted happened for a time", "7 days"),
        ("attempts", "so many attempts were made", "{reach: 6, since: assigned}"),
        ("replied", "the prospect answered", "true"),
        ("next_step", "the last open task or coming meeting ended, and there is none", "none"),
    ),
    *_words("becomes", ("from", "the value it had before", "[new, working]")),
    *_words("leaves", ("from", "the value it had before", "[new, working]")),
    *_words(
        "a condition",
        ("status", "the record's status, in a word of followup.yaml or of the CRM", "[new, working]"),
        ("any", "at least one of these holds", "[{status: new}, {score: {over: 60}}]"),
        ("all", "every one of these holds", "[{status: new}, {score: {over: 60}}]"),
        ("not", "this does not hold", "{status: new}"),
        ("owner", "who owns the record: a person of team.yaml, or what the owner is", "{active: true}"),
        ("source", "where the record comes from", "{not: purchased}"),
        ("country", "the country", "[DE, AT]"),
        ("industry", "the industry", "{known: true}"),
        ("size", "the number of employees", "{over: 10, up_to: 500}"),
        ("title", "the person's job title", "{contains: head}"),
        ("email", "the e-mail address", "{known: true}"),
        ("phone", "the telephone number", "{known: true}"),
        ("score", "the record's score", "{at_least: 60}"),
        ("value", "the amount of the deal", "{at_least: 10000}"),
        ("created", "the day of creation", "{after: 2026-01-01}"),
        ("name", "the record's name", "{known: true}"),
        ("company", "the company's name", "{starts_with: Acme}"),
        ("opted_out", "whether the person has refused e-mail", "true"),
        ("do_not_call", "whether the person has refused calls", "true"),
        ("rating", "the rating", "hot"),
        ("prefers", "the channel the person prefers", "phone"),
        ("quiet", "nothing counted happened for at least this long", "7 days"),
        ("attempts", "how many attempts were made", "{type: call, at_least: 1}"),
        ("replied", "whether the prospect answered", "{since: assigned}"),
        ("touched_by", "whether the owner, or anyone, made an attempt since the assignment", "owner"),
        ("next_step", "whether there is a next step: an open task or a coming meeting", "none"),
        ("in_status", "how long the record is in its status", "{over: 10 days}"),
        ("age", "how long ago the record was created", "{over: 30 days}"),
        ("enrolled", "whether the record is enrolled in a NAME of followup.yaml", "{in: brochure}"),
        ("during", "whether a calendar of team.yaml is open now", "office"),
        ("custom.NAME", "a field of your own that followup.yaml binds", "gold"),
    ),
    *_words("a text field's test", _KNOWN, _NOT, *_TEXTS),
    *_words("a number field's test", _KNOWN, ("not", "any number but these", "10"), *_NUMBERS),
    *_words("a yes-or-no field's test", _KNOWN),
    *_words("a date field's test", *_DATES, _KNOWN),
    *_words("a custom field's test", _KNOWN, _NOT, *_TEXTS, *_NUMBERS, *_DATES),
    *_words(
        "owner",
        ("active", "whether the owner can log in to the CRM", "true"),
        ("absent", "whether the owner is away today, by team.yaml", "true"),
        ("in_pool", "the owner is a member of a pool of team.yaml", "inbound"),
        ("is", "queue, nobody, or a person of team.yaml", "queue"),
    ),
    *_words(
        "quiet",
        ("for", "how long nothing happened", "7 days"),
        ("counting", "which activities end the silence: call, email, meeting, note", "[call, email]"),
        ("by", "whose activities end the silence: owner, lead or anyone", "owner"),
    ),
    *_words(
        "the trigger attempts",
        ("reach", "the number of attempts that starts the clock", "6"),
        _TYPE,
        _BY_PERSON,
        _SINCE,
    ),
    *_words(
        "attempts",
        ("at_least", "this many or more", "1"),
        ("at_most", "this many or fewer", "3"),
        _TYPE,
        _BY_PERSON,
        _SINCE,
    ),
    *_words("replied", _SINCE),
    *_words(
        "next_step",
        ("due_within", "a next step is due within this time", "3 days"),
        ("overdue", "a next step is late by at least this much", "2 days"),
    ),
    *_words(
        "in_status or age",
        ("over", "longer than this", "10 days"),
        ("up_to", "this long or less", "30 days"),
    ),
    *_words("enrolled", ("in", "a NAME of followup.yaml", "brochure")),
    *_words(
        "an action",
        ("task", "a task for a person", '{type: call, subject: "Call {lead.name}"}'),
        ("reassign", "another owner", "{pool: inbound, except: previous_owners}"),
        ("enroll", "puts the record into a campaign, list, sequence or cadence", "{in: brochure, sender: owner}"),
        ("unenroll", "takes the record out of it", "{from: brochure}"),
        ("set", "writes fields of the record", "{status: recycled}"),
        ("note", "a note on the record", '"Nobody reached {lead.name}"'),
    ),
    *_words(
        "task",
        ("type", "what is to be done: call, email or todo", "call"),
        ("subject", "the task's title; `{lead.name}` and other fields are filled in", '"Call {lead.name}"'),
        ("body", "more text; the rule's why is added to it", '"Ask when they decide"'),
        ("due", "when it is due, from now on; 1 business day when not given", "2 business days"),
        ("slot", "the hours of the day for it", '"16:00-17:00"'),
        ("priority", "low, normal or high", "high"),
        ("to", "who gets it: owner, manager, source_rep or a person of team.yaml", "owner"),
    ),
    *_words(
        "reassign",
        ("to", "the new owner: manager, source_rep or a person of team.yaml", "manager"),
        ("pool", "the pool of team.yaml whose members take turns", "inbound"),
        _HOW,
        ("except", "previous_owners: nobody who owned the record before", "previous_owners"),
        ("if_nobody", "what happens when nobody is left: hold, or queue NAME", "queue Recycling"),
        ("note", "a hand-over note on the record", '"{lead.name} did not answer six times"'),
    ),
    *_words(
        "enroll",
        ("in", "a NAME of followup.yaml", "brochure"),
        ("sender", "in whose name it goes out: owner", "owner"),
    ),
    *_words("unenroll", ("from", "a NAME of followup.yaml", "brochure")),
    *_words(
        "limit",
        ("per_run", "at most so many records in one pass", "25"),
        ("percent", "at most this share of all records of the kind in one pass", "5"),
        ("per_owner_day", "at most so many records per owner and day", "10"),
        ("on_exceed", "hold what is beyond the limit, or stop the whole rule for this pass", "hold"),
    ),
    *_words("backfill", ("spread", "so many old matches per day", "20 per day")),
    *_words(
        "team.yaml",
        ("people", "who works here, by the names rules use", "{ana: {crm: ana@example.com}}"),
        ("pools", "people who take records in turn", "{inbound: {members: [ana]}}"),
        ("calendars", "working hours, zones and holidays", '{office: {zone: UTC, hours: {mon-fri: "09:00-17:00"}}}'),
        ("counts", "what counts as an attempt and as a reply", "{attempt: [call], reply: [email_received]}"),
        ("contact", "how often a record may be contacted by what goes out by itself", "{max_per_week: 3}"),
    ),
    *_words(
        "a person",
        ("crm", "the e-mail address or id by which the CRM knows the person", "ana@example.com"),
        ("manager", "the person's manager, by name", "eva"),
        ("zone", "the person's time zone", "Europe/Berlin"),
        ("away", "absences, first and last day included", "[{from: 2026-07-01, to: 2026-07-14}]"),
        ("skills", "what the person knows; for people to read", "[software]"),
        ("daily", "records per day the person can take; for people to read", "20"),
        ("weight", "the person's share against others; for people to read", "2"),
    ),
    *_words(
        "an absence",
        ("from", "the first day away", "2026-07-01"),
        ("to", "the last day away", "2026-07-14"),
    ),
    *_words("a pool", ("members", "the people, by name, in the order of their turns", "[ana, ben]"), _HOW),
    *_words(
        "a calendar",
        ("zone", "the time zone of its hours", "Europe/Berlin"),
        ("hours", "the open hours per day: mon ... sun, or mon-thu", '{mon-thu: "09:00-18:00", fri: "09:00-16:00"}'),
        ("holidays", "a country, or country and region, whose public holidays are closed", "DE-BY"),
        ("closed", "other days that are closed", "[2026-12-24, 2026-12-31]"),
    ),
    *_words(
        "counts",
        ("attempt", f"what counts as an attempt: {', '.join(ATTEMPT_WORDS)}", "[call, email_sent]"),
        ("reply", f"what counts as a reply: {', '.join(REPLY_WORDS)}", "[email_received, call_inbound]"),
    ),
    *_words(
        "contact",
        ("min_gap", "the shortest time between two", "1 business day"),
        ("max_per_week", "how many within seven days", "3"),
    ),
)

_BY_PLACE = {(word.where, word.name): word for word in WORDS}

# What people coming from CRMs and other rule languages write, and the words that may be meant, the likeliest first.
_OTHER_TONGUES: Mapping[str, tuple[str, ...]] = {
    "name": ("id",), "description": ("why", "body"), "reason": ("why",), "because": ("why",),
    "trigger": ("when",), "on": ("when",), "condition": ("if",), "conditions": ("if",), "filter": ("if",),
    "where": ("if",), "action": ("then",), "actions": ("then",), "do": ("then",), "except": ("unless",),
    "delay": ("wait",), "after": ("wait",), "type": ("for",), "kind": ("for",), "object": ("for",),
    "assign": ("reassign",), "update": ("set",), "email": ("enroll", "email_sent"), "sequence": ("enroll",),
    "campaign": ("enroll",), "comment": ("note",), "todo": ("task",), "inactive": ("quiet",), "silent": ("quiet",),
    "state": ("status",), "stage": ("status",), "or": ("any",), "and": ("all",), "min": ("at_least",),
    "max": ("at_most",), "greater_than": ("over",), "less_than": ("under",), "deadline": ("due",),
    "assignee": ("to",), "owner": ("to",), "text": ("body",), "timezone": ("zone",), "tz": ("zone",),
    "users": ("people",), "teams": ("pools",), "user": ("crm",), "amount": ("value",), "employees": ("size",),
    "opt_out": ("opted_out",), "unsubscribed": ("opted_out",), "dnc": ("do_not_call",),
}  # fmt: skip

_HINTS: Mapping[tuple[str, str], str] = {
    ("set", "owner"): "another owner is the action `reassign`",
    ("set", "opted_out"): "what a person refused is not for a rule to change",
    ("set", "do_not_call"): "what a person refused is not for a rule to change",
    ("becomes", "owner"): "a new owner is the trigger `assigned: true`",
    ("leaves", "owner"): "a new owner is the trigger `assigned: true`",
}


def word(where: str, name: str) -> Word | None:
    """The word of that name in that place."""
    return _BY_PLACE.get((where, name))


def nearest(text: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that was most likely meant, None when none is near."""
    folded, choices = _fold(text), list(allowed)
    if len(choices) > MANY:  # comparing with everybody of a large team takes too long for every mistake of a file
        choices = [choice for choice in choices if choice[:1].lower() == folded[:1]]
    by_fold = {_fold(choice): choice for choice in choices}
    meant = next((other for other in _OTHER_TONGUES.get(folded, ()) if _fold(other) in by_fold), None)
    close = get_close_matches(folded, by_fold, n=1, cutoff=0.75) or ([_fold(meant)] if meant else [])
    close = close or get_close_matches(folded, by_fold, n=1, cutoff=0.55)
    return by_fold[close[0]] if close else None


def _fold(text: str) -> str:
    return text[:80].strip().lower().replace("-", "_").replace(" ", "_")


def not_known(text: str, allowed: Iterable[str], where: str = "", what: str = "") -> str:
    """The sentence for a word that is not understood: the word, the nearest right one, and what is allowed there."""
    choices = list(allowed)
    near, hint = nearest(text, choices), _HINTS.get((where, text))
    reason = f": {hint}." if hint else f"; did you mean `{near}`?" if near else "."
    listed = ", ".join(choices[:60]) + (f" and {len(choices) - 60} more" if len(choices) > 60 else "")
    place = f" in {where}" if where else ""
    return f"{what}`{shown(text)}` is not known here{reason} Allowed{place}: {listed or 'nothing so far'}"
