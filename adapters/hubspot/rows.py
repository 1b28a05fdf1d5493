"""Asking the portal for rows: pages, batches and associations as plain rows, whatever optional part an answer lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from adapters.hubspot.client import HubSpotClient, Json, Query
from adapters.hubspot.mapping import Row, id_of
from adapters.hubspot.paths import ASSOCIATED, BATCH_READ, Endpoint
from connector.domain.errors import RetryableError

BATCH = 100
"""Rows in one batch request."""

BATCH_WITH_HISTORY = 50
"""Rows in one batch request that asks for history; more is a 400."""

MOST_PAGES = 2_000
"""Pages of one list at most, so that a pager that never ends does not hold a pass for ever."""


def rows_of(answer: Json) -> list[Row]:
    """The rows of an answer; RetryableError when it has none of the shape, as a proxy's page would."""
    rows = answer.get("results")
    if not isinstance(rows, list):
        raise RetryableError("HubSpot's answer has no results in it; the next pass tries again")
    return [row for row in rows if isinstance(row, dict)]


def after_of(answer: Json) -> str | None:
    """Where the next page begins, None at the end."""
    paging = answer.get("paging")
    following = paging.get("next") if isinstance(paging, Mapping) else None
    after = following.get("after") if isinstance(following, Mapping) else None
    return None if after in (None, "") else str(after)


def pages(client: HubSpotClient, endpoint: Endpoint, *args: str, **query: Query) -> Iterator[list[Row]]:
    """Every page of a list; a pager that repeats itself is noticed."""
    after: str | None = None
    for _ in range(MOST_PAGES):
        answer = client.call(endpoint, *args, after=after, **query)
        yield rows_of(answer)
        following = after_of(answer)
        if following is None:
            return
        if following == after:
            break
        after = following
    raise RetryableError(f"HubSpot's pages of {endpoint.name} do not end; the next pass tries again")


def chunks(ids: Sequence[str], size: int = BATCH) -> Iterator[Sequence[str]]:
    """The ids in order and once each, in runs of at most `size`."""
    once = list(dict.fromkeys(ids))
    for start in range(0, len(once), size):
        yield once[start : start + size]


def batch_read(
    client: HubSpotClient,
    object_type: str,
    ids: Sequence[str],
    properties: Sequence[str],
    *,
    history: Sequence[str] = (),
    archived: bool = False,
    id_property: str | None = None,
) -> dict[str, Row]:
    """These rows by id from primary data; what is not there is left out (a 200 or 207 says so in several ways)."""
    found: dict[str, Row] = {}
    for run in chunks(ids, BATCH_WITH_HISTORY if history else BATCH):
        body: dict[str, object] = {"inputs": [{"id": one} for one in run], "properties": list(properties)}
        body["propertiesWithHistory"] = list(history)
        if id_property:
            body["idProperty"] = id_property
        for row in rows_of(client.call(BATCH_READ, object_type, body=body, archived=archived or None)):
            found[id_of(row)] = row
    return found


def associated(client: HubSpotClient, origin: str, target: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """The ids of the target type that each of these rows hangs on; rows without any are left out."""
    found: dict[str, list[str]] = {}
    for run in chunks(ids):
        inputs: list[dict[str, str]] = [{"id": one} for one in run]
        for _ in range(MOST_PAGES):
            rows = rows_of(client.call(ASSOCIATED, origin, target, body={"inputs": inputs}))
            inputs = []
            for row in rows:
                start = row.get("from")
                if not isinstance(start, Mapping):
                    continue
                id_ = str(start.get("id"))
                found.setdefault(id_, []).extend(_targets(row))
                following = after_of(row)
                if following is not None:
                    inputs.append({"id": id_, "after": following})
            if not inputs:
                break
    return {id_: list(dict.fromkeys(targets)) for id_, targets in found.items() if targets}


def _targets(row: Row) -> list[str]:
    ends = row.get("to")
    ids = [
        end.get("toObjectId", end.get("id"))
        for end in (ends if isinstance(ends, list) else [])
        if isinstance(end, dict)
    ]
    return [str(id_) for id_ in ids if id_ is not None]
