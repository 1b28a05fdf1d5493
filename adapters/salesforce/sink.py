"""Writes to Salesforce: every action it is given is settled with exactly one receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from adapters.salesforce import rows
from adapters.salesforce.amends import Amends
from adapters.salesforce.catalog import Catalog
from adapters.salesforce.client import Client
from adapters.salesforce.enrolments import Enrolments
from adapters.salesforce.tasks import Tasks
from adapters.salesforce.updates import Updates
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import PermanentError
from connector.domain.ports import AdapterConfig

COLLECTION_SIZE = 200
"""Rows of one sObject collection."""

CADENCE_SIZE = 25
"""Enrolments handed over at a time when a cadence is bound: each cadence costs a call of its own."""


class Family(Protocol):
    """The writes of some action kinds."""

    def apply(self, actions: Sequence[PlannedAction]) -> list[Receipt]: ...
    def look_up(self, actions: Sequence[PlannedAction]) -> list[Receipt]: ...


class SalesforceSink:
    """The writing half of the adapter."""

    def __init__(self, config: AdapterConfig, client: Client, catalog: Catalog) -> None:
        tasks = Tasks(config, client, catalog)
        updates = Updates(config, client, catalog, tasks)
        self._enrolments = enrolments = Enrolments(config, client)
        self._cadences = any("cadence" in target for target in config.enrollments.values())
        self._families: Mapping[str, Family] = {
            "task": tasks,
            "note": tasks,
            "offer": tasks,
            "amend": Amends(config, client, catalog, tasks),
            "reassign": updates,
            "set": updates,
            "enroll": enrolments,
            "unenroll": enrolments,
        }

    def batch_size(self, kind: str) -> int:
        """200 of a kind fit in one call; where a cadence is bound, enrolments come in smaller lots."""
        return CADENCE_SIZE if self._cadences and kind in ("enroll", "unenroll") else COLLECTION_SIZE

    def lasting(self, name: str) -> str | None:
        """Why an enrolment in NAME cannot be ended; campaigns and cadences can be left."""
        return self._enrolments.lasting(name)

    def apply(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """Write these actions of one kind. Raises only when nothing was written."""
        if not actions:
            return []
        try:
            return self._families[actions[0].kind].apply(actions)
        except PermanentError as error:
            return rows.all_of(actions, "failed", error)

    def look_up(self, actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
        """What became of writes without an answer, from primary data."""
        receipts: list[Receipt] = []
        for kind in dict.fromkeys(action.kind for action in actions):
            mine = [action for action in actions if action.kind == kind]
            try:
                receipts += self._families[kind].look_up(mine)
            except PermanentError as error:
                receipts += rows.all_of(mine, "unknown", error)
        return receipts
