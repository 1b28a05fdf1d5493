"""`/crm/v3/lists`: manual lists and their members."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.sandbox.hubspot.portal import Portal, Target
from adapters.sandbox.hubspot.wire import ApiError, as_list, body_map, iso, scalar, whole
from adapters.sandbox.server import Request, Response

PAGE_LIMIT = 250


def _list(portal: Portal, list_id: str) -> Target:
    found = portal.targets.get(list_id)
    if found is None or found.kind not in ("MANUAL", "SNAPSHOT", "DYNAMIC"):
        raise ApiError(404, f"List does not exist with ID {list_id}.", "OBJECT_NOT_FOUND")
    return found


def _shown(found: Target) -> dict[str, object]:
    return {
        "listId": found.id,
        "name": found.name,
        "objectTypeId": "0-1",
        "processingType": found.kind,
        "processingStatus": "COMPLETE",
        "createdAt": iso(found.created),
        "updatedAt": iso(found.created),
        "listVersion": 1,
        "size": len(found.members),
        "additionalProperties": {"hs_list_size": str(len(found.members))},
    }


def read(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """One list."""
    return Response(200, {"list": _shown(_list(portal, parts[0]))})


def create(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """A new list of contacts."""
    body = body_map(request)
    name, kind = scalar(body.get("name")), scalar(body.get("processingType"))
    if not name or kind not in ("MANUAL", "SNAPSHOT", "DYNAMIC") or body.get("objectTypeId") != "0-1":
        raise ApiError(400, "A list needs a name, objectTypeId 0-1 and a processingType")
    found = Target(portal.number("targets"), name, kind, portal.stamp())
    portal.targets[found.id] = found
    return Response(200, {"list": _shown(found)})


def _change(portal: Portal, request: Request, list_id: str) -> tuple[Target, list[str], list[str]]:
    """The list, the ids that exist and those that do not. A merged id is missing."""
    found = _list(portal, list_id)
    if found.kind == "DYNAMIC":
        raise ApiError(400, "List memberships of DYNAMIC lists cannot be changed", "VALIDATION_ERROR")
    try:
        ids = [scalar(item) for item in as_list(request.json(), "the request body")]
    except ValueError:
        raise ApiError(400, "Invalid input JSON") from None
    contacts = portal.tables["contacts"]
    known = [one for one in ids if contacts.live(one) is not None]
    return found, known, [one for one in ids if one not in set(known)]


def add(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Add members; those already there are left out of the answer. (`recordsIdsAdded` is HubSpot's spelling.)"""
    found, known, missing = _change(portal, request, parts[0])
    added = [one for one in known if one not in found.members]
    at = portal.stamp()
    found.members.update(dict.fromkeys(added, at))
    return Response(200, {"recordIdsMissing": missing, "recordIdsRemoved": [], "recordsIdsAdded": added})


def remove(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Remove members."""
    found, known, missing = _change(portal, request, parts[0])
    removed = [one for one in known if found.members.pop(one, None) is not None]
    return Response(200, {"recordIdsMissing": missing, "recordIdsRemoved": removed, "recordsIdsAdded": []})


def members(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """A page of members, by id or (`join-order`) by when they joined."""
    found = _list(portal, parts[0])
    limit = whole(request.arg("limit"), "limit", 100, PAGE_LIMIT) or 100
    after = whole(request.arg("after"), "after", 0, 10**9)
    rows = sorted(found.members.items(), key=lambda item: int(item[0]))
    if request.path.endswith("join-order"):
        rows.sort(key=lambda item: item[1])
    page: dict[str, object] = {
        "results": [{"recordId": one, "membershipTimestamp": iso(at)} for one, at in rows[after : after + limit]],
        "total": len(rows),
    }
    if after + limit < len(rows):
        page["paging"] = {"next": {"after": str(after + limit), "link": request.path}}
    return Response(200, page)
