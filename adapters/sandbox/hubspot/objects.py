"""`/crm/v3/objects/{type}`: one row or one page at a time, always from primary data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from adapters.sandbox.hubspot.portal import Portal
from adapters.sandbox.hubspot.table import Row, Table, Version
from adapters.sandbox.hubspot.validation import check
from adapters.sandbox.hubspot.wire import (
    HISTORY_LIMIT,
    ApiError,
    as_list,
    as_map,
    body_map,
    flag,
    instant,
    iso,
    names,
    scalar,
    whole,
)
from adapters.sandbox.server import Request, Response

ARCHIVE_DAYS = 90
"""How long a deleted row can be seen and restored (HubSpot's documentation)."""


def show(table: Table, row: Row, wanted: Iterable[str] = (), version: Version | None = None) -> dict[str, object]:
    """A row as HubSpot prints it: what was asked for and exists (null when empty), and always id and stamps."""
    seen = version or row.version
    kind = table.kind
    asked = [*(wanted or kind.defaults), kind.created, kind.stamp, "hs_object_id"]
    properties = {name: table.value(row, seen, name) for name in asked if table.visible(name) is not None}
    shown: dict[str, object] = {
        "id": row.id,
        "properties": properties,
        "createdAt": iso(row.created),
        "updatedAt": iso(seen.modified),
        "archived": row.archived_at is not None,
    }
    if row.archived_at is not None:
        shown["archivedAt"] = iso(row.archived_at)
    return shown


def show_history(table: Table, row: Row, wanted: Sequence[str]) -> dict[str, object]:
    """The history of the properties asked for, newest first."""
    return {name: [entry.show() for entry in table.history(row, name)] for name in wanted if table.visible(name)}


def written(table: Table, row: Row) -> dict[str, object]:
    """The answer to a write: every property that has a value."""
    return show(table, row, sorted({*row.version.properties, *table.kind.defaults}))


def in_archive(portal: Portal, row: Row) -> bool:
    """Deleted, and not for longer than HubSpot keeps it."""
    return row.archived_at is not None and (instant(portal.now()) - instant(row.archived_at)).days < ARCHIVE_DAYS


def _links(portal: Portal, table: Table, row: Row, others: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for other in others:
        far = portal.table(other)
        links = portal.linked(table.kind.name, row.id, far.kind.name)
        label = f"{table.kind.singular}_to_{far.kind.singular}"
        if links:
            found[far.kind.name] = {"results": [{"id": there, "type": label} for there in links]}
    return found


def _full(portal: Portal, table: Table, row: Row, request: Request) -> dict[str, object]:
    history, others = names(request, "propertiesWithHistory"), names(request, "associations")
    shown = show(table, row, [*names(request, "properties"), *history])
    if history:
        shown["propertiesWithHistory"] = show_history(table, row, history)
    links = _links(portal, table, row, others)
    return {**shown, "associations": links} if links else shown


def listing(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """A page of rows by id."""
    table = portal.table(parts[0])
    most = HISTORY_LIMIT if names(request, "propertiesWithHistory") else 100
    limit = whole(request.arg("limit"), "limit", 10, most) or 10
    after = whole(request.arg("after"), "after", 0, 10**15)
    archived = flag(request, "archived")
    page: list[Row] = []
    more = False
    for row in table.after(after):
        if in_archive(portal, row) if archived else row.archived_at is None:
            if len(page) == limit:
                more = True
                break
            page.append(row)
    answer: dict[str, object] = {"results": [_full(portal, table, row, request) for row in page]}
    if more:
        answer["paging"] = {"next": {"after": page[-1].id, "link": f"{request.path}?after={page[-1].id}"}}
    return Response(200, answer)


def _named(table: Table, request: Request, given: str) -> str:
    """The id meant by a path: itself, or the holder of a unique value when `idProperty` says so."""
    key = request.arg("idProperty")
    return given if key in (None, "", "hs_object_id") else table.by_unique(str(key), given) or ""


def read(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """One row; the id of a merged row answers with its survivor."""
    table = portal.table(parts[0])
    row_id = _named(table, request, parts[1])
    if flag(request, "archived"):
        row = table.rows.get(row_id)
        if row is None or not in_archive(portal, row):
            raise ApiError(404, "resource not found", "OBJECT_NOT_FOUND")
    else:
        row = portal.row(table, row_id)
    return Response(200, _full(portal, table, row, request))


def wanted_links(value: object) -> list[tuple[str, int]]:
    """(id, type id) of every association in a create."""
    wanted: list[tuple[str, int]] = []
    for item in as_list(value, "associations"):
        entry = as_map(item, "an association")
        there = scalar(as_map(entry.get("to"), "to").get("id"))
        types = as_list(entry.get("types"), "types")
        if not types:
            raise ApiError(400, "An association needs at least one type")
        for kind in types:
            number = scalar(as_map(kind, "an association type").get("associationTypeId"))
            wanted.append((there, whole(number, "associationTypeId", 0, 10**9)))
    return wanted


def make(portal: Portal, table: Table, entry: Mapping[str, object]) -> Row:
    """Create a row with its associations, or raise and leave nothing behind."""
    values = check(portal, table, as_map(entry.get("properties", {}), "properties"), None)
    plan = portal.planned_links(table, wanted_links(entry.get("associations")))
    row = portal.create(table, values, portal.api())
    for other, there, number in plan:
        portal.link(table.kind.name, row.id, other, there, number)
    return row


def create(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """A new row."""
    table = portal.table(parts[0])
    return Response(201, written(table, make(portal, table, body_map(request))))


def update(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Change a row; merged ids resolve here."""
    table = portal.table(parts[0])
    row = portal.row(table, _named(table, request, parts[1]))
    values = check(portal, table, as_map(body_map(request).get("properties", {}), "properties"), row)
    portal.update(table, row, values, portal.api())
    return Response(200, written(table, row))


def archive(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Soft delete; deleting what is not there is no error."""
    table = portal.table(parts[0])
    row = table.live(parts[1])
    if row is not None:
        portal.archive(table, row)
    return Response(204)


def merge(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Two rows become one new row."""
    table = portal.table(parts[0])
    if table.kind.activity:
        raise ApiError(400, f"{table.kind.name} cannot be merged")
    body = body_map(request)
    winner = portal.row(table, scalar(body.get("primaryObjectId")))
    loser = portal.row(table, scalar(body.get("objectIdToMerge")))
    if winner is loser:
        raise ApiError(400, "Cannot merge an object with itself")
    return Response(200, written(table, portal.merge(table, winner, loser, portal.api())))
