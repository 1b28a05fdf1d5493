"""The vocabulary of rule files and team.yaml: every word with what it means and an example.

A word means one thing in one place: `task` among the actions, `due` inside a task. The places are the names of the
shapes of `rules.schema` (`where`); messages, the JSON Schema, `schema WORD` and the reference read from here. Another
part of the language adds its table to `WORDS`.
"""

from __future__ import annotations

from rules.vocabulary.actions import ACTION_WORDS
from rules.vocabulary.base import (
    ACTIVITY_WORDS,
    ATTEMPT_WORDS,
    CRITERIA,
    FIELDS,
    REPLY_WORDS,
    RESERVED_NAMES,
    TURNS,
    FieldType,
    Word,
    listed,
    table,
)
from rules.vocabulary.cases import CASE_WORDS
from rules.vocabulary.conditions import CONDITION_WORDS
from rules.vocabulary.files import FILE_WORDS
from rules.vocabulary.nearest import nearest, not_known
from rules.vocabulary.team import TEAM_WORDS
from rules.vocabulary.when import WHEN_WORDS

__all__ = [
    "ACTIVITY_WORDS", "ATTEMPT_WORDS", "CRITERIA", "FIELDS", "REPLY_WORDS", "RESERVED_NAMES", "TURNS", "WORDS", "FieldType",
    "Word", "listed", "nearest", "not_known", "table", "word",
]  # fmt: skip

WORDS: tuple[Word, ...] = (*FILE_WORDS, *WHEN_WORDS, *CONDITION_WORDS, *ACTION_WORDS, *TEAM_WORDS, *CASE_WORDS)

_BY_PLACE = {(word.where, word.name): word for word in WORDS}


def word(where: str, name: str) -> Word | None:
    """The word of that name in that place."""
    return _BY_PLACE.get((where, name))
