"""The words of conditions: what `if`, `unless` and `stop` may ask of a record, and the tests of its fields."""

from __future__ import annotations

from rules.vocabulary.base import Row, Word, table
from rules.vocabulary.when import ATTEMPT_TYPE, BY_PERSON, SINCE

_KNOWN: Row = ("known", "whether the field has a value", "true")
_NUMBERS: tuple[Row, ...] = (
    ("at_least", "this number or more", "60"),
    ("at_most", "this number or less", "60"),
    ("over", "more than this number", "10"),
    ("up_to", "this number or less", "500"),
    ("under", "less than this number", "500"),
)
_TEXTS: tuple[Row, ...] = (
    ("contains", "the text stands somewhere in the field; case does not matter", "head"),
    ("starts_with", "the field begins with the text; case does not matter", "head"),
)
_DATES: tuple[Row, ...] = (
    ("before", "earlier than this day", "2026-07-01"),
    ("after", "later than this day", "2026-01-01"),
    ("within", "no further from now than this, before or after", "3 days"),
)
_NOT: Row = ("not", "any value but these; an empty field is unknown", "purchased")

CONDITION_WORDS: tuple[Word, ...] = (
    *table(
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
        ("score", "the record's score: from the lines of `scores`, else the CRM's", "{at_least: 60}"),
        ("value", "the amount of a deal, the lifetime value of a lead or contact", "{at_least: 10000}"),
        ("created", "the day of creation", "{after: 2026-01-01}"),
        ("name", "the record's name", "{known: true}"),
        ("company", "the company's name", "{starts_with: Acme}"),
        ("opted_out", "whether the person has refused e-mail", "true"),
        ("do_not_call", "whether the person has refused calls", "true"),
        ("rating", "the rating", "hot"),
        ("prefers", "the channel the person prefers", "phone"),
        ("zone", "the time zone the person lives in", "Europe/Berlin"),
        ("reason", "why it is lost, or not now", "[price, competitor]"),
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
    *table("a text field's test", _KNOWN, _NOT, *_TEXTS),
    *table("a number field's test", _KNOWN, ("not", "any number but these", "10"), *_NUMBERS),
    *table("a yes-or-no field's test", _KNOWN),
    *table("a date field's test", *_DATES, _KNOWN),
    *table("a custom field's test", _KNOWN, _NOT, *_TEXTS, *_NUMBERS, *_DATES),
    *table(
        "owner",
        ("active", "whether the owner can log in to the CRM", "true"),
        ("absent", "whether the owner is away today, by team.yaml", "true"),
        ("in_pool", "the owner is a member of a pool of team.yaml", "inbound"),
        ("is", "queue, nobody, or a person of team.yaml", "queue"),
    ),
    *table(
        "quiet",
        ("for", "how long nothing happened", "7 days"),
        ("counting", "which activities end the silence: call, email, meeting, note", "[call, email]"),
        ("by", "whose activities end the silence: owner, lead or anyone", "owner"),
    ),
    *table(
        "attempts",
        ("at_least", "this many or more", "1"),
        ("at_most", "this many or fewer", "3"),
        ATTEMPT_TYPE,
        BY_PERSON,
        SINCE,
    ),
    *table("replied", SINCE),
    *table(
        "next_step",
        ("due_within", "a next step is due within this time", "3 days"),
        ("overdue", "a next step is late by at least this much", "2 days"),
    ),
    *table(
        "in_status or age",
        ("over", "longer than this", "10 days"),
        ("up_to", "this long or less", "30 days"),
    ),
    *table("enrolled", ("in", "a NAME of followup.yaml", "brochure")),
)
