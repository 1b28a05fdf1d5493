"""Writes of unknown outcome: is their effect in HubSpot? Asked of primary data, never of the search index, which lags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from adapters.hubspot.amend import Amends
from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.enroll import LAST_SEQUENCE, Enroller
from adapters.hubspot.fields import CONTACTS, object_type_of
from adapters.hubspot.handover import HandOver
from adapters.hubspot.landed import Sought, by_unique, on_records
from adapters.hubspot.mapping import properties_of
from adapters.hubspot.paths import WORKFLOW_STATE
from adapters.hubspot.rows import batch_read
from adapters.hubspot.schema import Catalog
from adapters.hubspot.writes import Input, update_input
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import PermanentError
from connector.domain.ports import AdapterConfig


class LookUp:
    """Finds the effects of writes: `confirmed` (already) when it is there, `retry` when it is not or may be repeated."""

    def __init__(self, client: HubSpotClient, config: AdapterConfig, catalog: Catalog, enroller: Enroller) -> None:
        self._client = client
        self._config = config
        self._catalog = catalog
        self._enroller = enroller
        self._hand_over = HandOver(client, config)
        self._amends = Amends(client)

    def settle(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """One receipt for every action, whatever kinds they are of."""
        receipts: list[Receipt] = []
        groups: dict[tuple[str, str], list[PlannedAction]] = defaultdict(list)
        for action in actions:
            groups[action.kind, action.record.kind].append(action)
        for (kind, _), group in groups.items():
            if kind in ("task", "offer"):
                receipts += self._activities(group, "tasks", "hs_task_body", self._catalog.task_key_field())
            elif kind == "amend":
                receipts += self._amends.look_up(group)
            elif kind == "note":
                receipts += self._activities(group, "notes", "hs_note_body", None)
            elif kind in ("reassign", "set"):
                receipts += self._hand_over.complete(group, self._updates(group), look_first=True)
            else:
                receipts += [self._enrollment(action) for action in group]
        return receipts

    def _activities(
        self, actions: Sequence[PlannedAction], object_type: str, body: str, key_field: str | None
    ) -> list[Receipt]:
        """By the unique key property where there is one; else among the activities that hang on the records."""
        sought = Sought(object_type, body, key_field)
        if key_field and key_field in self._catalog.unique(object_type):
            found = by_unique(self._client, sought, key_field, [action.key for action in actions])
        else:
            origin = object_type_of(actions[0].record.kind, self._config)
            found = on_records(self._client, sought, origin, actions)
        return [_there(action, found[action.key]) if action.key in found else _not_there(action) for action in actions]

    def _updates(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """The record has the values, or it has not; a person who changed them since is noticed at the re-check."""
        view = self._catalog.view(actions[0].record.kind)
        receipts: list[Receipt] = []
        inputs: list[Input] = []
        for action in actions:
            try:
                inputs.append(update_input(action, view))
            except PermanentError as error:
                receipts.append(Receipt(action.key, "failed", code=error.code, message=str(error)))
        wanted = {one.action.key: _properties(one) for one in inputs}
        names = sorted({name for properties in wanted.values() for name in properties})
        rows = batch_read(self._client, view.object_type, [one.action.record.id for one in inputs], names)
        for one in inputs:
            now = properties_of(rows.get(one.action.record.id, {}))
            same = all(str(now.get(name) or "") == value for name, value in wanted[one.action.key].items())
            receipts.append(_there(one.action, one.action.record.id) if same else _not_there(one.action))
        return receipts

    def _enrollment(self, action: PlannedAction) -> Receipt:
        ways: Mapping[str, Callable[[PlannedAction, str], Receipt]] = {
            "list": lambda one, _: _not_there(one),  # a member added twice is a member once
            "sequence": self._sequence,
            "workflow": self._workflow,
            "single_send": lambda one, _: _not_there(one),  # HubSpot sends one mail per sendId, however often asked
        }
        try:
            way, target = self._enroller.target(action)
        except PermanentError as error:
            return Receipt(action.key, "failed", code=error.code, message=str(error))
        try:
            return ways[way](action, target)
        except PermanentError as error:
            return Receipt(action.key, "unknown", code=error.code, message=str(error))

    def _sequence(self, action: PlannedAction, sequence: str) -> Receipt:
        """In it now, or in it last: then the lost enrolment landed, and the first mail may be out."""
        contact = self._enroller.contact_of(action)
        if self._enroller.sequence_of(contact) == sequence:
            return _there(action, contact)
        row = batch_read(self._client, CONTACTS, [contact], [LAST_SEQUENCE]).get(contact, {})
        last = str(properties_of(row).get(LAST_SEQUENCE) or "")
        return _there(action, contact) if last == sequence else _not_there(action)

    def _workflow(self, action: PlannedAction, workflow: str) -> Receipt:
        """HubSpot tells current enrolments only; one that has ended already cannot be told from one that never was."""
        contact = self._enroller.contact_of(action)
        answer = self._client.call(WORKFLOW_STATE, contact)
        rows = answer.get("results", answer.get("workflows"))
        ids = {str(row.get("id", row.get("workflowId"))) for row in (rows if isinstance(rows, list) else [])}
        if (workflow in ids) == (action.kind == "enroll"):
            return _there(action, contact)
        if action.kind == "unenroll":
            return _not_there(action)
        return Receipt(action.key, "unknown", message="HubSpot cannot tell: look at the contact's workflow history")


def _properties(one: Input) -> Mapping[str, str]:
    found = one.body.get("properties")
    return found if isinstance(found, dict) else {}


def _there(action: PlannedAction, id_: str) -> Receipt:
    crm_id = f"note:{id_}" if action.kind == "note" else id_
    return Receipt(action.key, "confirmed", crm_id, already=True)


def _not_there(action: PlannedAction) -> Receipt:
    return Receipt(action.key, "retry", message="the write did not land: it is sent again")
