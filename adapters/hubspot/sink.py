"""Writes to a HubSpot portal: every action it is given ends in exactly one receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from adapters.hubspot.activities import activity_id
from adapters.hubspot.amend import Amends
from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.consent import ASKED_AT_ONCE
from adapters.hubspot.enroll import Enroller
from adapters.hubspot.fields import object_type_of
from adapters.hubspot.handover import NOTES, HandOver
from adapters.hubspot.lookup import LookUp
from adapters.hubspot.rows import BATCH
from adapters.hubspot.schema import TASKS, Catalog
from adapters.hubspot.writes import BatchWriter, Input, note_input, task_input, update_input
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import OutcomeUnknownError, PermanentError
from connector.domain.model import Owner
from connector.domain.ports import AdapterConfig

MAKES_TASKS = ("task", "offer")
"""Kinds of action that are written as a task."""


class HubSpotSink:
    """The writing half of the adapter."""

    def __init__(
        self, client: HubSpotClient, config: AdapterConfig, catalog: Catalog, owners: Callable[[], Sequence[Owner]]
    ) -> None:
        self._client = client
        self._config = config
        self._catalog = catalog
        self._enroller = Enroller(client, config, owners)
        self._hand_over = HandOver(client, config)
        self._amends = Amends(client)
        self._look_up = LookUp(client, config, catalog, self._enroller)

    def batch_size(self, kind: str) -> int:
        """A hundred of any kind, but fewer enrolments: before each the contact's consent may have to be asked."""
        return ASKED_AT_ONCE if kind == "enroll" else BATCH

    def lasting(self, name: str) -> str | None:
        """Why an enrolment in NAME cannot be ended; lists and workflows can be left."""
        return self._enroller.lasting(name)

    def apply(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """Write these actions, all of one kind; raises only while nothing was written."""
        kind = actions[0].kind if actions else "task"
        if kind == "enroll":
            return self._enroller.enroll(actions)
        if kind == "unenroll":
            return self._enroller.unenroll(actions)
        if kind == "amend":
            return self._amends.apply(actions)
        receipts: list[Receipt] = []
        for record_kind in dict.fromkeys(action.record.kind for action in actions):
            receipts += self._write([action for action in actions if action.record.kind == record_kind])
        return receipts

    def look_up(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """For writes of unknown outcome; raises RetryableError when HubSpot cannot be asked now."""
        try:
            return self._look_up.settle(actions)
        except OutcomeUnknownError as error:  # a look-up only reads; kept for a proxy that garbles every answer
            return [Receipt(action.key, "unknown", message=str(error)) for action in actions]

    def _write(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Actions of one kind on records of one kind."""
        kind, record_kind = actions[0].kind, actions[0].record.kind
        object_type = object_type_of(record_kind, self._config)
        key_field = self._catalog.task_key_field() if kind in MAKES_TASKS else None
        refused: list[Receipt] = []
        inputs: list[Input] = []
        for action in actions:
            try:
                inputs.append(self._input(action, object_type, key_field))
            except PermanentError as error:
                refused.append(Receipt(action.key, "failed", code=error.code, message=str(error)))
        if not inputs:
            return refused
        if kind in MAKES_TASKS:
            return refused + BatchWriter(self._client, TASKS, key_field).create(inputs)
        if kind == "note":
            return refused + [_note(receipt) for receipt in BatchWriter(self._client, NOTES).create(inputs)]
        receipts = BatchWriter(self._client, object_type).update(inputs)
        return refused + self._hand_over.complete(actions, receipts)

    def _input(self, action: PlannedAction, object_type: str, key_field: str | None) -> Input:
        if action.kind in MAKES_TASKS:
            return task_input(action, object_type, key_field)
        if action.kind == "note":
            return note_input(action, object_type, self._config.clock.now())
        return update_input(action, self._catalog.view(action.record.kind))


def _note(receipt: Receipt) -> Receipt:
    """The receipt with the id under which the note will be read."""
    return replace(receipt, crm_id=activity_id("note", receipt.crm_id)) if receipt.crm_id else receipt
