"""Record resources: /sobjects with describe, single records, upsert by external id, deleted and updated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.sandbox.salesforce.api import Api, Caller, SeveralMatchError
from adapters.sandbox.salesforce.calls import Call, Json
from adapters.sandbox.salesforce.database import stamp_text
from adapters.sandbox.salesforce.describe import describe, summary
from adapters.sandbox.salesforce.errors import CrmError, bad_json, no_such_field, not_found
from adapters.sandbox.salesforce.fields import ObjectType, Row
from adapters.sandbox.salesforce.ids import full_id
from adapters.sandbox.server import Response

_UPSERT_ANSWERS_BODY = 46.0
_UPDATED_DAYS = 30
_DELETED_DAYS = 15


def method_not_allowed(call: Call, allowed: str) -> CrmError:
    """The resource is there, but not for this verb."""
    return CrmError("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are {allowed}", status=405)


def an_object(body: object) -> Mapping[str, object]:
    """The body as a JSON object."""
    if not isinstance(body, dict):
        raise bad_json("The body has to be an object")
    return body


class SObjects:
    """Answers everything under /sobjects. `behind` holds latestDateCovered back, as a long transaction does."""

    def __init__(self, api: Api, read_only: set[str]) -> None:
        self._api = api
        self._db = api.db
        self._read_only = read_only
        self.behind = timedelta(0)

    def answer(self, call: Call, caller: Caller) -> Response:
        """Find the resource and answer."""
        if len(call.path) == 1:
            return self._all(call)
        kind = self._kind(call.path[1])
        rest = call.path[2:]
        if not rest:
            return self._create(call, kind, caller)
        if len(rest) == 1 and rest[0] in ("describe", "deleted", "updated"):
            if call.method != "GET":
                raise method_not_allowed(call, "GET")
            if rest[0] == "describe":
                return Response(200, describe(self._db, kind, call.base, self._writable(kind)))
            return self._replication(call, kind, rest[0])
        if len(rest) == 1:
            return self._record(call, kind, rest[0], caller)
        if len(rest) == 2:
            return self._by_key(call, kind, rest[0], rest[1], caller)
        raise not_found()

    def _kind(self, name: str) -> ObjectType:
        try:
            return self._db.kind(name)
        except CrmError as problem:
            raise not_found() from problem

    def _writable(self, kind: ObjectType) -> bool:
        return kind.writable and kind.name not in self._read_only

    def _all(self, call: Call) -> Response:
        kinds = [t.kind for name, t in self._db.tables.items() if name not in self._db.forbidden]
        listed = [summary(kind, call.base, self._writable(kind)) for kind in kinds]
        return Response(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})

    def _create(self, call: Call, kind: ObjectType, caller: Caller) -> Response:
        if call.method == "GET":
            found = summary(kind, call.base, self._writable(kind))
            return Response(200, {"objectDescribe": found, "recentItems": []})
        if call.method != "POST":
            raise method_not_allowed(call, "GET,HEAD,POST")
        with self._db.transaction():
            identity = self._api.create(kind, self._api.values(kind, an_object(call.body)), caller)
        where = {"Location": f"{call.base}/sobjects/{kind.name}/{identity}"}
        return Response(201, {"id": identity, "success": True, "errors": []}, where)

    def _existing(self, kind: ObjectType, identity: str) -> Row:
        row = self._db.tables[kind.name].rows.get(full_id(identity) or "")
        if row is None:
            raise not_found()
        return self._api.existing(kind, str(row["Id"]))

    def _record(self, call: Call, kind: ObjectType, identity: str, caller: Caller) -> Response:
        if call.method == "GET":
            return Response(200, self._read(call, kind, identity))
        row = self._existing(kind, identity)
        with self._db.transaction():
            if call.method == "PATCH":
                self._api.update(kind, str(row["Id"]), self._api.values(kind, an_object(call.body)), caller)
            elif call.method == "DELETE":
                self._api.delete(kind, str(row["Id"]), caller)
            else:
                raise method_not_allowed(call, "DELETE,GET,HEAD,PATCH")
        return Response(204)

    def _read(self, call: Call, kind: ObjectType, identity: str) -> Json:
        row = self._db.tables[kind.name].seen(full_id(identity) or "", self._db.seen_now())
        if row is None:
            raise not_found()
        if row["IsDeleted"]:
            raise CrmError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        wanted = call.args.get("fields")
        return self.shown(kind, row, wanted.split(",") if wanted else None, call.base)

    def shown(self, kind: ObjectType, row: Row, names: list[str] | None, base: str) -> Json:
        """A record with these fields, or all the API user sees."""
        record: Json = {"attributes": {"type": kind.name, "url": f"{base}/sobjects/{kind.name}/{row['Id']}"}}
        if names is None:
            names = [name for name in kind.fields if (kind.name, name) not in self._db.hidden]
        for name in names:
            field = self._db.field(kind, name.strip())
            if field is None:
                raise no_such_field(name.strip(), kind.name)
            record[field.name] = row[field.name]
        return record

    def _by_key(self, call: Call, kind: ObjectType, name: str, value: str, caller: Caller) -> Response:
        field = self._api.external_field(kind, name)
        found = self._api.matches(kind, field, value)
        if len(found) > 1:
            return Response(300, [f"{call.base}/sobjects/{kind.name}/{row['Id']}" for row in found])
        if call.method == "PATCH":
            return self._upsert(call, kind, field, value, caller)
        if not found or call.method not in ("GET", "DELETE"):
            raise not_found() if call.method in ("GET", "DELETE") else method_not_allowed(call, "DELETE,GET,HEAD,PATCH")
        return self._record(call, kind, str(found[0]["Id"]), caller)

    def _upsert(self, call: Call, kind: ObjectType, field: str, value: str, caller: Caller) -> Response:
        values = self._api.values(kind, an_object(call.body))
        if field in values:
            raise CrmError("INVALID_FIELD", f"The {field} field should not be specified in the sobject data.")
        only = call.args.get("updateOnly", "").lower() == "true"
        try:
            with self._db.transaction():
                identity, created = self._api.upsert(kind, field, {**values, field: value}, caller, update_only=only)
        except SeveralMatchError as problem:
            return Response(300, [f"{call.base}/sobjects/{kind.name}/{found}" for found in problem.ids])
        answer: Json = {"id": identity, "success": True, "errors": []}
        if call.version >= _UPSERT_ANSWERS_BODY:
            return Response(201 if created else 200, {**answer, "created": created})
        return Response(201, answer) if created else Response(204)

    def _replication(self, call: Call, kind: ObjectType, which: str) -> Response:
        start, end = (_minute(call.args.get(name, "")) for name in ("start", "end"))
        now = self._db.seen_now()
        days = _UPDATED_DAYS if which == "updated" else _DELETED_DAYS
        if start < now - timedelta(days=days):
            raise CrmError(
                "INVALID_REPLICATION_DATE", f"startDate before org's replication enabled date or over {days} days ago"
            )
        if end - start < timedelta(minutes=1):
            raise CrmError("INVALID_REPLICATION_DATE", "endDate must be at least one minute after startDate")
        covered = stamp_text(min(end, now - self.behind))
        rows = self._db.tables[kind.name].scan(now, (stamp_text(start), ""))
        hits = [row for row in rows if stamp_text(start) <= str(row[kind.stamp]) < stamp_text(end)]
        if which == "updated":
            ids = [row["Id"] for row in hits if not row["IsDeleted"]]
            return Response(200, {"ids": ids, "latestDateCovered": covered})
        gone = [{"id": row["Id"], "deletedDate": row[kind.stamp]} for row in hits if row["IsDeleted"]]
        earliest = stamp_text(now - timedelta(days=_DELETED_DAYS))
        answer = {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": covered}
        return Response(200, answer)


def _minute(text: str) -> datetime:
    """An instant of a replication call; its seconds are cut off."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as problem:
        raise CrmError("INVALID_REPLICATION_DATE", f"invalid date: {text}") from problem
    if instant.tzinfo is None:
        raise CrmError("INVALID_REPLICATION_DATE", f"invalid date: {text}")
    return instant.replace(second=0, microsecond=0)
