"""What a drawn rule means, evaluated naively over the diary of what people did: no store, no rules package, no cleverness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.company import STATUSES
from tests.simulation.acts import Deed
from tests.simulation.crm import LeadNow
from tests.simulation.scenario import Spec

_UNITS = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}
EITHER = frozenset({True, False, None})
"""What an expression may be when this evaluator does not know the word."""


def wall(text: str | None) -> timedelta | None:
    """A duration of the wall clock; None for working time, zero for none."""
    if text is None:
        return timedelta(0)
    number, _, unit = text.partition(" ")
    minutes = _UNITS.get(unit.rstrip("s"))
    return None if minutes is None else timedelta(minutes=minutes * int(number))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# -- conditions on what the CRM shows ------------------------------------------------------------------------------


def holds(condition: Any, lead: LeadNow, crm: str, untold: frozenset[str]) -> frozenset[bool | None]:
    """What a condition may be on this lead; fields in `untold` were changed by the match itself."""
    result: frozenset[bool | None] = frozenset({True})
    for word, value in condition.items():
        if word == "not":
            one = frozenset(None if each is None else not each for each in holds(value, lead, crm, untold))
        elif word in ("any", "all"):
            parts = [holds(part, lead, crm, untold) for part in value]
            one = parts[0]
            for part in parts[1:]:
                one = _join(one, part, word == "any")
        elif word in untold:
            one = EITHER
        else:
            one = _leaf(word, value, lead, crm)
        result = _join(result, one, False)
    return result


def _join(one: Iterable[bool | None], other: Iterable[bool | None], any_: bool) -> frozenset[bool | None]:
    def pair(left: bool | None, right: bool | None) -> bool | None:
        if any_ in (left, right):
            return any_
        return None if None in (left, right) else not any_

    return frozenset(pair(left, right) for left in one for right in other)


def _leaf(word: str, value: Any, lead: LeadNow, crm: str) -> frozenset[bool | None]:
    if word == "opted_out":
        return frozenset({None if lead.opted_out is None else lead.opted_out is value})
    if word == "status":
        words = STATUSES[crm]
        wanted = [words.get(each, each).casefold() for each in _listed(value)]
        return frozenset({None if lead.status is None else lead.status.casefold() in wanted})
    if word in ("source", "custom.tier", "country", "size", "email"):
        return frozenset({_field(value, lead.fields.get(word))})
    return EITHER


def _field(test: Any, value: object) -> bool | None:
    if isinstance(test, dict) and "known" in test:
        return (value not in (None, "")) is test["known"]
    if value in (None, ""):
        return None
    if isinstance(test, dict) and "over" in test:
        return float(str(value)) > test["over"]
    if isinstance(test, dict):
        return str(value).casefold() not in [each.casefold() for each in _listed(test["not"])]
    return str(value).casefold() in [each.casefold() for each in _listed(test)]


# -- what starts a rule's clock --------------------------------------------------------------------------------------

_TYPES: Mapping[str, Sequence[str]] = {
    "call": ("call", "complete"),
    "email_sent": ("email", "complete"),
    "email_received": ("reply", "autoreply"),
    "meeting": ("meeting",),
    "meeting_booked": ("meeting",),
    "note": ("note",),
    "call_inbound": ("call",),
    "email_opened": ("open_email",),
}


def starts(rule: Spec, deeds: Sequence[Deed], crm: str) -> list[datetime] | None:
    """The instants at which people may have started this rule's clock, at most; None where that is not told here."""
    when: Any = rule["when"]
    word, value = next(iter(when.items()))
    if word == "created":
        return [deed.at for deed in deeds if deed.what == "lead"]
    if word in ("becomes", "leaves", "changes"):
        return _changed(word, value, deeds, crm)
    if word == "assigned":
        given = [
            deed.at for deed in deeds if deed.what == "owner" and deed.detail["owner"][0] != deed.detail["owner"][1]
        ]
        return [deed.at for deed in deeds if deed.what in ("lead", "merge")] + given
    if word == "replied":
        return [
            deed.at
            for deed in deeds
            if deed.what in ("reply", "meeting") or (deed.what == "call" and deed.detail.get("inbound"))
        ]
    if word == "activity":
        types = _listed(value["type"] if isinstance(value, dict) else value)
        known = {what for each in types for what in _TYPES[each]}
        ends = [deed.detail["end"] for deed in deeds if deed.what == "meeting" and "meeting" in types]
        return ends + [
            deed.at for deed in deeds if deed.what in known and (deed.what != "meeting" or "meeting_booked" in types)
        ]
    if word == "attempts":
        ends = [deed.detail["end"] for deed in deeds if deed.what == "meeting"]
        return ends + [deed.at for deed in deeds if deed.what in ("call", "email", "complete", "merge")]
    return None


def _changed(word: str, value: Any, deeds: Sequence[Deed], crm: str) -> list[datetime]:
    name = value if isinstance(value, str) else next(key for key in value if key != "from")
    wanted = None if isinstance(value, str) else _values(name, value[name], crm)
    found = []
    if any(deed.what == "merge" for deed in deeds):  # HubSpot's survivor has one's creation and the other's values
        found += [deed.at for deed in deeds if deed.what == "lead"]
    for deed in deeds:
        if deed.what == "merge" or (deed.what == "convert" and name == "status"):
            found.append(deed.at)
        elif deed.what == "lead" and word == "becomes" and "from" not in value:
            if wanted is not None and _values(name, deed.detail.get(name, ""), crm)[0] in wanted:
                found.append(deed.at)
        elif deed.what in ("status", "refuse", "field") and name in deed.detail:
            old, new = (str(each or "").casefold() for each in deed.detail[name])
            hit = {"becomes": wanted and new in wanted, "leaves": wanted and old in wanted, "changes": True}[word]
            if hit and old != new:
                found.append(deed.at)
    return found


def _values(name: str, words: Any, crm: str) -> list[str]:
    table = STATUSES[crm] if name == "status" else {}
    return [str(table.get(word, word)).casefold() for word in _listed(words)]


def most(rule: Spec, deeds: Sequence[Deed], crm: str, days: int, tasks: int) -> int:
    """How often this rule may have fired at most on leads with this diary, whatever happened in between.

    `days` have passed, and we made so many `tasks`. What we write ourselves starts nothing but what is about our tasks.
    """
    word = next(iter(rule["when"]))
    told = starts(rule, deeds, crm)
    leads = sum(deed.what == "lead" for deed in deeds)
    ended = sum(deed.what in ("complete", "defer", "delete_task") for deed in deeds)
    if word == "every":
        count = (days + 1) * max(1, leads)
    elif word == "task" and "completed" in rule["when"]["task"]:
        count = sum(deed.what in ("complete", "call", "email") for deed in deeds)
    elif word == "task":
        count = tasks + sum(deed.what == "task" for deed in deeds)
    elif word == "offer":
        count = tasks if rule["when"]["offer"] == "expired" else ended
    elif word in ("quiet", "next_step", "score"):
        count = leads + len(deeds) + tasks
    else:
        count = len(told or ())
    if rule.get("once") == "per lead":
        count = min(count, leads)
    return count
