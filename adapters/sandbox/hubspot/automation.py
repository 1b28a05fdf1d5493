"""What sends mail: sequences, workflows, single-send; and who does not want any."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.sandbox.hubspot.portal import Owner, Portal, Send, Target
from adapters.sandbox.hubspot.table import Row
from adapters.sandbox.hubspot.wire import ApiError, as_map, body_map, instant, iso, scalar
from adapters.sandbox.server import Request, Response


def _refused(code: str, message: str) -> ApiError:
    return ApiError(400, message, extra={"errorType": f"SequenceError.{code}"})


def _target(portal: Portal, target_id: str, kind: str) -> Target:
    found = portal.targets.get(target_id)
    if found is None or found.kind != kind:
        raise ApiError(404, f"No {kind.replace('_', ' ')} with ID {target_id}", "OBJECT_NOT_FOUND")
    return found


def _opted_out(portal: Portal, row: Row) -> bool:
    return row.version.properties.get("hs_email_optout") == "true" or row.id in portal.unsubscribed


def _sender(portal: Portal, request: Request, address: str) -> Owner:
    """The acting user: a USER id, not an owner id, and the sender's address must be an inbox of the account."""
    user = request.arg("userId") or ""
    acting = next((one for one in portal.owners.values() if one.active and str(one.user_id) == user), None)
    if acting is None:
        raise ApiError(400, f"User {user or 'null'} does not exist or has no seat")
    if address.lower() not in [one.email.lower() for one in portal.owners.values() if one.active]:
        raise ApiError(400, "The sender's e-mail address is not a connected inbox")
    return acting


