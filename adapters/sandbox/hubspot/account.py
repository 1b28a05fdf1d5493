"""What describes the account: properties, pipelines, owners, details."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.sandbox.hubspot.catalog import PIPELINES, Property
from adapters.sandbox.hubspot.portal import Owner, Portal
from adapters.sandbox.hubspot.wire import ApiError, as_list, as_map, body_map, flag, instant, iso, scalar, whole
from adapters.sandbox.server import Request, Response

OWNER_LIMIT = 500


def properties(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Every property the app may see."""
    table = portal.table(parts[0])
    return Response(
        200, {"results": [prop.describe() for name, prop in table.properties.items() if table.visible(name)]}
    )


def one_property(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """One property."""
    found = portal.table(parts[0]).visible(parts[1])
    if found is None:
        raise ApiError(404, f"No property '{parts[1]}' exists for object type {parts[0]}", "OBJECT_NOT_FOUND")
    return Response(200, found.describe())


def create_property(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """A property of the account's own."""
    table, body = portal.table(parts[0]), body_map(request)
    missing = [name for name in ("name", "label", "type", "fieldType", "groupName") if not scalar(body.get(name))]
    if missing:
        raise ApiError(400, f"Some required fields were not set: [{', '.join(missing)}]")
    name = scalar(body["name"])
    if name in table.properties:
        raise ApiError(409, f"Property named '{name}' already exists.", "CONFLICT")
    options = [as_map(item, "an option") for item in as_list(body.get("options"), "options")]
    choices = tuple((scalar(option.get("value")), scalar(option.get("label"))) for option in options)
    made = Property(name, scalar(body["type"]), scalar(body["fieldType"]), choices, label=scalar(body["label"]))
    made.unique = body.get("hasUniqueValue") is True
    portal.add_property(table.kind.name, made)
    return Response(201, made.describe())


def pipelines(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """The pipelines of an object type, with their stages."""
    kind = portal.table(parts[0]).kind.name
    if kind not in PIPELINES:
        raise ApiError(400, f"Object type {kind} has no pipelines")
    pipeline_id, stages = PIPELINES[kind]
    at = iso(portal.now())
    rows = [
        {
            "id": stage,
            "label": stage.replace("-id", "").replace("-", " ").capitalize(),
            "displayOrder": place,
            "metadata": {"isClosed": str(stage.startswith("closed")).lower()},
            "archived": False,
            "createdAt": at,
            "updatedAt": at,
        }
        for place, stage in enumerate(stages.split())
    ]
    shown = {
        "id": pipeline_id,
        "label": "Pipeline",
        "displayOrder": 0,
        "archived": False,
        "createdAt": at,
        "updatedAt": at,
    }
    return Response(200, {"results": [{**shown, "stages": rows}]})


def _owner(owner: Owner) -> dict[str, object]:
    return {
        "id": owner.id,
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first,
        "lastName": owner.last,
        "userId": owner.user_id if owner.active else None,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(owner.created),
        "updatedAt": iso(owner.created),
        "archived": not owner.active,
        "teams": [],
    }


def owners(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """A page of active owners, or of deactivated ones with `archived=true`."""
    limit = whole(request.arg("limit"), "limit", 100, OWNER_LIMIT) or 100
    after = whole(request.arg("after"), "after", 0, 10**15)
    archived, email = flag(request, "archived"), request.arg("email")
    found = [
        owner
        for owner in portal.owners.values()
        if owner.active is not archived and int(owner.id) > after and email in (None, "", owner.email)
    ]
    page: dict[str, object] = {"results": [_owner(owner) for owner in found[:limit]]}
    if len(found) > limit:
        page["paging"] = {"next": {"after": found[limit - 1].id, "link": request.path}}
    return Response(200, page)


def one_owner(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """One owner, by owner id or with `idProperty=userId`."""
    if request.arg("idProperty") == "userId":
        found = next((one for one in portal.owners.values() if str(one.user_id) == parts[0]), None)
    else:
        found = portal.owners.get(parts[0])
    if found is None or found.active is (flag(request, "archived")):
        raise ApiError(404, "resource not found", "OBJECT_NOT_FOUND")
    return Response(200, _owner(found))


def local_now(portal: Portal) -> datetime:
    """The present in the account's time zone, whose midnight ends the day's quota."""
    return instant(portal.now()).astimezone(ZoneInfo(portal.time_zone))


def details(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """The account's id, time zone and so on."""
    offset = local_now(portal).utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    sign, span = "-" if seconds < 0 else "+", abs(seconds) // 60
    return Response(
        200,
        {
            "portalId": portal.id,
            "accountType": "STANDARD",
            "timeZone": portal.time_zone,
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": f"{sign}{span // 60:02d}:{span % 60:02d}",
            "utcOffsetMilliseconds": seconds * 1000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "eu1",
        },
    )
