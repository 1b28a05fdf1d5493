"""A scenario from a seed: the same seed gives the same one, whatever was drawn before."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.simulation import draw_rules
from tests.simulation.draw_rules import OPEN, PEOPLE, SOURCES, STATUS_WORDS, TIERS
from tests.simulation.scenario import Scenario, Spec

CRMS = ("salesforce", "hubspot")
FAULTS = (
    "outage", "outage_after", "html", "drop_before", "drop_after", "garble", "throttled", "busy", "daily", "token",
    "server_error", "row", "lookups",
)  # fmt: skip
"""Kinds of fault; `tests.simulation.trouble` says what each one is on either CRM."""
LOST = ("outage_after", "drop_after", "garble")
MINUTES = (1, 5, 30, 90, 240, 600, 1440, 1500, 2880, 4320, 10080, 20160)


def scenario(seed: int) -> Scenario:
    """The scenario of this seed."""
    dice = Random(seed)
    crm = CRMS[seed % 2]
    options = _options(dice, crm)
    team = options["team"]
    leads = [_lead(dice, number, crm) for number in range(dice.randint(1, 5))]
    scored = dice.random() < 0.3
    scores = draw_rules.scores(dice) if scored else []
    rules = [draw_rules.rule(dice, number, options["guarded"], scored) for number in range(dice.randint(3, 7))]
    if dice.random() < 0.4:
        rules += draw_rules.fed(dice, options["guarded"])
    if not options["guarded"] and dice.random() < 0.6:
        rules.append(draw_rules.mailing(dice))
    rules[0] = draw_rules.due(dice, options["guarded"]) if dice.random() < 0.7 else rules[0]
    rules[1] = draw_rules.picky(dice, options["guarded"]) if dice.random() < 0.6 else rules[1]
    cadences = [draw_rules.cadence(dice, 0, options["guarded"])] if dice.random() < 0.3 else []
    broken = draw_rules.Sound(team)(rules, cadences, scores)
    rules = [each for each in rules if each["id"] not in broken] or [_plain(options["guarded"])]
    cadences = [each for each in cadences if each["id"] not in broken]
    steps = _steps(dice, crm, len(leads), [each["id"] for each in rules])
    return Scenario(seed, crm, options, tuple(leads), tuple(rules), tuple(cadences), tuple(scores), tuple(steps))


def _plain(guarded: bool) -> Spec:
    """A rule that always loads."""
    task = {"task": {"type": "call", "subject": "Call {lead.name}", "due": "1 business day"}}
    guard = {"unless": draw_rules.GUARD} if guarded else {}
    return {"id": "plain", "why": "Always there", "when": {"created": True}, "wait": "1 day", **guard, "then": [task]}


def _options(dice: Random, crm: str) -> dict[str, Any]:
    people: dict[str, Any] = {name: {"crm": f"{name}@example.com", "manager": "eva"} for name in PEOPLE}
    people["eva"] = {"crm": "eva@example.com"}
    people["dirk"] = {"crm": "dirk@example.com", "manager": "eva"}
    people["ana"].update(dice.choice(({}, {"daily": 1}, {"weight": 2}, {"zone": "America/New_York"})))
    if dice.random() < 0.5:
        first = dice.choice(("2026-03-03", "2026-03-05", "2026-03-09"))
        people["ben"].update({"away": [{"from": first, "to": "2026-03-12"}], **dice.choice(({}, {"cover": "cleo"}))})
    team: dict[str, Any] = {
        "people": people,
        "pools": {
            "inbound": {"members": ["ana", "ben", "cleo"]},
            "closers": {"members": dice.choice((["ben", "eva"], ["ben"], ["dirk", "cleo"]))},
        },
        "calendars": {
            "office": {"zone": "Europe/Berlin", "hours": {"mon-thu": "09:00-18:00", "fri": "09:00-16:00"}},
            "always": {"zone": "UTC", "hours": {"mon-sun": "00:00-23:59"}},
        },
    }
    contact = dice.choice(
        (None, None, {"min_gap": "20 hours"}, {"min_gap": "1 business day", "max_per_week": 3}, {"max_per_week": 2})
    )
    if contact:
        team["contact"] = contact
    return {
        "team": team,
        "guarded": dice.random() < 0.7,
        "engine": dice.choice(("plain", "durable")),
        "keyed": dice.random() < 0.5,
        "lag": dice.choice((0, 0, 20)) if crm == "hubspot" else 0,
        "daily": dice.choice((None, None, None, None, 300)),
        "page": dice.choice((3, 2000)),
        "end": dice.choice((1, 24 * 11, 24 * 18)),
    }


def _lead(dice: Random, number: int, crm: str) -> Spec:
    owner = dice.choice((*PEOPLE, *PEOPLE, "eva", "dirk", *(("queue",) if crm == "salesforce" else ())))
    made: dict[str, Any] = {"name": f"L{number}", "owner": owner, "status": dice.choice((*OPEN, *STATUS_WORDS))}
    made["ago"] = dice.choice((0, 0, 60, 1440, 20160))
    made["calls"] = dice.choice((0, 0, 0, 1, 3))
    optional: dict[str, Any] = {
        "source": dice.choice(SOURCES),
        "custom.tier": dice.choice(TIERS),
        "country": dice.choice(("DE", "FR")),
        "size": dice.choice((5, 50)),
        "phone": "030 1234",
        "opted_out": dice.choice((True, False, False)),
    }
    made["fields"] = {name: value for name, value in optional.items() if dice.random() < 0.5}
    if crm == "hubspot" and dice.random() < 0.6:
        made["fields"].setdefault("opted_out", False)
    if crm == "salesforce" and dice.random() < 0.15:
        made["fields"]["do_not_call"] = True
    return made


_ACTS = (
    "call", "call", "call", "email", "email", "reply", "reply", "autoreply", "meeting", "note", "status", "status", "status",
    "owner", "owner", "field", "field", "opt_out", "opt_out", "opt_in", "refuse", "convert", "merge", "delete", "lead", "lead",
    "complete", "complete", "complete", "complete", "defer", "defer", "delete_task", "task", "task", "open_email", "hide",
    "show", "show", "deactivate", "unsubscribe", "late",
)  # fmt: skip


def act(dice: Random, crm: str, leads: int) -> Spec:
    """Something a person does. What it needs that is not there any more makes it do nothing."""
    do = dice.choice(_ACTS)
    names = [f"L{number}" for number in range(leads + 2)]
    step: dict[str, Any] = {"do": do, "lead": dice.choice(names), "by": dice.choice(PEOPLE)}
    if do == "call":
        step |= {
            "outcome": dice.choice(("no_answer", "connected", "busy", "left_message")),
            "inbound": dice.random() < 0.2,
        }
    elif do == "status":
        step["status"] = dice.choice(STATUS_WORDS)
    elif do == "owner":
        step["owner"] = dice.choice((*PEOPLE, "eva", "dirk", "queue"))
    elif do == "field":
        step["fields"] = dice.choice(
            ({"custom.tier": dice.choice(TIERS)}, {"source": dice.choice(SOURCES)}, {"country": "AT"})
        )
    elif do == "merge":
        step["loser"] = dice.choice(names)
    elif do == "lead":
        step |= {"made": {**_lead(dice, leads + dice.randrange(3), crm), "calls": 0}}
    elif do in ("complete", "defer", "delete_task"):
        step |= {"nth": dice.randrange(4), "outcome": dice.choice((None, "connected"))}
    elif do in ("task", "meeting"):
        step |= {"hours": dice.choice((1, 30, 100)), "type": dice.choice(("call", "todo"))}
    elif do == "deactivate":
        step["person"] = dice.choice(("cleo", "ben", "dirk"))
    elif do == "late":
        step |= {"what": dice.choice(("Task", "Lead")), "minutes": dice.choice((0, 3))}
    return step


def _fault(dice: Random) -> Spec:
    """A fault; at writes it is lost answers above all."""
    where = dice.choice(("any", "write", "write", "read"))
    kind = dice.choice((*FAULTS, *LOST, *LOST, *LOST) if where == "write" else FAULTS)
    skip = dice.choice((0, 0, 0, 1) if where == "write" else (0, 0, 1, 2, 5, 9))
    return {"kind": kind, "where": where, "skip": skip, "times": dice.choice((1, 1, 1, 2, 5))}


def _pass(dice: Random, crm: str, leads: int) -> Spec:
    step: dict[str, Any] = {"do": "pass"}
    luck = dice.random()
    if luck < 0.45:
        step["faults"] = [_fault(dice) for _ in range(dice.choice((1, 1, 2)))]
    if 0.35 < luck < 0.6:
        at = dice.choice(
            (
                {"request": dice.randint(1, 22)},
                {"commit": dice.randint(1, 26)},
                *2 * ({"write": dice.choice((1, 1, 2))},),
            )
        )
        step["kill"] = {**at, "after": dice.random() < 0.5}
    elif luck < 0.68:
        step["wire"] = {
            dice.choice(("request", "write")): dice.choice((1, 1, 2, 5, dice.randint(6, 22))),
            "what": dice.choice(("time_out_before", "time_out_after", "stop", "act", "act")),
            "act": act(dice, crm, leads),
        }
    return step


def _steps(dice: Random, crm: str, leads: int, rules: list[str]) -> list[Spec]:
    steps: list[Spec] = [{"do": "pass"}]
    steps += [
        {"do": "lead", "lead": "L0", "made": {**_lead(dice, leads + new, crm), "calls": 0}}
        for new in range(dice.randint(1, 3))
    ]
    for _ in range(dice.randint(12, 28)):
        luck = dice.random()
        if luck < 0.24:
            steps.append({"do": "wait", "minutes": dice.choice(MINUTES)})
            if dice.random() < 0.8:
                steps.append(_pass(dice, crm, leads))
        elif luck < 0.36:
            steps.append(_pass(dice, crm, leads))
        elif luck < 0.40:
            steps.append({"do": "skew", "minutes": dice.choice((-9, -2, 2, 0))})
        elif luck < 0.44:
            steps.append({"do": "release", "rule": dice.choice((None, *rules)), "first": dice.choice((None, 1))})
        elif luck < 0.48:
            steps.append(_edit(dice, rules))
        elif luck < 0.52:
            steps.append({"do": "promise", "lead": f"L{dice.randrange(leads + 1)}"})
        else:
            steps.append(act(dice, crm, leads))
    return [*steps, *_meddled(dice, crm, leads)]


def _meddled(dice: Random, crm: str, leads: int) -> list[Spec]:
    """Something is decided and cannot be written, people change what it was decided on, and the next pass has to look."""
    made = {**_lead(dice, leads + 4, crm), "calls": 0, "status": "new"}
    made["fields"] = {**made["fields"], "opted_out": False, "custom.tier": "A", "source": "Web", "country": "DE"}
    act: Spec = dice.choice(
        (
            {"do": "owner", "owner": dice.choice((*PEOPLE, "eva"))},
            {"do": "status", "status": dice.choice(OPEN)},
            {"do": "refuse"},
            {"do": "opt_out"},
        )
    )
    fault = {"kind": "outage", "where": "write", "skip": 0, "times": 5}
    by = made["owner"] if made["owner"] in PEOPLE else "ana"
    call = {"do": "call", "lead": made["name"], "by": by, "outcome": "busy", "inbound": False}
    return [
        {"do": "lead", "lead": made["name"], "made": made},
        call,
        {"do": "wait", "minutes": dice.choice((30, 1500, 1500, 4320))},
        {"do": "pass", "faults": [fault]},
        {"do": "meddle", "what": dice.choice(("act", "against")), "act": act},
        {"do": "pass"},
        {"do": "wait", "minutes": 1500},
        call,
    ]


def _edit(dice: Random, rules: list[str]) -> Spec:
    """An author at work: a rule goes, comes back, waits longer or says something else."""
    return {
        "do": "edit",
        "rule": dice.choice(rules),
        "how": dice.choice(("off", "on", "on", "text", "wait")),
        "wait": "2 days",
    }
