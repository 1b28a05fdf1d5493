"""What is true afterwards, asked of the CRM's own rows and of the state file's tables: never of the product."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tests.company import Company

_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_KEY = re.compile(r"\[followup:([^\]]+)\]")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_ANY_KEY = re.compile(r"(?:key |followup:)([\w~-]+\.[0-9a-f]{16})")
_CLOCK = re.compile(r"\b\d\d:\d\d\b")

LASTING: Mapping[str, str] = {
    "outbox": "SELECT key, record, rule, kind, position, state FROM outbox",
    "marks": "SELECT record, rule, occasion, kind FROM marks",
    "adoptions": "SELECT rule, baselined FROM adoptions",
    "assignments": "SELECT pool, person, record, rule FROM assignments",
    "offers": "SELECT record, rule, occasion, round, person, state FROM offers",
    "enrollments": "SELECT record, name, active FROM enrollments",
    "changes": "SELECT record, field, json_extract(data, '$.new') FROM changes",
    "records": "SELECT ref, owner, status, live, open FROM records",
}
"""What of the state must be the same, however often a pass was killed on the way."""


def rows_of(firm: Company) -> dict[str, list[Any]]:
    """Every row of the CRM that a pass may write, as it is."""
    if firm.crm == "salesforce":
        return {name: firm.org.rows(name) for name in ("Lead", "Task", "CampaignMember")}
    portal = firm.org.portal
    with portal.lock:
        found: dict[str, list[Any]] = {
            name: [(row.id, row.archived_at, sorted(row.version.properties.items())) for row in table.rows.values()]
            for name, table in portal.tables.items()
            if name in ("contacts", "tasks", "notes")
        }
        found["lists"] = [(target.id, sorted(target.members)) for target in portal.targets.values()]
        return found


def digest_of(firm: Company) -> str:
    """A digest of those rows."""
    return blake2b(repr(rows_of(firm)).encode(), digest_size=12).hexdigest()


def effects(firm: Company) -> Counter[str]:
    """What stands in the CRM, one line each and countable: fields, tasks, notes and memberships, without ids and hours."""
    names = {lead: str(firm.org.fields_of(lead)["name"]) for lead in firm.org.leads()}
    people = {id_: name for name, id_ in firm.people.items()}
    found: Counter[str] = Counter()
    for lead, name in names.items():
        fields = firm.org.fields_of(lead)
        found[f"{name}: status {fields['status']}, owner {people.get(str(fields['owner']))}"] += 1
        tell = _salesforce_task if firm.crm == "salesforce" else _hubspot_task
        for task in firm.org.tasks_of(lead):
            found[f"{name}: {tell(task, people)}"] += 1
        for note in _notes(firm, lead):
            found[f"{name}: note {note}"] += 1
    for lead in firm.org.members(firm.brochure):
        found[f"{names[lead]}: on the brochure's list"] += 1
    return found


def _salesforce_task(task: Mapping[str, Any], people: Mapping[str, str]) -> str:
    key = task.get("FollowupKey__c") or _key(task["Description"])
    owner, subject = people.get(str(task["OwnerId"])), _CLOCK.sub("..", str(task["Subject"]))
    return f"task {subject!r}, {task['Status']}, {owner}, due {task['ActivityDate']}, key {key}"


def _hubspot_task(task: Mapping[str, Any], people: Mapping[str, str]) -> str:
    key = task.get("followup_key") or _key(task.get("hs_task_body"))
    owner, subject = people.get(str(task.get("hubspot_owner_id"))), _CLOCK.sub("..", str(task["hs_task_subject"]))
    return f"task {subject!r}, {task['hs_task_status']}, {owner}, due {str(task['hs_timestamp'])[:10]}, key {key}"


def _notes(firm: Company, lead: str) -> list[str]:
    if firm.crm == "salesforce":
        return []  # notes are tasks there
    portal = firm.org.portal
    with portal.lock:
        notes = portal.tables["notes"].rows
        linked = portal.linked("contacts", lead, "notes")
        return [str(notes[id_].version.properties.get("hs_note_body")) for id_ in linked]


def _key(text: object) -> str | None:
    found = _KEY.search(str(text or ""))
    return found[1] if found else None


def state_digest(path: Path) -> str:
    """The state opened as a pass would open it, proven sound, and a digest of all its tables but the log of passes."""
    with sqlite3.connect(path) as state:
        check = [row[0] for row in state.execute("PRAGMA integrity_check")]
        if check != ["ok"]:
            raise AssertionError(f"the state is damaged: {check[:3]}")
        tables = [row[0] for row in state.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        told = blake2b(digest_size=12)
        for table in tables:
            # The log of passes and the count of calls tell how often it was tried, and decide nothing here.
            where = " WHERE name <> 'calls_today'" if table == "settings" else ""
            rows = [] if table == "runs" else state.execute(f"SELECT * FROM {table}{where}").fetchall()  # noqa: S608
            told.update(_RUN.sub("run", repr((table, rows))).encode())
    state.close()
    return told.hexdigest()


def lasting(path: Path) -> dict[str, Counter[str]]:
    """What of the state lasts, row by row."""
    with sqlite3.connect(path) as state:
        found = {name: Counter(map(repr, state.execute(query))) for name, query in LASTING.items()}
    state.close()
    return found


def timeless(effects: Counter[str]) -> Counter[str]:
    """The effects without their days, and without offers: whose turn it is, and until when, goes by the clock."""
    found: Counter[str] = Counter()
    for line, count in effects.items():
        if "Take " not in line:
            found[_DAY.sub("..", line)] += count
    return found


def repeated(effects: Counter[str]) -> list[str]:
    """The keys that stand in the CRM more than once; a note that goes with a new owner shares its action's key."""
    keys = Counter(found[0] for line in effects.elements() if (found := _ANY_KEY.findall(line)))
    return [key for key, count in keys.items() if count > 1]


def unlike(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """The lines that are missing, and those that are there too often."""
    told = [f"lost: {line}" for line, count in expected.items() if found.get(line, 0) < count]
    return told + [f"twice: {line}" for line, count in found.items() if count > expected.get(line, 0)]
