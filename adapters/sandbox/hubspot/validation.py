"""Whether HubSpot takes a row's values, and what it makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from adapters.sandbox.hubspot.catalog import LIFECYCLE, Property
from adapters.sandbox.hubspot.portal import Portal
from adapters.sandbox.hubspot.table import Row, Table
from adapters.sandbox.hubspot.wire import ApiError, iso, parse_ms, scalar

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _fault(name: str, code: str, message: str) -> dict[str, object]:
    return {"isValid": False, "message": message, "error": code, "name": name, "localizedErrorMessage": message}


def _refuse(faults: Sequence[Mapping[str, object]]) -> ApiError:
    details: list[dict[str, object]] = [
        {"message": fault["message"], "code": fault["error"], "context": {"propertyName": [fault["name"]]}}
        for fault in faults
    ]
    return ApiError(400, "Property values were not valid: " + json.dumps(list(faults)), errors=details)


def _typed(prop: Property, value: str) -> str | dict[str, object]:
    """The value as stored, or what is wrong with it."""
    name = prop.name
    if prop.type == "datetime":
        ms = parse_ms(value)
        return _fault(name, "INVALID_DATE", f"{value} was not a valid date.") if ms is None else iso(ms)
    if prop.type == "number":
        try:
            float(value)
        except ValueError:
            return _fault(name, "INVALID_LONG", f"{value} was not a valid number.")
    if prop.options and value not in [option for option, _ in prop.options]:
        allowed = ", ".join(option for option, _ in prop.options)
        return _fault(name, "INVALID_OPTION", f"{value} was not one of the allowed options: [{allowed}]")
    if name == "email" and not _EMAIL.fullmatch(value):
        return _fault(name, "INVALID_EMAIL", f"Email address {value} is invalid")
    return value


def _owner_fault(portal: Portal, value: str) -> dict[str, object] | None:
    owner = portal.owners.get(value)
    if owner is None or not owner.active:
        return _fault("hubspot_owner_id", "INVALID_OWNER_ID", f"Owner {value} does not exist or is deactivated")
    return None


def check(portal: Portal, table: Table, raw: Mapping[str, object], row: Row | None) -> dict[str, str]:
    """The row's values as they will be stored; raises the error HubSpot would answer.

    Instants come out as ISO texts. A lifecycle stage that would go back is dropped without a word, as HubSpot does.
    """
    values: dict[str, str] = {}
    faults: list[Mapping[str, object]] = []
    for name, given in raw.items():
        value, prop = scalar(given), table.visible(name)
        if prop is None:
            if row is None or not table.kind.activity:
                faults.append(_fault(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            continue
        if prop.read_only:
            text = f'"{name}" is a read only property; its value cannot be set.'
            faults.append(_fault(name, "READ_ONLY_VALUE", text))
            continue
        typed = _typed(prop, value) if value else value
        wrong = typed if isinstance(typed, dict) else None
        if name == "hubspot_owner_id" and value:
            wrong = _owner_fault(portal, value)
        if wrong is not None or isinstance(typed, dict):
            faults.append(wrong or {})
        else:
            values[name] = typed
    if faults:
        raise _refuse(faults)
    _require(table, values, row)
    _forward_only(values, row)
    check_unique(table, values, row)
    portal.refuse_if_planned(table, values, row)
    return values


def _require(table: Table, values: Mapping[str, str], row: Row | None) -> None:
    missing = table.kind.activity and not values.get("hs_timestamp", "" if row is None else "kept")
    if missing:
        message = f"Error creating {table.kind.singular.upper()}. Some required properties were not set."
        detail = {"message": message, "code": "MISSING_REQUIRED", "context": {"properties": ["hs_timestamp"]}}
        raise ApiError(400, message, errors=[detail])


def _forward_only(values: dict[str, str], row: Row | None) -> None:
    old = row.version.properties.get("lifecyclestage", "") if row else ""
    new = values.get("lifecyclestage", "")
    if old in LIFECYCLE and new in LIFECYCLE and LIFECYCLE.index(new) < LIFECYCLE.index(old):
        del values["lifecyclestage"]


def check_unique(table: Table, values: Mapping[str, str], row: Row | None) -> None:
    """Refuse a value of a unique property that another live row holds."""
    for name in table.unique_names:
        value = values.get(name)
        holder = table.by_unique(name, value) if value else None
        if holder is None or (row is not None and holder == row.id):
            continue
        if name == "email":
            raise ApiError(409, f"Contact already exists. Existing ID: {holder}", "CONFLICT")
        place = f"PropertyValueCoordinates{{portalId=891472211, propertyName={name}, value={value}}}"
        raise ApiError(400, f"Cannot set {place} on {row.id if row else 'new'}. {holder} already has that value.")
