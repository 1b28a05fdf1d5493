"""What people do in the sandbox's HubSpot: the story's vocabulary, carried out in HubSpot's own terms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from adapters.sandbox.hubspot.catalog import PRIMARY_LEAD_CONTACT
from adapters.sandbox.hubspot.portal import Owner, Portal, Target
from adapters.sandbox.hubspot.task_acts import TaskActs
from adapters.sandbox.hubspot.wire import iso, ms_of, scalar

CONTACT_FIELDS: Mapping[str, str] = {
    "email": "email",
    "phone": "phone",
    "company": "company",
    "title": "jobtitle",
    "source": "lead_source",
    "country": "country",
    "industry": "industry",
    "size": "numemployees",
    "value": "annualrevenue",
    "status": "hs_lead_status",
    "owner": "hubspot_owner_id",
    "opted_out": "hs_email_optout",
    "zone": "hs_timezone",
    "custom.tier": "tier",
}
"""Our field names and HubSpot's contact properties; `name` is first and last name together."""
DEAL_FIELDS: Mapping[str, str] = {
    "name": "dealname",
    "status": "dealstage",
    "value": "amount",
    "owner": "hubspot_owner_id",
    "source": "lead_source",
    "reason": "closed_lost_reason",
    "custom.tier": "tier",
}


def _text(value: object) -> str:
    return iso(ms_of(value)) if isinstance(value, datetime) else scalar(value)


def _contact_values(fields: Mapping[str, object]) -> dict[str, str]:
    values = {CONTACT_FIELDS[name]: _text(value) for name, value in fields.items() if name in CONTACT_FIELDS}
    if "name" in fields:
        first, _, last = _text(fields["name"]).rpartition(" ")
        values |= {"firstname": first, "lastname": last}
    strange = set(fields) - set(CONTACT_FIELDS) - {"name", "created"}
    if strange:
        raise ValueError(f"the sandbox's HubSpot knows no field {sorted(strange)[0]!r}")
    return values


def _deal_values(fields: Mapping[str, object]) -> dict[str, str]:
    return {DEAL_FIELDS[name]: _text(value) for name, value in fields.items() if name in DEAL_FIELDS}


def _moment(fields: Mapping[str, object]) -> int | None:
    created = fields.get("created")
    return ms_of(created) if isinstance(created, datetime) else None


