"""What an engine has to know of one record, as flat facts: everything that needs a clock, a calendar or a case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import isfinite

from connector.domain.model import Value
from rules.calendar import Clocks, WorkCalendar
from rules.compare import as_number
from rules.condition import evaluate
from rules.facts import Facts
from rules.leaves import see
from rules.model import AttemptsTest, FieldTest, Rule, barring_of, wanted_of
from rules.program import Flat, Program, Slot, sound


def flat_facts(program: Program, facts: Facts, ripe: frozenset[str], clocks: Clocks) -> dict[str, Flat]:
    """What an engine has to know of one record, at `facts.now`, to decide on the rules in `ripe`; unknown is absent."""
    calendars = clocks.local(facts.zone)
    flat: dict[str, Flat] = {}
    done: set[str] = set()
    for compiled in program.rules:
        if compiled.id in ripe:
            flat[compiled.ripe] = 1
            for slot in compiled.slots:
                if slot.fact not in done:
                    done.add(slot.fact)
                    flat.update(_work_out(slot, compiled.rule, facts, calendars))
    return flat


def text_of(value: Value) -> str:
    """A value as text that is equal exactly when the values are the same: its type, then what it says."""
    if isinstance(value, bool):
        return f"b:{str(value).casefold()}"
    if isinstance(value, int | float):
        return f"n:{int(value) if isfinite(value) and value == int(value) else value!r}"
    return "d:" if isinstance(value, date) else f"t:{str(value).casefold()}"


def _work_out(slot: Slot, rule: Rule, facts: Facts, calendars: Mapping[str, WorkCalendar]) -> Mapping[str, Flat]:
    calendar, leaf = calendars[slot.calendar], slot.leaf
    if leaf is None:
        return {slot.fact: 1} if _holds(rule, facts, calendars) else {}
    if isinstance(leaf, AttemptsTest) and slot.how == "count":
        return {slot.fact: len(facts.attempts(leaf.types, leaf.by, facts.anchor(leaf.since)))}
    if isinstance(leaf, FieldTest) and slot.how in ("text", "number"):
        known, value = facts.field(leaf.field)
        if not known:
            return {}
        if slot.how == "text":
            return {slot.fact: text_of(value)}
        number = as_number(value)
        return {} if number is None else {slot.fact: float(number) if sound(number) else number}
    seen = see(leaf, facts, calendar, calendars)
    if seen.holds is not None:
        return {("y" if seen.holds else "x") + slot.fact[1:]: 1}
    return {"g" + slot.fact[1:]: 1} if seen.guard else {}


def _holds(rule: Rule, facts: Facts, calendars: Mapping[str, WorkCalendar]) -> bool:
    calendar = calendars[rule.calendar]
    if any(evaluate(wanted, facts, calendar, calendars).holds is not True for wanted in wanted_of(rule)):
        return False
    return not any(evaluate(barring, facts, calendar, calendars).stops for barring in barring_of(rule))
