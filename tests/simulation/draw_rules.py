"""Random rules from the whole language, as plain values: the rule file is written from them, and so is what is expected."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from rules.loader import load_rules
from rules.model import Limit
from tests.simulation.scenario import Spec

PEOPLE = ("ana", "ben", "cleo")
STATUS_WORDS = ("new", "working", "interested", "qualified", "recycled", "nurturing", "do_not_contact", "unqualified")
OPEN = ("new", "working", "interested", "recycled", "nurturing")
TIERS = ("A", "B", "C")
SOURCES = ("Web", "Partner Referral", "Purchased List")
ENROLLMENTS = ("brochure", "welcome")
GUARD: Spec = {"any": [{"status": ["converted", "do_not_contact"]}, {"opted_out": True}]}

NEVER: Spec = {
    "id": "never",
    "why": "There is always a rule",
    "when": {"becomes": {"status": "qualified", "from": "do_not_contact"}},
    "then": [{"note": "Never"}],
}

_WALL = ("30 minutes", "2 hours", "1 day", "3 days", "1 week")
_WORKING = ("4 business hours", "1 business day", "2 business days")
_ACTIVITIES = (
    "call",
    "email_sent",
    "email_received",
    "meeting",
    "note",
    "call_inbound",
    "email_opened",
    "meeting_booked",
)


def wait(dice: Random) -> str | None:
    """A wait, or none."""
    return dice.choice((None, None, *_WALL, *_WORKING))


def trigger(dice: Random, scored: bool) -> Spec:
    """One of the triggers, in one of its forms."""
    status = dice.choice(OPEN)
    forms: list[Any] = [
        {"created": True},
        {"created": True},
        {"becomes": {"status": dice.choice((status, [status, "qualified"]))}},
        {"becomes": {"status": "interested", "from": ["new", "working"]}},
        {"becomes": {"custom.tier": dice.choice(TIERS)}},
        {"leaves": {"status": [status, "new"]}},
        {"changes": dice.choice(("status", "custom.tier", "source"))},
        {"assigned": True},
        {"quiet": dice.choice(("2 days", "7 days", "5 business days"))},
        {"quiet": {"for": "3 days", "counting": ["call", "email"], "by": dice.choice(("owner", "lead", "anyone"))}},
        {"attempts": {"reach": dice.choice((1, 2, 3)), "since": dice.choice(("assigned", "created", "status"))}},
        {"attempts": {"reach": 2, "type": ["call"], "by": "owner"}},
        {"replied": True},
        {"activity": dice.choice(_ACTIVITIES)},
        {"activity": {"type": "call", "outcome": ["no_answer", "busy"]}},
        {"activity": {"type": ["email_sent", "note"], "subject_contains": "offer"}},
        {"task": {"overdue": dice.choice(("1 day", "1 business day"))}},
        {"task": {"completed": True, "type": dice.choice(("call", "todo"))}},
        {"offer": dice.choice(("accepted", "rejected", "expired"))},
        {"next_step": "none"},
        {"every": dice.choice(("friday 15:00", "weekday 07:00", "day 12:00", "monday and thursday 09:00"))},
    ]
    if scored:
        forms += [{"score": {"crosses": dice.choice((20, 40))}}] * 2
    common = [
        {"created": True},
        {"assigned": True},
        {"changes": "status"},
        {"becomes": {"status": list(OPEN)}},
        {"activity": "call"},
    ]
    form: Spec = dice.choice((*forms, *common, *common))
    return form


def condition(dice: Random, depth: int = 0) -> Spec:
    """A condition, now and then of several."""
    leaves: list[Any] = [
        {"status": list(dice.sample(OPEN, 2))},
        {"status": dice.choice(OPEN)},
        {"source": dice.choice((SOURCES[0], {"not": "Purchased List"}))},
        {"custom.tier": list(dice.sample(TIERS, 2))},
        {"custom.tier": {"known": True}},
        {"country": ["DE", "AT"]},
        {"size": {"over": 10}},
        {"email": {"known": True}},
        {"owner": {"active": True}},
        {"owner": {"absent": True}},
        {"owner": {"is": dice.choice(("person", "queue"))}},
        {"owner": {"in_pool": "inbound"}},
        {"owner": dice.choice(PEOPLE)},
        {"opted_out": False},
        {"attempts": {"at_least": 1}},
        {"attempts": {"at_most": 3, "since": "assigned"}},
        {"replied": False},
        {"replied": {"since": "created"}},
        {"touched_by": "anyone"},
        {"next_step": "none"},
        {"quiet": "1 day"},
        {"in_status": {"over": "1 day"}},
        {"age": {"up_to": "30 days"}},
        {"enrolled": {"in": "brochure"}},
        {"during": "office"},
    ]
    if depth < 2 and dice.random() < 0.25:
        parts = [condition(dice, depth + 1) for _ in range(2)]
        return {dice.choice(("any", "all")): parts}
    if depth < 2 and dice.random() < 0.1:
        return {"not": condition(dice, depth + 1)}
    fields = [leaf for leaf in leaves if {"source", "custom.tier", "country"} & set(leaf)]
    leaf: Spec = dice.choice((*leaves, *fields, *fields))
    return leaf


def against(condition: Spec) -> Spec:
    """Values with which a condition on the lead's own fields no longer holds; none where it has no such word."""
    found: dict[str, Any] = {}
    for word, value in condition.items():
        if word in ("any", "all"):
            for part in value:
                found.update(against(part))
        elif word == "custom.tier":
            listed = value if isinstance(value, list) else []
            found[word] = next(tier for tier in TIERS if tier not in listed)
        elif word == "source":
            found[word] = SOURCES[2] if value != SOURCES[2] else SOURCES[0]
        elif word == "country":
            found[word] = "FR"
    return found


