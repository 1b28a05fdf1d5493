"""What the API refuses: unreadable values first (the whole request fails), then rows that break a rule (that row fails)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime

from adapters.sandbox.salesforce.database import Database, stamp_text
from adapters.sandbox.salesforce.errors import CrmError, bad_json, no_such_field
from adapters.sandbox.salesforce.fields import Field, ObjectType, Row, Value
from adapters.sandbox.salesforce.ids import full_id

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
_TEXTS = ("string", "textarea", "email", "phone", "url", "picklist", "reference", "id", "anyType")


def read_values(db: Database, kind: ObjectType, raw: Mapping[str, object]) -> dict[str, Value]:
    """The values of a record in a body, as they are stored. An unknown field or unreadable value fails the request."""
    values: dict[str, Value] = {}
    for name, value in raw.items():
        if name == "attributes":
            continue
        field = db.field(kind, name)
        if field is None:
            raise no_such_field(name, kind.name)
        values[field.name] = _read(field, value)
    return values


def _read(field: Field, value: object) -> Value:
    if value is None or value == "":
        if field.type == "boolean":
            raise _unreadable(field, value)
        return None
    if field.type == "boolean" and isinstance(value, bool):
        return value
    if field.type in ("int", "double", "currency") and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or (field.type == "int" and value != int(value)):
            raise _unreadable(field, value)
        return int(value) if field.type == "int" else value
    if not isinstance(value, str) or field.type in ("boolean", "int", "double", "currency"):
        raise _unreadable(field, value)
    if field.type in _TEXTS:
        return value if field.type == "textarea" else (value.strip() or None)
    return _read_when(field, value)


def _read_when(field: Field, value: str) -> str:
    try:
        if field.type == "date":
            return date.fromisoformat(value).isoformat()
        instant = datetime.fromisoformat(value)
    except ValueError as problem:
        raise _unreadable(field, value) from problem
    if instant.tzinfo is None:
        raise _unreadable(field, value)
    return stamp_text(instant)


def _unreadable(field: Field, value: object) -> CrmError:
    token = "VALUE_STRING" if isinstance(value, str) else "VALUE_TRUE" if value is True else "VALUE_NUMBER_INT"
    return bad_json(
        f"Cannot deserialize instance of {field.type} from {token} value or request may be missing a required field"
    )


def check_row(db: Database, kind: ObjectType, values: dict[str, Value], old: Row | None) -> None:
    """Refuse a row that breaks a rule of the org; `old` is the record as it is, None for a new one. Fixes ids' length."""
    _check_writable(kind, values, old)
    asked = kind.fields.values() if old is None else [kind.fields[name] for name in values]
    required = [field.name for field in asked if field.required and values.get(field.name) is None]
    if required:
        raise CrmError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(required)}]", required)
    for name, value in values.items():
        if isinstance(value, str):
            _check_text(kind.fields[name], value)
            if kind.fields[name].type == "reference":
                values[name] = _check_reference(db, kind, kind.fields[name], value)
    merged: Row = {**kind.blank, **(old or {}), **values}
    if kind.name == "Event":
        _check_event(merged)
    if kind.name in ("Task", "Event") and _is_lead(merged["WhoId"]) and merged["WhatId"]:
        raise CrmError("FIELD_INTEGRITY_EXCEPTION", "If the Who ID is a Lead, the What ID must be blank", ["WhatId"])
    _check_unique(db, kind, values, old)
    if kind.name == "CampaignMember" and old is None:
        _check_member(db, values)


def _is_lead(value: Value) -> bool:
    return isinstance(value, str) and value.startswith("00Q")


def _check_writable(kind: ObjectType, values: Mapping[str, Value], old: Row | None) -> None:
    fields = [kind.fields[name] for name in values if name != "Id"]
    fixed = [f.name for f in fields if not (f.createable if old is None else f.updateable)]
    if fixed or not kind.writable:
        raise CrmError(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(fixed)}. Please check the security settings of this field and"
            " verify that it is read/write for your profile or permission set.",
            fixed,
        )
    if old is not None and old.get("IsConverted"):
        raise CrmError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")


def _check_text(field: Field, value: str) -> None:
    if field.type in ("string", "textarea", "email", "phone", "url") and len(value) > field.length:
        shown = value[:20]
        raise CrmError(
            "STRING_TOO_LONG", f"{field.name}: data value too large: {shown} (max length={field.length})", [field.name]
        )
    if field.type == "email" and not _EMAIL.fullmatch(value):
        raise CrmError("INVALID_EMAIL_ADDRESS", f"{field.name}: invalid email address: {value}", [field.name])
    if field.restricted and value not in field.values:
        raise CrmError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.name}: bad value for restricted picklist field: {value}",
            [field.name],
        )


def _check_reference(db: Database, kind: ObjectType, field: Field, value: str) -> str:
    identity = full_id(value)
    target = db.object_of(identity) if identity else None
    if identity is None or target not in field.refs:
        raise CrmError("MALFORMED_ID", f"{field.name}: id value of incorrect type: {value}", [field.name])
    row = db.row(identity)
    if row is None:
        raise CrmError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])
    if row["IsDeleted"]:
        raise CrmError("ENTITY_IS_DELETED", "entity is deleted")
    if row.get("IsConverted"):
        raise CrmError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    if field.name == "OwnerId":
        _check_owner(db, kind, identity, row)
    return identity


def _check_owner(db: Database, kind: ObjectType, identity: str, row: Row) -> None:
    if row.get("IsActive") is False:
        raise CrmError(
            "INACTIVE_OWNER_OR_USER",
            f"operation performed with inactive user [{identity[:15]}] as owner of {kind.name.lower()}",
        )
    if identity.startswith("00G"):
        served = {q["SobjectType"] for q in db.tables["QueueSobject"].rows.values() if q["QueueId"] == identity}
        if kind.name not in served:
            raise CrmError("INVALID_OPERATION", "Queue not associated with this SObject type: [OwnerId]", ["OwnerId"])


def _check_event(merged: Row) -> None:
    start = merged["StartDateTime"] or merged["ActivityDateTime"]
    if start is None or (merged["DurationInMinutes"] is None and merged["EndDateTime"] is None):
        missing = ["DurationInMinutes", "ActivityDateTime"]
        raise CrmError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)


def _check_unique(db: Database, kind: ObjectType, values: Mapping[str, Value], old: Row | None) -> None:
    for name, value in values.items():
        if not kind.fields[name].unique or value is None:
            continue
        for row in db.tables[kind.name].where(name, value):
            if not row["IsDeleted"] and (old is None or row["Id"] != old["Id"]):
                where = str(row["Id"])[:15]
                raise CrmError(
                    "DUPLICATE_VALUE", f"duplicate value found: {name} duplicates value on record with id: {where}"
                )


def _check_member(db: Database, values: Mapping[str, Value]) -> None:
    table = db.tables["CampaignMember"]
    names = [name for name in ("LeadId", "ContactId") if values.get(name)]
    if not names:
        raise CrmError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LeadId or ContactId]", ["LeadId"])
    for name in names:
        for row in table.where(name, values[name]):
            if row["CampaignId"] == values.get("CampaignId") and not row["IsDeleted"]:
                raise CrmError("DUPLICATE_VALUE", "Already a campaign member.")
