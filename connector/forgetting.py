"""Forgetting a record on request: what belongs to it, whether it may go now, and that no byte of it stays in the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from connector.domain.errors import ConflictError
from connector.domain.model import RecordRef
from connector.domain.storage import Store, UnitOfWork

CONTACTS = "contacts"

UNANSWERED = ("claimed", "unknown")
"""Outbox states in which a write may or may not be in the CRM."""

NOT_ERASED = (
    "the CRM itself, where the record has to be erased, too; until then followup does not store it again",
    "other records of the same person: a converted lead's contact, deals; name each of them",
    "saved plans (`plan --out`), report pages, and what was printed or logged elsewhere",
    "backups of the state, and places on the disk where an earlier copy of the file stood",
)
"""What an erasure in the state does not reach; whoever answers for it has to look after these."""


def kinds_of_one_object(crm: str, leads: str | None) -> frozenset[str]:
    """The kinds that are one object of the CRM: HubSpot's contact is our lead, too, unless `leads` names another."""
    return (
        frozenset({"lead", "contact"}) if crm == "hubspot" and (leads or CONTACTS).lower() == CONTACTS else frozenset()
    )


def belonging(uow: UnitOfWork, ref: RecordRef, one_object: frozenset[str]) -> Sequence[RecordRef]:
    """The record, what it was merged into or with, and what else stands for the same object of the CRM."""
    found = uow.merged_with(ref)
    kinds = [ref.kind, *sorted(one_object - {ref.kind})] if ref.kind in one_object else [ref.kind]
    return [replace(one, kind=kind) for kind in kinds for one in found]


def forget(store: Store, refs: Sequence[RecordRef], now: datetime) -> bool:
    """Erase these records; True when the file was rewritten, False where a database's admin has to see to that.

    The rows go in one transaction. A crash after it leaves bytes that can be read in the file: forgetting the same
    record again rewrites it. Raises ConflictError while a write to one of them has no answer.
    """
    with store.begin() as uow:
        if any(entry.state in UNANSWERED for ref in refs for entry in uow.our_writes(ref)):
            raise ConflictError(
                "a write to this record was sent and its answer is missing, so nothing was forgotten yet: `followup run` "
                "looks it up, and what stays unknown is said with `followup settle`; then forget the record"
            )
        uow.forget(refs, now)
    return store.scrub()
