"""Finds tasks and notes of ours by their key, in primary data: also of a record that was merged since, and deleted ones."""

from __future__ import annotations

from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.mapping import id_of
from adapters.hubspot.paths import GET_OBJECT, LIST_OBJECTS
from adapters.hubspot.rows import associated, batch_read, pages
from adapters.hubspot.writes import key_of
from connector.domain.decision import PlannedAction
from connector.domain.errors import PermanentError

ARCHIVE_LIMIT = 100
"""Rows on a page of the archived list at most."""

ARCHIVE_PAGES = 50
"""Pages of the archived list that one look-up reads. It can be neither filtered nor sorted; HubSpot keeps 90 days in it."""

SINGLE_READS = 25
"""Records that one look-up of one batch asks for one by one, to learn whether they went into another."""


@dataclass(frozen=True)
class Sought:
    """What is looked for: activities of this type, with the key in this property where there is one, else in the text."""

    object_type: str
    body: str
    key_field: str | None

    @property
    def properties(self) -> list[str]:
        """Where a key may stand."""
        return [self.body, *([self.key_field] if self.key_field else [])]


def by_unique(client: HubSpotClient, sought: Sought, field: str, keys: Sequence[str]) -> dict[str, str]:
    """By the property that is unique; where one was deleted since, HubSpot may not find it by that any more."""
    found: dict[str, str] = {}
    for archived in (False, True):
        rows = batch_read(client, sought.object_type, keys, [field], archived=archived, id_property=field)
        found |= {key: id_of(row) for row in rows.values() if (key := key_of(row, field))}
    return found | in_archive(client, sought, set(keys) - found.keys())


def on_records(client: HubSpotClient, sought: Sought, origin: str, actions: Sequence[PlannedAction]) -> dict[str, str]:
    """Among the activities that hang on the records, or on what these were merged into, and among the deleted ones."""
    found = _hanging(client, sought, origin, sorted({action.record.id for action in actions}))
    missing = {action.record.id for action in actions if action.key not in found}
    survivors = {_now(client, origin, id_) for id_ in sorted(missing)[:SINGLE_READS]} - missing
    found |= _hanging(client, sought, origin, sorted(survivors))
    return found | in_archive(client, sought, {action.key for action in actions} - found.keys())


def in_archive(client: HubSpotClient, sought: Sought, keys: Set[str]) -> dict[str, str]:
    """Those of the keys that a deleted activity carries."""
    if not keys:
        return {}
    found: dict[str, str] = {}
    told = pages(
        client, LIST_OBJECTS, sought.object_type, archived=True, limit=ARCHIVE_LIMIT, properties=sought.properties
    )
    with suppress(PermanentError):  # no such list for this type or app: then it is not in it
        for rows in islice(told, ARCHIVE_PAGES):
            found |= {key: id_of(row) for row in rows if (key := key_of(row, sought.key_field)) and key in keys}
            if keys <= found.keys():
                break
    return found


def _hanging(client: HubSpotClient, sought: Sought, origin: str, ids: Sequence[str]) -> dict[str, str]:
    hanging = associated(client, origin, sought.object_type, ids) if ids else {}
    activities = [id_ for ends in hanging.values() for id_ in ends]
    rows = batch_read(client, sought.object_type, activities, sought.properties)
    return {key: id_ for id_, row in rows.items() if (key := key_of(row, sought.key_field))}


def _now(client: HubSpotClient, origin: str, id_: str) -> str:
    """The id under which a record is found now: a single read follows a merge."""
    try:
        return id_of(client.call(GET_OBJECT, origin, id_)) or id_
    except PermanentError:  # deleted, which is no matter here
        return id_
