"""Counts what a HubSpot portal has and names it, for an audit.

Totals come from the search index, which may owe a row for an hour: what is younger is not counted. A total is right
beyond 10,000, too; only the rows of a search end there, so ids are read in the order of ids, a page behind the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from adapters.hubspot.activities import activity_id
from adapters.hubspot.client import HubSpotClient, Json
from adapters.hubspot.errors import NOT_IN_THIS_PORTAL
from adapters.hubspot.fields import (
    ACTIVITY_OBJECTS,
    OPTIONAL_OBJECTS,
    created_of,
    instant_in,
    ms_of,
    object_type_of,
    stamp_of,
)
from adapters.hubspot.mapping import BEGINNING, Row, changed_at, id_of
from adapters.hubspot.paths import SEARCH
from adapters.hubspot.rows import batch_read, rows_of
from adapters.hubspot.windows import LIMIT, SETTLE, Position
from connector.domain.errors import PermanentError, RetryableError
from connector.domain.model import KINDS, Needs
from connector.domain.ports import AdapterConfig, Held

CANCELLED = ("CANCELED", "CANCELLED")
"""Outcomes of a meeting that is as good as none, and stored as none."""


class HubSpotCensus:
    """The counting part of the adapter."""

    margin: timedelta = SETTLE

    def __init__(self, client: HubSpotClient, config: AdapterConfig) -> None:
        self._client = client
        self._config = config

    def count(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> int | None:
        """The total of a search for rows that were created from one instant to before another; None for other streams."""
        object_type = self._object_type(stream)
        if object_type is None:
            return None
        answer = self._search(object_type, _made(object_type, since, until), 1)
        total = 0 if answer is None else answer.get("total")
        if not isinstance(total, int) or isinstance(total, bool):
            raise RetryableError("HubSpot's answer to a search has no total in it; the next audit tries again")
        return total

    def ids(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> Iterator[str]:
        """The ids of those rows, 200 per search."""
        object_type, last = self._object_type(stream), 0
        while object_type is not None:
            answer = self._search(object_type, _made(object_type, since, until, last), LIMIT)
            found = [] if answer is None else [int(id_) for row in rows_of(answer) if (id_ := id_of(row)).isdigit()]
            if found and min(found) <= last:
                raise RetryableError("HubSpot's search gave the same page again; the next audit tries again")
            yield from (_stored_id(stream, str(id_)) for id_ in found)
            if len(found) < LIMIT:
                return
            last = max(found)

    def held(self, stream: str, ids: Sequence[str]) -> Mapping[str, Held]:
        """Which of these activities HubSpot still has, archived ones included, and when they were last changed."""
        object_type = self._object_type(stream) or stream
        bare = {id_.rpartition(":")[2]: id_ for id_ in ids}
        rows = {id_: (row, False) for id_, row in self._there(object_type, list(bare), False).items()}
        left = [id_ for id_ in bare if id_ not in rows]
        rows |= {id_: (row, True) for id_, row in self._there(object_type, left, True).items()}
        return {bare[id_]: Held(_changed(row, object_type), gone) for id_, (row, gone) in rows.items() if id_ in bare}

    def stream_of(self, activity: str, lives: frozenset[str], needs: Needs) -> str | None:
        """The stream that counts a stored activity: HubSpot keeps activities whatever becomes of their records."""
        type_, _, _ = activity.rpartition(":")
        return type_ or "task"

    def reached(self, stream: str, cursor: str | None) -> datetime | None:
        """The stamp of the last row that was read; None when there was none, or for streams without stamps."""
        if self._object_type(stream) is None:
            return None
        fast = Position.of(cursor, ()).fast
        return BEGINNING + timedelta(milliseconds=fast) if fast else None

    def rewound(self, stream: str, cursor: str | None, to: datetime) -> str:
        """A cursor that reads again what was changed, and so what was created, from an instant on."""
        start, at = Position.of(cursor, ()), max(ms_of(to), 0)
        if cursor is None or start.fast <= at:
            return cursor or ""
        behind = {"fast": at, "last_id": 0, "back": min(start.back, at), "trail": min(start.trail, at - 1)}
        return json.dumps({**json.loads(cursor), **behind, "seen": "", "sweep": None}, separators=(",", ":"))

    def _object_type(self, stream: str) -> str | None:
        if stream in KINDS:
            return object_type_of(stream, self._config)
        return next((object_type for type_, object_type in ACTIVITY_OBJECTS.items() if type_ == stream), None)

    def _search(self, object_type: str, groups: Sequence[Mapping[str, object]], limit: int) -> Json | None:
        body: dict[str, object] = {
            "filterGroups": list(groups),
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["hs_object_id"],
            "limit": limit,
        }
        try:
            return self._client.call(SEARCH, object_type, body=body)
        except PermanentError as error:
            if object_type in OPTIONAL_OBJECTS and error.code in NOT_IN_THIS_PORTAL:
                return None  # reading takes such a portal as one without these activities
            raise

    def _there(self, object_type: str, ids: Sequence[str], archived: bool) -> Mapping[str, Row]:
        wanted = ("hs_object_id", stamp_of(object_type))
        return batch_read(self._client, object_type, ids, wanted, archived=archived) if ids else {}


def _changed(row: Row, object_type: str) -> datetime:
    """When a row was archived, else when it was last changed."""
    return instant_in(row.get("archivedAt")) or changed_at(row, object_type) or BEGINNING


def _stored_id(stream: str, id_: str) -> str:
    return next((activity_id(type_, id_) for type_ in ACTIVITY_OBJECTS if type_ == stream), id_)


def _made(object_type: str, since: datetime | None, until: datetime, last: int = 0) -> list[Mapping[str, object]]:
    """The filter groups for live rows that were created in this time, with ids beyond `last`."""
    name = created_of(object_type)
    filters = [{"propertyName": name, "operator": "LT", "value": str(ms_of(until))}]
    if since is not None:
        filters.append({"propertyName": name, "operator": "GTE", "value": str(ms_of(since))})
    if last:
        filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": str(last)})
    if object_type != ACTIVITY_OBJECTS["meeting"]:
        return [{"filters": filters}]
    none = {"propertyName": "hs_meeting_outcome", "operator": "NOT_HAS_PROPERTY"}
    others = {"propertyName": "hs_meeting_outcome", "operator": "NOT_IN", "values": list(CANCELLED)}
    return [{"filters": [*filters, none]}, {"filters": [*filters, others]}]
