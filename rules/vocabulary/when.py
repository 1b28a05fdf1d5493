"""The words that start a rule's clock: the triggers of `when` and of a cadence's `start`, and what stands inside them."""

from __future__ import annotations

from rules.vocabulary.base import ACTIVITY_WORDS, ATTEMPT_WORDS, Row, Word, listed, table

SINCE: Row = ("since", "from when on they count: assigned, created or status", "assigned")
ATTEMPT_TYPE: Row = ("type", f"which attempts count, of those in team.yaml: {listed(ATTEMPT_WORDS)}", "call")
BY_PERSON: Row = ("by", "whose attempts count: owner or anyone", "owner")
_TASK_TYPE: Row = ("type", "which tasks: call, email or todo; any when not given", "call")
_OUTCOME = "how it ended: no_answer, connected, left_voicemail, busy, wrong_number, or the CRM's own word"

WHEN_WORDS: tuple[Word, ...] = (
    *table(
        "when",
        ("created", "the record was created", "true"),
        ("becomes", "a field took a value", "{status: interested}"),
        ("leaves", "a field lost a value", "{status: new}"),
        ("changes", "a field took any other value", "status"),
        ("assigned", "a person became the owner", "true"),
        ("quiet", "nothing counted happened for a time", "7 days"),
        ("attempts", "so many attempts were made", "{reach: 6, since: assigned}"),
        ("replied", "the prospect answered", "true"),
        (
            "activity",
            "something happened: a call, a mail, a click, a meeting, a note",
            "{type: call, outcome: no_answer}",
        ),
        ("score", "the score rose to a threshold", "{crosses: 60}"),
        ("task", "a task is late, or a person completed one", "{overdue: 1 business day}"),
        ("offer", "an offer of the record was accepted or rejected, or expired", "accepted"),
        ("next_step", "the last open task or coming meeting ended, and there is none", "none"),
        ("every", "a time of the week, on days that are no holidays of the calendar", "friday 16:00"),
    ),
    *table("becomes", ("from", "the value it had before", "[new, working]")),
    *table("leaves", ("from", "the value it had before", "[new, working]")),
    *table(
        "the trigger attempts",
        ("reach", "the number of attempts that starts the clock", "6"),
        ATTEMPT_TYPE,
        BY_PERSON,
        SINCE,
    ),
    *table(
        "activity",
        ("type", f"what happened: {listed(ACTIVITY_WORDS)}", "email_clicked"),
        ("outcome", _OUTCOME, "[no_answer, busy]"),
        ("subject_contains", "the text stands somewhere in the subject; case does not matter", "pricing"),
    ),
    *table("the trigger score", ("crosses", "the points it rises to from below", "60")),
    *table(
        "the trigger task",
        ("overdue", "an open task, followup's own included, is late by this long", "1 business day"),
        ("completed", "a person completed the task", "true"),
        _TASK_TYPE,
        ("outcome", f"only with completed; {_OUTCOME}", "connected"),
    ),
)
