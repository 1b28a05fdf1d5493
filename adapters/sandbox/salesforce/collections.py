"""sObject Collections: up to 200 records in one call, each with its own result, and HTTP 200 even when all of them fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.sandbox.salesforce.api import Api, Caller
from adapters.sandbox.salesforce.errors import CrmError, bad_json
from adapters.sandbox.salesforce.fields import ObjectType, Value
from adapters.sandbox.salesforce.ids import full_id

MAX_ROWS = 200
MAX_CHUNKS = 10
_ROLLED_BACK = "Record rolled back because not all records were valid and the request was using AllOrNone header"

Json = dict[str, object]


@dataclass(frozen=True)
class Submitted:
    """One record of a collection: its object, its values, and its id where it names one."""

    kind: ObjectType
    values: dict[str, Value]
    identity: str | None


def read_records(api: Api, body: object, only: ObjectType | None = None) -> tuple[list[Submitted], bool]:
    """The records of a body and allOrNone; a body that cannot be read fails the whole request."""
    if not isinstance(body, dict) or not isinstance(body.get("records"), list):
        raise bad_json("The records parameter is missing or is no array")
    records = body["records"]
    if len(records) > MAX_ROWS:
        raise CrmError(
            "INVALID_INPUT" if only else "LIMIT_EXCEEDED",
            f"record limit reached. cannot submit more than {MAX_ROWS} records into this call",
        )
    submitted = [_read(api, record, only) for record in records]
    chunks = sum(1 for i, s in enumerate(submitted) if i == 0 or submitted[i - 1].kind.name != s.kind.name)
    if chunks > MAX_CHUNKS:
        raise CrmError("LIMIT_EXCEEDED", f"Cannot have more than {MAX_CHUNKS} chunks in a single operation.")
    return submitted, body.get("allOrNone") is True


def _read(api: Api, record: object, only: ObjectType | None) -> Submitted:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(record, dict) or not isinstance(name, str):
        raise CrmError("INVALID_TYPE", "sObject type is missing: each record needs attributes with a type")
    kind = api.db.kind(name)
    if only is not None and kind.name != only.name:
        raise CrmError("INVALID_TYPE", f"the records of this call must be of type {only.name}")
    values = api.values(kind, {key: value for key, value in record.items() if key.lower() != "id"})
    identity = next((value for key, value in record.items() if key.lower() == "id"), None)
    return Submitted(kind, values, identity if isinstance(identity, str) else None)


def run_rows(api: Api, rows: Sequence[Submitted], all_or_none: bool, act: Callable[[Submitted], Json]) -> list[Json]:
    """Act row by row. With allOrNone one bad row takes the good ones back, which then say so, with an id."""
    results: list[Json] = []
    failed = False
    with api.db.transaction() as take_back:
        for row in rows:
            try:
                with api.db.transaction():
                    results.append({**act(row)})
            except CrmError as problem:
                failed = True
                results.append({"success": False, "errors": [problem.row()]})
        if all_or_none and failed:
            take_back()
            error: Json = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": _ROLLED_BACK, "fields": []}
            results = [{"id": r["id"], "success": False, "errors": [error]} if r["success"] else r for r in results]
    return results


def create(api: Api, body: object, caller: Caller) -> list[Json]:
    """POST /composite/sobjects."""
    rows, all_or_none = read_records(api, body)

    def act(row: Submitted) -> Json:
        return {"id": api.create(row.kind, row.values, caller), "success": True, "errors": []}

    return run_rows(api, rows, all_or_none, act)


def update(api: Api, body: object, caller: Caller) -> list[Json]:
    """PATCH /composite/sobjects; a record named twice fails the second time."""
    rows, all_or_none = read_records(api, body)
    done: set[str] = set()

    def act(row: Submitted) -> Json:
        if row.identity is None:
            raise CrmError("MISSING_ARGUMENT", "Id not specified in an update call")
        identity = full_id(row.identity) or row.identity
        if identity in done:
            raise CrmError("DUPLICATE_VALUE", f"duplicate id in list: {identity}")
        done.add(identity)
        api.update(row.kind, identity, row.values, caller)
        return {"id": identity, "success": True, "errors": []}

    return run_rows(api, rows, all_or_none, act)


def upsert(api: Api, kind: ObjectType, name: str, body: object, caller: Caller) -> list[Json]:
    """PATCH /composite/sobjects/X/Ext__c; a key that comes twice in one call fails both times."""
    field = api.external_field(kind, name)
    rows, all_or_none = read_records(api, body, kind)
    keys = [row.identity if field == "Id" else row.values.get(field) for row in rows]

    def act(row: Submitted) -> Json:
        key = row.identity if field == "Id" else row.values.get(field)
        if key is None and field != "Id":
            raise CrmError("MISSING_ARGUMENT", f"{field} not specified")
        if key is not None and keys.count(key) > 1:
            raise CrmError("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", [field])
        values = {**row.values, "Id": row.identity} if field == "Id" else row.values
        identity, created = api.upsert(kind, field, values, caller)
        return {"id": identity, "success": True, "errors": [], "created": created}

    return run_rows(api, rows, all_or_none, act)


def delete(api: Api, ids: Sequence[str], all_or_none: bool, caller: Caller) -> list[Json]:
    """DELETE /composite/sobjects?ids=."""
    if not ids or len(ids) > MAX_ROWS:
        raise CrmError("MISSING_ARGUMENT", f"ids takes 1 to {MAX_ROWS} record ids")
    first = next(iter(api.db.tables.values())).kind
    rows = [Submitted(_kind_of(api, identity) or first, {}, identity) for identity in ids]

    def act(row: Submitted) -> Json:
        identity = str(row.identity)
        if _kind_of(api, identity) is None:
            raise CrmError("MALFORMED_ID", f"malformed id {identity}")
        return {"id": api.delete(row.kind, identity, caller), "success": True, "errors": []}

    return run_rows(api, rows, all_or_none, act)


def _kind_of(api: Api, identity: str) -> ObjectType | None:
    full = full_id(identity)
    name = api.db.object_of(full) if full else None
    return api.db.kind(name) if name else None
