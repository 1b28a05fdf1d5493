"""What a story can do to either sandbox: one vocabulary for the people who act in it, so both CRMs hear the same tale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol


@dataclass(frozen=True)
class OpenTask:
    """A task waiting for a person: the CRM's id, the lead it is about, its owner, its type and when it is due."""

    id: str
    lead: str
    owner: str
    type: str
    subject: str
    due: datetime


class Org(Protocol):
    """A CRM full of people and leads, as a story sees it. Ids are the CRM's own; every call happens at the sandbox's now.

    `status` is the CRM's own value. Field names for `add_lead` are ours: name, email, phone, company, title, source,
    country, industry, size, value, status, owner, opted_out, custom.tier.
    """

    crm: str

    def add_person(self, name: str, email: str, *, active: bool = True) -> str: ...
    def add_queue(self, name: str) -> str | None:
        """A queue that can own leads; None where the CRM has none."""
        ...

    def deactivate(self, person: str) -> None: ...
    def add_lead(self, fields: Mapping[str, object]) -> str: ...
    def add_contact(self, fields: Mapping[str, object]) -> str: ...
    def add_deal(self, fields: Mapping[str, object]) -> str: ...
    def add_enrollment_target(self, name: str) -> Mapping[str, str]:
        """A campaign or list; what `followup.yaml` binds NAME to, such as `{"campaign": "701.."}`."""
        ...

    def set_fields(self, lead: str, fields: Mapping[str, object], *, by: str | None = None) -> None: ...
    def log_call(
        self,
        lead: str,
        by: str,
        outcome: Literal["no_answer", "left_message", "connected", "busy"],
        *,
        inbound: bool = False,
    ) -> str: ...
    def log_email(
        self, lead: str, by: str, direction: Literal["outbound", "inbound"], subject: str, *, automated: bool = False
    ) -> str: ...
    def book_meeting(self, lead: str, by: str, start: datetime, length: timedelta, subject: str) -> str: ...
    def add_note(self, lead: str, by: str, text: str) -> str: ...
    def open_tasks(self, lead: str | None = None) -> Sequence[OpenTask]: ...
    def add_task(
        self, lead: str, owner: str, type: Literal["call", "email", "todo"], subject: str, due: datetime
    ) -> str: ...
    def complete_task(self, task: str, *, by: str, outcome: str | None = None) -> None:
        """Done by a person. Where a finished call task is not itself the call (HubSpot), the call is logged as well."""
        ...

    def defer_task(self, task: str, *, by: str) -> None:
        """Put aside by a person who will not do it."""
        ...

    def delete_task(self, task: str) -> None:
        """Deleted by a person."""
        ...

    def open_email(self, email: str, *, click: bool = False) -> None:
        """The prospect opens a mail that `log_email` logged; with `click` they follow a link in it, too."""
        ...

    def convert(self, lead: str) -> None:
        """Salesforce: IsConverted with a contact made; HubSpot: lifecycle stage customer."""
        ...

    def merge(self, winner: str, loser: str) -> str:
        """The surviving id: Salesforce keeps the winner's; HubSpot makes a new one."""
        ...

    def delete(self, lead: str) -> None: ...
    def fields_of(self, lead: str) -> Mapping[str, object]:
        """The lead's fields now, under our names."""
        ...

    def leads(self) -> Sequence[str]:
        """Live leads, converted ones included."""
        ...

    def tasks_of(self, lead: str) -> Sequence[Mapping[str, object]]:
        """Every task of a lead, as raw CRM properties plus `id`: primary data for oracles."""
        ...

    def members(self, target: Mapping[str, str]) -> Sequence[str]:
        """The lead ids enrolled in a target."""
        ...

    def load(self, leads: Sequence[Mapping[str, object]], calls_per_lead: int) -> Sequence[str]:
        """Many leads at once, each with some past calls, for tests of size; `created` may be given per lead."""
        ...
