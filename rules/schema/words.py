"""The choices that stand in more than one place of a rule file."""

from __future__ import annotations

from typing import Annotated, Literal

from rules.basics import Anchor, Template, Who
from rules.references import known_attempt, known_calendar, known_enrollment, known_person, known_pool
from rules.team import Criterion, Turn
from rules.typed import TEXT_FORM, Written, pattern, words_only
from rules.values import filled_text, queue_or_hold
from rules.vocabulary import ACTIVITY_WORDS, CRITERIA, TURNS

By = Annotated[Who, words_only("owner", "lead", "anyone")]
ByPerson = Annotated[Who, words_only("owner", "anyone")]
Since = Annotated[Anchor, words_only("assigned", "created", "status")]
KindWord = Annotated[Literal["lead", "contact", "deal"], words_only("lead", "contact", "deal")]
Counted = Annotated[str, words_only("call", "email", "meeting", "note")]
Happened = Annotated[str, words_only(*ACTIVITY_WORDS)]
TaskType = Annotated[str, words_only("call", "email", "todo")]
TurnWord = Annotated[Turn, words_only(*TURNS)]
CriterionWord = Annotated[Criterion, words_only(*CRITERIA)]
PreviousOwners = Annotated[str, words_only("previous_owners")]
NoneWord = Annotated[Literal["none"], words_only("none")]
QueueOrHold = Annotated[str, Written(lambda value, info: queue_or_hold(value), pattern("hold|queue .+"))]
Attempt = Annotated[str, known_attempt]
PersonName = Annotated[str, known_person]
PoolName = Annotated[str, known_pool]
CalendarName = Annotated[str, known_calendar]
EnrollmentName = Annotated[str, known_enrollment]
Filled = Annotated[Template, Written(filled_text, TEXT_FORM)]
HandOver = Annotated[Template, Written(lambda value, info: filled_text(value, info, hand_over=True), TEXT_FORM)]
Subject = Annotated[Template, Written(lambda value, info: filled_text(value, info, one_line=True), TEXT_FORM)]


def whether_match(how: Turn | None, match: list[Criterion] | None) -> None:
    """`match` says what fits best; that means something only where the pool hands out by what fits."""
    if match is not None and how not in (None, "match"):
        raise ValueError(f"`match` says what fits best; it goes with `how: match`, not with `how: {how}`")
    twice = next((each for each in match or () if (match or []).count(each) > 1), None)
    if twice is not None:
        raise ValueError(f"`match` names {twice} twice")
