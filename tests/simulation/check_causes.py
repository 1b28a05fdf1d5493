"""Invariants about what rules act on: no more than people gave cause for, nothing older than the rule, nothing changed since.

How often a rule acted is counted in the CRM: by the tasks that carry its name. What it had cause for is read from the diary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from connector.domain.decision import OutboxEntry
from tests.company import STATUSES
from tests.simulation import naive
from tests.simulation.check_rules import TOLERANCE
from tests.simulation.crm import Effect
from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Spec
from tests.simulation.stage import PassRecord

CLOSED_TIME = timedelta(days=6)
"""The most by which working hours make a wait of this simulation longer than it looks."""
PERIODS = {"2 days": timedelta(days=2), "90 days": timedelta(days=90)}


def after_pass(oracle: Oracle, record: PassRecord) -> None:
    """What every rule did so far on every lead, and what each write of this pass was decided on."""
    rules = {rule["id"]: rule for rule in oracle.stage.scenario.rules}
    oracle.held_back |= {entry.action.rule for entry in record.after.values() if entry.state == "held"}
    times = _times(oracle, rules)
    for home in sorted({oracle.stage.crm.surviving(id_) for id_ in oracle.stage.actors.names.values()}):
        for rule in rules.values():
            if not any("offer" in one for one in rule["then"]):
                _baseline(oracle, record, rule, home, times.get((rule["id"], home), 0))
    for (id_, home), count in times.items():
        _scope(oracle, record, rules[id_], home, count)
    for effect in record.effects:
        entry = oracle.owner_of.get(id(effect))
        if entry is not None and effect.kind != "amend":
            _unchanged(oracle, record, effect, entry)


def _times(oracle: Oracle, rules: Mapping[str, Spec]) -> Mapping[tuple[str, str], int]:
    """How often each rule acted on each lead: its tasks in the CRM, or what else it did, whichever is more."""
    tasks: dict[tuple[str, str], set[str]] = defaultdict(set)
    others: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, effect in oracle.effects():
        home = oracle.stage.crm.surviving(effect.lead)
        if effect.kind == "task" and effect.key is not None:
            tasks[effect.key.rpartition(".")[0], home].add(effect.key)
        entry = oracle.owner_of.get(id(effect))
        if effect.kind != "amend" and entry is not None:
            others[entry.action.rule, home].add(entry.action.occasion)
    found = {key: max(len(tasks.get(key, ())), len(others.get(key, ()))) for key in {*tasks, *others}}
    return {
        key: count
        for key, count in found.items()
        if key[0] in rules and not any("offer" in one for one in rules[key[0]]["then"])
    }


def _longest(oracle: Oracle, rule: Spec) -> timedelta:
    edits = [
        step["wait"] for step in oracle.stage.scenario.steps if step["do"] == "edit" and step["rule"] == rule["id"]
    ]
    waits = [naive.wall(text) or (CLOSED_TIME if text else timedelta(0)) for text in (rule.get("wait"), *edits)]
    return max(waits) + (CLOSED_TIME if rule.get("wait") or edits else timedelta(0))


def _causes(oracle: Oracle, record: PassRecord, rule: Spec, home: str) -> tuple[list[datetime], list[datetime]] | None:
    """What people did that this rule may have acted on by now: what was due before it was new here, and what was not."""
    told = naive.starts(rule, oracle.deeds(home), oracle.stage.firm.crm)
    if told is None:
        return None
    told = [at for at in told if at <= record.now + TOLERANCE]
    if "backfill" in rule:
        return [], told
    new = oracle.stage.passes[0].now - TOLERANCE
    wait = _longest(oracle, rule)
    return [at for at in told if at + wait <= new], [at for at in told if at + wait > new]


def _baseline(oracle: Oracle, record: PassRecord, rule: Spec, home: str, count: int) -> None:
    """No more often than there was cause for since the rule was new here: what was due before is its baseline."""
    causes = _causes(oracle, record, rule, home)
    if causes is None:
        return
    old, fresh = causes
    text = f"{rule['id']} acted {count} times on {home}, with {len(fresh)} causes since it is new and {len(old)} older"
    if count or old:
        oracle.expect("baseline" if old else "cause", count <= len(fresh), text)


def _scope(oracle: Oracle, record: PassRecord, rule: Spec, home: str, count: int) -> None:
    """`once`, as far as it bounds the number over everything that happened."""
    per = rule.get("once", "per occasion").removeprefix("per ")
    if per == "occasion" or rule["id"] in oracle.held_back:  # what a person releases is beside it
        return
    deeds = oracle.deeds(home)
    leads = max(1, sum(deed.what == "lead" for deed in deeds))
    if per in ("owner", "status"):
        most = len(_values(oracle, home, per)) * leads
    elif per in PERIODS:
        lasted = record.now - oracle.stage.passes[0].now + TOLERANCE
        most = (int(lasted / PERIODS[per]) + 1) * leads
    else:
        most = leads
    text = f"{rule['id']} acted {count} times on {home}, but {most} is the most that once per {per} allows"
    oracle.expect("scope", count <= most, text)


def _values(oracle: Oracle, home: str, name: str) -> set[str]:
    """The owners, or statuses, that a lead ever had."""
    words = STATUSES[oracle.stage.firm.crm] if name == "status" else {}
    found = set()
    for deed in oracle.deeds(home):
        if deed.what == "lead":
            found.add(str(words.get(deed.detail[name], deed.detail[name])))
        elif name in deed.detail:
            found |= {str(value) for value in deed.detail[name]}
    family = oracle.family(home)
    ours = {str(each.values[name]) for _, each in oracle.effects() if each.lead in family and name in each.values}
    return found | ours | ({"converted"} if name == "status" else set())


# -- the last look -----------------------------------------------------------------------------------------------------


def _unchanged(oracle: Oracle, record: PassRecord, effect: Effect, entry: OutboxEntry) -> None:
    """Owner and status were, when last looked at, what they were when this was decided, or what we made of them since."""
    action, seen = entry.action, effect.seen
    by_itself = action.occasion.startswith(_BY_ITSELF) or effect.kind == "note"
    if seen is None or by_itself or len(oracle.family(effect.lead)) > 1:
        return
    decided = _decided_in(oracle, action.key)
    if decided is None or "act" in decided.happened or (then := decided.leads.get(effect.lead)) is None:
        return
    ours = [
        each.values
        for done, each in oracle.effects()
        if each.lead == effect.lead and done.number >= decided.number and each.number < effect.number
    ]
    # What a step of this match was to make of it may have been a person's doing: the step is then done already.
    ours += [each.action.fields for each in record.after.values() if each.already and _same_match(each, entry)]
    for name, was, now in (("owner", then.owner, seen.owner), ("status", then.status, seen.status)):
        known = {str(was), *(str(values[name]) for values in ours if name in values)}
        text = f"{action.kind} of {action.rule} on {effect.lead}: {name} was {known} when decided, {now} when written"
        oracle.expect("unchanged", str(now) in known, text)


def _same_match(one: OutboxEntry, other: OutboxEntry) -> bool:
    names = ("record", "rule", "occasion")
    return all(getattr(one.action, name) == getattr(other.action, name) for name in names)


_BY_ITSELF = ("accept@", "withdraw@", "away@")


def _decided_in(oracle: Oracle, key: str) -> PassRecord | None:
    """The pass in which this was decided last: what was dropped may be decided anew."""

    def fresh(record: PassRecord) -> bool:
        before = record.before.get(key)
        return key in record.after and (before is None or before.state == "dropped")

    return next((record for record in reversed(oracle.stage.passes) if fresh(record)), None)
