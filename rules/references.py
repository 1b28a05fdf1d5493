"""What a rule may refer to: people, pools, calendars, enrolments. Validation gets their names as its context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import ValidationInfo

from rules.refusal import NAME, RefusalError
from rules.typed import CUSTOM, TEXT_FORM, Written, text_of
from rules.vocabulary import ATTEMPT_WORDS, FIELDS, not_known


@dataclass(frozen=True, slots=True)
class Names:
    """What a rule may refer to: the names of team.yaml and followup.yaml. `enrollments` None: they are not checked.

    `broken` are names that stand in team.yaml with a mistake; `kind` is the record kind of the rule being read.
    """

    people: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ATTEMPT_WORDS
    enrollments: frozenset[str] | None = None
    broken: frozenset[str] = field(default_factory=frozenset)
    kind: str = "lead"


def names_in(info: ValidationInfo) -> Names:
    """The names that validation was given."""
    if not isinstance(info.context, Names):
        raise TypeError("rule files are validated with Names as context")
    return info.context


def _reference(pick: Callable[[Names], tuple[str, ...] | None], what: str, place: str) -> Written:
    def check(value: object, info: ValidationInfo) -> str:
        text = text_of(value)
        names = names_in(info)
        allowed = pick(names)
        if allowed is None or text in allowed:
            return text
        if text in names.broken:
            raise RefusalError(f"`{text}` has a mistake in team.yaml; mend it there first", NAME)
        sentence = not_known(text, allowed, what=f"{what} ")
        raise RefusalError(f"{sentence} (of {place})", NAME)

    return Written(check, TEXT_FORM)


def person_or(*words: str) -> Written:
    """A person of team.yaml or one of these words."""
    return _reference(
        lambda names: (*words, *names.people), "the word or person" if words else "the person", "team.yaml"
    )


known_person = person_or()
known_pool = _reference(lambda names: names.pools, "the pool", "team.yaml")
known_calendar = _reference(lambda names: names.calendars, "the calendar", "team.yaml")
known_attempt = _reference(lambda names: names.attempts, "the attempt", "counts.attempt in team.yaml")
known_enrollment = _reference(
    lambda names: None if names.enrollments is None else tuple(sorted(names.enrollments)),
    "the enrolment",
    "enrollments in followup.yaml",
)


def known_field(name: str, where: str, allowed: tuple[str, ...] = tuple(FIELDS)) -> str | None:
    """None when the name is a field that may stand there, else the sentence that says what may."""
    if name in allowed or CUSTOM.fullmatch(name):
        return None
    return not_known(name, (*allowed, "custom.NAME"), where)
