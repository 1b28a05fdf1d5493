"""Invariants about what rules mean: how often they fire, not too early, while conditions hold, the gaps kept, and at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from connector.domain.decision import OutboxEntry
from tests.simulation import naive
from tests.simulation.crm import Effect
from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Spec
from tests.simulation.stage import PassRecord

TOLERANCE = timedelta(minutes=15)
"""How far our clock may be from the CRM's here, and rows may be seen late."""
TOUCHES = ("enroll", "task")


def after_pass(oracle: Oracle, record: PassRecord) -> None:
    """What each rule did in this pass, against the diary."""
    rules = {rule["id"]: rule for rule in oracle.stage.scenario.rules}
    for effect in record.effects:
        entry = oracle.owner_of.get(id(effect))
        drawn = rules.get(entry.action.rule) if entry is not None else None
        if entry is None or drawn is None or effect.kind == "amend":
            continue
        if entry.action.occasion.startswith("offer") or any("offer" in one for one in drawn["then"]):
            continue
        _early(oracle, record, effect, entry, drawn)
        _conditions(oracle, effect, entry, drawn)
        _contact(oracle, record, effect, entry, drawn)
    _often(oracle, record, rules)


def _waits(oracle: Oracle, drawn: Spec) -> list[timedelta]:
    texts = [drawn.get("wait")]
    texts += [
        step["wait"] for step in oracle.stage.scenario.steps if step["do"] == "edit" and step["rule"] == drawn["id"]
    ]
    return [naive.wall(text) or timedelta(0) for text in texts]


def _early(oracle: Oracle, record: PassRecord, effect: Effect, entry: OutboxEntry, drawn: Spec) -> None:
    """A rule acts only when somebody started its clock and the wait is over."""
    told = naive.starts(drawn, oracle.deeds(effect.lead), oracle.stage.firm.crm)
    if told is None:
        return
    until = record.now + TOLERANCE - min(_waits(oracle, drawn))
    text = f"{drawn['id']} acted on {effect.lead} at {record.now}, but nothing had started its clock by {until}: {told}"
    oracle.expect("not early", any(at <= until for at in told), text)


def _conditions(oracle: Oracle, effect: Effect, entry: OutboxEntry, drawn: Spec) -> None:
    """`if` holds and `unless` does not, as the record was when it was last read before the write."""
    if effect.seen is None or (effect.kind == "note" and entry.action.kind == "reassign"):
        return
    untold = frozenset(name for one in drawn["then"] if "set" in one for name in one["set"])
    crm = oracle.stage.firm.crm
    text = f"{drawn['id']} acted on {effect.lead}, which was {effect.seen}"
    if "if" in drawn:
        wanted = naive.holds(drawn["if"], effect.seen, crm, untold)
        oracle.expect("if", True in wanted, f"{text}: if {drawn['if']}")
    if "unless" in drawn:
        barring = naive.holds(drawn["unless"], effect.seen, crm, untold)
        oracle.expect("unless", barring != frozenset({True}), f"{text}: unless {drawn['unless']}")


# -- contact limits ----------------------------------------------------------------------------------------------------


def _contact(oracle: Oracle, record: PassRecord, effect: Effect, entry: OutboxEntry, drawn: Spec) -> None:
    limits = oracle.stage.scenario.options["team"].get("contact", {})
    if not limits or drawn.get("contact") == "always" or not _is_touch(effect, entry):
        return
    first = next(at for at, one in enumerate(drawn["then"]) if _touches(one))
    if entry.action.position != first:
        return
    now = record.crm_now
    touched = [*_attempts(oracle, effect, record), *_enrolments(oracle, effect, entry)]
    gap = naive.wall(limits.get("min_gap"))
    what = f"{drawn['id']} made contact with {effect.lead} at {now}, after {sorted(touched)}"
    if "min_gap" in limits and gap is not None:
        close = [at for at in touched if now - gap + TOLERANCE < at <= now]
        oracle.expect("gap", not close, f"{what}: the gap is {limits['min_gap']}")
    if "max_per_week" in limits:
        week = [at for at in touched if now - timedelta(days=7) + TOLERANCE < at <= now]
        oracle.expect("week", len(week) < limits["max_per_week"], f"{what}: {limits['max_per_week']} a week")


def _touches(one: Spec) -> bool:
    return "enroll" in one or ("task" in one and one["task"]["type"] != "todo")


def _is_touch(effect: Effect, entry: OutboxEntry) -> bool:
    if entry.action.kind == "task":
        return entry.action.fields.get("type") in ("call", "email")
    return entry.action.kind == "enroll" and effect.kind == "enroll"


def _attempts(oracle: Oracle, effect: Effect, record: PassRecord) -> list[datetime]:
    """Calls and mails of people, as far as this pass must have read of them."""
    late = timedelta(minutes=5)
    crm_now = record.crm_now
    made = [deed for deed in oracle.stage.actors.diary if deed.lead == effect.lead]
    made = [deed for deed in made if deed.what == "email" or (deed.what == "call" and not deed.detail.get("inbound"))]
    return [deed.at for deed in made if deed.at < crm_now - late]


def _enrolments(oracle: Oracle, effect: Effect, entry: OutboxEntry) -> list[datetime]:
    """What other matches of ours enrolled this lead in; that of one match is one touch."""
    match = (entry.action.rule, entry.action.occasion)
    found: dict[tuple[str, str], datetime] = {}
    for record, other in oracle.effects():
        theirs = oracle.owner_of.get(id(other))
        if theirs is None or other.kind != "enroll" or other.lead != effect.lead or other.number >= effect.number:
            continue
        other_match = (theirs.action.rule, theirs.action.occasion)
        if other_match != match:
            found[other_match] = record.crm_now
    return list(found.values())


# -- how often -----------------------------------------------------------------------------------------------------------


def _often(oracle: Oracle, record: PassRecord, rules: Mapping[str, Spec]) -> None:
    """No rule fires more often than people gave it cause: what we write ourselves starts no clock."""
    matches: dict[tuple[str, str], set[str]] = defaultdict(set)
    tasks: dict[str, int] = defaultdict(int)
    for _, effect in oracle.effects():
        entry = oracle.owner_of.get(id(effect))
        if entry is None or effect.kind == "amend":
            continue
        home = oracle.stage.crm.surviving(effect.lead)
        tasks[home] += effect.kind == "task"
        drawn = rules.get(entry.action.rule)
        if drawn is not None and not any("offer" in one for one in drawn["then"]):
            matches[entry.action.rule, home].add(entry.action.occasion)
    first = min((each.now for each in oracle.stage.passes), default=record.now)
    days = (record.now - first).days + 1
    for (rule, home), occasions in matches.items():
        deeds = oracle.deeds(home)
        most = naive.most(rules[rule], deeds, oracle.stage.firm.crm, days, tasks[home])
        text = f"{rule} fired {len(occasions)} times on {home}, people gave it {most} causes: {sorted(occasions)}"
        oracle.expect("often", len(occasions) <= most, text)
