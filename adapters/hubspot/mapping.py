"""HubSpot's rows -> our records and changes. Pure: what was read and how the kind looks in this portal are arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from adapters.hubspot.fields import (
    CONTACTS,
    CUSTOMER,
    LIFECYCLE,
    MERGED,
    KindView,
    created_of,
    instant_in,
    stamp_of,
    value_in,
)
from connector.domain.model import Change, FieldInfo, Record, RecordRef, Value, change_id

CRM = "hubspot"

Row = Mapping[str, object]

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in for a stamp that a row lacks."""


def properties_of(row: Row) -> Mapping[str, object]:
    """A row's properties; none when the row has none."""
    found = row.get("properties")
    return found if isinstance(found, dict) else {}


def id_of(row: Row) -> str:
    """A row's id as text, empty when it has none."""
    found = row.get("id") or properties_of(row).get("hs_object_id")
    return str(found) if found is not None else ""


def changed_at(row: Row, object_type: str) -> datetime | None:
    """When a row was last changed."""
    return instant_in(properties_of(row).get(stamp_of(object_type))) or instant_in(row.get("updatedAt"))


def created_at(row: Row, object_type: str) -> datetime | None:
    """When a row was made."""
    return instant_in(properties_of(row).get(created_of(object_type))) or instant_in(row.get("createdAt"))


def ref_of(kind: str, id_: str) -> RecordRef:
    """The reference to a record of this CRM."""
    return RecordRef(CRM, kind, id_)


# -- records ---------------------------------------------------------------------------------------------------------


def record_of(row: Row, view: KindView, names: Iterable[str], contact: Row | None = None) -> Record:
    """One row as a record with these fields of ours; `contact` is the primary contact of a row of the leads object."""
    asked = set(names)
    modified = changed_at(row, view.object_type) or BEGINNING
    created = created_at(row, view.object_type) or modified
    fields: dict[str, Value] = {}
    for name in asked:
        if name in view.fields:
            fields[name] = _field(properties_of(row), view.fields[name], view.infos[name])
        elif name in view.contact and contact is not None:
            fields[name] = _field(properties_of(contact), view.contact[name], view.infos[name])
    fields["created"] = created
    archived = row.get("archived") is True
    if archived:  # archiving moves no stamp; when it was, the row tells beside its properties
        modified = max(modified, instant_in(row.get("archivedAt")) or modified)
    return Record(
        ref=ref_of(view.kind, id_of(row)),
        fields=fields,
        created=created,
        modified=modified,
        version=("archived:" if archived else "") + modified.isoformat(),
        hidden=(view.hidden(asked) | frozenset(asked & view.contact.keys())) - fields.keys(),
        deleted=archived,
        converted=_converted(row, view),
    )


def _field(properties: Mapping[str, object], names: Sequence[str], info: FieldInfo) -> Value:
    if len(names) > 1:
        parts = [str(properties[name]).strip() for name in names if properties.get(name)]
        return " ".join(parts) or None
    return value_in(properties.get(names[0]), info)


def _converted(row: Row, view: KindView) -> bool:
    """A contact that has become a customer, or any lead in the status that followup.yaml calls converted."""
    properties = properties_of(row)
    if view.kind != "deal" and view.converted_status and "status" in view.fields:
        status = str(properties.get(view.fields["status"][0]) or "")
        if status.lower() == view.converted_status.lower():
            return True
    return view.object_type == CONTACTS and str(properties.get(LIFECYCLE) or "").lower() == CUSTOMER


def merged_into(survivor: Record, row: Row) -> Iterator[Record]:
    """The records that went into this one, as the dead records they are now: a merge makes a new id and keeps the old."""
    for old in re.findall(r"\d+", str(properties_of(row).get(MERGED) or "")):
        if old != survivor.ref.id:
            yield Record(
                ref=ref_of(survivor.ref.kind, old),
                fields={},
                created=survivor.created,
                modified=survivor.created,
                version=f"merged:{survivor.ref.id}",
                deleted=True,
                merged_into=survivor.ref,
            )


def dead_record(row: Row, view: KindView) -> Record:
    """A row of the archived list: the record is gone, and its fields with it."""
    at = instant_in(row.get("archivedAt")) or changed_at(row, view.object_type) or BEGINNING
    created = created_at(row, view.object_type) or at
    ref = ref_of(view.kind, id_of(row))
    return Record(ref, {}, created, at, f"archived:{at.isoformat()}", deleted=True)


# -- history ---------------------------------------------------------------------------------------------------------


def changes_of(row: Row, ref: RecordRef, field: str, name: str, info: FieldInfo, created: datetime) -> Iterator[Change]:
    """The changes that HubSpot's history of one property tells, oldest first.

    The value a record was made with is no change: its entry carries the stamp of the creation, give or take the second
    or two that HubSpot takes to store it. HubSpot tells the newest entry first, which orders those of one instant.
    """
    histories = row.get("propertiesWithHistory")
    entries = histories.get(name) if isinstance(histories, Mapping) else None
    stamped = [
        (at, entry)
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, Mapping) and (at := instant_in(entry.get("timestamp"))) is not None
    ]
    if stamped and stamped[0][0] >= stamped[-1][0]:
        stamped.reverse()
    old: Value = None
    for position, (at, entry) in enumerate(sorted(stamped, key=lambda pair: pair[0])):
        new = value_in(entry.get("value"), info)
        born = position == 0 and (at - created).total_seconds() <= 2
        if new != old and not born:
            yield Change(change_id(field, at, new), ref, field, old, new, at)
        old = new
