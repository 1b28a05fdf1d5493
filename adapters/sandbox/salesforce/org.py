"""The people's side of the org: what reps and prospects do in it, in the vocabulary both sandboxes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from adapters.sandbox.org import OpenTask
from adapters.sandbox.salesforce import lifecycle
from adapters.sandbox.salesforce.database import Database, stamp_text, text_stamp
from adapters.sandbox.salesforce.fields import Row, Value
from adapters.sandbox.salesforce.names import fields_of, new_values, values_of
from adapters.sandbox.salesforce.records import CLOSED_TASK, Records

DISPOSITIONS = {
    "no_answer": "No Answer",
    "left_message": "Left Message",
    "connected": "Connected",
    "busy": "Busy",
}
_SUBTYPES = {"call": "Call", "email": "Email", "todo": "Task"}
_TASK_TYPES: dict[object, Literal["call", "email"]] = {"Call": "call", "Email": "email"}


class OrgActs:
    """Implements `adapters.sandbox.org.Org` on the tables. Without `by` the org's administrator acts."""

    crm = "salesforce"

    def __init__(self, db: Database, records: Records, admin: str) -> None:
        self._db = db
        self._records = records
        self._admin = admin

    def add_person(self, name: str, email: str, *, active: bool = True) -> str:
        """A user who can own records."""
        first, _, last = name.rpartition(" ")
        values: dict[str, Value] = {
            "FirstName": first or None,
            "LastName": last,
            "Email": email,
            "Username": email,
            "Alias": last[:8],
            "IsActive": active,
            "TimeZoneSidKey": "Europe/London",
        }
        return self._insert("User", values, self._admin)

    def add_queue(self, name: str) -> str:
        """A queue for leads: a Group of type Queue and its QueueSobject row for Lead."""
        group = self._insert(
            "Group", {"Name": name, "DeveloperName": name.replace(" ", "_"), "Type": "Queue"}, self._admin
        )
        self._insert("QueueSobject", {"QueueId": group, "SobjectType": "Lead"}, self._admin)
        return group

    def deactivate(self, person: str) -> None:
        """The user leaves; the records stay theirs."""
        self._update("User", person, {"IsActive": False}, self._admin)

    def add_lead(self, fields: Mapping[str, object]) -> str:
        """A new lead."""
        return self._insert("Lead", new_values("Lead", fields), self._admin)

    def add_contact(self, fields: Mapping[str, object]) -> str:
        """A new contact, with an account when a company is given."""
        return self._insert("Contact", self._with_account("Contact", fields), self._admin)

    def add_deal(self, fields: Mapping[str, object]) -> str:
        """A new opportunity, in its first stage and due in 30 days unless told otherwise."""
        with self._db.lock:
            close = (self._db.seen_now() + timedelta(days=30)).date().isoformat()
        values: dict[str, Value] = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": close}
        return self._insert("Opportunity", {**values, **self._with_account("Opportunity", fields)}, self._admin)

    def add_enrollment_target(self, name: str) -> Mapping[str, str]:
        """A campaign with the member statuses Sent (its default) and Responded."""
        campaign = self._insert("Campaign", {"Name": name, "IsActive": True}, self._admin)
        for order, label in enumerate(("Sent", "Responded"), 1):
            values: dict[str, Value] = {
                "CampaignId": campaign,
                "Label": label,
                "SortOrder": order,
                "IsDefault": order == 1,
                "HasResponded": order == 2,
            }
            self._insert("CampaignMemberStatus", values, self._admin)
        return {"campaign": campaign, "member_status": "Sent"}

    def add_cadence(self, name: str) -> Mapping[str, str]:
        """An active sales cadence."""
        return {"cadence": self._insert("ActionCadence", {"Name": name, "State": "Active"}, self._admin)}

    def set_fields(self, lead: str, fields: Mapping[str, object], *, by: str | None = None) -> None:
        """A person changes a lead, contact or deal."""
        name = self._object(lead)
        self._update(name, lead, values_of(name, fields), by or self._admin)

    def log_call(
        self,
        lead: str,
        by: str,
        outcome: Literal["no_answer", "left_message", "connected", "busy"],
        *,
        inbound: bool = False,
    ) -> str:
        """A call that took place: a completed task of subtype Call, due today."""
        values: dict[str, Value] = {
            "Subject": "Call",
            "TaskSubtype": "Call",
            "CallDisposition": DISPOSITIONS[outcome],
            "CallType": "Inbound" if inbound else "Outbound",
            "CallDurationInSeconds": 180 if outcome == "connected" else 0,
        }
        return self._done_task(lead, by, values)

    def log_email(
        self, lead: str, by: str, direction: Literal["outbound", "inbound"], subject: str, *, automated: bool = False
    ) -> str:
        """A mail: a completed task of subtype Email; an inbound one has an EmailMessage as well. The id is the task's."""
        if direction == "outbound":
            kind = "ListEmail" if automated else "Email"
            title = f"List Email: {subject}" if automated else f"Email: {subject}"
            return self._done_task(lead, by, {"Subject": title, "TaskSubtype": kind, "Type": "Email"})
        title = f"Automatic reply: {subject}" if automated else subject
        task = self._done_task(lead, by, {"Subject": title, "TaskSubtype": "Email", "Type": "Email"})
        with self._db.lock:
            sender = self._db.row(lead) or {}
            message: dict[str, Value] = {
                "ActivityId": task,
                "Incoming": True,
                "Subject": title,
                "FromAddress": sender.get("Email"),
                "FromName": sender.get("Name"),
                "ToAddress": self._db.text(by, "Email"),
                "Status": "0",
                "MessageDate": self._db.stamp,
                "Headers": "Auto-Submitted: auto-replied" if automated else "MIME-Version: 1.0",
                "TextBody": "I am out of the office." if automated else "Thank you for your message.",
            }
            self._records.insert("EmailMessage", message, by)
        return task

    def book_meeting(self, lead: str, by: str, start: datetime, length: timedelta, subject: str) -> str:
        """A meeting: an event; its start counts as the lead's last activity, even in the future."""
        values: dict[str, Value] = {
            "Subject": subject,
            "StartDateTime": stamp_text(start),
            "DurationInMinutes": int(length.total_seconds() // 60),
            "Type": "Meeting",
            "OwnerId": by,
        }
        return self._insert("Event", {**values, **_about(lead)}, by)

    def add_note(self, lead: str, by: str, text: str) -> str:
        """A note on the record; it is no activity."""
        return self._insert("Note", {"ParentId": lead, "Title": text[:80], "Body": text, "OwnerId": by}, by)

    def add_task(
        self, lead: str, owner: str, type: Literal["call", "email", "todo"], subject: str, due: datetime
    ) -> str:
        """A task a person gives to somebody."""
        values: dict[str, Value] = {
            "Subject": subject,
            "TaskSubtype": _SUBTYPES[type],
            "ActivityDate": due.astimezone(UTC).date().isoformat(),
            "OwnerId": owner,
        }
        return self._insert("Task", {**values, **_about(lead)}, self._admin)

    def complete_task(self, task: str, *, by: str, outcome: str | None = None) -> None:
        """A person finishes a task; a call's outcome is its disposition."""
        changes: dict[str, Value] = {"Status": CLOSED_TASK}
        with self._db.lock:
            row = self._db.tables["Task"].rows[task]
            if outcome is not None and _task_type(row) == "call":
                changes |= {
                    "CallDisposition": DISPOSITIONS.get(outcome, outcome),
                    "CallType": row["CallType"] or "Outbound",
                }
        self._update("Task", task, changes, by)

    def defer_task(self, task: str, *, by: str) -> None:
        """A person puts a task aside."""
        self._update("Task", task, {"Status": "Deferred"}, by)

    def delete_task(self, task: str) -> None:
        """A person deletes a task: into the bin."""
        self.delete(task)

    def open_email(self, email: str, *, click: bool = False) -> None:
        """The prospect opens a mail: its EmailMessage says so, the task's stamp stays. Salesforce tells no clicks."""
        with self._db.lock:
            self._db.begin()
            seen: dict[str, Value] = {"IsTracked": True, "IsOpened": True, "LastOpenedDate": self._db.stamp}
            mails = list(self._db.tables["EmailMessage"].where("ActivityId", email))
            for mail in mails:
                first = {"FirstOpenedDate": mail["FirstOpenedDate"] or self._db.stamp}
                self._records.update("EmailMessage", str(mail["Id"]), {**seen, **first}, self._admin)
            if not mails:
                task = self._db.tables["Task"].rows[email]
                sent: dict[str, Value] = {"ActivityId": email, "Subject": task["Subject"], "Incoming": False}
                self._records.insert(
                    "EmailMessage", {**sent, **seen, "FirstOpenedDate": self._db.stamp}, str(task["OwnerId"])
                )

    def open_tasks(self, lead: str | None = None) -> Sequence[OpenTask]:
        """What waits for a person, of one lead or of all."""
        with self._db.lock:
            table = self._db.tables["Task"]
            rows = table.where(*_column(lead)) if lead else table.rows.values()
            open_ones = [row for row in rows if not row["IsClosed"] and not row["IsDeleted"]]
            return [_open_task(row) for row in open_ones if row["WhoId"] or row["WhatId"]]

    def convert(self, lead: str) -> None:
        """The lead becomes an account, a contact and an opportunity."""
        with self._db.lock:
            self._db.begin()
            lifecycle.convert(self._records, lead, self._admin)

    def merge(self, winner: str, loser: str) -> str:
        """Two become one: the winner's id stays."""
        with self._db.lock:
            self._db.begin()
            lifecycle.merge(self._records, self._object(winner), winner, loser, self._admin)
            return winner

    def delete(self, lead: str) -> None:
        """Into the bin, where queryAll still finds it."""
        with self._db.lock:
            self._db.begin()
            self._records.delete(self._object(lead), lead, self._admin)

    def hard_delete(self, lead: str) -> None:
        """Gone without a trace, with all that belonged to it."""
        with self._db.lock:
            name = self._object(lead)
            for child, field in self._db.tables[name].kind.children.values():
                if field in self._db.tables[child].kind.indexed:
                    for row in self._db.tables[child].where(field, lead):
                        self._db.drop(child, str(row["Id"]))
            self._db.drop(name, lead)

    def fields_of(self, lead: str) -> Mapping[str, object]:
        """The record's fields now, under our names."""
        with self._db.lock:
            name = self._object(lead)
            return fields_of(name, self._db.tables[name].rows[lead])

    def leads(self) -> Sequence[str]:
        """Live leads, converted ones included, in the order of their ids."""
        with self._db.lock:
            return sorted(identity for identity, row in self._db.tables["Lead"].rows.items() if not row["IsDeleted"])

    def tasks_of(self, lead: str) -> Sequence[Mapping[str, object]]:
        """Every task of a record that is not deleted; a converted lead's are those of its contact."""
        with self._db.lock:
            row = self._db.row(lead) or {}
            people = [person for person in (lead, row.get("ConvertedContactId")) if person]
            rows = [task for person in people for task in self._db.tables["Task"].where(*_column(str(person)))]
            return [{**task, "id": task["Id"]} for task in rows if not task["IsDeleted"]]

    def members(self, target: Mapping[str, str]) -> Sequence[str]:
        """Who is in a campaign, or on the way through a cadence."""
        with self._db.lock:
            if "cadence" in target:
                on_the_way = [
                    r for r in self._db.tables["ActionCadenceTracker"].rows.values() if r["State"] == "Active"
                ]
                return [str(r["TargetId"]) for r in on_the_way if r["ActionCadenceId"] == target["cadence"]]
            rows = self._db.tables["CampaignMember"].where("CampaignId", target["campaign"])
            return [str(row["LeadId"] or row["ContactId"]) for row in rows if not row["IsDeleted"]]

    def load(self, leads: Sequence[Mapping[str, object]], calls_per_lead: int) -> Sequence[str]:
        """Many leads, each with unanswered calls spread evenly from its creation (30 days ago if not given) to now."""
        with self._db.lock:
            self._db.begin()
            return [self._load_one(fields, calls_per_lead) for fields in leads]

    def _load_one(self, fields: Mapping[str, object], calls: int) -> str:
        now = self._db.now
        given = fields.get("created")
        created = given if isinstance(given, datetime) else now - timedelta(days=30)
        values = new_values("Lead", {name: value for name, value in fields.items() if name != "created"})
        lead = self._records.insert("Lead", values, self._admin, created=stamp_text(created.replace(microsecond=0)))
        owner = str(lead["OwnerId"]) if str(lead["OwnerId"]).startswith("005") else self._admin
        last = created
        for position in range(1, calls + 1):
            last = (created + (now - created) * position / (calls + 1)).replace(microsecond=0)
            call: dict[str, Value] = {
                "Subject": "Call",
                "TaskSubtype": "Call",
                "Status": CLOSED_TASK,
                "CallDisposition": DISPOSITIONS["no_answer"],
                "CallType": "Outbound",
                "ActivityDate": stamp_text(last)[:10],
                "WhoId": lead["Id"],
                "OwnerId": owner,
            }
            self._records.insert("Task", call, owner, created=stamp_text(last), quiet=True)
        if calls:
            stamp = stamp_text(last)
            self._db.put("Lead", {**lead, "LastActivityDate": stamp[:10], "SystemModstamp": stamp})
        return str(lead["Id"])

    def _insert(self, name: str, values: Mapping[str, Value], by: str) -> str:
        with self._db.lock:
            self._db.begin()
            return str(self._records.insert(name, values, by)["Id"])

    def _update(self, name: str, identity: str, changes: Mapping[str, Value], by: str) -> None:
        with self._db.lock:
            self._db.begin()
            self._records.update(name, identity, changes, by)

    def _done_task(self, lead: str, by: str, values: Mapping[str, Value]) -> str:
        with self._db.lock:
            self._db.begin()
            done: dict[str, Value] = {"Status": CLOSED_TASK, "ActivityDate": self._db.stamp[:10], "OwnerId": by}
            return str(self._records.insert("Task", {**done, **_about(lead), **values}, by)["Id"])

    def _object(self, identity: str) -> str:
        name = self._db.object_of(identity)
        if name is None or identity not in self._db.tables[name].rows:
            raise KeyError(f"the sandbox has no record {identity}")
        return name

    def _with_account(self, name: str, fields: Mapping[str, object]) -> dict[str, Value]:
        company = fields.get("company")
        values = new_values(name, {key: value for key, value in fields.items() if key != "company"})
        if isinstance(company, str) and company:
            values["AccountId"] = self._insert("Account", {"Name": company}, self._admin)
        return values


def _column(record: str) -> tuple[str, Value]:
    """The column of a task that names the record, and its value there."""
    return ("WhatId" if record.startswith("006") else "WhoId", record)


def _about(record: str) -> dict[str, Value]:
    return {"WhatId": record} if record.startswith("006") else {"WhoId": record}


def _task_type(row: Row) -> Literal["call", "email", "todo"]:
    return _TASK_TYPES.get(row["TaskSubtype"]) or _TASK_TYPES.get(row["Type"]) or "todo"


def _open_task(row: Row) -> OpenTask:
    due = row["ActivityDate"]
    start = datetime.fromisoformat(f"{due}T00:00:00+00:00") if due else text_stamp(str(row["CreatedDate"]))
    return OpenTask(
        str(row["Id"]),
        str(row["WhoId"] or row["WhatId"]),
        str(row["OwnerId"]),
        _task_type(row),
        str(row["Subject"] or ""),
        start,
    )
