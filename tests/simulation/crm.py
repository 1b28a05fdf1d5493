"""The CRM's own primary data, in one shape for both sandboxes: what the oracle believes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from adapters.sandbox.hubspot.wire import instant, parse_ms
from connector.domain.actions import key_in
from tests.company import Company

KEY_SALESFORCE, KEY_HUBSPOT = "FollowupKey__c", "followup_key"


@dataclass(frozen=True)
class LeadNow:
    """A lead as the CRM shows it to whoever reads it now."""

    id: str
    status: str | None
    owner: str | None
    opted_out: bool | None
    refuses_calls: bool
    gone: str = ""
    unsubscribed: bool = False
    fields: Mapping[str, object] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class TaskNow:
    """A task, with the key of ours that it carries, if any."""

    id: str
    lead: str
    owner: str
    key: str | None
    type: str
    open: bool
    due: date | datetime | None
    subject: str
    deleted: bool


@dataclass(frozen=True)
class Snapshot:
    """Everything a pass may write to."""

    leads: Mapping[str, tuple[Any, ...]]
    tasks: Mapping[str, TaskNow]
    notes: Mapping[str, tuple[str, str | None]]
    members: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Effect:
    """One thing that one write of ours did: `kind` as in the outbox, what it was done to, and which values it set."""

    kind: str
    lead: str
    key: str | None
    values: Mapping[str, object]
    at: datetime
    number: int
    run: int
    seen: LeadNow | None
    seen_at: int | None
    task: TaskNow | None = None


def crm_of(firm: Company) -> Salesforce | HubSpot:
    """The right way of looking."""
    return Salesforce(firm) if firm.crm == "salesforce" else HubSpot(firm)


class Salesforce:
    """Salesforce's tables."""

    reading = re.compile(r"select .* from lead\b.*where", re.IGNORECASE | re.DOTALL)

    def __init__(self, firm: Company) -> None:
        self.firm = firm
        self.db = firm.org._db

    def snapshot(self) -> Snapshot:
        """What stands in the tables this instant, whoever may see it."""
        rows = {name: self.db.tables[name].rows for name in ("Lead", "Task", "Note", "CampaignMember")}
        names = ("OwnerId", "Status", "Tier__c", "LeadSource", "Country")
        leads = {id_: tuple(row[name] for name in names) for id_, row in rows["Lead"].items()}
        tasks = {id_: self._task(row) for id_, row in rows["Task"].items()}
        notes = {id_: (str(row["ParentId"]), key_in(row["Body"])) for id_, row in rows["Note"].items()}
        members = [row for row in rows["CampaignMember"].values() if not row["IsDeleted"]]
        pairs = [(str(row["CampaignId"]), str(row["LeadId"] or row["ContactId"])) for row in members]
        if len(pairs) != len(set(pairs)):
            raise AssertionError("the sandbox has a campaign member twice")
        return Snapshot(leads, tasks, notes, frozenset(pairs))

    def _task(self, row: Mapping[str, Any]) -> TaskNow:
        due = date.fromisoformat(row["ActivityDate"]) if row["ActivityDate"] else None
        key = row.get(KEY_SALESFORCE) or key_in(row["Description"])
        kind = str(row["TaskSubtype"] or row["Type"] or "todo").lower()
        about = str(row["WhoId"] or row["WhatId"] or "")
        gone = bool(row["IsDeleted"])
        return TaskNow(
            str(row["Id"]), about, str(row["OwnerId"]), key, kind, not row["IsClosed"], due, str(row["Subject"]), gone
        )

    def lead(self, id_: str) -> LeadNow | None:
        """A lead as readers see it now."""
        row = self.db.tables["Lead"].seen(id_, self.db.seen_now())
        if row is None:
            return None
        hidden = ("Lead", "HasOptedOutOfEmail") in self.db.hidden
        gone = (
            "merged"
            if row["MasterRecordId"]
            else "deleted"
            if row["IsDeleted"]
            else "converted"
            if row["IsConverted"]
            else ""
        )
        shown = {
            "custom.tier": row["Tier__c"],
            "source": row["LeadSource"],
            "country": row["Country"],
            "size": row["NumberOfEmployees"],
        }
        out = None if hidden else bool(row["HasOptedOutOfEmail"])
        shown["email"] = row["Email"]
        return LeadNow(id_, row["Status"], row["OwnerId"], out, bool(row["DoNotCall"]), gone, False, shown)

    def read_ids(self, method: str, target: str, body: str) -> frozenset[str]:
        """The leads that a request re-reads for consent and state; none for other requests."""
        if method != "GET" or ("HasOptedOut" not in target and "IsConverted" not in target):
            return frozenset()
        return frozenset(re.findall(r"00Q[0-9A-Za-z]{15}", target))

    def surviving(self, id_: str) -> str:
        """The record that a merged one has become."""
        row = self.db.tables["Lead"].rows.get(id_)
        return self.surviving(str(row["MasterRecordId"])) if row and row["MasterRecordId"] else id_

    def contact_of(self, id_: str) -> str:
        """The contact of a converted lead, else the lead."""
        row = self.db.tables["Lead"].rows.get(id_)
        return str(row["ConvertedContactId"]) if row and row["ConvertedContactId"] else id_

    def active(self) -> frozenset[str]:
        """Who can work: active users, and queues."""
        users = {id_ for id_, row in self.db.tables["User"].rows.items() if row["IsActive"]}
        return frozenset(users | set(self.db.tables["Group"].rows))


