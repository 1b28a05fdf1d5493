"""What was deleted: HubSpot only stops showing it, so the archived lists are swept, a page or two per pass.

The list can be neither sorted nor filtered by time. A pass goes on where the last one stopped and begins anew at the
end: a short list is seen whole every time, a long one bit by bit. Until then nothing is lost: a record is read again
before it is written to, and one that is archived gets no write. What was told already is remembered in the cursor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b

from adapters.hubspot.activities import dead_activity
from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.errors import NOT_IN_THIS_PORTAL
from adapters.hubspot.fields import ACTIVITY_OBJECTS, OPTIONAL_OBJECTS
from adapters.hubspot.mapping import Row, dead_record, id_of
from adapters.hubspot.paths import LIST_OBJECTS
from adapters.hubspot.rows import after_of, rows_of
from adapters.hubspot.schema import Catalog
from connector.domain.errors import PermanentError
from connector.domain.model import KINDS, Page

LIMIT = 100
"""Rows on a page of a list at most."""

RECORD_PAGES = 2
ACTIVITY_PAGES = 1
"""Pages per pass: deleted records matter more than deleted calls."""

REMEMBERED = 1_000
"""Rows the cursor remembers as told; older ones are told again, which changes nothing."""


def read_archive(client: HubSpotClient, catalog: Catalog, stream: str, name: str, cursor: str | None) -> Iterator[Page]:
    """The next pages of the archived records of a kind, or activities of a type; the cursor is where they went to."""
    of_records = name in KINDS
    view = catalog.view(name) if of_records else None
    types = {type_: object_type for type_, object_type in ACTIVITY_OBJECTS.items() if type_ == name}
    object_type = view.object_type if view else types[next(iter(types))]
    after, told = _position(cursor)
    for _ in range(RECORD_PAGES if of_records else ACTIVITY_PAGES):
        try:
            answer = client.call(LIST_OBJECTS, object_type, archived=True, limit=LIMIT, after=after)
        except PermanentError as error:
            if object_type in OPTIONAL_OBJECTS and error.code in NOT_IN_THIS_PORTAL:
                return  # the stream of those that are not archived has told it
            raise
        rows = [row for row in rows_of(answer) if id_of(row) and _digest(row) not in told]
        told.update(dict.fromkeys(_digest(row) for row in rows))
        after = after_of(answer)
        yield Page(
            stream,
            json.dumps({"after": after, "told": list(told)[-REMEMBERED:]}),
            records=tuple(dead_record(row, view) for row in rows) if view else (),
            activities=tuple(dead_activity(row, type_) for type_ in types for row in rows),
            crm_time=client.server_time,
        )
        if after is None:
            return


def _position(cursor: str | None) -> tuple[str | None, dict[str, None]]:
    try:
        data = json.loads(cursor) if cursor else {}
    except (ValueError, RecursionError):
        data = {}
    after, told = (data.get("after"), data.get("told")) if isinstance(data, dict) else (None, None)
    return (str(after) if after else None), dict.fromkeys(map(str, told) if isinstance(told, list) else ())


def _digest(row: Row) -> str:
    return blake2b(f"{id_of(row)}@{row.get('archivedAt') or row.get('updatedAt')}".encode(), digest_size=6).hexdigest()
