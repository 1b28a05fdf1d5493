"""A plan file that is not what `plan` made writes nothing: changed values, odd JSON, bombs, another state's plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.cli.saved_plans import SavedPlan, sealed
from connector.clock import SystemClock
from connector.domain.errors import ConfigError
from connector.store import open_store
from tests.company import Company, company

HOUR = timedelta(hours=1)

PLAN: dict[str, Any] = {
    "now": "2026-03-02T08:00:00Z",
    "actions": [{"key": "k", "fields": {"owner": "1", "subject": "Call"}, "old": {}, "why": "x"}],
    "held": [],
}


def _each(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda row: row["fields"].update({key: value})


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another owner": _each("owner", "2"),
    "another field": _each("amount", 1_000_000),
    "another text": _each("subject", "Click here"),
    "another old value": lambda row: row["old"].update(owner="9"),
    "another key": lambda row: row.update(key="other"),
    "another reason": lambda row: row.update(why="because"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_plan_that_was_changed_since_it_was_made_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    store = open_store("sqlite://", clock=SystemClock())
    plan = sealed(store, PLAN)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan, indent=4))
    SavedPlan(file).check(store)
    changed = json.loads(json.dumps(plan))
    change(changed["actions"][0])
    file.write_text(json.dumps(changed))
    with pytest.raises(ConfigError, match="changed since"):
        SavedPlan(file).check(store)
    store.close()


def test_a_state_knows_its_own_plans_only_and_actions_may_be_taken_out(tmp_path: Path) -> None:
    ours, other = (open_store("sqlite://", clock=SystemClock()) for _ in range(2))
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(sealed(other, PLAN)))
    for _ in range(2):  # a state without a key of its own, and one that has planned something
        with pytest.raises(ConfigError, match="with this state"):
            SavedPlan(file).check(ours)
        plan = sealed(ours, {**PLAN, "actions": [*PLAN["actions"], {"key": "second", "fields": {}}]})
    plan["actions"].pop()
    file.write_text(json.dumps(plan))
    SavedPlan(file).check(ours)
    assert SavedPlan(file).keys == {"k"}
    plan["actions"].append(PLAN["actions"][0])
    file.write_text(json.dumps(plan))
    with pytest.raises(ConfigError, match="make it anew"):
        SavedPlan(file).check(ours)
    for each in (ours, other):
        each.close()


ODD: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"actions: []",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "no actions": b"{}",
    "actions that are a number": b'{"actions": 1}',
    "actions that are text": b'{"actions": "x"}',
    "rows that are text": b'{"actions": ["x"]}',
    "rows without a key": b'{"actions": [{"fields": {}}]}',
    "fields that are a list": b'{"actions": [{"key": "k", "fields": [1]}]}',
    "old values that are a number": b'{"actions": [{"key": "k", "fields": {}, "old": 7}]}',
    "a bomb of lists": b'{"actions": ' + b"[" * 200_000,
    "a bomb of mappings": b'{"actions": ' + b'{"a":' * 200_000,
    "closed lists, deeply": b'{"actions": [{"key": "k", "fields": {"x": ' + b"[" * 900 + b"]" * 900 + b"}}]}",
    "a number beyond all numbers": b'{"actions": [{"key": "k", "fields": {"x": ' + b"9" * 5_000 + b"}}]}",
    "no UTF-8": b'{"actions": [\xff]}',
    "a lone surrogate": b'{"actions": [{"key": "\\ud800", "fields": {}}]}',
    "NUL": b'{"actions": [{"key": "\\u0000", "fields": {}}]}',
}


@pytest.mark.parametrize("content", ODD.values(), ids=list(ODD))
def test_what_is_no_plan_of_ours_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    store = open_store("sqlite://", clock=SystemClock())
    file = tmp_path / "plan.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        SavedPlan(file).check(store)
    assert "\n" not in str(raised.value)
    store.close()


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "plan.json").open("wb") as stream:
        stream.truncate(300_000_000)
    with pytest.raises(ConfigError, match="too large"):
        SavedPlan(tmp_path / "plan.json")
    with pytest.raises(ConfigError, match="directory"):
        SavedPlan(tmp_path)


def test_apply_asks_the_crm_nothing_for_a_changed_plan_and_writes_the_unchanged_one(tmp_path: Path) -> None:
    with company("salesforce", tmp_path) as firm:
        firm.run()
        lead = firm.lead()
        firm.run()
        firm.at(2 * HOUR)
        printed = firm.cli("plan", "--json", "--out", "plan.json")
        document = json.loads(printed.stdout)
        [action] = document["actions"]
        action["fields"]["owner"] = firm.people["eva"]
        firm.write("changed.json", json.dumps(document))
        asked = len(firm.server.requests)
        refused = firm.cli("apply", "changed.json")
        assert (refused.returncode, "changed since" in refused.stderr) == (2, True)
        assert len(firm.server.requests) == asked
        assert _open(firm, lead) == []
        firm.write("printed.json", printed.stdout)
        assert firm.cli("apply", "printed.json").returncode == 0
        assert _open(firm, lead) == [firm.people["ana"]]


def _open(firm: Company, lead: str) -> list[str]:
    return [task.owner for task in firm.tasks(lead)]
