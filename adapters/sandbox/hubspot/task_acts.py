"""What people do with tasks, calls and mails in the sandbox's HubSpot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from adapters.sandbox.hubspot.catalog import DISPOSITIONS
from adapters.sandbox.hubspot.portal import Portal
from adapters.sandbox.hubspot.table import Row
from adapters.sandbox.hubspot.wire import instant, iso, ms_of, parse_ms
from adapters.sandbox.org import OpenTask

_CALL_STATUS = {"no_answer": "NO_ANSWER", "busy": "BUSY"}


class TaskActs:
    """Tasks on contacts and deals; a deal is named `deal:ID`. Every change is made at the sandbox's now."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def add_task(
        self, lead: str, owner: str, type: Literal["call", "email", "todo"], subject: str, due: datetime
    ) -> str:
        """A person plans a task."""
        values = {
            "hs_timestamp": iso(ms_of(due)),
            "hs_task_subject": subject,
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": type.upper(),
            "hs_task_priority": "NONE",
        }
        return self._log("tasks", lead, owner, values)

    def open_tasks(self, lead: str | None = None) -> Sequence[OpenTask]:
        """Tasks that wait, the earliest due first."""
        found: list[OpenTask] = []
        with self.portal.lock:
            kind, about_it = ("", None) if lead is None else self._record(lead)
            wanted = None if about_it is None else about_it.id
            rows = self.portal.tables["tasks"].rows.values() if wanted is None else self._tasks(wanted, kind)
            for row in rows:
                said = row.version.properties
                if row.archived_at is not None or said.get("hs_task_status") == "COMPLETED":
                    continue
                about = (lead if kind == "deals" else wanted) or self._about(row.id)
                due = instant(parse_ms(said["hs_timestamp"]) or 0)
                owner, kind = said.get("hubspot_owner_id", ""), said.get("hs_task_type", "TODO").lower()
                found.append(OpenTask(row.id, about, owner, kind, said.get("hs_task_subject", ""), due))
        return sorted(found, key=lambda task: (task.due, int(task.id)))

    def complete_task(self, task: str, *, by: str, outcome: str | None = None) -> None:
        """Done by a person; a call task with an outcome leaves a call behind."""
        with self.portal.lock:
            tasks = self.portal.tables["tasks"]
            row = self.portal.row(tasks, task)
            self.portal.update(tasks, row, {"hs_task_status": "COMPLETED"}, self.portal.person(by))
            if outcome is not None and row.version.properties.get("hs_task_type") == "CALL":
                for lead in self.portal.linked("tasks", task, "contacts"):
                    self._call(lead, by, outcome, False)

    def defer_task(self, task: str, *, by: str) -> None:
        """Put aside by a person."""
        with self.portal.lock:
            tasks = self.portal.tables["tasks"]
            row = self.portal.row(tasks, task)
            self.portal.update(tasks, row, {"hs_task_status": "DEFERRED"}, self.portal.person(by))

    def delete_task(self, task: str) -> None:
        """Archived by a person."""
        with self.portal.lock:
            tasks = self.portal.tables["tasks"]
            self.portal.archive(tasks, self.portal.row(tasks, task))

    def open_email(self, email: str, *, click: bool = False) -> None:
        """The prospect opens a tracked mail: its counts rise, and so does their history."""
        with self.portal.lock:
            emails = self.portal.tables["emails"]
            row = self.portal.row(emails, email)
            counts = ("hs_email_open_count", *(("hs_email_click_count",) if click else ()))
            raised = {name: str(int(row.version.properties.get(name, "0")) + 1) for name in counts}
            self.portal.update(emails, row, raised, self.portal.person(None))

    def tasks_of(self, lead: str) -> Sequence[Mapping[str, object]]:
        """Every live task of a contact: its raw properties and `id`."""
        with self.portal.lock:
            kind, record = self._record(lead)
            tasks = self.portal.tables["tasks"]
            stamps = (tasks.kind.created, tasks.kind.stamp)
            return [
                {
                    **row.version.properties,
                    **{name: tasks.value(row, row.version, name) for name in stamps},
                    "id": row.id,
                }
                for row in self._tasks(record.id, kind)
            ]

    # -- inside --------------------------------------------------------------------------------------------------
    def _contact(self, lead: str) -> Row:
        return self.portal.row(self.portal.tables["contacts"], lead)

    def _record(self, id_: str) -> tuple[str, Row]:
        """The contact of that id, or the deal of `deal:ID`, with its object type: ids repeat between types."""
        kind, _, number = id_.rpartition(":")
        return (
            ("deals", self.portal.row(self.portal.tables["deals"], number))
            if kind
            else ("contacts", self._contact(id_))
        )

    def _tasks(self, record: str, kind: str) -> list[Row]:
        tasks = self.portal.tables["tasks"]
        return [tasks.rows[there] for there in self.portal.linked(kind, record, "tasks")]

    def _about(self, task: str) -> str:
        """The contact a task hangs on, else the deal as `deal:ID`."""
        contacts = list(self.portal.linked("tasks", task, "contacts"))
        deals = [f"deal:{end}" for end in self.portal.linked("tasks", task, "deals")]
        return next(iter((*contacts, *deals)), "")

    def _call(self, lead: str, by: str, outcome: str, inbound: bool) -> str:
        at = iso(ms_of(self.portal.clock.peek()))
        return self._log("calls", lead, by, self._call_values(outcome, inbound, by, at))

    def _call_values(self, outcome: str, inbound: bool, owner: str, at: str) -> dict[str, str]:
        return {
            "hs_timestamp": at,
            "hs_call_direction": "INBOUND" if inbound else "OUTBOUND",
            "hs_call_disposition": DISPOSITIONS[outcome],
            "hs_call_status": _CALL_STATUS.get(outcome, "COMPLETED"),
            "hs_call_title": "Call",
            "hubspot_owner_id": owner,
        }

    def _log(self, kind: str, lead: str, by: str, values: Mapping[str, str]) -> str:
        with self.portal.lock:
            table, record = self._record(lead)
            at = self.portal.stamp()
            filled = {"hs_timestamp": iso(at), "hubspot_owner_id": by, **values}
            row = self.portal.create(self.portal.tables[kind], filled, self.portal.person(by), at)
            self.portal.link(kind, row.id, table, record.id)
        return row.id
