"""What is due happens: judged from the diary and the CRM alone, for rules that nothing but their own words can keep back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.company import STATUSES
from tests.simulation import naive
from tests.simulation.acts import Deed
from tests.simulation.check_rules import TOLERANCE
from tests.simulation.crm import LeadNow
from tests.simulation.draw_rules import GUARD
from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Spec

CLOSED_TIME = timedelta(days=10)
"""The most by which working hours, a weekend included, put off what is due here."""


def missed(oracle: Oracle) -> None:
    """At the end, faults long over: whatever was due has its task, or a reason that anybody can see in the CRM."""
    stage = oracle.stage
    edited = {step["rule"] for step in stage.scenario.steps if step["do"] == "edit"}
    homes = sorted({stage.crm.surviving(id_) for id_ in stage.actors.names.values()})
    for rule in stage.scenario.rules:
        if rule["id"] in edited or not _is_plain(rule, stage.scenario.options["team"]):
            continue
        for home in homes:
            at = _due(oracle, rule, home)
            if at is not None and not _excused(oracle, rule, home):
                text = f"{rule['id']} was due on {home}: {rule['when']} since {at}, and made no task"
                oracle.expect("not missed", _is_there(oracle, rule, home, at), text)


def _is_plain(rule: Spec, team: Mapping[str, Any]) -> bool:
    """Nothing but a guard stops this rule: no cap, no turn, no condition, no contact limit, no taker to be found."""
    task = rule["then"][0].get("task", {})
    if task.get("type") not in ("call", "email", "todo") or task.get("to") == "manager":
        return False
    free = not team.get("contact") or rule.get("contact") == "always" or task["type"] == "todo"
    once = rule.get("once", "per occasion") in ("per occasion", "per lead")
    alone = len(rule["then"]) == 1 and "if" not in rule and rule.get("unless", GUARD) == GUARD
    return free and once and alone and "limit" not in rule and "spread" not in str(rule.get("backfill"))


def _due(oracle: Oracle, rule: Spec, home: str) -> datetime | None:
    """Since when the last thing that certainly starts this rule's clock is over and done with; None when nothing is."""
    stage = oracle.stage
    if len(oracle.family(home)) > 1:
        return None
    at = _certain(oracle, rule, home)
    wait = naive.wall(rule.get("wait"))
    margin = TOLERANCE if wait == timedelta(0) else CLOSED_TIME
    last, first = stage.passes[-1].now, stage.passes[0].now
    adopted = stage.adopted().get(rule["id"])
    if at is None or adopted is None:
        return None
    old = _first_possible(rule, oracle.deeds(home), at) + (wait or timedelta(0)) <= max(adopted, first) + TOLERANCE
    if old and "backfill" not in rule:
        return None
    return at if at + (wait or timedelta(0)) + margin < last else None


def _certain(oracle: Oracle, rule: Spec, home: str) -> datetime | None:
    """The last start of the rule's clock, if there is no doubt that it was one."""
    crm, deeds = oracle.stage.firm.crm, oracle.deeds(home)
    ours = [each for _, each in oracle.effects() if each.lead == home]
    word, value = next(iter(rule["when"].items()))
    if word == "quiet":
        return _quiet(value, deeds, [each.at for each in ours])
    if word in ("becomes", "assigned", "attempts") and any(
        {"owner", "status"} & set(each.values) for each in ours if each.kind in ("set", "reassign")
    ):
        return None
    if word in ("becomes", "assigned") and _taken_for_ours(oracle, home):
        return None
    told = naive.starts(rule, deeds, crm) or []
    if word == "attempts":
        return _nth(value, deeds, told, oracle)
    sure = [at for at in told if _is_sure(word, value, at, oracle, home)]
    return max(sure) if sure and max(sure) == max(told) else None


def _taken_for_ours(oracle: Oracle, home: str) -> bool:
    """Whether a write whose answer was lost was found to stand there: nobody can tell whether a person did the same."""
    entries = oracle.stage.passes[-1].after.values()
    return any(
        entry.already and entry.action.kind in ("set", "reassign") and entry.action.record.id == home
        for entry in entries
    )


