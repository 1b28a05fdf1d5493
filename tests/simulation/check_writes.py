"""Invariants of single writes, judged by what the CRM showed when the record was last read again before the write."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from zoneinfo import ZoneInfo

from connector.domain.decision import OutboxEntry
from tests.company import STATUSES
from tests.simulation.crm import Effect
from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Spec
from tests.simulation.stage import PassRecord, shown

BERLIN = ZoneInfo("Europe/Berlin")


def after_pass(oracle: Oracle, record: PassRecord) -> None:
    """Each write of the pass by itself, and all writes so far by their keys."""
    for effect in record.effects:
        entry = oracle.entry(effect, record)
        oracle.expect(
            "planned", entry is not None, f"a {effect.kind} nobody planned on {effect.lead}: {shown(effect.values)}"
        )
        if entry is not None and effect.kind != "amend":
            _one(oracle, record, effect, entry)
    _keys(oracle)


def _one(oracle: Oracle, record: PassRecord, effect: Effect, entry: OutboxEntry) -> None:
    seen, words = effect.seen, STATUSES[oracle.stage.firm.crm]
    what = f"{entry.action.kind} of {entry.action.rule} on {effect.lead} in pass {record.number}"
    handed_over = effect.kind == "note" and entry.action.kind == "reassign"
    if not handed_over:
        oracle.expect("reread", seen is not None, f"{what}: the record was not read again before")
    if seen is None:
        return
    oracle.expect("gone", not seen.gone, f"{what}: the record is {seen.gone}")
    if effect.kind == "enroll":
        # What HubSpot hides while a pass is under way is asked of its communication preferences, which have the last word.
        hidden_since = oracle.stage.firm.crm == "hubspot" and seen.opted_out is None and "act" in record.happened
        agreed = (seen.opted_out is False or hidden_since) and not seen.unsubscribed
        oracle.expect("consent", agreed, f"{what}: opt-out is {seen.opted_out}, unsubscribed {seen.unsubscribed}")
    accepted = entry.action.occasion.startswith(
        "accept@"
    )  # who took an offer gets the record, whatever has become of it
    if oracle.stage.scenario.options["guarded"] and not handed_over and not accepted:
        out = seen.opted_out is not False and not (seen.opted_out is None and "act" in record.happened)
        refused = seen.status in (words["do_not_contact"], words["converted"]) or out
        oracle.expect("guarded", not refused, f"{what}: status {seen.status}, opt-out {seen.opted_out}")
    if effect.kind == "task" and entry.action.kind == "task" and effect.values["type"] == "call":
        oracle.expect("calls", not seen.refuses_calls, f"{what}: refuses calls")
    if entry.action.kind in ("reassign", "offer") and "owner" in effect.values:
        _taker(oracle, record, effect, entry, what)


def _then(oracle: Oracle, entry: OutboxEntry) -> list[Spec]:
    """The actions of the rule, or of all steps of the cadence, that planned this."""
    scenario, id_ = oracle.stage.scenario, entry.action.rule.partition("/")[0]
    rules = [one for rule in scenario.rules if rule["id"] == id_ for one in rule["then"]]
    return rules + [step for cadence in scenario.cadences if cadence["id"] == id_ for step in cadence["steps"]]


def _taker(oracle: Oracle, record: PassRecord, effect: Effect, entry: OutboxEntry, what: str) -> None:
    """Nobody inactive or absent is given anything; who went while the pass was under way could not be known."""
    if "act" in record.happened:
        return
    owner = str(effect.values["owner"])
    oracle.expect("taker", owner in oracle.stage.crm.active(), f"{what}: given to somebody inactive")
    if effect.kind == "reassign" and any("offer" in one for one in _then(oracle, entry)):
        return  # who takes an offer while away takes it
    people = oracle.stage.scenario.options["team"]["people"]
    names = {oracle.stage.firm.people[name]: name for name in people}
    today = record.now.astimezone(BERLIN).date()
    for away in people.get(names.get(owner, ""), {}).get("away", ()):
        absent = date.fromisoformat(away["from"]) < today < date.fromisoformat(away["to"])
        oracle.expect("taker", not absent, f"{what}: given to {names[owner]}, who is away")


def _keys(oracle: Oracle) -> None:
    """No key twice, and every planned action at most one effect of its kind."""
    written: dict[tuple[str, str], list[Effect]] = defaultdict(list)
    for _record, effect in oracle.effects():
        entry = oracle.owner_of.get(id(effect))
        if entry is not None and effect.kind not in ("amend", "set"):
            written[entry.action.key, effect.kind].append(effect)
    for (key, kind), effects in written.items():
        # Whether a hand-over of unknown outcome took place cannot be seen once the record has gone on to somebody else.
        again = len(effects) > 1 and not (kind == "reassign" and _moved_on(oracle, effects))
        oracle.expect("once", not again, f"{kind} {key} was written {len(effects)} times")
    tasks = Counter(task.key for task in oracle.stage.crm.snapshot().tasks.values() if task.key and not task.deleted)
    for key, count in tasks.items():
        oracle.expect("key", count == 1, f"{count} tasks carry the key {key}")


def _moved_on(oracle: Oracle, effects: list[Effect]) -> bool:
    """Whether the record got another owner between the first and the last of these writes."""
    first, last = effects[0], effects[-1]
    ours = [each for _, each in oracle.effects() if each.kind == "reassign" and each.lead == first.lead]
    people = [
        deed for deed in oracle.deeds(first.lead) if deed.what in ("owner", "merge") and first.at <= deed.at <= last.at
    ]
    return bool(people) or any(first.number < each.number < last.number for each in ours)


def confirmed(oracle: Oracle) -> None:
    """At the end: what counts as done is in the CRM, and what is in the CRM counts as done."""
    made = {
        (entry.action.key, effect.kind) for _, effect in oracle.effects() if (entry := oracle.owner_of.get(id(effect)))
    }
    last = oracle.stage.passes[-1].after
    for key, entry in last.items():
        kind = "task" if entry.action.kind == "offer" else entry.action.kind
        if kind in ("task", "note"):
            there = (key, kind) in made
            text = f"{kind} {key} is {entry.state} here and {'in' if there else 'not in'} the CRM: {entry.message}"
            oracle.expect("as told", there == (entry.state == "confirmed"), text)
