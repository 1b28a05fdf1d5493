"""The note that goes with a reassignment. The owner is what counts: a note that fails leaves the receipt confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.fields import object_type_of
from adapters.hubspot.rows import associated, batch_read
from adapters.hubspot.writes import LATER, BatchWriter, key_of, note_input
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import OutcomeUnknownError, PermanentError
from connector.domain.ports import AdapterConfig

NOTES = "notes"
BODY = "hs_note_body"


class HandOver:
    """Writes hand-over notes, once each: the note carries the key of the reassignment."""

    def __init__(self, client: HubSpotClient, config: AdapterConfig) -> None:
        self._client = client
        self._config = config

    def complete(
        self, actions: Sequence[PlannedAction], receipts: Sequence[Receipt], *, look_first: bool = False
    ) -> list[Receipt]:
        """The receipts, after a note was written for every confirmed reassignment that wants one.

        With `look_first` those notes are left out that are there already, as after an answer that was lost.
        """
        confirmed = {receipt.key for receipt in receipts if receipt.state == "confirmed"}
        wanted = [
            replace(action, fields={"text": action.fields["note"]})
            for action in actions
            if action.kind == "reassign" and action.key in confirmed and action.fields.get("note")
        ]
        if not wanted:
            return list(receipts)
        try:
            there = self._there(wanted) if look_first else frozenset[str]()
            written = self._write([action for action in wanted if action.key not in there])
            missing = {receipt.key for receipt in written if receipt.state != "confirmed"}
        except (*LATER, OutcomeUnknownError, PermanentError):
            missing = {action.key for action in wanted}
        told = "the owner was changed, but the hand-over note may be missing"
        return [replace(one, message=told) if one.key in missing else one for one in receipts]

    def _write(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        if not actions:
            return []
        now, object_type = self._config.clock.now(), object_type_of(actions[0].record.kind, self._config)
        inputs = [note_input(action, object_type, now) for action in actions]
        return BatchWriter(self._client, NOTES).create(inputs)

    def _there(self, actions: Sequence[PlannedAction]) -> frozenset[str]:
        """The keys whose notes hang on their records, from primary data."""
        origin = object_type_of(actions[0].record.kind, self._config)
        hanging = associated(self._client, origin, NOTES, [action.record.id for action in actions])
        rows = batch_read(self._client, NOTES, [id_ for ends in hanging.values() for id_ in ends], [BODY])
        return frozenset(key for row in rows.values() if (key := key_of(row, None)))
