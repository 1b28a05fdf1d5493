"""Invariants of passes: no crash, no personal data in words, sums that add up, caps, the share of calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Spec
from tests.simulation.stage import PassRecord

DOCUMENTED = frozenset(
    {"done", "killed", "RetryableError", "ThrottledError", "QuotaSpentError", "OutcomeUnknownError", "ConfigError",
     "PermanentError", "MissingFieldError"}
)  # fmt: skip
"""How a pass may end here: busy locks and a broken state are not among the troubles of this simulation."""
LEFT = ("pending", "claimed", "unknown")
SEEN_BY_THEN = timedelta(minutes=10)
"""After so long whatever people did can be read."""
SLACK = 5
"""Calls that a pass may make before the CRM has told how much of the day is used."""


def after_pass(oracle: Oracle, record: PassRecord) -> None:
    """All of a pass's own promises."""
    oracle.expect("crash", not record.crash, record.crash)
    oracle.expect("error", record.outcome in (*DOCUMENTED, "crash"), f"the pass ended with {record.outcome}")
    if record.outcome == "ConfigError":
        told = bool(record.struck)
        oracle.expect("error", told, f"a ConfigError out of nothing: {record.texts[-1]}")
    # A rule that asks for the opt-out cannot run while that is hidden, and says so.
    stray = [str(each) for each in record.problems if "opted_out" not in str(each)]
    oracle.expect("sound", not stray, f"a drawn rule does not bind: {stray[:1]}")
    for text in [*record.texts, *(entry.message for entry in record.after.values())]:
        private = "@" in text or "Mara" in text or "example.org" in text
        oracle.expect("private", not private, f"a message tells personal data: {text}")
        oracle.expect("one line", "\n" not in text and "Traceback" not in text, f"no line for people: {text}")
    if record.outcome == "done":
        _document(oracle, record)
        _echo(oracle, record)
    _caps(oracle, record)
    _budget(oracle, record)


def _changed(record: PassRecord, states: Sequence[str]) -> int:
    """How many actions are in one of these states now and were not before."""
    was = {key for key, entry in record.before.items() if entry.state in states}
    return sum(entry.state in states and key not in was for key, entry in record.after.items())


def _document(oracle: Oracle, record: PassRecord) -> None:
    """done + failed + unknown is what was sent, and what was there before and planned is there afterwards."""
    counts: Any = record.counts
    written = counts["written"]
    states = {key: entry.state for key, entry in record.after.items()}
    left = sum(state in LEFT for state in states.values())
    oracle.expect("document", counts["left_over"] == left, f"left_over is {counts['left_over']}, {left} are open")
    done = _changed(record, ("confirmed",))
    oracle.expect("document", written["confirmed"] == done, f"confirmed is {written['confirmed']}, {done} were")
    failed = _changed(record, ("failed", "dead"))
    oracle.expect("document", written["failed"] == failed, f"failed is {written['failed']}, {failed} did")
    before = sum(entry.state in LEFT for entry in record.before.values())
    from_held = sum(entry.state == "held" and states.get(key) == "dropped" for key, entry in record.before.items())
    into = before + counts["planned"] + from_held
    out = written["confirmed"] + written["failed"] + counts["dropped"] + left
    oracle.expect(
        "document", into == out, f"{before} were left and {counts['planned']} planned, but {counts} and {left} left"
    )
    held = sum(state == "held" for state in states.values())
    oracle.expect("document", counts["held"] >= held, f"held is {counts['held']}, {held} are")
    clean = not held and not left and not written["failed"] and counts["held"] == 0
    oracle.expect("exit", clean or counts["exit"] == 3, f"exit {counts['exit']} with {counts}")


def _echo(oracle: Oracle, record: PassRecord) -> None:
    """What we wrote comes back as no news: nobody has done anything since the pass before, which read it all."""
    before = oracle.stage.passes[-2] if len(oracle.stage.passes) > 1 else None
    if before is None or not before.calm or not record.calm or not before.effects or record.last_deed is None:
        return
    if record.last_deed + SEEN_BY_THEN <= before.crm_now:
        read: Any = record.counts["read"]
        news = (read["changes"], read["records"], read["activities"])
        oracle.expect("echo", news == (0, 0, 0), f"our own writes came back as news: {read}")


