"""Counts what Salesforce has and names it, for an audit. Everything is asked of primary data, bin and archive included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.salesforce import mapping, soql
from adapters.salesforce.client import Client
from adapters.salesforce.fields import OBJECTS
from adapters.salesforce.streams import LATE, Cursor, Position
from connector.domain.model import KINDS, Needs
from connector.domain.ports import Held

ACTIVITIES: Mapping[str, str] = {"task": "Task", "event": "Event"}
"""The streams of activities that can be counted, and their objects. Notes hang on anything, history on no instant."""

STREAM_OF: Mapping[str, str] = {"00T": "task", "00U": "event"}
"""The stream of an activity by the beginning of its id."""


class SalesforceCensus:
    """The counting part of the adapter."""

    margin: timedelta = LATE

    def __init__(self, client: Client) -> None:
        self._client = client

    def count(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> int | None:
        """Live rows that were created from one instant to before another; None for what cannot be counted."""
        table = _table(stream)
        return None if table is None else self._client.count(soql.count(table, _made(stream, since, until, needs)))

    def ids(self, stream: str, since: datetime | None, until: datetime, needs: Needs) -> Iterator[str]:
        """The ids of those rows, 2,000 per request."""
        table = _table(stream)
        if table is not None:
            query = soql.select(("Id",), table, _made(stream, since, until, needs))
            for row in self._client.rows(query, deleted=True):
                yield mapping.id_in(row, "Id") or ""

    def held(self, stream: str, ids: Sequence[str]) -> Mapping[str, Held]:
        """Which of these activities Salesforce still has, those in the bin included, and when they were last changed."""
        found: dict[str, Held] = {}
        columns = ("Id", "IsDeleted", "SystemModstamp")
        sound = sorted({id_ for id_ in ids if mapping.is_sound_id(id_)})  # one that is not would break the whole query
        for chunk in soql.chunks(sound, soql.select(columns, ACTIVITIES[stream])):
            query = soql.select(columns, ACTIVITIES[stream], soql.one_of("Id", chunk))
            for row in self._client.rows(query, deleted=True):
                at = mapping.instant(row.get("SystemModstamp"))
                if at is not None:
                    found[mapping.id_in(row, "Id") or ""] = Held(at, mapping.flag(row, "IsDeleted"))
        return found

    def stream_of(self, activity: str, lives: frozenset[str], needs: Needs) -> str | None:
        """The stream that counts a stored activity on records with these lives (live, converted, gone).

        Activities go with their record: into the bin, and with a conversion to the contact.
        """
        there = not lives or "live" in lives or ("converted" in lives and "contact" in needs.kinds)
        return STREAM_OF.get(activity[:3]) if there else None

    def reached(self, stream: str, cursor: str | None) -> datetime | None:
        """The stamp up to which a stream was surely read; None when it never was."""
        return Cursor.load(cursor).position.stamp

    def rewound(self, stream: str, cursor: str | None, to: datetime) -> str:
        """A cursor that reads again what was changed, and so what was created, from an instant on."""
        start = Cursor.load(cursor)
        at = start.position.stamp
        return start.dump() if at is not None and at <= to else replace(start, position=Position(to)).dump()


def _table(stream: str) -> str | None:
    return OBJECTS[stream] if stream in KINDS else ACTIVITIES.get(stream)


def _made(stream: str, since: datetime | None, until: datetime, needs: Needs) -> str:
    """Live rows that were created in this time; of activities those about a record of the kinds that are read."""
    about = ""
    if stream in ACTIVITIES:
        who = [OBJECTS[kind] for kind in ("lead", "contact") if kind in needs.kinds]
        what = [OBJECTS["deal"]] if "deal" in needs.kinds else []
        about = soql.either(soql.of_type("Who", who), soql.of_type("What", what))
    return soql.both(soql.equals("IsDeleted", False), about, soql.within("CreatedDate", since, until))
