"""What a field and an object type are, and short ways to write them down; `schema` has the objects themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Value = str | int | float | bool | None
"""What a stored field holds. Instants are `2026-05-01T10:00:00.000+0000` and dates `2026-05-01`: they sort as text."""

Row = dict[str, Value]

FieldType = Literal[
    "id",
    "string",
    "textarea",
    "email",
    "phone",
    "url",
    "picklist",
    "boolean",
    "int",
    "double",
    "currency",
    "date",
    "datetime",
    "reference",
    "anyType",
]


@dataclass(frozen=True)
class Field:
    """One field as describe shows it. `refs` are the object types a reference may point to, `relationship` its name."""

    name: str
    type: FieldType
    length: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    external_id: bool = False
    unique: bool = False
    required: bool = False
    restricted: bool = False
    values: tuple[str, ...] = ()
    default: Value = None
    refs: tuple[str, ...] = ()
    relationship: str | None = None

    @property
    def custom(self) -> bool:
        """Whether the org added it."""
        return self.name.endswith("__c")


@dataclass(frozen=True)
class ObjectType:
    """One object: its id prefix, its fields, its child relationships, and the field that says when a row changed."""

    name: str
    prefix: str
    fields: Mapping[str, Field]
    stamp: str = "SystemModstamp"
    children: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    writable: bool = True
    indexed: tuple[str, ...] = ()
    blank: Mapping[str, Value] = field(default_factory=dict)
    canonical: Mapping[str, str] = field(default_factory=dict)

    def field(self, name: str) -> Field | None:
        """A field by its name in any case."""
        known = self.canonical.get(name.lower())
        return self.fields[known] if known else None

    def relation(self, name: str) -> Field | None:
        """The reference field behind a relationship name such as `Owner`."""
        wanted = name.lower()
        return next((f for f in self.fields.values() if f.relationship and f.relationship.lower() == wanted), None)


def text(name: str, length: int = 255, *, required: bool = False) -> Field:
    """A line of text."""
    return Field(name, "string", length, required=required, nillable=not required)


def long_text(name: str, length: int = 32000) -> Field:
    """A text of many lines: it cannot be filtered."""
    return Field(name, "textarea", length, filterable=False)


def email(name: str) -> Field:
    """An e-mail address."""
    return Field(name, "email", 80)


def phone(name: str) -> Field:
    """A telephone number."""
    return Field(name, "phone", 40)


def pick(name: str, *values: str, restricted: bool = False, default: str | None = None) -> Field:
    """A picklist; a restricted one takes its own values only."""
    return Field(name, "picklist", 255, values=values, restricted=restricted, default=default)


def flag(name: str) -> Field:
    """A check box, false when nothing is said."""
    return Field(name, "boolean", nillable=False, default=False)


def number(name: str, kind: Literal["int", "double", "currency"] = "int") -> Field:
    """A number."""
    return Field(name, kind)


def day(name: str, *, required: bool = False) -> Field:
    """A date without a time."""
    return Field(name, "date", required=required, nillable=not required)


def instant(name: str) -> Field:
    """A date and time."""
    return Field(name, "datetime")


def ref(name: str, *refs: str, required: bool = False) -> Field:
    """A reference to another record; the relationship is called like the field without `Id`."""
    return Field(name, "reference", 18, refs=refs, relationship=name.removesuffix("Id"), required=required)


def read_only(*fields: Field) -> tuple[Field, ...]:
    """The same fields, which only the CRM itself sets."""
    return tuple(replace(f, createable=False, updateable=False) for f in fields)


def create_only(given: Field) -> Field:
    """The same field, which is fixed once the record is there."""
    return replace(given, updateable=False)


def owner(*refs: str) -> Field:
    """Who owns the record; the API user when nothing is said."""
    return replace(ref("OwnerId", *refs), nillable=False)


_ID_FIELD = Field("Id", "id", 18, nillable=False, createable=False, updateable=False)
_CREATED = read_only(
    replace(instant("CreatedDate"), nillable=False), replace(ref("CreatedById", "User"), nillable=False)
)
_MODIFIED = read_only(
    replace(instant("LastModifiedDate"), nillable=False),
    replace(ref("LastModifiedById", "User"), nillable=False),
    replace(instant("SystemModstamp"), nillable=False),
)
_DELETED = read_only(flag("IsDeleted"))


def object_type(
    name: str,
    prefix: str,
    *fields: Field,
    children: Mapping[str, tuple[str, str]] | None = None,
    indexed: tuple[str, ...] = (),
    writable: bool = True,
    history: bool = False,
    binned: bool = True,
) -> ObjectType:
    """An object with the system fields every object has; a `history` one is stamped by CreatedDate alone."""
    system = _CREATED if history else _CREATED + _MODIFIED
    every = (_ID_FIELD, *(_DELETED if binned else ()), *fields, *system)
    return ObjectType(
        name,
        prefix,
        {f.name: f for f in every},
        "CreatedDate" if history else "SystemModstamp",
        children or {},
        writable and not history,
        indexed,
        {**{f.name: f.default for f in every}, "IsDeleted": False},
        {f.name.lower(): f.name for f in every},
    )