def _caps(oracle: Oracle, record: PassRecord) -> None:
    """How many records each rule took on in this pass, and per owner and day."""
    rules = {rule["id"]: rule for rule in oracle.stage.scenario.rules}
    per_rule: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for key, entry in record.after.items():
        action = entry.action
        drawn = rules.get(action.rule)
        if key in record.before or entry.state == "held" or drawn is None or action.kind in ("amend", "offer"):
            continue
        if any("offer" in one for one in drawn["then"]):
            continue  # later rounds of an offer are no new decisions
        per_rule[action.rule].add((str(action.record), action.occasion))
    leads = sum(deed.what == "lead" for deed in oracle.stage.actors.diary)
    for id_, matches in per_rule.items():
        bound = _bound(rules[id_].get("limit", {}), leads)
        if bound is not None:
            oracle.expect("cap", len(matches) <= bound, f"{id_} acted on {len(matches)} records, its cap is {bound}")
    _owner_days(oracle, rules)


def _bound(limit: Spec, leads: int) -> int | None:
    if "per_run" in limit:
        return int(limit["per_run"])
    return max(1, int(leads * limit["percent"] / 100)) if "percent" in limit else None


def _owner_days(oracle: Oracle, rules: dict[str, Spec]) -> None:
    """`per_owner_day`, counted over all passes of a day: decisions that nothing held back."""
    days: dict[tuple[str, str, object], set[tuple[str, str]]] = defaultdict(set)
    for record in oracle.stage.passes:
        for key, entry in record.after.items():
            action = entry.action
            limit = rules.get(action.rule, {}).get("limit", {})
            if "per_owner_day" not in limit or key in record.before or entry.state == "held" or action.kind == "amend":
                continue
            owner = action.saw.get("before.owner", action.saw.get("owner"))
            if owner:
                days[action.rule, str(owner), record.now.date()].add((str(action.record), action.occasion))
    for (rule, owner, day), matches in days.items():
        if any("offer" in one for one in rules[rule]["then"]):
            continue
        bound = rules[rule]["limit"]["per_owner_day"]
        oracle.expect("owner day", len(matches) <= bound, f"{rule}: {len(matches)} records of {owner} on {day}")


def _budget(oracle: Oracle, record: PassRecord) -> None:
    """Our share of the day's calls. A process that was killed could not tell how many it made."""
    daily = oracle.stage.scenario.options["daily"]
    if not daily or record.outcome == "killed":
        return
    day = record.now.date()
    others = [
        each
        for each in oracle.stage.passes
        if each is not record and each.outcome != "killed" and each.now.date() == day
    ]
    left = int(daily * 0.5) - sum(each.requests for each in others)
    text = f"{record.requests} calls when {left} were left of the share"
    oracle.expect("budget", record.requests <= max(0, left) + SLACK, text)


def quiet(oracle: Oracle, record: PassRecord) -> None:
    """A pass on a CRM in which nothing has happened since the last one, at the same instant."""
    oracle.expect("quiet", not record.effects, f"{len(record.effects)} writes to a quiet CRM")
    counts: Any = record.counts
    if record.outcome != "done":
        return
    waits = counts["held"] > sum(entry.state == "held" for entry in record.after.values())
    stops = any(" stops" in text for text in record.texts)
    if not waits and not stops:
        read = counts["read"]
        news = (counts["evaluated"], counts["planned"], read["changes"], read["records"], read["activities"])
        oracle.expect("quiet", news == (0, 0, 0, 0, 0), f"a quiet CRM was not left alone: {counts}")


def settled(oracle: Oracle, record: PassRecord) -> None:
    """With all faults over, nothing is on its way any more: what is not done is held, or failed with its reason."""
    for key, entry in record.after.items():
        oracle.expect("settled", entry.state not in LEFT, f"{key} is {entry.state}: {entry.message}")
        if entry.state in ("failed", "dead", "dropped"):
            oracle.expect("reason", bool(entry.message), f"{key} is {entry.state} without a reason")