def _is_sure(word: str, value: Any, at: datetime, oracle: Oracle, home: str) -> bool:
    now = oracle.stage.crm.lead(home)
    whats = {deed.what for deed in oracle.deeds(home) if deed.at == at}
    if now is None:
        return False
    if word == "created":
        return True
    if word == "replied":
        return whats == {"reply"}
    if word == "assigned":
        return bool(whats & {"owner", "lead"}) and now.owner in oracle.stage.firm.people.values()
    if word == "becomes" and "from" not in value and "status" in value:
        words = STATUSES[oracle.stage.firm.crm]
        wanted = value["status"] if isinstance(value["status"], list) else [value["status"]]
        return bool(whats & {"status", "refuse", "lead"}) and now.status in [words[each] for each in wanted]
    return False


def _nth(value: Any, deeds: Sequence[Deed], told: list[datetime], oracle: Oracle) -> datetime | None:
    """The attempt with which the number is reached for certain: more of them do not start the clock again."""
    if "type" in value or "by" in value or value["since"] != "created":
        return None
    made: list[datetime] = [
        d.at for d in deeds if d.what == "email" or (d.what == "call" and not d.detail.get("inbound"))
    ]
    first = oracle.stage.adopted()
    if len(made) < value["reach"] or not first or min(told) <= min(first.values()) + TOLERANCE:
        return None
    return sorted(made)[int(value["reach"]) - 1]


def _quiet(value: Any, deeds: Sequence[Deed], ours: list[datetime]) -> datetime | None:
    """When the silence since the last thing that anybody did had lasted long enough."""
    lasting = naive.wall(value) if isinstance(value, str) else None
    if lasting is None or not deeds:
        return None
    ends: list[datetime] = [deed.detail["end"] for deed in deeds if deed.what == "meeting"]
    latest: datetime = max([deed.at for deed in deeds] + ends + ours)
    return latest + lasting


def _first_possible(rule: Spec, deeds: Sequence[Deed], at: datetime) -> datetime:
    """When this start may have been at the earliest: a silence is not ended by all that happens, but by a touch."""
    value = rule["when"].get("quiet")
    lasting = naive.wall(value) if isinstance(value, str) else None
    if lasting is None:
        return at
    return max(deed.at for deed in deeds if deed.what in ("lead", "call", "email", "reply")) + lasting


def _excused(oracle: Oracle, rule: Spec, home: str) -> bool:
    """A reason not to act that the CRM shows: gone, refused, without somebody who works; or that its row was refused."""
    stage, lead = oracle.stage, oracle.stage.crm.lead(home)
    if (
        lead is None
        or lead.gone
        or lead.owner not in stage.crm.active()
        or lead.owner not in stage.firm.people.values()
    ):
        return True
    if rule["then"][0]["task"]["type"] == "call" and lead.refuses_calls:
        return True
    refused = any(
        entry.action.rule == rule["id"] and entry.action.record.id == home and entry.state in ("failed", "dead")
        for entry in stage.passes[-1].after.values()
    )
    return refused or ("unless" in rule and _is_guarded(oracle, lead))


def _is_guarded(oracle: Oracle, lead: LeadNow) -> bool:
    words = STATUSES[oracle.stage.firm.crm]
    return (
        lead.opted_out is not False
        or lead.unsubscribed
        or lead.status in (words["do_not_contact"], words["converted"], None)
    )


def _is_there(oracle: Oracle, rule: Spec, home: str, at: datetime) -> bool:
    """A task of this rule was made for it, or one was still to be done."""
    at = _first_possible(rule, oracle.deeds(home), at)
    made = [
        each for _, each in oracle.effects() if each.kind == "task" and each.lead == home and _is_of(each.key, rule)
    ]
    tasks = [
        task for task in oracle.stage.crm.snapshot().tasks.values() if task.lead == home and _is_of(task.key, rule)
    ]
    if rule.get("once") == "per lead" and made:
        return True
    return any(each.at >= at - TOLERANCE for each in made) or any(task.open and not task.deleted for task in tasks)


def _is_of(key: str | None, rule: Spec) -> bool:
    return key is not None and key.rpartition(".")[0] == rule["id"]