def enroll(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Put a contact into a sequence: the first mail goes at once and nothing takes it back."""
    body = body_map(request)
    for name in ("contactId", "sequenceId", "senderEmail"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise ApiError(400, f"Some required fields were not set: [{name}]")
    address = scalar(body["senderEmail"])
    acting = _sender(portal, request, address)
    sequence = _target(portal, scalar(body["sequenceId"]), "sequence")
    contact = portal.tables["contacts"].live(scalar(body["contactId"]))
    if contact is None:
        raise ApiError(404, "Contact not found", "OBJECT_NOT_FOUND")
    email = contact.version.properties.get("email", "")
    if not email:
        raise _refused("NO_EMAIL", "The contact has no e-mail address")
    if _opted_out(portal, contact):
        raise _refused("UNSUBSCRIBED", "The contact has unsubscribed from all e-mail")
    if contact.id in portal.sequence_of:
        raise _refused("ALREADY_ENROLLED", "The contact is already enrolled in a sequence")
    inbox = (address.lower(), f"{instant(portal.now()):%Y-%m-%d}")
    if portal.inbox_sends.get(inbox, 0) >= portal.inbox_limit:
        raise _refused("SEND_LIMIT_EXCEEDED", "The inbox has reached its daily sending limit")
    portal.inbox_sends[inbox] = portal.inbox_sends.get(inbox, 0) + 1
    at = portal.stamp()
    sequence.members[contact.id] = at
    answer: dict[str, object] = {
        "id": portal.number("enrollments"),
        "toEmail": email,
        "enrolledAt": iso(at),
        "updatedAt": iso(at),
    }
    state = {"sequenceId": sequence.id, "sequenceName": sequence.name}
    by = {"enrolledBy": str(acting.user_id), "enrolledByEmail": acting.email}
    portal.sequence_of[contact.id] = sequence.id, {**answer, **state, **by}
    portal.enrolled(contact, sequence.id)
    return Response(200, answer)


def enrollment(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """The sequence a contact is in now; 404 when in none."""
    contact = portal.tables["contacts"].resolve(parts[0])
    if contact not in portal.sequence_of:
        raise ApiError(404, "The contact is not enrolled in a sequence", "OBJECT_NOT_FOUND")
    return Response(200, portal.sequence_of[contact][1])


def sequences(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Every sequence the user may use."""
    if not request.arg("userId"):
        raise ApiError(400, "userId is required")
    found = [target for target in portal.targets.values() if target.kind == "sequence"]
    rows = [
        {"id": one.id, "name": one.name, "createdAt": iso(one.created), "updatedAt": iso(one.created)} for one in found
    ]
    return Response(200, {"total": len(rows), "results": rows})


def _by_email(portal: Portal, email: str) -> Row:
    contacts = portal.tables["contacts"]
    row = contacts.live(contacts.by_unique("email", email) or "")
    if row is None:
        raise ApiError(404, "Contact not found", "OBJECT_NOT_FOUND")
    return row


def workflow_add(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Enrol a contact, by e-mail address, in a workflow; no body in the answer."""
    flow, row = _target(portal, parts[0], "workflow"), _by_email(portal, parts[1])
    flow.members.setdefault(row.id, portal.stamp())
    return Response(204)


def workflow_remove(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Take a contact out of a workflow."""
    _target(portal, parts[0], "workflow").members.pop(_by_email(portal, parts[1]).id, None)
    return Response(204)


def single_send(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Ask for one mail; a second request with the same `sendId` sends nothing. The result comes later."""
    body = body_map(request)
    message = as_map(body.get("message", {}), "message")
    to, key, email_id = scalar(message.get("to")), scalar(message.get("sendId")), scalar(body.get("emailId"))
    if "@" not in to or not email_id:
        raise ApiError(400, "emailId and message.to are required")
    target = _target(portal, email_id, "single_send")
    contacts = portal.tables["contacts"]
    known = contacts.live(contacts.by_unique("email", to) or "")
    row = known or portal.create(contacts, {"email": to}, portal.api())
    result = "ADDRESS_OPTED_OUT" if _opted_out(portal, row) else "SENT"
    if key and key in portal.send_keys:
        result = "IDEMPOTENT_IGNORE"
    at = portal.stamp()
    if result == "SENT":
        target.members[row.id] = at
        portal.send_keys.add(key)
    sent = Send(portal.number("sends"), email_id, to, result, at)
    portal.sends.append(sent)
    return Response(200, {"requestedAt": iso(at), "statusId": sent.status_id, "status": "PENDING"})


def send_status(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """What became of a single-send: `PROCESSING` when first asked, then its result."""
    sent = next((one for one in portal.sends if one.status_id == parts[0]), None)
    if sent is None:
        raise ApiError(404, "Unknown statusId", "OBJECT_NOT_FOUND")
    answer = {"statusId": sent.status_id, "requestedAt": iso(sent.at), "startedAt": iso(sent.at)}
    if not portal.polled(sent.status_id):
        return Response(200, {**answer, "status": "PROCESSING"})
    return Response(200, {**answer, "status": "COMPLETE", "completedAt": iso(sent.at), "sendResult": sent.result})


def _status(portal: Portal, request: Request, email: str, entry: dict[str, object]) -> dict[str, object]:
    if request.arg("channel") != "EMAIL":
        raise ApiError(400, "channel is required: EMAIL")
    at = iso(portal.now())
    return {"status": "COMPLETE", "startedAt": at, "completedAt": at, "results": [entry] if entry else []}


def preferences(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """What an address subscribed to; an address nobody knows has specified nothing."""
    contacts = portal.tables["contacts"]
    row = contacts.live(contacts.by_unique("email", parts[0]) or "")
    said = row.version.properties.get("hs_email_optout") if row else None
    if row is not None and _opted_out(portal, row):
        said = "true"
    entry: dict[str, object] = {
        "subscriptionId": 4711,
        "subscriptionName": "One to One",
        "subscriberIdString": parts[0],
        "channel": "EMAIL",
        "status": {"true": "UNSUBSCRIBED", "false": "SUBSCRIBED"}.get(said or "", "NOT_SPECIFIED"),
        "source": "SUBSCRIPTION_STATUS",
        "timestamp": iso(row.version.modified if row else portal.now()),
    }
    return Response(200, _status(portal, request, parts[0], entry))


def unsubscribed(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """Whether an address is out of all mail; no results when it is not."""
    contacts = portal.tables["contacts"]
    row = contacts.live(contacts.by_unique("email", parts[0]) or "")
    entry: dict[str, object] = {}
    if row is not None and _opted_out(portal, row):
        at = iso(row.version.modified)
        entry = {"subscriberIdString": parts[0], "channel": "EMAIL", "status": "UNSUBSCRIBED", "timestamp": at}
        entry["wideStatusType"] = "PORTAL_WIDE"
    return Response(200, _status(portal, request, parts[0], entry))