def due(dice: Random, guarded: bool) -> Spec:
    """A rule that nothing but a guard keeps back: what is due by it has to happen."""
    forms: Sequence[Spec] = (
        {"created": True},
        {"created": True},
        {"assigned": True},
        {"replied": True},
        {"becomes": {"status": dice.choice(OPEN)}},
        {"becomes": {"status": list(OPEN)}},
        {"attempts": {"reach": dice.choice((1, 2)), "since": "created"}},
        {"quiet": dice.choice(("2 days", "7 days"))},
    )
    task = {"task": {"type": "todo", "subject": "Look after {lead.name}", "due": "3 days"}}
    made: dict[str, Any] = {"id": "due", "why": "Has to happen", "when": dice.choice(forms), "then": [task]}
    if (lasting := dice.choice((None, None, "2 hours", "1 day"))) is not None:
        made["wait"] = lasting
    if dice.random() < 0.5:
        made["backfill"] = "all"
    return {**made, "unless": GUARD} if guarded else made


def picky(dice: Random, guarded: bool) -> Spec:
    """A rule with a condition on the lead's own fields, which people may change before it is carried out."""
    wanted = dice.choice(({"custom.tier": ["A", "B"]}, {"source": "Web"}, {"country": ["DE", "AT"]}))
    task = {"task": {"type": "todo", "subject": "See {lead.name}", "due": "3 days"}}
    when: Spec = dice.choice(({"created": True}, {"activity": "call"}, {"activity": "call"}))
    made: dict[str, Any] = {"id": "picky", "why": "Asks for a field", "when": when, "if": wanted}
    then = task if "created" in when else {"note": "Seen: {lead.name}"}
    return {**made, **({"unless": GUARD} if guarded else {}), "then": [then], "once": "per lead"}


def mailing(dice: Random) -> Spec:
    """A rule that enrols everybody whom the law lets it enrol: what stops it is our own guard alone."""
    made: dict[str, Any] = {
        "id": "mail",
        "why": "To all",
        "when": {"created": True},
        "then": [{"enroll": {"in": "brochure"}}],
    }
    return {**made, "once": "per lead", **dice.choice(({"backfill": "all"}, {"wait": "2 hours"}))}


def fed(dice: Random, guarded: bool) -> list[Spec]:
    """Two rules of which the second would live on what the first writes, if our own writes counted."""
    begin: Spec = dice.choice(({"created": True}, {"activity": "call"}, {"activity": "email_sent"}))
    writes, waits = dice.choice(
        (
            ({"set": {"status": "nurturing"}}, {"becomes": {"status": "nurturing"}}),
            ({"set": {"status": "recycled"}}, {"changes": "status"}),
            ({"set": {"custom.tier": "C"}}, {"changes": "custom.tier"}),
            ({"reassign": {"to": "eva"}}, {"assigned": True}),
        )
    )
    guard = {"unless": GUARD} if guarded else {}
    task = {"task": {"type": "todo", "subject": "See {lead.name}", "due": "3 days"}}
    first = {"id": "f0", "why": "Writes", "when": begin, **guard, "then": [writes], "once": "per occasion"}
    second = {"id": "f1", "why": "Lives on it", "when": waits, **guard, "then": [task]}
    return [{**first, "backfill": "all"} if dice.random() < 0.3 else first, second]


def action(dice: Random) -> Spec:
    """One of the actions, in one of its forms."""
    pool: dict[str, Any] = {"pool": dice.choice(("inbound", "closers"))}
    task: dict[str, Any] = {
        "type": dice.choice(("call", "email", "todo", "preferred")),
        "subject": dice.choice(("Call {lead.name}", "Look at {lead.company}", "Reach {lead.name} ({owner.name})")),
        **dice.choice(({}, {"due": "1 business day"}, {"due": "3 days"}, {"due": "4 business hours"})),
        **dice.choice(({}, {}, {"slot": "16:00-17:00"}, {"priority": "high"}, {"body": "Ask twice"})),
        **dice.choice(({}, {}, {"to": "manager"}, {"to": "eva"})),
    }
    handing = {
        **pool,
        **dice.choice(({}, {"how": "least_loaded"}, {"how": "weighted"}, {"match": ["industry", "history"]})),
        **dice.choice(({}, {"except": "previous_owners"})),
        **dice.choice(({}, {"if_nobody": "hold"}, {"note": "{lead.name} goes to {person.name}"})),
    }
    forms: list[Any] = [
        {"task": task},
        {"task": task},
        {"task": task},
        {"reassign": handing},
        {"reassign": {"to": dice.choice(("manager", *PEOPLE))}},
        {"offer": {**handing, "accept_within": dice.choice(("4 hours", "1 day", "4 business hours"))}},
        {"enroll": {"in": dice.choice(ENROLLMENTS), **dice.choice(({}, {"sender": "owner"}))}},
        {"enroll": {"in": "brochure"}},
        {"unenroll": {"from": "brochure"}},
        {"set": {"status": dice.choice(("working", "recycled", "nurturing"))}},
        {"set": {"custom.tier": dice.choice(TIERS)}},
        {"note": "Seen: {lead.name}"},
    ]
    form: Spec = dice.choice(forms)
    return form


