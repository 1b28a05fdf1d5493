"""A plan that was shown: of what is decided today only that is written, with the values it was shown with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from connector.domain.decision import Plan, PlannedAction
from connector.domain.model import Offer, RecordRef, Value
from connector.evaluate import TURNS


class ShownPlan(Protocol):
    """A plan that somebody has seen and agreed to."""

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its actions."""
        ...

    def restore(self, action: PlannedAction) -> PlannedAction:
        """An action decided anew, with the values that were shown, old ones too."""
        ...


def restricted(plan: Plan, only: ShownPlan, now: datetime) -> tuple[Plan, int]:
    """The plan with only the given actions, as given; and how many of those are no longer decided.

    The records stay due, since what else was decided on them is left for the next pass. A match of which one step no
    longer starts from what was shown is left to the next pass too: somebody else has been there.
    """
    now_decided = {action.key: action for action in plan.actions}
    shown = [action for action in plan.actions if action.key in only.keys]
    given_away = {_match_of(action) for action in shown if action.kind == "reassign"}
    moved = {_match_of(a) for a in shown if _moved(a, only.restore(a), _match_of(a) in given_away)}
    keys = {action.key for action in shown if _match_of(action) not in moved}
    records = []
    lines = {(line.ref, line.rule): line for line in plan.assignments}
    kept_lines = []
    for record in plan.records:
        kept = _as_shown([action for action in record.actions if action.key in keys], only)
        if not kept:
            continue
        rules = {(action.rule, action.occasion) for action in kept}
        marks = tuple(mark for mark in record.marks if (mark.rule, mark.occasion) in rules)
        offers = tuple(_made(offer, kept) for offer in record.offers if offer.state != "open" or offer.key in keys)
        records.append(replace(record, actions=kept, held=(), marks=marks, next_at=now, offers=offers))
        for action in kept:
            line = lines.get((action.record, action.rule))
            # Whoever was shown gets the record; when that is not whose turn it is today, today's turn is not taken.
            same_taker = action.fields.get("owner") == now_decided[action.key].fields.get("owner")
            if action.kind in TURNS and line is not None and same_taker:
                kept_lines.append(line)
    return Plan(tuple(records), tuple(kept_lines), (), (), plan.notices), len(only.keys - keys)


def _moved(action: PlannedAction, shown: PlannedAction, given_away: bool) -> bool:
    """Whether somebody changed what the action starts from since it was shown, or, unless its own match gives the
    record away, whose it is."""
    people = () if given_away else [who for who in ("owner", "sender") if who in shown.fields]
    return shown.old != action.old or any(shown.fields[who] != action.fields.get(who) for who in people)


def _made(offer: Offer, actions: Sequence[PlannedAction]) -> Offer:
    """The offer as its action was shown: with the hour that the task will name."""
    until = next((action.fields.get("until") for action in actions if action.key == offer.key), None)
    return replace(offer, until=until) if isinstance(until, datetime) else offer


def _match_of(action: PlannedAction) -> tuple[RecordRef, str, str]:
    return action.record, action.rule, action.occasion


def _as_shown(actions: Sequence[PlannedAction], only: ShownPlan) -> tuple[PlannedAction, ...]:
    """Today's actions with the values that were shown; later steps of a match expect what its earlier ones write."""
    written: dict[tuple[str, str], dict[str, Value]] = {}
    shown = []
    for action in actions:
        expected = written.setdefault((action.rule, action.occasion), {})
        saw = {name: expected.get(name, value) for name, value in action.saw.items()}
        restored = replace(only.restore(action), saw=saw)
        if action.kind in ("set", "reassign"):
            expected.update((name, value) for name, value in restored.fields.items() if name in action.fields)
        shown.append(restored)
    return tuple(shown)
