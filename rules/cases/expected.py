"""What a rule did in a case, in words, and whether that is what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from connector.domain.decision import ActionKind, PlannedAction
from connector.domain.model import Value
from rules.cases.model import NOBODY, Check
from rules.compare import shown
from rules.template import one_line

_CONTAINED = ("subject", "body", "text", "note")
"""Texts: what is expected has to stand somewhere in them."""

_ASIDE = ("priority", "body", "note")
"""What is too long, or too often the same, for each line of a timeline; a failed expectation tells what it asked for."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One write of a rule, and how a case would put it; `held` when it was held back.

    It has no action where nobody was there to act for.
    """

    at: datetime
    rule: str
    text: str
    action: PlannedAction | None = None
    pool: str = ""
    held: bool = False


def deed_of(action: PlannedAction, at: datetime, zone: ZoneInfo, *, pool: str = "", held: bool = False) -> Deed:
    """A write as a deed of its rule; `pool` is who handed out."""
    pool = str(action.fields.get("pool") or pool)
    text = action_text(action.kind, _seen(action, pool), zone)
    return Deed(at, action.rule, f"held: {text}" if held else text, action, pool, held)


def _seen(action: PlannedAction, pool: str) -> Mapping[str, Value]:
    """The fields of an action, with the words that a case has besides."""
    more: dict[str, Value] = {"pool": pool or None}
    if action.kind == "reassign":
        more["from"] = action.old.get("owner") or NOBODY
    return {**action.fields, **more}


def of_rule(rule: str, wanted: str | None) -> bool:
    """Whether a rule is the one that is meant, or a step of the cadence that is; None means every rule."""
    return wanted is None or rule == wanted or rule.startswith(f"{wanted}/")


def meets(check: Check, deed: Deed) -> bool:
    """Whether a deed is what a check expects."""
    action = deed.action
    if action is None or action.kind != check.kind:
        return False
    seen = _seen(action, deed.pool)
    return all(_same(name, value, seen.get(name)) for name, value in check.fields.items())


def nearer(check: Check, deed: Deed) -> Deed:
    """The deed with what the check asks for and a timeline leaves out, so that what differs can be seen."""
    action = deed.action
    if action is None or action.kind != check.kind:
        return deed
    return replace(deed, text=deed.text + aside(_seen(action, deed.pool), check.fields))


def _same(name: str, wanted: Value, value: Value) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    if isinstance(wanted, int | float) and isinstance(value, int | float):
        return wanted == value
    if isinstance(wanted, datetime):
        return isinstance(value, datetime) and value == wanted
    text, other = str(wanted).casefold(), "" if value is None else str(value).casefold()
    return text in other if name in _CONTAINED else text == other


def action_text(kind: ActionKind, fields: Mapping[str, Value], zone: ZoneInfo) -> str:
    """An action in the words of a case, clock times in a zone; what is not given is left out."""
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    parts: list[str] = [kind]
    match kind:
        case "task" | "offer" | "amend":
            parts += [str(given["type"])] if "type" in given and kind == "task" else []
            parts += [f'"{one_line(str(given["subject"]))}"'] if "subject" in given else []
            parts += [f"to {given['owner']}"] if "owner" in given else []
            parts += [f"from pool {given['pool']}"] if "pool" in given else []
            parts += [f"due {when(given['due'], zone)}"] if "due" in given and kind == "task" else []
            parts += [f"until {when(given['until'], zone)}"] if "until" in given else []
            parts += ["done"] if given.get("done") is True else []
        case "reassign":
            parts += [f"from {given['from']}"] if "from" in given else []
            parts += [f"to {given['owner']}"] if "owner" in given else []
            parts += [f"in pool {given['pool']}"] if "pool" in given else []
        case "enroll":
            parts += [f"in {given['in']}"] if "in" in given else []
        case "unenroll":
            parts += [f"from {given['from']}"] if "from" in given else []
        case "set":
            parts += [", ".join(f"{name}: {shown(value)}" for name, value in given.items() if name != "pool")]
        case "note":
            parts += [f'"{one_line(str(given["text"]))}"'] if "text" in given else []
    return " ".join(part for part in parts if part)


def aside(fields: Mapping[str, Value], names: Iterable[str]) -> str:
    """What a line of the timeline leaves out of an action, for those of the names that are such: ` body "..."`."""
    asked = frozenset(names)
    given = [(name, fields.get(name)) for name in _ASIDE if name in asked]
    return "".join(f' {name} "{one_line(str(value))}"' if value else f" without {name}" for name, value in given)


def when(value: Value, zone: ZoneInfo) -> str:
    """An instant as people read it."""
    return f"{value.astimezone(zone):%a %Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
