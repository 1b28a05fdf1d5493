"""What the tables of the vocabulary are made of, and the lists of words that more than one place knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
    "zone": "text",
    "reason": "text",
}
"""Our words for a record's fields, and what they hold. `custom.NAME` adds those that followup.yaml binds."""

ATTEMPT_WORDS = ("call", "email_sent", "meeting")
REPLY_WORDS = ("email_received", "call_inbound", "meeting_booked")
ACTIVITY_WORDS = (
    "call", "call_inbound", "email_sent", "email_received", "email_opened", "email_clicked", "meeting",
    "meeting_booked", "note",
)  # fmt: skip
"""What may happen on a record, as the trigger `activity` and a score's `per` name it."""
TURNS = ("round_robin", "weighted", "least_loaded", "match")
CRITERIA = ("industry", "history", "skill")
RESERVED_NAMES = ("owner", "manager", "source_rep", "queue", "nobody", "anyone", "lead", "hold")
"""Words that stand where a person's name may stand, so nobody can be called that in team.yaml."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the language: where it stands, what it means, and how it is written there."""

    where: str
    name: str
    meaning: str
    example: str


Row = tuple[str, str, str]
"""A word of a table: its name, what it means, and the value of an example."""


def table(where: str, *rows: Row) -> tuple[Word, ...]:
    """The words of one place."""
    return tuple(Word(where, name, meaning, f"{name}: {example}") for name, meaning, example in rows)


def listed(words: tuple[str, ...], joint: str = "or") -> str:
    """The words as a sentence lists them: `call, email or todo`."""
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else words[0]
