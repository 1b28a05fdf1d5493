"""Our words and Salesforce's: objects per kind, field names both ways, and what a describe says of an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from adapters.salesforce.json_values import switch
from adapters.salesforce.soql import is_name
from connector.domain.errors import ConfigError
from connector.domain.model import KINDS, FieldInfo, Needs

FieldType = Literal["text", "number", "boolean", "datetime", "date", "picklist"]

OBJECTS: Mapping[str, str] = {"lead": "Lead", "contact": "Contact", "deal": "Opportunity"}
PREFIXES: Mapping[str, str] = {"00Q": "lead", "003": "contact", "006": "deal"}
"""The first three characters of an id tell the object; these are the same in every org."""

_PERSON = {
    "name": "Name",
    "email": "Email",
    "phone": "Phone",
    "title": "Title",
    "source": "LeadSource",
    "owner": "OwnerId",
    "opted_out": "HasOptedOutOfEmail",
    "do_not_call": "DoNotCall",
    "created": "CreatedDate",
}
DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "lead": {
        **_PERSON,
        "status": "Status",
        "company": "Company",
        "country": "Country",
        "industry": "Industry",
        "size": "NumberOfEmployees",
        "value": "AnnualRevenue",
        "rating": "Rating",
    },
    "contact": {**_PERSON, "country": "MailingCountry"},
    "deal": {
        "name": "Name",
        "status": "StageName",
        "source": "LeadSource",
        "owner": "OwnerId",
        "value": "Amount",
        "closed": "IsClosed",
        "created": "CreatedDate",
    },
}
"""What each of our field names is called in Salesforce unless `fields` in followup.yaml says otherwise."""

LEAD_STATUSES: Mapping[str, str] = {
    "new": "Open - Not Contacted",
    "working": "Working - Contacted",
    "converted": "Closed - Converted",
    "unqualified": "Closed - Not Converted",
}
"""The lead statuses a new org comes with; a word counts only where the org still has its value."""

ALWAYS = ("status", "owner", "opted_out", "do_not_call")
"""Read for every record: what is checked again before any write."""

_TYPES: Mapping[str, FieldType] = {
    "boolean": "boolean",
    "int": "number",
    "long": "number",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "date": "date",
    "datetime": "datetime",
    "picklist": "picklist",
}


@dataclass(frozen=True)
class FieldDescription:
    """One field as this user sees it. `values` are the active picklist values, `default` the one preselected."""

    name: str
    type: FieldType = "text"
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    values: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True)
class ObjectDescription:
    """One object as this user sees it; `fields` by API name."""

    name: str
    fields: Mapping[str, FieldDescription] = field(default_factory=dict)
    createable: bool = True
    updateable: bool = True
    deletable: bool = True

    def find(self, api_name: str) -> FieldDescription | None:
        """The field of that API name, whatever its capitals; None when it is hidden or missing."""
        exact = self.fields.get(api_name)
        if exact is not None:
            return exact
        lower = api_name.lower()
        return next((item for item in self.fields.values() if item.name.lower() == lower), None)

    def present(self, *api_names: str) -> list[str]:
        """Those of the names that are visible, in Salesforce's own spelling."""
        return [item.name for item in map(self.find, api_names) if item is not None]


def described(name: str, answer: object) -> ObjectDescription:
    """An object from the answer of `sobjects/NAME/describe`; flags that are not told count as set."""
    raw = answer if isinstance(answer, Mapping) else {}
    rows = raw.get("fields")
    found = [_field(row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return ObjectDescription(
        name,
        {item.name: item for item in found if is_name(item.name)},
        switch(raw.get("createable")) is not False,
        switch(raw.get("updateable")) is not False,
        switch(raw.get("deletable")) is not False,
    )


def _field(row: Mapping[str, object]) -> FieldDescription:
    options = row.get("picklistValues")
    active = [
        option
        for option in (options if isinstance(options, list) else [])
        if isinstance(option, Mapping) and switch(option.get("active")) is not False and option.get("value") is not None
    ]
    return FieldDescription(
        name=str(row.get("name") or ""),
        type=_TYPES.get(str(row.get("type")), "text"),
        createable=switch(row.get("createable")) is not False,
        updateable=switch(row.get("updateable")) is not False,
        unique=switch(row.get("unique")) is True,
        values=tuple(str(option["value"]) for option in active),
        default=next((str(option["value"]) for option in active if switch(option.get("defaultValue"))), None),
    )


class FieldMap:
    """Which API name stands for which of our names, per kind: the defaults, overridden by `fields` of followup.yaml.

    `status: X` counts for every kind, `deal.value: X` for one; `custom.tier: X` binds a field of the org's own.
    """

    def __init__(self, fields: Mapping[str, str], records: Mapping[str, str]) -> None:
        for kind, name in records.items():
            if OBJECTS.get(kind) != name:
                raise ConfigError(
                    f"records.{kind} in followup.yaml must be {OBJECTS.get(kind, 'left out')} on Salesforce"
                )
        self._api: dict[str, dict[str, str]] = {kind: dict(DEFAULTS[kind]) for kind in KINDS}
        for word, api_name in sorted(fields.items(), key=lambda item: item[0].partition(".")[0] in KINDS):
            if not is_name(api_name):
                raise ConfigError(f"fields.{word} in followup.yaml is not an API name of Salesforce, such as Tier__c")
            kind, _, rest = word.partition(".")
            if kind in KINDS and rest:
                self._api[kind][rest] = api_name
            else:
                for names in self._api.values():
                    names[word] = api_name

    def api(self, kind: str, word: str) -> str | None:
        """Salesforce's name of our field; None when it is bound to nothing."""
        return self._api.get(kind, {}).get(word)

    def words(self, kind: str) -> Sequence[str]:
        """Every name of ours that is bound for a kind."""
        return tuple(self._api.get(kind, {}))

    def words_for(self, kind: str, api_name: str) -> tuple[str, ...]:
        """Our names for a field of Salesforce."""
        lower = api_name.lower()
        return tuple(word for word, bound in self._api.get(kind, {}).items() if bound.lower() == lower)

    def visible(self, kind: str, sobject: ObjectDescription) -> dict[str, FieldDescription]:
        """Our names that this user can see, with their description."""
        found = {word: sobject.find(api) for word, api in self._api[kind].items()}
        return {word: item for word, item in found.items() if item is not None}

    def hidden(self, kind: str, sobject: ObjectDescription) -> tuple[str, ...]:
        """Our names whose field is hidden from this user or missing."""
        return tuple(word for word, api in self._api[kind].items() if sobject.find(api) is None)


def wanted(kind: str, needs: Needs) -> frozenset[str]:
    """Our names to read for a kind: what every write is checked against, and what the rules ask for."""
    return frozenset((*ALWAYS, "closed") if kind == "deal" else ALWAYS).union(
        needs.fields.get(kind, frozenset()),
        needs.history.get(kind, frozenset()),
        needs.written_fields.get(kind, frozenset()),
    )


def field_info(word: str, item: FieldDescription) -> FieldInfo:
    """What the rules are told of a field."""
    return FieldInfo(word, item.name, item.type, item.updateable, item.values)
