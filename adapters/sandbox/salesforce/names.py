"""Our field names and Salesforce's: what a story calls a field, and where the org keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from adapters.sandbox.salesforce.database import stamp_text
from adapters.sandbox.salesforce.fields import Row, Value

_PERSON = {
    "email": "Email",
    "phone": "Phone",
    "title": "Title",
    "source": "LeadSource",
    "owner": "OwnerId",
    "opted_out": "HasOptedOutOfEmail",
    "do_not_call": "DoNotCall",
    "description": "Description",
}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "Lead": {
        **_PERSON,
        "company": "Company",
        "country": "Country",
        "industry": "Industry",
        "size": "NumberOfEmployees",
        "value": "AnnualRevenue",
        "status": "Status",
        "rating": "Rating",
        "custom.tier": "Tier__c",
    },
    "Contact": {**_PERSON, "country": "MailingCountry"},
    "Opportunity": {
        "name": "Name",
        "value": "Amount",
        "status": "StageName",
        "source": "LeadSource",
        "owner": "OwnerId",
        "close_date": "CloseDate",
        "contact": "ContactId",
        "description": "Description",
    },
}


def values_of(name: str, fields: Mapping[str, object]) -> dict[str, Value]:
    """The org's values of fields given under our names."""
    values: dict[str, Value] = {}
    for key, value in fields.items():
        if key == "name" and name != "Opportunity":
            first, _, last = str(value).strip().rpartition(" ")
            values |= {"FirstName": first or None, "LastName": last}
        elif key in FIELDS[name]:
            values[FIELDS[name][key]] = _plain(value)
        else:
            raise KeyError(f"the sandbox knows no field {key} of {name}")
    return values


def new_values(name: str, fields: Mapping[str, object]) -> dict[str, Value]:
    """The values of a new record: what is empty is left to the org; a lead without a company gets the usual stand-in."""
    values: dict[str, Value] = {"Company": "[not provided]"} if name == "Lead" else {}
    return values | {key: value for key, value in values_of(name, fields).items() if value is not None}


def _plain(value: object) -> Value:
    if isinstance(value, datetime):
        return stamp_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a field of the sandbox cannot hold {type(value).__name__}")


def fields_of(name: str, row: Row) -> dict[str, object]:
    """A record's values under our names."""
    return {"name": row["Name"], **{ours: row[theirs] for ours, theirs in FIELDS[name].items()}}
