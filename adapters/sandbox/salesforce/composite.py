"""Composite resources: collections of records, and up to 25 calls in one, with references from one to another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.sandbox.salesforce import collections
from adapters.sandbox.salesforce.api import Api, Caller
from adapters.sandbox.salesforce.calls import Call, Json
from adapters.sandbox.salesforce.errors import CrmError, bad_json, not_found
from adapters.sandbox.salesforce.ids import full_id
from adapters.sandbox.salesforce.sobjects import SObjects, an_object, method_not_allowed
from adapters.sandbox.server import Response

MAX_SUBREQUESTS = 25
MAX_RETRIEVED = 2000
_REFERENCE = re.compile(r"@\{([A-Za-z_]\w*)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")

Answer = Callable[[Call], Response]


class Composite:
    """Answers /composite and what lies under it; subrequests go through `answer` like calls of their own."""

    def __init__(self, api: Api, sobjects: SObjects, answer: Answer) -> None:
        self._api = api
        self._sobjects = sobjects
        self._answer = answer

    def answer(self, call: Call, caller: Caller) -> Response:
        """Find the resource and answer."""
        rest = call.path[1:]
        if not rest:
            if call.method != "POST":
                raise method_not_allowed(call, "POST")
            return self._chain(an_object(call.body))
        if rest[0] != "sobjects" or len(rest) > 3:
            raise not_found()
        if len(rest) == 1:
            return Response(200, self._collection(call, caller))
        if len(rest) == 2 and call.method in ("GET", "POST"):
            return Response(200, self._retrieve(call, rest[1]))
        if len(rest) == 3 and call.method == "PATCH":
            kind = self._api.db.kind(rest[1])
            return Response(200, collections.upsert(self._api, kind, rest[2], call.body, caller))
        raise method_not_allowed(call, "GET,PATCH,POST")

    def _collection(self, call: Call, caller: Caller) -> list[Json]:
        if call.method == "POST":
            return collections.create(self._api, call.body, caller)
        if call.method == "PATCH":
            return collections.update(self._api, call.body, caller)
        if call.method == "DELETE":
            ids = [part for part in call.args.get("ids", "").split(",") if part]
            return collections.delete(self._api, ids, call.args.get("allOrNone", "").lower() == "true", caller)
        raise method_not_allowed(call, "DELETE,PATCH,POST")

    def _retrieve(self, call: Call, name: str) -> list[Json | None]:
        """The records in the order of the ids; null for one that is not there or in the bin."""
        kind = self._api.db.kind(name)
        if call.method == "GET":
            ids: object = [part for part in call.args.get("ids", "").split(",") if part]
            fields: object = [part for part in call.args.get("fields", "").split(",") if part]
        else:
            body = an_object(call.body)
            ids, fields = body.get("ids"), body.get("fields")
        if not isinstance(ids, list) or not isinstance(fields, list) or not fields:
            raise bad_json("ids and fields are arrays, and fields is not empty")
        if len(ids) > MAX_RETRIEVED:
            raise CrmError("LIMIT_EXCEEDED", f"cannot retrieve more than {MAX_RETRIEVED} records in this call")
        table = self._api.db.tables[kind.name]
        now = self._api.db.seen_now()
        names = [str(field) for field in fields]
        found = [table.seen(full_id(str(identity)) or "", now) for identity in ids]
        return [self._sobjects.shown(kind, r, names, call.base) if r and not r["IsDeleted"] else None for r in found]

    def _chain(self, body: object) -> Response:
        wanted = an_object(body)
        calls = wanted.get("compositeRequest")
        if not isinstance(calls, list) or not calls or not all(isinstance(c, dict) for c in calls):
            raise bad_json("compositeRequest is an array of calls")
        if len(calls) > MAX_SUBREQUESTS:
            raise CrmError("LIMIT_EXCEEDED", f"Composite limit exceeded: at most {MAX_SUBREQUESTS} subrequests")
        names = [str(c.get("referenceId") or "") for c in calls]
        if len(set(names)) < len(names) or "" in names:
            raise bad_json("Each subrequest needs a referenceId of its own")
        strict = wanted.get("allOrNone") is True
        results: list[Json] = []
        with self._api.db.transaction() as take_back:
            seen: dict[str, object] = {}
            for given in calls:
                results.append(self._one(given, seen))
            if strict and any(int(str(r["httpStatusCode"])) >= 400 for r in results):
                take_back()
                results = [
                    r if int(str(r["httpStatusCode"])) >= 400 else _halted(str(r["referenceId"])) for r in results
                ]
        return Response(200, {"compositeResponse": results})

    def _one(self, given: dict[str, object], seen: dict[str, object]) -> Json:
        name = str(given["referenceId"])
        try:
            url = str(_substitute(str(given.get("url") or ""), seen))
            body = _substitute(given.get("body"), seen)
        except KeyError:
            return _halted(name)
        headers = given.get("httpHeaders")
        lowered = {k.lower(): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {}
        try:
            call = sub_call(str(given.get("method") or ""), url, lowered, body)
            if call.path[:1] == ("composite",) and len(call.path) == 1:
                raise CrmError("INVALID_REQUEST", "composite calls cannot hold composite calls")
            response = self._answer(call)
        except CrmError as problem:
            response = Response(problem.status, problem.body())
        if response.status < 400:
            seen[name] = response.body
        return {
            "body": response.body,
            "httpHeaders": dict(response.headers),
            "httpStatusCode": response.status,
            "referenceId": name,
        }


def _halted(name: str) -> Json:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    body = [{"errorCode": "PROCESSING_HALTED", "message": message}]
    return {"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": name}


def _substitute(value: object, seen: dict[str, object]) -> object:
    """Put what earlier answers hold where @{name.field} stands; KeyError when that call failed or has no such field."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: str(_follow(seen[found.group(1)], found.group(2))), value)
    if isinstance(value, dict):
        return {key: _substitute(inner, seen) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substitute(inner, seen) for inner in value]
    return value


def _follow(value: object, path: str) -> object:
    for name, position in _STEP.findall(path):
        if name and isinstance(value, dict):
            value = value[name]
        elif position and isinstance(value, list) and int(position) < len(value):
            value = value[int(position)]
        else:
            raise KeyError(path)
    return value


def sub_call(method: str, url: str, headers: dict[str, str], body: object) -> Call:
    """A call from its address: NOT_FOUND when it is none of the data API's, 410 for a version that has been retired."""
    target = urlsplit(url)
    found = re.fullmatch(r"/services/data/v(\d+\.\d)(?:/(.*?))?/?", target.path)
    version = float(found.group(1)) if found else 0.0
    if found is None or version > NEWEST_VERSION:
        raise not_found()
    if version < OLDEST_VERSION:
        raise CrmError("UNSUPPORTED_API_VERSION", f"API version {version} has been retired", status=410)
    path = tuple(unquote(part) for part in (found.group(2) or "").split("/") if part)
    args = {name: values[0] for name, values in parse_qs(target.query, keep_blank_values=True).items()}
    return Call(method, path, args, headers, body, version)


OLDEST_VERSION = 31.0
NEWEST_VERSION = 67.0


def parse_body(raw: bytes) -> object:
    """The body as JSON, None when there is none; JSON_PARSER_ERROR when it is not JSON."""
    try:
        return json.loads(raw) if raw.strip() else None
    except ValueError as problem:
        raise bad_json("Unexpected character in the request body") from problem
