"""Rows of Salesforce become records, changes, enrolments and owners. Pure: no clock, no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from math import isfinite

from adapters.salesforce.fields import PREFIXES, FieldDescription, FieldType
from adapters.salesforce.json_values import switch
from connector.domain.model import Change, Enrollment, Owner, Record, RecordRef, Value

CRM = "salesforce"
Row = Mapping[str, object]

YEARS = range(1700, 4001)
"""The years that Salesforce's dates may have; another one is no date, and near the ends of the calendar none to reckon with."""

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def id18(id: str) -> str:
    """An id in its 18-character form: three characters more that tell the capitals of the first 15."""
    if len(id) != 15:
        return id
    parts = (id[start : start + 5] for start in (0, 5, 10))
    return id + "".join(_ALPHABET[sum(1 << n for n, char in enumerate(part) if char.isupper())] for part in parts)


def is_id(text: object) -> bool:
    """True for what has the form of an id."""
    return isinstance(text, str) and text[:1].isdigit() and _ID.fullmatch(text) is not None


def is_sound_id(text: str) -> bool:
    """True for an id whose last three characters, where it has them, fit the first 15: others break a whole query."""
    return is_id(text) and id18(text[:15]).startswith(text)


def text(row: Row, name: str) -> str | None:
    """A column as text; None when it is empty or absent."""
    value = row.get(name)
    return None if value is None or value == "" else str(value)


def id_in(row: Row, name: str) -> str | None:
    """A column that names a record, in the 18-character form; None when it is empty or absent."""
    found = text(row, name)
    return id18(found) if found and is_id(found) else found


def flag(row: Row, name: str) -> bool:
    """A column that is true or not."""
    return switch(row.get(name)) is True


def instant(value: object) -> datetime | None:
    """`2024-09-24T03:26:07.000+0000` or `..07.000Z` as an instant; None when it is neither."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None and found.year in YEARS else None


def day(value: object) -> date | None:
    """`2026-05-08` as a date without a zone; None when it is none."""
    try:
        found = date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.year in YEARS else None


def value_of(raw: object, type: FieldType) -> Value:
    """A column's value in the type the describe names; what does not fit its type stays text."""
    if raw is None or (raw == "" and type != "text"):
        return None
    if type == "datetime":
        return instant(raw) or str(raw)
    if type == "date":
        return day(raw) or str(raw)
    if type == "boolean":
        told = switch(raw)
        return str(raw) if told is None else told
    if type == "number" and not isinstance(raw, int | float):
        try:
            number = float(str(raw))
        except ValueError:
            return str(raw)
        return number if isfinite(number) else str(raw)
    return raw if isinstance(raw, str | int) or (isinstance(raw, float) and isfinite(raw)) else str(raw)


def json_value(value: Value) -> str | int | float | bool | None:
    """A value as Salesforce's JSON takes it; ValueError for a datetime without a zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be written")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return value.isoformat() if isinstance(value, date) else value


def ref(id: str | None) -> RecordRef | None:
    """Which lead, contact or deal an id means, by its prefix; None for anything else."""
    kind = PREFIXES.get(id[:3]) if id else None
    return RecordRef(CRM, kind, id18(id)) if kind and id else None


def record(kind: str, row: Row, columns: Mapping[str, FieldDescription], hidden: frozenset[str]) -> Record | None:
    """A record from its row; None for a row without an id or stamp."""
    id, modified = id_in(row, "Id"), instant(row.get("SystemModstamp"))
    if id is None or modified is None:
        return None
    deleted, converted = flag(row, "IsDeleted"), flag(row, "IsConverted")
    master = id_in(row, "MasterRecordId")
    fields = {word: value_of(row.get(column.name), column.type) for word, column in columns.items()}
    if "owner" in fields:
        fields["owner"] = id_in(row, columns["owner"].name)
    return Record(
        ref=RecordRef(CRM, kind, id),
        fields=fields,
        created=instant(row.get("CreatedDate")) or modified,
        modified=modified,
        version=f"{row.get('SystemModstamp')}{'-deleted' if deleted else ''}{'-converted' if converted else ''}",
        hidden=hidden,
        deleted=deleted,
        converted=converted,
        merged_into=RecordRef(CRM, kind, master) if master else None,
    )


def change(kind: str, parent: str, row: Row, words: Mapping[str, tuple[str, FieldType]]) -> Change | None:
    """A change from a history row; None when it concerns no field that is asked for.

    `words` gives our name and the type for what history calls the field. A change of owner is told twice, once with
    names and once with ids; the ids count.
    """
    id, at, target = text(row, "Id"), instant(row.get("CreatedDate")), id_in(row, parent)
    word, type = words.get((text(row, "Field") or "").lower(), ("", "text"))
    if id is None or at is None or target is None or not word or flag(row, "IsDeleted"):
        return None
    old, new = row.get("OldValue"), row.get("NewValue")
    if word == "owner":
        if not all(value is None or is_id(value) for value in (old, new)):
            return None
        old, new = (id18(value) if isinstance(value, str) else None for value in (old, new))
    return Change(
        id=id,
        ref=RecordRef(CRM, kind, target),
        field=word,
        old=value_of(old, type),
        new=value_of(new, type),
        at=at,
        actor=id_in(row, "CreatedById"),
    )


def member(row: Row, names: Mapping[str, str], target: str = "CampaignId") -> Enrollment | None:
    """An enrolment from a campaign member or cadence tracker; `names` has our NAME for each target's id."""
    name = names.get((text(row, target) or "")[:15])
    who = ref(text(row, "LeadId") or text(row, "ContactId") or text(row, "TargetId"))
    if name is None or who is None:
        return None
    over = flag(row, "IsDeleted") or (text(row, "State") or "").lower() in ENDED_STATES
    return Enrollment(who, name, instant(row.get("CreatedDate")), active=not over)


ENDED_STATES = frozenset({"complete", "completed", "error", "cancelled", "canceled"})
"""States of an ActionCadenceTracker in which the target is no longer worked on."""


def user(row: Row) -> Owner | None:
    """An owner from a User row."""
    id = id_in(row, "Id")
    if id is None:
        return None
    active = switch(row.get("IsActive")) is not False
    return Owner(id, text(row, "Name") or id, text(row, "Email"), active, manager=id_in(row, "ManagerId"))


def queue(row: Row) -> Owner | None:
    """An owner from a Group row of type Queue."""
    id = id_in(row, "Id")
    return Owner(id, text(row, "Name") or id, queue=True) if id else None
