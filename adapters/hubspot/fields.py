"""Our words and HubSpot's: field names to properties, kinds to object types, statuses, activities. Data and pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from math import isfinite
from typing import Literal

from connector.domain.model import FieldInfo, Value
from connector.domain.ports import AdapterConfig

CONTACTS, DEALS, LEADS = "contacts", "deals", "leads"

Properties = tuple[str, ...]

CONTACT_FIELDS: Mapping[str, Properties] = {
    "status": ("hs_lead_status",),
    "source": ("hs_analytics_source",),
    "country": ("country",),
    "industry": ("industry",),
    "size": ("numemployees",),
    "title": ("jobtitle",),
    "email": ("email",),
    "phone": ("phone",),
    "name": ("firstname", "lastname"),
    "company": ("company",),
    "value": ("annualrevenue",),
    "owner": ("hubspot_owner_id",),
    "opted_out": ("hs_email_optout",),
    "score": ("hubspotscore",),
    "zone": ("hs_timezone",),
    "created": ("createdate",),
}
DEAL_FIELDS: Mapping[str, Properties] = {
    "status": ("dealstage",),
    "source": ("hs_analytics_source",),
    "name": ("dealname",),
    "value": ("amount",),
    "reason": ("closed_lost_reason",),
    "closed": ("hs_is_closed",),
    "owner": ("hubspot_owner_id",),
    "created": ("createdate",),
}
LEAD_FIELDS: Mapping[str, Properties] = {
    "status": ("hs_pipeline_stage",),
    "name": ("hs_lead_name",),
    "owner": ("hubspot_owner_id",),
    "created": ("hs_createdate",),
}
FIELDS: Mapping[str, Mapping[str, Properties]] = {CONTACTS: CONTACT_FIELDS, DEALS: DEAL_FIELDS, LEADS: LEAD_FIELDS}

YEARS = range(1700, 4001)
"""A date of another year is a slip of the pen: near the ends of the calendar there is none to reckon with."""

NUMBERS = frozenset({"size", "value", "score"})
"""Ours that are compared as numbers even where HubSpot keeps them as text (annualrevenue)."""

GUARDS = frozenset({"status", "owner", "opted_out", "name", "created", "closed"})
"""Read for every record, whatever the rules say."""

LIFECYCLE = "lifecyclestage"
CUSTOMER = "customer"
MERGED = "hs_merged_object_ids"
PRIMARY_CONTACT = "hs_primary_contact_id"

CONTACT_STATUSES: Mapping[str, str] = {
    "new": "NEW",
    "open": "OPEN",
    "working": "IN_PROGRESS",
    "attempted": "ATTEMPTED_TO_CONTACT",
    "connected": "CONNECTED",
    "unqualified": "UNQUALIFIED",
}
LEAD_STATUSES: Mapping[str, str] = {
    "new": "new-stage-id",
    "attempted": "attempting-stage-id",
    "connected": "connected-stage-id",
    "qualified": "qualified-stage-id",
    "unqualified": "unqualified-stage-id",
}

ActivityWord = Literal["call", "email", "meeting", "note", "task"]
ACTIVITY_OBJECTS: Mapping[ActivityWord, str] = {
    "call": "calls",
    "email": "emails",
    "meeting": "meetings",
    "note": "notes",
    "task": "tasks",
}
OPTIONAL_OBJECTS = frozenset({"calls", "emails", "meetings", "notes"})
"""What a portal may lack and still be one to work in."""


@dataclass(frozen=True)
class KindView:
    """How one of our kinds looks in this portal: its object type, and per field of ours the properties that are visible.

    `contact` has the fields that a record of the leads object takes from its primary contact.
    """

    kind: str
    object_type: str
    fields: Mapping[str, Properties]
    infos: Mapping[str, FieldInfo]
    contact: Mapping[str, Properties] = field(default_factory=dict)
    converted_status: str | None = None

    def read(self, names: Iterable[str]) -> tuple[str, ...]:
        """The properties to ask for these fields, with those every record needs; sorted."""
        wanted = {one for name in {*names, *GUARDS} for one in self.fields.get(name, ())}
        if self.object_type == CONTACTS:
            wanted |= {LIFECYCLE, MERGED}
        if self.object_type == LEADS:
            wanted.add(PRIMARY_CONTACT)
        return tuple(sorted({*wanted, stamp_of(self.object_type), created_of(self.object_type)}))

    def hidden(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these fields, and of the opt-out, that this portal does not show."""
        asked = {*names, "opted_out"} - {"created", "closed"}
        return frozenset(name for name in asked if name not in self.fields and name not in self.contact)


def object_type_of(kind: str, config: AdapterConfig) -> str:
    """The object type behind one of our kinds: a lead is a contact unless `records` says `leads`."""
    if kind == "deal":
        return DEALS
    return LEADS if kind == "lead" and config.records.get("lead", "").lower() == LEADS else CONTACTS


def stamp_of(object_type: str) -> str:
    """The property that says when a record was last changed; the other one finds nothing on contacts, silently."""
    return "lastmodifieddate" if object_type == CONTACTS else "hs_lastmodifieddate"


def created_of(object_type: str) -> str:
    """The property that says when a record was made."""
    return "createdate" if object_type in (CONTACTS, DEALS) else "hs_createdate"


