"""Single records as the API writes and reads them: permission, planned row faults, checks, assignment rule, then the write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.sandbox.salesforce.checks import check_row, read_values
from adapters.sandbox.salesforce.errors import CrmError, not_found
from adapters.sandbox.salesforce.fields import ObjectType, Row, Value
from adapters.sandbox.salesforce.ids import full_id
from adapters.sandbox.salesforce.records import Records

Raw = Mapping[str, object]


class SeveralMatchError(CrmError):
    """More than one record has this external id; `ids` are theirs."""

    def __init__(self, field: str, ids: list[str]) -> None:
        found = ", ".join(ids)
        super().__init__(
            "DUPLICATE_EXTERNAL_ID", f"{field}: more than one record found for external id field: [{found}]"
        )
        self.ids = ids


@dataclass(frozen=True)
class Caller:
    """Who writes, and whether assignment rules run (they do unless Sforce-Auto-Assign says FALSE)."""

    user: str
    auto_assign: bool


class Api:
    """Creates, updates, upserts, deletes and reads single records; every refusal is a CrmError.

    `assigned_to` is whom the org's lead assignment rule gives every lead that is created or updated with rules on.
    """

    def __init__(self, records: Records, assigned_to: str, read_only: set[str]) -> None:
        self.db = records.db
        self._records = records
        self._assigned_to = assigned_to
        self._read_only = read_only

    def values(self, kind: ObjectType, raw: Raw) -> dict[str, Value]:
        """Read a body's record; an unknown field or unreadable value fails the whole request."""
        return read_values(self.db, kind, raw)

    def create(self, kind: ObjectType, values: Mapping[str, Value], caller: Caller) -> str:
        """Write a new record and give back its id."""
        self._permit(kind, values, "create")
        checked = {name: value for name, value in values.items() if name != "Id"}
        checked |= kind_defaults(kind, values)
        if "OwnerId" in kind.fields and checked.get("OwnerId") is None:
            checked["OwnerId"] = caller.user
        check_row(self.db, kind, checked, None)
        self._assign(kind, checked, caller)
        return str(self._records.insert(kind.name, checked, caller.user)["Id"])

    def update(self, kind: ObjectType, identity: str, values: Mapping[str, Value], caller: Caller) -> None:
        """Change a record."""
        self._permit(kind, {**values, "Id": identity}, "edit")
        row = self.existing(kind, identity)
        checked = {name: value for name, value in values.items() if name != "Id"}
        check_row(self.db, kind, checked, row)
        self._assign(kind, checked, caller)
        self._records.update(kind.name, str(row["Id"]), checked, caller.user)

    def delete(self, kind: ObjectType, identity: str, caller: Caller) -> str:
        """Put a record into the bin."""
        self._permit(kind, {"Id": identity}, "delete")
        row = self.existing(kind, identity)
        if not kind.writable:
            raise CrmError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403)
        self._records.delete(kind.name, str(row["Id"]), caller.user)
        return str(row["Id"])

    def upsert(
        self, kind: ObjectType, field: str, values: Mapping[str, Value], caller: Caller, *, update_only: bool = False
    ) -> tuple[str, bool]:
        """Update the record with this external id or make it: its id, and whether it is new. A binned one does not count."""
        found = self.matches(kind, field, values.get(field))
        if len(found) > 1:
            raise SeveralMatchError(field, [str(row["Id"]) for row in found])
        if found:
            self.update(kind, str(found[0]["Id"]), values, caller)
            return str(found[0]["Id"]), False
        if update_only or (field == "Id" and values.get("Id")):
            raise not_found()
        return self.create(kind, values, caller), True

    def external_field(self, kind: ObjectType, name: str) -> str:
        """The external-id field (or Id) of that name; NOT_FOUND when it is none or hidden."""
        field = self.db.field(kind, name)
        if field is None or not (field.external_id or field.name == "Id"):
            raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
        return field.name

    def matches(self, kind: ObjectType, field: str, value: Value) -> list[Row]:
        """The live records with this value in an external-id field."""
        table = self.db.tables[kind.name]
        if value is None:
            return []
        if field == "Id":
            row = table.rows.get(full_id(str(value)) or "")
            return [row] if row is not None and not row["IsDeleted"] else []
        return [row for row in table.where(field, value) if not row["IsDeleted"]]

    def existing(self, kind: ObjectType, identity: str) -> Row:
        """The record as it is; an error when there is none or it is in the bin."""
        full = full_id(identity)
        if full is None:
            raise CrmError("MALFORMED_ID", f"{kind.name} ID: id value of incorrect type: {identity}", ["Id"])
        row = self.db.tables[kind.name].rows.get(full)
        if row is None:
            raise CrmError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row["IsDeleted"]:
            raise CrmError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def _permit(self, kind: ObjectType, submitted: Mapping[str, Value], access: str) -> None:
        if kind.name in self._read_only or (kind.writable and not self.db.may(kind, access)):
            raise CrmError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403)
        fixed = [name for name in submitted if (kind.name, name) in self.db.fixed]
        if fixed:
            text = (
                f"Unable to create/update fields: {', '.join(fixed)}. Please check the security settings of this field"
            )
            raise CrmError("INVALID_FIELD_FOR_INSERT_UPDATE", text, fixed)
        self.db.strike(kind.name, dict(submitted))

    def _assign(self, kind: ObjectType, values: dict[str, Value], caller: Caller) -> None:
        if kind.name == "Lead" and caller.auto_assign:
            values["OwnerId"] = self._assigned_to


def kind_defaults(kind: ObjectType, values: Mapping[str, Value]) -> dict[str, Value]:
    """The defaults of the picklists that a body gives as empty."""
    given = (kind.fields[name] for name, value in values.items() if value is None)
    return {field.name: field.default for field in given if field.default is not None}