class HubSpot:
    """HubSpot's tables."""

    def __init__(self, firm: Company) -> None:
        self.firm = firm
        self.portal = firm.org.portal

    def snapshot(self) -> Snapshot:
        """What stands in the tables this instant, whoever may see it."""
        tables = self.portal.tables
        names = ("hubspot_owner_id", "hs_lead_status", "tier", "lead_source", "country")
        leads = {
            id_: tuple(row.version.properties.get(name) for name in names)
            for id_, row in tables["contacts"].rows.items()
        }
        tasks = {id_: self._task(row) for id_, row in tables["tasks"].rows.items()}
        notes = {
            id_: (self._about("notes", id_), key_in(row.version.properties.get("hs_note_body")))
            for id_, row in tables["notes"].rows.items()
        }
        pairs = {(target.id, member) for target in self.portal.targets.values() for member in target.members}
        return Snapshot(leads, tasks, notes, frozenset(pairs))

    def _about(self, kind: str, id_: str) -> str:
        return next(iter(self.portal.links.get((kind, "contacts"), {}).get(id_, {})), "")

    def _task(self, row: Any) -> TaskNow:
        said = row.version.properties
        key = said.get(KEY_HUBSPOT) or key_in(said.get("hs_task_body"))
        open_ = said.get("hs_task_status") not in ("COMPLETED",)
        due = instant(parse_ms(said.get("hs_timestamp", "")) or 0)
        kind, gone = said.get("hs_task_type", "TODO").lower(), row.archived_at is not None
        subject = said.get("hs_task_subject", "")
        return TaskNow(
            row.id, self._about("tasks", row.id), said.get("hubspot_owner_id", ""), key, kind, open_, due, subject, gone
        )

    def lead(self, id_: str) -> LeadNow | None:
        """A contact as a batch read shows it now."""
        table = self.portal.tables["contacts"]
        if id_ in table.merged:
            return LeadNow(id_, None, None, None, False, "merged")
        row = table.rows.get(id_)
        if row is None:
            return None
        said = row.version.properties
        word = said.get("hs_email_optout")
        left = word not in ("true", "false") and id_ in self.portal.unsubscribed  # where it is set, the field decides
        out = None if "hs_email_optout" in table.hidden else word == "true"
        gone = "deleted" if row.archived_at is not None else ""
        gone = gone or (
            "converted" if said.get("lifecyclestage") == "customer" or said.get("hs_lead_status") == "OPEN_DEAL" else ""
        )
        shown = {ours: said.get(theirs) for ours, theirs in _SHOWN.items()}
        return LeadNow(id_, said.get("hs_lead_status"), said.get("hubspot_owner_id"), out, False, gone, left, shown)

    def read_ids(self, method: str, target: str, body: str) -> frozenset[str]:
        """The contacts that a batch read asks for; none for other requests."""
        if "/contacts/batch/read" not in target:
            return frozenset()
        try:
            inputs = json.loads(body).get("inputs", [])
        except ValueError:
            return frozenset()
        return frozenset(str(one.get("id")) for one in inputs)

    def surviving(self, id_: str) -> str:
        """The record that a merged one has become."""
        return self.portal.tables["contacts"].resolve(id_)

    def contact_of(self, id_: str) -> str:
        """A contact stays what it is."""
        return id_

    def active(self) -> frozenset[str]:
        """Who can work."""
        return frozenset(owner.id for owner in self.portal.owners.values() if owner.active)


_SHOWN = {
    "custom.tier": "tier",
    "source": "lead_source",
    "country": "country",
    "size": "numemployees",
    "email": "email",
}
_FIELDS = ("owner", "status", "custom.tier", "source", "country")


def differences(
    before: Snapshot, after: Snapshot
) -> list[tuple[str, str, str | None, Mapping[str, object], TaskNow | None]]:
    """What one write did: (kind, lead, key, values, task)."""
    found: list[tuple[str, str, str | None, Mapping[str, object], TaskNow | None]] = []
    for id_, task in after.tasks.items():
        old = before.tasks.get(id_)
        if old is None and task.subject == "Note" and not task.open:  # Salesforce's notes are completed tasks here
            found.append(("note", task.lead, task.key, {}, None))
        elif old is None:
            found.append(("task", task.lead, task.key, {"owner": task.owner, "due": task.due, "type": task.type}, task))
        elif old != task:
            changed = {
                name: getattr(task, name)
                for name in ("owner", "due", "open", "subject")
                if getattr(task, name) != getattr(old, name)
            }
            if changed:
                found.append(("amend", task.lead, task.key, changed, task))
    for id_, (lead, key) in after.notes.items():
        if id_ not in before.notes:
            found.append(("note", lead, key, {}, None))
    for id_, values in after.leads.items():
        old_values = before.leads.get(id_)
        if old_values is None or old_values == values:
            continue
        pairs = {name: new for name, new, was in zip(_FIELDS, values, old_values, strict=True) if new != was}
        owner = {"owner": pairs.pop("owner")} if "owner" in pairs else {}
        if owner:
            found.append(("reassign", id_, None, owner, None))
        if pairs:
            found.append(("set", id_, None, pairs, None))
    found += [("enroll", lead, None, {"in": target}, None) for target, lead in sorted(after.members - before.members)]
    found += [
        ("unenroll", lead, None, {"from": target}, None) for target, lead in sorted(before.members - after.members)
    ]
    return found
