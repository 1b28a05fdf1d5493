"""The portal's state: tables, associations, people, and the effects one write has on other rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot.catalog import (
    ALIASES,
    ASSOCIATION_TYPES,
    DEFAULT_ASSOCIATIONS,
    PRIMARY_LEAD_CONTACT,
    TYPES,
    Property,
    properties,
)
from adapters.sandbox.hubspot.table import Row, Source, Table
from adapters.sandbox.hubspot.wire import ApiError, iso, ms_of

FIRST_ID = 9_951
"""Ids soon pass from four digits to five, so that a client that sorts them as text is found out."""


@dataclass
class Owner:
    """A person of the portal; `id` owns records, `user_id` acts."""

    id: str
    user_id: int
    email: str
    first: str
    last: str
    created: int
    active: bool = True


@dataclass
class RowFault:
    """Rows to refuse on purpose: those of an object type for which the predicate holds, `times` times (None: always)."""

    object: str
    predicate: Callable[[Mapping[str, str]], bool]
    category: str
    message: str
    times: int | None


@dataclass
class Target:
    """Something a contact can be enrolled in; `members` holds ids and since when (milliseconds)."""

    id: str
    name: str
    kind: str
    created: int
    members: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Send:
    """One request to the single-send API."""

    status_id: str
    email_id: str
    to: str
    result: str
    at: int


class Portal:
    """Everything one HubSpot account holds. Callers hold `lock`."""

    def __init__(self, clock: SandboxClock, index_lag: timedelta) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.id = 891472211
        self.app_id = "7906213"
        self.time_zone = "Europe/Berlin"
        self.echo_trace_ids = False
        lag = index_lag // timedelta(milliseconds=1)
        self.tables = {name: Table(kind, properties(name), lag) for name, kind in TYPES.items()}
        self.links: dict[tuple[str, str], dict[str, dict[str, list[int]]]] = {}
        self.owners: dict[str, Owner] = {}
        self.faults: list[RowFault] = []
        self.targets: dict[str, Target] = {}
        self.sequence_of: dict[str, tuple[str, Mapping[str, object]]] = {}
        self.inbox_sends: dict[tuple[str, str], int] = {}
        self.inbox_limit = 1000
        self.unsubscribed: set[str] = set()
        self.sends: list[Send] = []
        self.send_keys: set[str] = set()
        self._polled: set[str] = set()
        self._counters: dict[str, int] = {}

    def stamp(self) -> int:
        """The stamp of a write that happens now; moves a ticking clock."""
        return ms_of(self.clock.now())

    def now(self) -> int:
        """The present in milliseconds; moves nothing."""
        return ms_of(self.clock.peek())

    def number(self, space: str) -> str:
        """A fresh id. Activities share one space; each other object type has its own, so ids repeat between types."""
        self._counters[space] = self._counters.get(space, FIRST_ID) + 1
        return str(self._counters[space])

    def table(self, name: str) -> Table:
        """The rows of an object type, by plural, singular or type id."""
        if name not in ALIASES:
            raise ApiError(400, f"Unable to infer object type from: {name}")
        return self.tables[ALIASES[name]]

    def api(self) -> Source:
        """Changes made through the API carry the app's id."""
        return Source("INTEGRATION", self.app_id)

    def person(self, owner: str | None) -> Source:
        """Changes made by a person in HubSpot's own pages."""
        user = self.owners[owner].user_id if owner is not None else 1
        return Source("CRM_UI", f"userId:{user}", user)

    def row(self, table: Table, row_id: str) -> Row:
        """The live row, merged ids resolved, or a 404."""
        found = table.live(table.resolve(row_id))
        if found is None:
            raise ApiError(404, "resource not found", "OBJECT_NOT_FOUND")
        return found

    # -- writes --------------------------------------------------------------------------------------------------
    def create(self, table: Table, values: Mapping[str, str], source: Source, at: int | None = None) -> Row:
        """A new row, with what HubSpot fills in itself."""
        moment = self.stamp() if at is None else at
        space = "activities" if table.kind.activity else table.kind.name
        filled = {**values, **self._derived(table, {}, values, moment)}
        return table.insert(self.number(space), filled, moment, source, self.now())

    def update(self, table: Table, row: Row, values: Mapping[str, str], source: Source) -> None:
        """Change a row; the stamp moves even when nothing differs."""
        moment = self.stamp()
        derived = self._derived(table, row.version.properties, values, moment)
        table.write(row, {**values, **derived}, moment, source, self.now())

    def archive(self, table: Table, row: Row) -> None:
        """Soft delete; associations are kept with the row but no longer shown."""
        table.archive(row, self.stamp())
        if table.kind.name == "contacts":
            for target in self.targets.values():
                target.members.pop(row.id, None)

    def merge(self, table: Table, winner: Row, loser: Row, source: Source) -> Row:
        """Both rows give way to a new one; what only the loser knew is kept, associations move."""
        old = {**loser.version.properties, **winner.version.properties}
        ids = [*old.pop("hs_merged_object_ids", "").split(";"), winner.id, loser.id]
        ids += loser.version.properties.get("hs_merged_object_ids", "").split(";")
        merged = ";".join(dict.fromkeys(part for part in ids if part))
        survivor_id = self.number(table.kind.name)
        for row in (winner, loser):
            table.forget(row, survivor_id)
        moment = self.stamp()
        created = min(winner.created, loser.created)
        survivor = table.insert(survivor_id, {**old, "hs_merged_object_ids": merged}, created, source, self.now())
        survivor.history = {name: list(entries) for name, entries in winner.history.items()}
        table.write(survivor, {}, moment, source, self.now())
        survivor.before = None
        table.set_delay(survivor, table.lag, self.now())
        for row in (winner, loser):
            self._move(table.kind.name, row.id, survivor_id)
        self.recount(survivor)
        return survivor

    def _derived(self, table: Table, old: Mapping[str, str], new: Mapping[str, str], at: int) -> dict[str, str]:
        derived: dict[str, str] = {}
        owner = new.get("hubspot_owner_id")
        if "hubspot_owner_assigneddate" in table.properties and owner not in (None, old.get("hubspot_owner_id", "")):
            derived["hubspot_owner_assigneddate"] = iso(at) if owner else ""
        stage = new.get("dealstage")
        if stage is not None and stage != old.get("dealstage"):
            derived["hs_v2_date_entered_current_stage"] = iso(at)
            derived["hs_is_closed"] = "true" if stage.startswith("closed") else "false"
            derived["hs_is_closed_won"] = "true" if stage == "closedwon" else "false"
        step = new.get("hs_pipeline_stage")
        if step is not None:
            derived["hs_lead_is_open"] = "false" if step.startswith(("qualified", "unqualified")) else "true"
        if new.get("hs_task_status") == "COMPLETED" and old.get("hs_task_status") != "COMPLETED":
            derived["hs_task_completion_date"] = new.get("hs_task_completion_date") or iso(at)
        return derived

    # -- associations --------------------------------------------------------------------------------------------
    def linked(self, kind: str, row_id: str, other: str) -> Mapping[str, Sequence[int]]:
        """What a row is associated with: ids of live rows, each with the association's type ids."""
        table = self.tables[other]
        found = self.links.get((kind, other), {}).get(row_id, {})
        return {there: numbers for there, numbers in found.items() if table.live(there) is not None}

    def link(self, kind: str, row_id: str, other: str, there: str, number: int | None = None) -> None:
        """Associate two rows, both ways. No stamp moves."""
        if (kind, other) not in DEFAULT_ASSOCIATIONS:
            raise ApiError(400, f"{kind} and {other} cannot be associated", "VALIDATION_ERROR")
        default = DEFAULT_ASSOCIATIONS[(kind, other)]
        pair = [default] if number in (None, default) else [default, number or default]
        self.links.setdefault((kind, other), {}).setdefault(row_id, {})[there] = pair
        back = DEFAULT_ASSOCIATIONS[(other, kind)]
        self.links.setdefault((other, kind), {}).setdefault(there, {})[row_id] = [back]
        if number == PRIMARY_LEAD_CONTACT:
            leads = self.tables["leads"]
            leads.calculate(leads.rows[row_id], {"hs_primary_contact_id": there}, self.now())
        contact = there if other == "contacts" else row_id if kind == "contacts" else None
        activity = kind if other == "contacts" else other
        if contact is not None and TYPES[activity].activity:
            row = self.tables[activity].rows[row_id if activity == kind else there]
            self._touch(self.tables["contacts"].rows[contact], activity, row.version.properties)

    def unlink(self, kind: str, row_id: str, other: str, there: str) -> None:
        """Take an association away, both ways. A lead without a contact is deleted, as in HubSpot."""
        self.links.get((kind, other), {}).get(row_id, {}).pop(there, None)
        self.links.get((other, kind), {}).get(there, {}).pop(row_id, None)
        lead = (
            row_id
            if (kind, other) == ("leads", "contacts")
            else there
            if (other, kind) == ("leads", "contacts")
            else ""
        )
        row = self.tables["leads"].live(lead)
        if row is not None and not self.linked("leads", lead, "contacts"):
            self.archive(self.tables["leads"], row)

    def planned_links(self, table: Table, wanted: Sequence[tuple[str, int]]) -> list[tuple[str, str, int]]:
        """Check the associations of a create: (other kind, id, type id). A merged or archived target is not found."""
        plan = []
        for there, number in wanted:
            kind, other = ASSOCIATION_TYPES.get(number, ("", ""))
            if kind != table.kind.name:
                raise ApiError(
                    400, f"Association type {number} is not valid from {table.kind.name}", "VALIDATION_ERROR"
                )
            if self.tables[other].live(there) is None:
                message = f"Could not find the {TYPES[other].singular} to associate"
                raise ApiError(404, message, "OBJECT_NOT_FOUND", context={"id": [there]})
            plan.append((other, there, number))
        if table.kind.name == "leads" and PRIMARY_LEAD_CONTACT not in [number for _, _, number in plan]:
            raise ApiError(400, "A lead must be associated with a primary contact", "VALIDATION_ERROR")
        return plan

    def _move(self, kind: str, old: str, new: str) -> None:
        for (near, far), links in list(self.links.items()):
            if near == kind and old in links:
                moved = links.pop(old)
                links.setdefault(new, {}).update(moved)
                for there in moved:
                    back = self.links[(far, near)][there]
                    back[new] = back.pop(old)
        for target in self.targets.values():
            if old in target.members:
                target.members[new] = target.members.pop(old)
        if old in self.sequence_of:
            self.sequence_of[new] = self.sequence_of.pop(old)

    # -- what HubSpot works out for a contact --------------------------------------------------------------------
    def _touch(self, contact: Row, activity: str, properties: Mapping[str, str]) -> None:
        said = contact.version.properties
        changes = {"num_notes": str(int(said.get("num_notes", "0")) + 1)}
        at = properties.get("hs_timestamp", "")
        reply = activity == "emails" and properties.get("hs_email_direction") == "INCOMING_EMAIL"
        if activity in ("calls", "meetings") or (activity == "emails" and not reply):
            changes["num_contacted_notes"] = str(int(said.get("num_contacted_notes", "0")) + 1)
            changes["notes_last_contacted"] = max(said.get("notes_last_contacted", ""), at)
        if activity != "tasks":
            changes["notes_last_updated"] = max(said.get("notes_last_updated", ""), at)
        if reply and "Auto-Submitted" not in properties.get("hs_email_headers", ""):
            changes["hs_sales_email_last_replied"] = max(said.get("hs_sales_email_last_replied", ""), at)
        self.tables["contacts"].calculate(contact, changes, self.now())

    def recount(self, contact: Row) -> None:
        """Work a contact's activity properties out anew, after a merge."""
        fields = "num_notes num_contacted_notes notes_last_contacted notes_last_updated hs_sales_email_last_replied"
        self.tables["contacts"].calculate(contact, dict.fromkeys(fields.split(), ""), self.now())
        for kind in (kind.name for kind in TYPES.values() if kind.activity):
            for there in self.linked("contacts", contact.id, kind):
                self._touch(contact, kind, self.tables[kind].rows[there].version.properties)

    def enrolled(self, contact: Row, sequence: str | None) -> None:
        """Set the calculated sequence properties of a contact."""
        at = iso(self.now())
        changes = {"hs_sequences_is_enrolled": "true" if sequence else "false"}
        if sequence:
            changes |= {"hs_latest_sequence_enrolled": sequence, "hs_latest_sequence_enrolled_date": at}
        else:
            changes["hs_latest_sequence_ended_date"] = at
        self.tables["contacts"].calculate(contact, changes, self.now())

    def polled(self, status_id: str) -> bool:
        """Whether this send's status has been asked for before; the first answer is always `PROCESSING`."""
        known = status_id in self._polled
        self._polled.add(status_id)
        return known

    def refuse_if_planned(self, table: Table, values: Mapping[str, str], row: Row | None) -> None:
        """Refuse a row that a test has marked."""
        known = {**row.version.properties, "id": row.id} if row else {}
        said = {**known, **values}
        for fault in self.faults:
            if fault.object == table.kind.name and fault.times != 0 and fault.predicate(said):
                fault.times = None if fault.times is None else fault.times - 1
                status = {"CONFLICT": 409, "OBJECT_NOT_FOUND": 404, "MISSING_SCOPES": 403}.get(fault.category, 400)
                raise ApiError(status, fault.message, fault.category)

    def add_property(self, kind: str, prop: Property) -> None:
        """A property of the account's own."""
        prop.custom = True
        self.tables[kind].define(prop)