class HubSpotOrg(TaskActs):
    """The people of a portal. Every change is made in HubSpot's pages (source CRM_UI), at the sandbox's now."""

    crm = "hubspot"

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        self._plain_contacts: set[str] = set()

    # -- people --------------------------------------------------------------------------------------------------
    def add_person(self, name: str, email: str, *, active: bool = True) -> str:
        """A user who can own records; the owner id."""
        first, _, last = name.rpartition(" ")
        with self.portal.lock:
            owner_id = self.portal.number("owners")
            user = 60_000_000 + int(self.portal.number("users"))
            self.portal.owners[owner_id] = Owner(owner_id, user, email, first, last, self.portal.now(), active)
        return owner_id

    def add_queue(self, name: str) -> str | None:
        """HubSpot has no queues."""
        return None

    def deactivate(self, person: str) -> None:
        """The user leaves; records keep the owner id."""
        self.portal.owners[person].active = False

    # -- records -------------------------------------------------------------------------------------------------
    def add_lead(self, fields: Mapping[str, object]) -> str:
        """A contact; in state `lead`."""
        contacts = self.portal.tables["contacts"]
        with self.portal.lock:
            values = {"lifecyclestage": "lead", **_contact_values(fields)}
            return self.portal.create(contacts, values, self.portal.person(None), _moment(fields)).id

    def add_contact(self, fields: Mapping[str, object]) -> str:
        """A contact that is nobody's lead."""
        contacts = self.portal.tables["contacts"]
        with self.portal.lock:
            row = self.portal.create(contacts, _contact_values(fields), self.portal.person(None), _moment(fields))
            self._plain_contacts.add(row.id)
            return row.id

    def add_lead_object(self, contact: str, name: str, owner: str = "") -> str:
        """A lead in HubSpot's own sense (object 0-136), which belongs to a contact."""
        leads = self.portal.tables["leads"]
        values = {"hs_lead_name": name, "hubspot_owner_id": owner, "hs_pipeline": "lead-pipeline-id"}
        with self.portal.lock:
            values["hs_pipeline_stage"] = "new-stage-id"
            row = self.portal.create(leads, values, self.portal.person(None))
            self.portal.link("leads", row.id, "contacts", self._contact(contact).id, PRIMARY_LEAD_CONTACT)
        return row.id

    def add_deal(self, fields: Mapping[str, object]) -> str:
        """A deal; `lead` or `contact` names the contact it belongs to."""
        deals = self.portal.tables["deals"]
        values = _deal_values(fields)
        with self.portal.lock:
            values = {"pipeline": "default", "dealstage": "appointmentscheduled", **values}
            row = self.portal.create(deals, values, self.portal.person(None), _moment(fields))
            contact = fields.get("lead", fields.get("contact"))
            if isinstance(contact, str):
                self.portal.link("deals", row.id, "contacts", self._contact(contact).id)
        return row.id

    def set_fields(self, lead: str, fields: Mapping[str, object], *, by: str | None = None) -> None:
        """A person edits the contact or deal."""
        with self.portal.lock:
            kind, row = self._record(lead)
            values = _deal_values(fields) if kind == "deals" else _contact_values(fields)
            self.portal.update(self.portal.tables[kind], row, values, self.portal.person(by))

    def convert(self, lead: str) -> None:
        """The contact becomes a customer."""
        with self.portal.lock:
            changes = {"lifecyclestage": "customer"}
            self.portal.update(self.portal.tables["contacts"], self._contact(lead), changes, self.portal.person(None))

    def merge(self, winner: str, loser: str) -> str:
        """Both ids give way to a new one."""
        with self.portal.lock:
            contacts = self.portal.tables["contacts"]
            pair = self._contact(winner), self._contact(loser)
            row = self.portal.merge(contacts, *pair, self.portal.person(None))
            if pair[0].id in self._plain_contacts:
                self._plain_contacts.add(row.id)
            return row.id

    def delete(self, lead: str) -> None:
        """Soft delete."""
        with self.portal.lock:
            self.portal.archive(self.portal.tables["contacts"], self._contact(lead))

    def fields_of(self, lead: str) -> Mapping[str, object]:
        """The contact's fields now, under our names; numbers as numbers, empty as None."""
        with self.portal.lock:
            said = self._contact(lead).version.properties
        fields: dict[str, object] = {ours: said.get(theirs) for ours, theirs in CONTACT_FIELDS.items()}
        for name in ("size", "value"):
            text = said.get(CONTACT_FIELDS[name])
            fields[name] = None if text is None else float(text)
        fields["opted_out"] = None if fields["opted_out"] is None else fields["opted_out"] == "true"
        fields["name"] = " ".join(said[part] for part in ("firstname", "lastname") if part in said)
        return fields

    def leads(self) -> Sequence[str]:
        """Live contacts that were not added as plain contacts."""
        with self.portal.lock:
            rows = self.portal.tables["contacts"].rows.values()
            return [row.id for row in rows if row.archived_at is None and row.id not in self._plain_contacts]

    # -- activities ----------------------------------------------------------------------------------------------
    def log_call(
        self,
        lead: str,
        by: str,
        outcome: Literal["no_answer", "left_message", "connected", "busy"],
        *,
        inbound: bool = False,
    ) -> str:
        """A finished call."""
        return self._call(lead, by, outcome, inbound)

    def log_email(
        self, lead: str, by: str, direction: Literal["outbound", "inbound"], subject: str, *, automated: bool = False
    ) -> str:
        """A one-to-one mail; an automated inbound one is an absence note."""
        inbound = direction == "inbound"
        with self.portal.lock:
            owner, contact = (
                {"email": self.portal.owners[by].email},
                self._contact(lead).version.properties.get("email", ""),
            )
            ends: list[dict[str, str]] = [owner, {"email": contact}]
            headers: dict[str, object] = {"from": ends[inbound], "to": [ends[not inbound]], "cc": [], "bcc": []}
            if automated:
                headers["Auto-Submitted"] = "auto-replied" if inbound else "auto-generated"
            values = {
                "hs_email_direction": "INCOMING_EMAIL" if inbound else "EMAIL",
                "hs_email_subject": f"Automatic reply: {subject}" if automated and inbound else subject,
                "hs_email_headers": json.dumps(headers),
                "hs_email_status": "SENT",
            }
            return self._log("emails", lead, by, values)

    def book_meeting(self, lead: str, by: str, start: datetime, length: timedelta, subject: str) -> str:
        """A meeting, most often in the future; its `hs_timestamp` is its start."""
        values = {
            "hs_timestamp": iso(ms_of(start)),
            "hs_meeting_start_time": iso(ms_of(start)),
            "hs_meeting_end_time": iso(ms_of(start + length)),
            "hs_meeting_title": subject,
            "hs_meeting_outcome": "SCHEDULED",
        }
        return self._log("meetings", lead, by, values)

    def add_note(self, lead: str, by: str, text: str) -> str:
        """A note on the contact."""
        return self._log("notes", lead, by, {"hs_note_body": text})

    # -- enrolment -----------------------------------------------------------------------------------------------
    def add_enrollment_target(self, name: str) -> Mapping[str, str]:
        """A manual list."""
        return {"list": self._add_target(name, "MANUAL")}

    def add_dynamic_list(self, name: str) -> Mapping[str, str]:
        """A list that HubSpot fills by itself: nobody can be added to it."""
        return {"list": self._add_target(name, "DYNAMIC")}

    def add_sequence(self, name: str) -> Mapping[str, str]:
        """A sequence of mails."""
        return {"sequence": self._add_target(name, "sequence")}

    def add_workflow(self, name: str) -> Mapping[str, str]:
        """A contact workflow."""
        return {"workflow": self._add_target(name, "workflow")}

    def add_single_send(self, name: str) -> Mapping[str, str]:
        """A mail that can be sent one by one."""
        return {"single_send": self._add_target(name, "single_send")}

    def members(self, target: Mapping[str, str]) -> Sequence[str]:
        """The contacts in a target, merged ids resolved, in the order they came."""
        with self.portal.lock:
            return list(self.portal.targets[next(iter(target.values()))].members)

    def end_sequence(self, lead: str) -> None:
        """The contact's sequence ends (a reply, a person, the last step)."""
        with self.portal.lock:
            row = self._contact(lead)
            del self.portal.sequence_of[row.id]
            self.portal.enrolled(row, None)

    # -- size ----------------------------------------------------------------------------------------------------
    def load(self, leads: Sequence[Mapping[str, object]], calls_per_lead: int) -> Sequence[str]:
        """Many contacts at once, each with calls spread between its creation and now."""
        portal, made = self.portal, []
        with portal.lock:
            contacts, calls = portal.tables["contacts"], portal.tables["calls"]
            contacts.index.bulk()
            calls.index.bulk()
            now, person = portal.stamp(), portal.person(None)
            for fields in leads:
                created = _moment(fields)
                start = now if created is None else created
                row = portal.create(contacts, {"lifecyclestage": "lead", **_contact_values(fields)}, person, start)
                owner = row.version.properties.get("hubspot_owner_id", "")
                for place in range(calls_per_lead):
                    at = start + (now - start) * (place + 1) // (calls_per_lead + 1)
                    call = portal.create(calls, self._call_values("no_answer", False, owner, iso(at)), person, at)
                    portal.link("calls", call.id, "contacts", row.id)
                made.append(row.id)
        return made

    # -- inside --------------------------------------------------------------------------------------------------
    def _add_target(self, name: str, kind: str) -> str:
        with self.portal.lock:
            target = Target(self.portal.number("targets"), name, kind, self.portal.now())
            self.portal.targets[target.id] = target
        return target.id
