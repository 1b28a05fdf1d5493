"""Explains the words of the language: every place where one may stand, what it means there, and what stands inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic.json_schema import JsonSchemaValue

from rules.editorschema import rule_file_schema, team_schema
from rules.typed import CUSTOM, DATE_FORM, DURATION_FORM, NUMBER_FORM, SPAN_FORM, YES_NO_FORM, Form, whole_form
from rules.vocabulary import WORDS, Word, listed, nearest

_KINDS: tuple[tuple[Form, str], ...] = (
    (DURATION_FORM, "a whole number and a unit, such as `5 business days`"),
    (NUMBER_FORM, "a number"),
    (whole_form(), "a whole number"),
    (whole_form(1), "a whole number from 1"),
    (YES_NO_FORM, "true or false"),
    (DATE_FORM, "a day, such as `2026-03-02`"),
    (SPAN_FORM, "hours of a day, such as `16:00-17:00`"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A word in one place: the words that may stand inside it, and what else it may hold, as far as that can be told."""

    word: Word
    inside: tuple[str, ...]
    holds: str


def explain_word(text: str) -> tuple[Entry, ...]:
    """Every place in which a word may stand; empty when it is none of the language."""
    name = "custom.NAME" if CUSTOM.fullmatch(text) else text
    return tuple(entry(word) for word in WORDS if word.name == name)


def entry(word: Word) -> Entry:
    """A word with what stands inside it."""
    forms = tuple(_forms(_places().get((word.where, word.name), {})))
    inside = dict.fromkeys(name for form in forms for name in form.get("properties", ()))
    choices = [str(choice) for form in forms for choice in form.get("enum", ()) if isinstance(choice, str)]
    kinds = [text for known, text in _KINDS if any(known == _bare(form) for form in forms)]
    holds = ([listed(tuple(dict.fromkeys(choices)))] if choices else []) + kinds
    return Entry(word, tuple(inside), "; or ".join(holds))


def where_a_value(text: str) -> tuple[Word, ...]:
    """The words that may hold this, such as `type` of an activity for `email_opened`."""
    places = _places().items()
    found = {place for place, form in places if any(text in each.get("enum", ()) for each in _forms(form))}
    return tuple(word for word in WORDS if (word.where, word.name) in found)


def nearest_word(text: str) -> str | None:
    """The word of the language that was most likely meant."""
    return nearest(text, dict.fromkeys(word.name for word in WORDS))


@cache
def _definitions() -> Mapping[str, JsonSchemaValue]:
    return {**rule_file_schema()["$defs"], **team_schema()["$defs"]}


@cache
def _places() -> Mapping[tuple[str, str], JsonSchemaValue]:
    """The form of every word, by its place and name."""
    tops = (rule_file_schema(), team_schema())
    mappings = (form for top in (*tops, *_definitions().values()) for form in _forms(top) if "title" in form)
    found: dict[tuple[str, str], JsonSchemaValue] = {}
    for mapping in mappings:
        for name, form in mapping.get("properties", {}).items():
            found[mapping["title"], name] = form
            # What a word holds without a shape of its own stands under the word itself: `spread` in `backfill`.
            unnamed = (each for each in _forms(form) if "title" not in each)
            found |= {(name, below): inner for each in unnamed for below, inner in each.get("properties", {}).items()}
        for form in mapping.get("patternProperties", {}).values():
            found[mapping["title"], "custom.NAME"] = form
    return found


def _forms(form: JsonSchemaValue) -> Iterator[JsonSchemaValue]:
    """The forms a word may take, without those of the words inside it; a list counts as one of its items."""
    yield form
    if "$ref" in form:
        yield from _forms(_definitions()[form["$ref"].rpartition("/")[2]])
    for each in form.get("anyOf", ()):
        if each.keys() != {"required"}:
            yield from _forms(each)
    if isinstance(form.get("items"), dict):
        yield from _forms(form["items"])


def _bare(form: JsonSchemaValue) -> JsonSchemaValue:
    return {key: value for key, value in form.items() if key not in ("description", "examples")}
