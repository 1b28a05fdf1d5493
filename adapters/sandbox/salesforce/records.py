"""Writing records as the CRM itself does: computed fields, stamps, field history, and what a write does to its parents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from adapters.sandbox.salesforce.database import Database, same, stamp_text, text_stamp
from adapters.sandbox.salesforce.fields import Row, Value

HISTORY = {
    "Lead": ("LeadHistory", "LeadId"),
    "Contact": ("ContactHistory", "ContactId"),
    "Opportunity": ("OpportunityFieldHistory", "OpportunityId"),
}
CLOSED_TASK = "Completed"
ACTIVITIES = ("Task", "Event")


class Records:
    """Inserts, updates and deletes, unchecked: what the API refuses is refused before it comes here (`checks`)."""

    def __init__(self, db: Database, tracked: Mapping[str, tuple[str, ...]]) -> None:
        self.db = db
        self._tracked = tracked

    def insert(
        self, name: str, values: Mapping[str, Value], by: str, *, created: str | None = None, quiet: bool = False
    ) -> Row:
        """A new record; what is not given is empty or the field's default. A `quiet` one does not touch its parents."""
        table = self.db.tables[name]
        stamp = created or self.db.stamp
        row: Row = {**table.kind.blank, **values, "Id": table.next_id(), "CreatedDate": stamp, "CreatedById": by}
        if table.kind.stamp == "SystemModstamp":
            row |= {"LastModifiedDate": stamp, "LastModifiedById": by, "SystemModstamp": stamp}
        if "OwnerId" in row and row["OwnerId"] is None:
            row["OwnerId"] = by
        self._compute(name, row, None)
        self.db.put(name, row)
        if name in HISTORY:
            self.note_history(name, row, "created", None, None, by)
        if name in ACTIVITIES and not quiet:
            self._touch_parents(row, row)
        return row

    def update(self, name: str, identity: str, changes: Mapping[str, Value], by: str) -> Row:
        """A changed record: new stamps, history of the tracked fields, parents told."""
        old = self.db.tables[name].rows[identity]
        stamp = self.db.stamp
        row: Row = {**old, **changes, "LastModifiedDate": stamp, "LastModifiedById": by, "SystemModstamp": stamp}
        self._compute(name, row, old)
        self.db.put(name, row)
        for field in self._tracked.get(name, ()):
            if not same(old[field], row[field]):
                self._track(name, row, field, old[field], by)
        if name in ACTIVITIES:
            self._touch_parents(old, row)
        return row

    def touch(self, name: str, identity: str, changes: Mapping[str, Value] | None = None) -> None:
        """A change by the system: only SystemModstamp moves, nobody is named."""
        old = self.db.tables[name].rows[identity]
        self.db.put(name, {**old, **(changes or {}), "SystemModstamp": self.db.stamp})

    def reparent(self, name: str, identity: str, changes: Mapping[str, Value]) -> None:
        """Move a record to another parent as merging and converting do: no stamp moves, no trigger fires."""
        self.db.put(name, {**self.db.tables[name].rows[identity], **changes})

    def delete(self, name: str, identity: str, by: str, *, master: str | None = None) -> None:
        """Into the bin, with the activities, notes and memberships that belong to it."""
        table = self.db.tables[name]
        if table.rows[identity]["IsDeleted"]:
            return
        if table.kind.fields.get("IsDeleted") is None:
            self.db.drop(name, identity)
            return
        if table.kind.stamp != "SystemModstamp":  # a row of history has no stamp that could move
            self.reparent(name, identity, {"IsDeleted": True})
            return
        changes: dict[str, Value] = {"IsDeleted": True}
        if master is not None:
            changes["MasterRecordId"] = master
        row = self.update(name, identity, changes, by)
        for child, field in table.kind.children.values():
            for below in self.db.tables[child].where(field, identity) if field in self._indexed(child) else []:
                if child not in ("Contact", "Opportunity"):
                    self.delete(child, str(below["Id"]), by)
        if name in ACTIVITIES:
            self._touch_parents(row, row)

    def note_history(self, name: str, row: Row, field: str, old: Value, new: Value, by: str) -> None:
        """One row in the object's history."""
        history, parent = HISTORY[name]
        kind = "EntityId" if isinstance(new, str) and self.db.row(new) else "Text"
        values: dict[str, Value] = {
            parent: row["Id"],
            "Field": field,
            "OldValue": old,
            "NewValue": new,
            "DataType": kind,
        }
        at = row["CreatedDate"] if field == "created" else self.db.stamp
        self.insert(history, values, by, created=str(at))

    def refresh_activity_date(self, identity: str) -> None:
        """Work out LastActivityDate anew: the latest due day of a closed task or start of an event, future ones too."""
        name = self.db.object_of(identity)
        if name not in HISTORY:
            return
        field = "WhatId" if name == "Opportunity" else "WhoId"
        tasks = self.db.tables["Task"].where(field, identity)
        events = self.db.tables["Event"].where(field, identity)
        days = [str(r["ActivityDate"]) for r in tasks if r["IsClosed"] and r["ActivityDate"] and not r["IsDeleted"]]
        days += [str(r["ActivityDate"]) for r in events if r["ActivityDate"] and not r["IsDeleted"]]
        self.touch(name, identity, {"LastActivityDate": max(days, default=None)})

    def _indexed(self, name: str) -> tuple[str, ...]:
        return self.db.tables[name].kind.indexed

    def _touch_parents(self, old: Row, new: Row) -> None:
        for identity in {old["WhoId"], new["WhoId"], old["WhatId"], new["WhatId"]}:
            row = self.db.row(identity) if isinstance(identity, str) else None
            if row is not None and not row["IsDeleted"]:
                self.refresh_activity_date(str(row["Id"]))

    def _track(self, name: str, row: Row, field: str, old: Value, by: str) -> None:
        if not field.endswith("Id"):
            self.note_history(name, row, field, old, row[field], by)
            return
        label = field.removesuffix("Id")  # a changed owner makes two rows: one with the names, one with the ids
        self.note_history(name, row, label, self._name(old), self._name(row[field]), by)
        self.note_history(name, row, label, old, row[field], by)

    def _name(self, identity: Value) -> Value:
        row = self.db.row(identity) if isinstance(identity, str) else None
        return row.get("Name") if row else None

    def _compute(self, name: str, row: Row, old: Row | None) -> None:
        if name in ("Lead", "Contact", "User"):
            row["Name"] = " ".join(str(part) for part in (row["FirstName"], row["LastName"]) if part)
        elif name == "Task":
            row["IsClosed"] = row["Status"] == CLOSED_TASK
            row["IsHighPriority"] = row["Priority"] == "High"
            if not row["IsClosed"]:
                row["CompletedDateTime"] = None
            elif old is None or not old["IsClosed"]:
                row["CompletedDateTime"] = row["SystemModstamp"]
        elif name == "Event":
            self._compute_event(row)
        elif name == "Opportunity":
            row["IsClosed"] = str(row["StageName"]).startswith("Closed")
            row["IsWon"] = row["StageName"] == "Closed Won"
            if old is None or old["StageName"] != row["StageName"]:
                row["LastStageChangeDate"] = None if old is None else row["SystemModstamp"]
        elif name == "CampaignMember":
            self._compute_member(row)

    def _compute_event(self, row: Row) -> None:
        start = row["StartDateTime"] or row["ActivityDateTime"]
        row["StartDateTime"] = row["ActivityDateTime"] = start
        if isinstance(start, str):
            row["ActivityDate"] = start[:10]
            minutes = row["DurationInMinutes"]
            if isinstance(minutes, int):
                row["EndDateTime"] = stamp_text(text_stamp(start) + timedelta(minutes=minutes))
            elif isinstance(row["EndDateTime"], str):
                length = text_stamp(row["EndDateTime"]) - text_stamp(start)
                row["DurationInMinutes"] = int(length.total_seconds() // 60)

    def _compute_member(self, row: Row) -> None:
        statuses = self.db.tables["CampaignMemberStatus"].where("CampaignId", row["CampaignId"])
        known = {status["Label"]: status for status in statuses}
        if known and row["Status"] not in known:  # an unknown status silently becomes the campaign's default
            row["Status"] = next((s["Label"] for s in statuses if s["IsDefault"]), None)
        row["HasResponded"] = bool(known.get(row["Status"], {}).get("HasResponded"))
