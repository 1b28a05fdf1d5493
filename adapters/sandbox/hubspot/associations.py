"""`/crm/v4/associations` and `/crm/v4/objects/../associations`: what belongs to what. No stamp moves here."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.sandbox.hubspot.batch import answer, inputs_of
from adapters.sandbox.hubspot.portal import Portal
from adapters.sandbox.hubspot.wire import ApiError, as_list, as_map, scalar, whole
from adapters.sandbox.server import Request, Response

READ_LIMIT = 100
"""Rows per batch read; the documentation says 1,000, others met 100."""
PAGE_LIMIT = 500


def _targets(portal: Portal, kind: str, row_id: str, other: str) -> list[dict[str, object]]:
    return [
        {
            "toObjectId": int(there),
            "associationTypes": [
                {"category": "HUBSPOT_DEFINED", "typeId": number, "label": None} for number in numbers
            ],
        }
        for there, numbers in portal.linked(kind, row_id, other).items()
    ]


def batch_read(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """The associations of up to a hundred rows; a row without any comes back as an error."""
    near, far = portal.table(parts[0]).kind, portal.table(parts[1]).kind
    results: list[dict[str, object]] = []
    errors: list[dict[str, object]] = []
    for entry in inputs_of(request, READ_LIMIT):
        row_id = scalar(entry.get("id"))
        found = _targets(portal, near.name, row_id, far.name)
        if found:
            results.append({"from": {"id": row_id}, "to": found})
        else:
            error = ApiError(404, f"No {far.singular} is associated with {near.singular} {row_id}.", "OBJECT_NOT_FOUND")
            context = {"fromObjectId": [row_id], "fromObjectType": [near.singular], "toObjectType": [far.singular]}
            errors.append({**error.row(context), "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
    return answer(portal, results, errors)


def batch_create(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Associate pairs with given types; one bad pair refuses all."""
    near, far = portal.table(parts[0]), portal.table(parts[1])
    pairs: list[tuple[str, str, int]] = []
    for entry in inputs_of(request, 2000):
        here = portal.row(near, scalar(as_map(entry.get("from"), "from").get("id")))
        there = portal.row(far, scalar(as_map(entry.get("to"), "to").get("id")))
        for kind in as_list(entry.get("types"), "types") or [{}]:
            number = as_map(kind, "an association type").get("associationTypeId")
            pairs.append((here.id, there.id, whole(number, "associationTypeId", 0, 10**9)))
    for here_id, there_id, wanted in pairs:
        portal.link(near.kind.name, here_id, far.kind.name, there_id, wanted or None)
    return answer(
        portal, [{"fromObjectId": here_id, "toObjectId": there_id} for here_id, there_id, _ in pairs], status=201
    )


def read(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """The associations of one row, in pages."""
    near, row_id, far = portal.table(parts[0]), parts[1], portal.table(parts[2]).kind.name
    row = portal.row(near, row_id)
    limit = whole(request.arg("limit"), "limit", PAGE_LIMIT, PAGE_LIMIT) or PAGE_LIMIT
    after = whole(request.arg("after"), "after", 0, 10**15)
    found = _targets(portal, near.kind.name, row.id, far)
    page: dict[str, object] = {"results": found[after : after + limit]}
    if after + limit < len(found):
        page["paging"] = {"next": {"after": str(after + limit), "link": request.path}}
    return Response(200, page)


def put_default(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Associate two rows with the default type."""
    near, far = portal.table(parts[0]), portal.table(parts[2])
    here, there = portal.row(near, parts[1]), portal.row(far, parts[3])
    portal.link(near.kind.name, here.id, far.kind.name, there.id)
    numbers = portal.linked(near.kind.name, here.id, far.kind.name)[there.id]
    shown = {"from": {"id": here.id}, "to": {"id": there.id}}
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": numbers[0]}
    return answer(portal, [{**shown, "associationSpec": spec}])


def delete(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Take every association between two rows away."""
    near, far = portal.table(parts[0]), portal.table(parts[2])
    portal.unlink(near.kind.name, parts[1], far.kind.name, parts[3])
    return Response(204)