def rule(dice: Random, number: int, guarded: bool, scored: bool) -> Spec:
    """A rule. Where the scenario is guarded it stops for who must not be contacted."""
    then: list[Spec] = []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        one = action(dice)
        if not any(set(one) == set(other) for other in then):
            then.append(one)
    made: dict[str, Any] = {"id": f"r{number}", "why": "Drawn by lot", "when": trigger(dice, scored)}
    if (lasting := wait(dice)) is not None:
        made["wait"] = lasting
    plain = dice.random() < 0.3
    if not plain and dice.random() < 0.5:
        made["if"] = condition(dice)
    stop = condition(dice) if not plain and dice.random() < 0.5 else None
    if guarded:
        made["unless"] = GUARD if stop is None else {"any": [GUARD, stop]}
    elif stop is not None:
        made["unless"] = stop
    made["then"] = then
    if any(key in one for one in then for key in ("reassign", "offer", "enroll")) or dice.random() < 0.5:
        made["once"] = f"per {dice.choice(('lead', 'owner', 'status', '2 days', '90 days', 'occasion', 'occasion'))}"
    if dice.random() < 0.35:
        made["limit"] = dice.choice(
            ({"per_run": 1}, {"per_run": 2}, {"percent": 20}, {"per_owner_day": 1}, {"per_run": 2, "on_exceed": "stop"})
        )
    made.update(dice.choice(({}, {}, {}, {"priority": dice.choice((1, 5))}, {"calendar": "always"})))
    made.update(
        dice.choice(
            (
                {},
                {},
                {"backfill": "all"},
                {"backfill": "all"},
                {"backfill": {"spread": "2 per day"}},
                {"contact": "always"},
            )
        )
    )
    return made


def cadence(dice: Random, number: int, guarded: bool) -> Spec:
    """A cadence of two or three steps."""
    steps: list[Spec] = []
    for place in range(dice.choice((2, 3))):
        steps.append({"after": dice.choice(_WALL if place else ("30 minutes", "2 hours")), **action(dice)})
    made: dict[str, Any] = {"id": f"c{number}", "why": "Steps by lot", "start": dice.choice(_STARTS), "steps": steps}
    made["stop"] = {"any": [{"replied": True}, {"status": ["qualified", "unqualified"]}]}
    if guarded:
        made["unless"] = GUARD
    return {**made, "once": dice.choice(("per lead", "per owner"))}


_STARTS: Sequence[Spec] = ({"created": True}, {"assigned": True}, {"becomes": {"status": "interested"}})


def scores(dice: Random) -> list[Spec]:
    """Lines that give points."""
    return [
        {"if": {"custom.tier": "A"}, "points": dice.choice((10, 20)), "why": "the best tier"},
        {"per": {"activity": "call"}, "points": 10, "at_most": 30, "half_life": "7 days", "why": "calls"},
        {"per": {"activity": "email_received"}, "points": 20, "why": "they wrote"},
    ]


def rule_text(rules: Sequence[Spec], cadences: Sequence[Spec] = (), scored: Sequence[Spec] = ()) -> str:
    """A rule file with these rules; empty lists are left out."""
    parts: dict[str, object] = {"rules": list(rules), "cadences": list(cadences), "scores": list(scored)}
    return json.dumps({"version": 1, **{name: each for name, each in parts.items() if each}}, indent=1)


def team_text(team: Mapping[str, Any]) -> str:
    """team.yaml of these values."""
    return json.dumps(team, indent=1)


class Sound:
    """Which drawn rules load without a problem, as the loader itself says."""

    def __init__(self, team: Mapping[str, Any]) -> None:
        self._team = team_text(team)

    def __call__(self, rules: Sequence[Spec], cadences: Sequence[Spec], scored: Sequence[Spec]) -> frozenset[str]:
        """The ids of the rules and cadences that are broken."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "rules").mkdir()
            (folder / "team.yaml").write_text(self._team)
            (folder / "rules" / "rules.yaml").write_text(rule_text(rules, cadences, scored))
            loaded = load_rules(folder, default_limit=Limit(per_run=100), enrollments=frozenset(ENROLLMENTS))
        stray = [str(problem) for problem in loaded.problems if problem.rule is None]
        if stray:
            raise AssertionError(f"the drawing of rules is wrong: {stray[0]}")
        return frozenset(str(problem.rule).partition("/")[0] for problem in loaded.problems)
