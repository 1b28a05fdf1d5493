"""`/crm/v3/objects/{type}/batch/*`: up to a hundred rows at once, all or nothing unless every row has a trace id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from adapters.sandbox.hubspot.objects import in_archive, make, show, show_history, wanted_links, written
from adapters.sandbox.hubspot.portal import Portal
from adapters.sandbox.hubspot.table import Row, Table
from adapters.sandbox.hubspot.validation import check
from adapters.sandbox.hubspot.wire import HISTORY_LIMIT, ApiError, as_list, as_map, body_map, flag, iso, scalar
from adapters.sandbox.server import Request, Response

BATCH_LIMIT = 100

Inputs = Sequence[Mapping[str, object]]


def inputs_of(request: Request, most: int = BATCH_LIMIT) -> Inputs:
    """The rows of a batch; none at all is accepted, too many is not."""
    rows = [as_map(item, "an input") for item in as_list(body_map(request).get("inputs"), "inputs")]
    if len(rows) > most:
        raise ApiError(400, f"The maximum number of inputs supported in a batch request is {most}, but was {len(rows)}")
    return rows


def answer(
    portal: Portal, results: Sequence[object], errors: Sequence[Mapping[str, object]] = (), status: int = 200
) -> Response:
    """The envelope of every batch; 207 as soon as one row has failed."""
    at = iso(portal.now())
    body: dict[str, object] = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return Response(207 if errors else status, body)


def read(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Primary data by id or unique property. Unknown ids come back in one error, merged ids not at all."""
    table = portal.table(parts[0])
    body = body_map(request)
    wanted = [scalar(name) for name in as_list(body.get("properties"), "properties")]
    history = [scalar(name) for name in as_list(body.get("propertiesWithHistory"), "propertiesWithHistory")]
    key = scalar(body.get("idProperty"))
    found: dict[str, Row] = {}
    missing: list[str] = []
    for entry in inputs_of(request, HISTORY_LIMIT if history else BATCH_LIMIT):
        given = scalar(entry.get("id"))
        row_id = given if key in ("", "hs_object_id") else table.by_unique(key, given) or ""
        row = table.rows.get(row_id)
        if row is not None and (in_archive(portal, row) if flag(request, "archived") else not row.archived_at):
            found[row_id] = row
        elif given not in table.merged:
            missing.append(given)
    results = [show(table, row, [*wanted, *history]) for row in found.values()]
    if history:
        for result, row in zip(results, found.values(), strict=True):
            result["propertiesWithHistory"] = show_history(table, row, history)
    message = f"Could not get some {table.kind.singular.upper()} objects, they may be deleted or not exist."
    gone = ApiError(404, message + " Check that ids are valid.", "OBJECT_NOT_FOUND").row({"ids": missing})
    return answer(portal, results, [gone] if missing else [])


def _traces(rows: Inputs) -> list[str] | None:
    """The trace ids, when every row has its own; only then may part of a batch succeed."""
    traces = [scalar(row.get("objectWriteTraceId")) for row in rows]
    return traces if all(traces) and len(set(traces)) == len(traces) else None


def _write(
    portal: Portal, rows: Inputs, act: Callable[[Mapping[str, object]], dict[str, object]], status: int
) -> Response:
    """Write row by row; results come in reverse, since HubSpot promises no order."""
    traces = _traces(rows)
    results: list[dict[str, object]] = []
    errors: list[dict[str, object]] = []
    for place, row in enumerate(rows):
        try:
            result = act(row)
        except ApiError as error:
            if traces is None:
                raise
            errors.append(error.row({"objectWriteTraceId": [traces[place]]}))
        else:
            echo = {"objectWriteTraceId": traces[place]} if traces and portal.echo_trace_ids else {}
            results.append({**result, **echo})
    return answer(portal, results[::-1], errors, status)