def view_of(kind: str, config: AdapterConfig, seen: Mapping[str, Mapping[str, FieldInfo]]) -> KindView:
    """The view of a kind, from the visible properties (per object type, described under their HubSpot names)."""
    object_type = object_type_of(kind, config)
    visible = seen.get(object_type, {})
    fields = {name: props for name, props in _mapped(object_type, config, visible).items() if _there(props, visible)}
    contact: dict[str, Properties] = {}
    if object_type == LEADS:
        of_contact = _mapped(CONTACTS, config, seen.get(CONTACTS, {}))
        contact = {
            name: props
            for name, props in of_contact.items()
            if name not in fields and name not in LEAD_FIELDS and _there(props, seen.get(CONTACTS, {}))
        }
    infos = {name: _described(name, props, visible) for name, props in fields.items()}
    infos |= {name: _described(name, props, seen.get(CONTACTS, {})) for name, props in contact.items()}
    return KindView(kind, object_type, fields, infos, contact, config.statuses.get("converted"))


def _mapped(object_type: str, config: AdapterConfig, visible: Mapping[str, FieldInfo]) -> Mapping[str, Properties]:
    """Our fields with the properties meant: the standard ones, then what followup.yaml says.

    `fields:` speaks of leads; on another object type it only adds what that type has no standard property for.
    """
    standard = FIELDS[object_type]
    leads = object_type == object_type_of("lead", config)
    own = {
        name: (prop,)
        for name, prop in config.fields.items()
        if leads or name not in standard or (prop in visible and name.startswith("custom."))
    }
    return {**standard, **own}


def _there(properties: Properties, visible: Mapping[str, FieldInfo]) -> bool:
    return any(name in visible for name in properties)


def _described(name: str, properties: Properties, visible: Mapping[str, FieldInfo]) -> FieldInfo:
    info = next(visible[one] for one in properties if one in visible)
    api_name = "+".join(one for one in properties if one in visible)
    if name == "owner":
        return FieldInfo(name, api_name, "text", info.writable)
    if name == "zone":
        return FieldInfo(name, api_name, "text", writable=False)
    if name in NUMBERS and info.type == "text":
        return FieldInfo(name, api_name, "number", info.writable)
    return FieldInfo(name, api_name, info.type, info.writable and len(properties) == 1, info.values)


def property_info(raw: Mapping[str, object]) -> FieldInfo | None:
    """One entry of the property list under its HubSpot name; None when it is archived or has no name."""
    name = raw.get("name")
    if not isinstance(name, str) or raw.get("archived") is True:
        return None
    meta = raw.get("modificationMetadata")
    read_only = raw.get("calculated") is True or (isinstance(meta, Mapping) and meta.get("readOnlyValue") is True)
    options = raw.get("options")
    values = tuple(
        str(option.get("value"))
        for option in (options if isinstance(options, list) else [])
        if isinstance(option, Mapping) and option.get("hidden") is not True and option.get("value") is not None
    )
    kind = _field_type(str(raw.get("type") or "string"), str(raw.get("fieldType") or ""))
    return FieldInfo(name, name, kind, not read_only, values if kind == "picklist" else ())


def _field_type(kind: str, form: str) -> Literal["text", "number", "boolean", "datetime", "date", "picklist"]:
    if kind == "bool" or form == "booleancheckbox":
        return "boolean"
    if kind in ("number", "datetime", "date"):
        return "number" if kind == "number" else "datetime" if kind == "datetime" else "date"
    return "picklist" if kind == "enumeration" else "text"


# -- values ----------------------------------------------------------------------------------------------------------


def value_in(text: object, info: FieldInfo) -> Value:
    """A property's value as HubSpot sends it (text or null) in the type its description promises."""
    if text is None or text == "":
        return False if info.name == "opted_out" else None  # null there means "never set", see the fact sheet
    if isinstance(text, bool):
        return text
    raw = str(text)
    if info.name == "zone":
        return zone_in(raw)
    if info.type == "boolean":
        return raw.lower() == "true"
    if info.type == "number":
        return number_in(raw)
    if info.type == "datetime":
        return instant_in(raw)
    if info.type == "date":
        instant = instant_in(raw)
        return instant.date() if instant else None
    return raw


def zone_in(text: str) -> str:
    """A time zone's IANA name: HubSpot's own values spell `Europe/Berlin` as `europe_slash_berlin`."""
    for spelt, sign in (("_slash_", "/"), ("_hyphen_", "-"), ("_plus_", "+")):
        text = text.replace(spelt, sign)
    return text


def value_out(value: Value, info: FieldInfo | None) -> str:
    """A value as HubSpot takes it: text, instants in ms since 1970, empty text to clear."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if info is not None and info.type == "date" else str(ms_of(value))
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def number_in(text: str) -> int | float | str:
    """A number where the text is one; HubSpot keeps some of them as free text."""
    plain = text.replace(",", "").strip()
    if re.fullmatch(r"[+-]?[0-9]{1,15}", plain):
        return int(plain)
    if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?", plain) and isfinite(float(plain)):
        return float(plain)
    return text


def instant_in(value: object) -> datetime | None:
    """An instant that HubSpot sends as ISO text or as ms since 1970; None when it is neither."""
    text = str(value or "").strip()
    try:
        if re.fullmatch(r"-?[0-9]{9,20}", text):
            found = datetime.fromtimestamp(int(text) / 1000, UTC)
        else:
            found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):  # beyond the calendar there is no such instant
        return None
    if found.year not in YEARS:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def ms_of(instant: datetime) -> int:
    """Whole milliseconds since 1970, exactly (a float would lose some)."""
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000
