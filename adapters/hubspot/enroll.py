"""E-mail enrolments: HubSpot has four ways, each with its own idea of identity.

| bound to | sent as | repeated |
|---|---|---|
| list | PUT of ids, a bare array | harmless |
| single_send | one message with our key as sendId | harmless, HubSpot sends one mail per sendId |
| sequence | one enrolment in the name of a user | a second first mail: looked up first |
| workflow | one enrolment by e-mail address | perhaps: looked up first |

Before any of them the contact's consent is asked; taking off asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from adapters.hubspot.client import HubSpotClient, Json
from adapters.hubspot.consent import NO_CONTACT, NO_EMAIL, Addressee, Consent, contacts_of
from adapters.hubspot.errors import NOT_FOUND
from adapters.hubspot.fields import CONTACTS
from adapters.hubspot.mapping import properties_of
from adapters.hubspot.paths import (
    LIST_ADD,
    LIST_REMOVE,
    SEND_ONE,
    SEQUENCE_ENROLL,
    SEQUENCE_STATE,
    WORKFLOW_ENROLL,
    WORKFLOW_LEAVE,
    Endpoint,
)
from adapters.hubspot.rows import batch_read
from adapters.hubspot.writes import LATER
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import OutcomeUnknownError, PermanentError
from connector.domain.model import Owner
from connector.domain.ports import AdapterConfig

LAST_SEQUENCE = "hs_latest_sequence_enrolled"

GOOD_RESULTS = frozenset({"", "SENT", "QUEUED", "IDEMPOTENT_IGNORE"})
"""Results of a single send after which the mail goes out, or went out before; any other says it never will."""

LASTING: Mapping[str, str] = {
    "sequence": "HubSpot cannot end a sequence enrolment by API",
    "single_send": "a single e-mail cannot be taken back",
}
"""The ways of which there is no way back, and why."""

BINDINGS = ("list", "sequence", "workflow", "single_send")

Settle = Callable[[Sequence[PlannedAction], str], list[Receipt]]
"""Settles actions bound to one target."""


class Enroller:
    """Puts records on lists, into sequences and workflows, or sends them one e-mail; and takes them off again."""

    def __init__(self, client: HubSpotClient, config: AdapterConfig, owners: Callable[[], Sequence[Owner]]) -> None:
        self._client = client
        self._config = config
        self._owners = owners
        self._consent = Consent(client, config)

    def enroll(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Settle every enrolment; a refusal is `failed` with HubSpot's own words.

        All are asked about before the first is written; who was asked about is who is enrolled.
        """
        bound, unbound = self._bound(actions)
        to, refused = self._consent.ask(bound)

        def alone(do: Callable[[PlannedAction, str, Addressee], Receipt]) -> Settle:
            return lambda group, target: self._alone(group[0], lambda one: do(one, target, to[one.key]))

        ways: Mapping[str, Settle] = {
            "list": lambda group, target: self._members(
                LIST_ADD, target, group, {one.key: to[one.key].contact for one in group}
            ),
            "sequence": alone(self._into_sequence),
            "workflow": alone(self._into_workflow),
            "single_send": alone(self._send),
        }
        settled = unbound + refused
        return settled + self._in_turn([action for action in bound if action.key in to], ways)

    def unenroll(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Take off lists and out of workflows; HubSpot has no such thing for sequences and sent mail."""
        ways: Mapping[str, Settle] = {
            "list": lambda group, target: self._off_list(target, group),
            "sequence": lambda group, _: [_failed(group[0], LASTING["sequence"])],
            "workflow": lambda group, target: self._alone(group[0], lambda one: self._out_of_workflow(one, target)),
            "single_send": lambda group, _: [_failed(group[0], LASTING["single_send"])],
        }
        bound, unbound = self._bound(actions)
        return unbound + self._in_turn(bound, ways)

    def lasting(self, name: str) -> str | None:
        """Why what NAME is bound to cannot be left again; None when it can."""
        try:
            return LASTING.get(self._way(name)[0])
        except PermanentError as error:
            return str(error)

    def target(self, action: PlannedAction) -> tuple[str, str]:
        """What the action's NAME is bound to: the way and the id; PermanentError when it is bound to nothing here."""
        return self._way(str(action.fields.get("in") or action.fields.get("from") or ""))

    def _way(self, name: str) -> tuple[str, str]:
        bound = self._config.enrollments.get(name, {})
        for way in BINDINGS:
            if bound.get(way):
                return way, str(bound[way])
        raise PermanentError(
            f"enrollments: {name} is not bound to a list, sequence, workflow or single_send of HubSpot", "NOT_BOUND"
        )

    def contact_of(self, action: PlannedAction) -> str:
        """The contact an e-mail goes to: the record itself, or the primary contact of a row of the leads object."""
        contact = contacts_of(self._client, self._config, [action.record]).get(action.record)
        if contact is None:
            raise PermanentError(NO_CONTACT.message, NO_CONTACT.code)
        return contact

    # -- one way after the other -----------------------------------------------------------------------------------

    def _bound(self, actions: Sequence[PlannedAction]) -> tuple[list[PlannedAction], list[Receipt]]:
        """The actions whose NAME is bound to something here, and the receipts of the others."""
        bound: list[PlannedAction] = []
        receipts: list[Receipt] = []
        for action in actions:
            try:
                self.target(action)
                bound.append(action)
            except PermanentError as error:
                receipts.append(_failed(action, str(error), error.code))
        return bound, receipts

    def _in_turn(self, actions: Sequence[PlannedAction], ways: Mapping[str, Settle]) -> list[Receipt]:
        """Every group settled; after something was written, an outage or a stop leaves the rest for later."""
        receipts: list[Receipt] = []
        jobs: dict[tuple[str, str, str], list[PlannedAction]] = {}
        for action in actions:
            way, target = self.target(action)
            jobs.setdefault((way, target, "" if way == "list" else action.key), []).append(action)
        sent = False
        for (way, target, _), group in jobs.items():
            if sent and self._config.should_stop():
                receipts += [Receipt(action.key, "retry", message="left for the next pass") for action in group]
                continue
            try:
                receipts += ways[way](group, target)
                sent = True
            except LATER as error:
                if not sent:
                    raise
                receipts += [Receipt(action.key, "retry", message=str(error)) for action in group]
        return receipts

    def _alone(self, action: PlannedAction, do: Callable[[PlannedAction], Receipt]) -> list[Receipt]:
        try:
            return [do(action)]
        except OutcomeUnknownError as error:
            return [Receipt(action.key, "unknown", message=str(error))]
        except PermanentError as error:
            return [_failed(action, str(error), error.code)]

    # -- lists -----------------------------------------------------------------------------------------------------

    def _off_list(self, list_id: str, actions: Sequence[PlannedAction]) -> list[Receipt]:
        contacts = contacts_of(self._client, self._config, [action.record for action in actions])
        receipts = [NO_CONTACT.receipt(action) for action in actions if action.record not in contacts]
        known = [action for action in actions if action.record in contacts]
        of_action = {action.key: contacts[action.record] for action in known}
        return receipts + (self._members(LIST_REMOVE, list_id, known, of_action) if known else [])

    def _members(
        self, endpoint: Endpoint, list_id: str, actions: Sequence[PlannedAction], of_action: Mapping[str, str]
    ) -> list[Receipt]:
        """One PUT with a bare array of ids; ids that HubSpot does not know come back as missing, with a 200."""
        try:
            answer = self._client.call(endpoint, list_id, body=list(dict.fromkeys(of_action.values())))
        except OutcomeUnknownError as error:
            return [Receipt(action.key, "unknown", message=str(error)) for action in actions]
        except PermanentError as error:
            return [_failed(action, str(error), error.code) for action in actions]
        missing = _ids(answer, "recordIdsMissing", "recordsIdsMissing")
        moved = _ids(answer, "recordsIdsAdded", "recordIdsAdded", "recordIdsRemoved", "recordsIdsRemoved")
        said = any("ids" in name.lower() for name in answer)
        return [_member(action, of_action[action.key], missing, moved, said) for action in actions]

    # -- sequences -------------------------------------------------------------------------------------------------

    def _into_sequence(self, action: PlannedAction, sequence: str, to: Addressee) -> Receipt:
        """Enrol in the name of the sender: the USER id in the query, the connected inbox in the body."""
        sender = self._sender(action)
        contact = to.contact
        current = self.sequence_of(contact)
        if current == sequence:
            return Receipt(action.key, "confirmed", contact, already=True)
        if current is not None:
            return _failed(action, "the contact is in another sequence, and HubSpot allows one", "ALREADY_ENROLLED")
        body = {"contactId": contact, "sequenceId": sequence, "senderEmail": sender.email}
        answer = self._client.call(SEQUENCE_ENROLL, body=body, userId=sender.user_id)
        id_ = answer.get("id")
        if id_ is None:
            return Receipt(action.key, "unknown", message="HubSpot's answer does not name the enrolment")
        return Receipt(action.key, "confirmed", str(id_))

    def _sender(self, action: PlannedAction) -> Owner:
        wanted = action.fields.get("sender") or action.saw.get("owner")
        owner = next((one for one in self._owners() if one.id == wanted), None)
        if owner is None or not owner.active or not owner.user_id or not owner.email:
            raise PermanentError(
                "a sequence needs an active sender with a user and a connected inbox: give the rule `sender: owner`",
                "NO_SENDER",
            )
        return owner

    def sequence_of(self, contact: str) -> str | None:
        """The sequence a contact is in right now, from primary data; None when in none.

        The property hs_sequences_is_enrolled is calculated and may be stale, so it is never asked.
        """
        try:
            answer = self._client.call(SEQUENCE_STATE, contact)
        except PermanentError as error:
            if error.code == NOT_FOUND:
                return None
            raise
        current = answer.get("sequenceId")
        return str(current) if current else None

    # -- workflows and single e-mails ------------------------------------------------------------------------------

    def _into_workflow(self, action: PlannedAction, workflow: str, to: Addressee) -> Receipt:
        self._client.call(WORKFLOW_ENROLL, workflow, to.email)
        return Receipt(action.key, "confirmed", action.record.id)

    def _out_of_workflow(self, action: PlannedAction, workflow: str) -> Receipt:
        self._client.call(WORKFLOW_LEAVE, workflow, self._email(action))
        return Receipt(action.key, "confirmed", action.record.id)

    def _send(self, action: PlannedAction, email_id: str, to: Addressee) -> Receipt:
        body = {
            "emailId": int(email_id) if email_id.isdecimal() else email_id,
            "message": {"to": to.email, "sendId": action.key},
            "contactProperties": {},
            "customProperties": {},
        }
        answer = self._client.call(SEND_ONE, body=body)
        result = str(answer.get("sendResult") or "").upper()
        if result not in GOOD_RESULTS or str(answer.get("status") or "").upper() == "CANCELED":
            return _failed(action, f"HubSpot does not send the e-mail: {result or 'CANCELED'}", result or "CANCELED")
        status = answer.get("statusId")
        return Receipt(action.key, "confirmed", str(status) if status else None, already=result == "IDEMPOTENT_IGNORE")

    def _email(self, action: PlannedAction) -> str:
        contact = self.contact_of(action)
        row = batch_read(self._client, CONTACTS, [contact], ["email"]).get(contact, {})
        email = properties_of(row).get("email")
        if not email:
            raise PermanentError(NO_EMAIL.message, NO_EMAIL.code)
        return str(email)


def _member(action: PlannedAction, id_: str, missing: set[str], moved: set[str], said: bool) -> Receipt:
    if id_ in missing:
        return _failed(action, "HubSpot's list does not know this record", "RECORD_MISSING")
    if not said:
        return Receipt(action.key, "unknown", message="HubSpot's list did not say what it did")
    return Receipt(action.key, "confirmed", id_, already=id_ not in moved)


def _ids(answer: Json, *names: str) -> set[str]:
    found: set[str] = set()
    for name in names:
        values = answer.get(name)
        found.update(str(value) for value in (values if isinstance(values, list) else []))
    return found


def _failed(action: PlannedAction, message: str, code: str = "REFUSED") -> Receipt:
    return Receipt(action.key, "failed", code=code, message=message)