def create(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """New rows with their associations."""
    table = portal.table(parts[0])
    rows = inputs_of(request)
    if _traces(rows) is None:
        _rehearse(portal, table, rows)
    return _write(portal, rows, lambda entry: written(table, make(portal, table, entry)), 201)


def _rehearse(portal: Portal, table: Table, rows: Inputs) -> None:
    """All or nothing: raise the first row's error before anything is written."""
    seen: set[tuple[str, str]] = set()
    for entry in rows:
        values = check(portal, table, as_map(entry.get("properties", {}), "properties"), None)
        portal.planned_links(table, wanted_links(entry.get("associations")))
        _claim(table, values, seen)


def _claim(table: Table, values: Mapping[str, str], seen: set[tuple[str, str]]) -> None:
    for name in table.unique_names:
        mark = (name, values.get(name, "").lower())
        if mark[1] and mark in seen:
            raise ApiError(409 if name == "email" else 400, f"Duplicate {name} in batch input", "CONFLICT")
        seen.add(mark)


def _distinct(rows: Inputs) -> None:
    ids = [scalar(row.get("id")) for row in rows]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise ApiError(400, f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique")


def _target(table: Table, entry: Mapping[str, object]) -> Row:
    """The live row of an update. Merged ids do not resolve here, unlike in a single update."""
    given, key = scalar(entry.get("id")), scalar(entry.get("idProperty"))
    if key == "hs_object_id" or (key and key not in table.unique_names):
        raise ApiError(400, f"Unable to perform update/upsert by non-unique {table.kind.id} property {key}")
    row = table.live(table.by_unique(key, given) or "" if key else given)
    if row is None:
        raise ApiError(404, f"{table.kind.singular} not found", "OBJECT_NOT_FOUND", context={"id": [given]})
    return row


def update(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Change rows."""
    table = portal.table(parts[0])
    rows = inputs_of(request)
    _distinct(rows)

    def checked(entry: Mapping[str, object]) -> tuple[Row, dict[str, str]]:
        row = _target(table, entry)
        return row, check(portal, table, as_map(entry.get("properties", {}), "properties"), row)

    def act(entry: Mapping[str, object]) -> dict[str, object]:
        row, values = checked(entry)
        portal.update(table, row, values, portal.api())
        return written(table, row)

    if _traces(rows) is None:
        seen: set[tuple[str, str]] = set()
        for entry in rows:
            _claim(table, checked(entry)[1], seen)
    return _write(portal, rows, act, 200)


def upsert(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Change or create rows by a unique property. By e-mail it is always all or nothing."""
    table = portal.table(parts[0])
    rows = inputs_of(request)
    _distinct(rows)
    if any(entry.get("idProperty") == "email" for entry in rows):
        rows = [{name: value for name, value in entry.items() if name != "objectWriteTraceId"} for entry in rows]

    def checked(entry: Mapping[str, object]) -> tuple[Row | None, dict[str, object]]:
        key = scalar(entry.get("idProperty"))
        if key not in table.unique_names:
            raise ApiError(400, f"Unable to perform update/upsert by non-unique {table.kind.id} property {key}")
        given = scalar(entry.get("id"))
        row = table.live(table.by_unique(key, given) or "")
        properties = {key: given, **as_map(entry.get("properties", {}), "properties")}
        check(portal, table, properties, row)
        return row, properties

    def act(entry: Mapping[str, object]) -> dict[str, object]:
        row, properties = checked(entry)
        new = row is None
        if row is None:
            row = make(portal, table, {"properties": properties})
        else:
            portal.update(table, row, check(portal, table, properties, row), portal.api())
        return {**written(table, row), "new": new}

    if _traces(rows) is None:
        for entry in rows:
            checked(entry)
    return _write(portal, rows, act, 200)


def archive(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Soft delete; ids that are not there are passed over."""
    table = portal.table(parts[0])
    for entry in inputs_of(request):
        row = table.live(scalar(entry.get("id")))
        if row is not None:
            portal.archive(table, row)
    return Response(204)
