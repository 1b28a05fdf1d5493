"""Who is on the lists that `followup.yaml` binds a name to; read only when a rule asks for that name.

A list tells who is on it now. Who has left is told by comparing with the members of the last pass, which the cursor
carries for lists of up to 5,000; of longer ones only joining is noticed. Lists hold contacts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.errors import NOT_FOUND
from adapters.hubspot.fields import CONTACTS, instant_in, object_type_of
from adapters.hubspot.mapping import Row, ref_of
from adapters.hubspot.paths import LIST_MEMBERS
from adapters.hubspot.rows import pages
from connector.domain.errors import ConfigError, PermanentError
from connector.domain.model import KINDS, Enrollment, Needs, Page
from connector.domain.ports import AdapterConfig

LIMIT = 250
"""Members on a page at most."""

REMEMBERED = 5_000


def bound_lists(config: AdapterConfig, needs: Needs) -> Mapping[str, str]:
    """The names that rules ask about and that are lists here, with the lists' ids."""
    bound = {name: config.enrollments.get(name, {}) for name in needs.enrollments}
    return {name: target["list"] for name, target in bound.items() if "list" in target}


def read_members(
    client: HubSpotClient, config: AdapterConfig, stream: str, name: str, cursor: str | None, needs: Needs
) -> Iterator[Page]:
    """All members of the list as enrolments, then those who left. The cursor changes with the last page only."""
    kinds = [kind for kind in KINDS if kind in needs.kinds and object_type_of(kind, config) == CONTACTS]
    before = _remembered(cursor)
    now: set[str] = set()
    last: tuple[Enrollment, ...] | None = None
    for rows in _member_pages(client, name, config.enrollments[name]["list"]):
        if last is not None:
            yield Page(stream, cursor or "", enrollments=last, crm_time=client.server_time)
        found = [(id_, row) for row in rows if (id_ := str(row.get("recordId") or row.get("id") or ""))]
        now.update(id_ for id_, _ in found)
        last = tuple(Enrollment(ref_of(kind, id_), name, _since(row)) for id_, row in found for kind in kinds)
    gone = tuple(
        Enrollment(ref_of(kind, id_), name, None, active=False) for id_ in sorted(before - now) for kind in kinds
    )
    kept = sorted(now) if len(now) <= REMEMBERED else []
    yield Page(stream, json.dumps(kept), enrollments=(*(last or ()), *gone), crm_time=client.server_time)


def _member_pages(client: HubSpotClient, name: str, list_id: str) -> Iterator[list[Row]]:
    try:
        yield from pages(client, LIST_MEMBERS, list_id, limit=LIMIT)
    except PermanentError as error:
        if error.code == NOT_FOUND:
            raise ConfigError(f"enrollments: {name}: HubSpot has no list {list_id}; bind it to one there is") from None
        raise


def _since(row: Row) -> datetime | None:
    return instant_in(row.get("membershipTimestamp"))


def _remembered(cursor: str | None) -> set[str]:
    try:
        ids = json.loads(cursor) if cursor else []
    except (ValueError, RecursionError):
        return set()
    return {str(id_) for id_ in ids} if isinstance(ids, list) else set()
