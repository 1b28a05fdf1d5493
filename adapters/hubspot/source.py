"""Reads a HubSpot portal: records with their history, activities with their records, what was archived, list members.

`windows` decides what a search asks for; here its rows become pages. A page carries a cursor that is right once
everything in the page is stored.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from adapters.hubspot.activities import SIGNALS, activity_of, has_signals, properties_for, with_signals
from adapters.hubspot.archive import read_archive
from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.errors import NOT_IN_THIS_PORTAL
from adapters.hubspot.fields import (
    ACTIVITY_OBJECTS,
    CONTACTS,
    GUARDS,
    LEADS,
    OPTIONAL_OBJECTS,
    PRIMARY_CONTACT,
    ActivityWord,
    KindView,
    ms_of,
    object_type_of,
    stamp_of,
)
from adapters.hubspot.history import history_of
from adapters.hubspot.mapping import Row, changed_at, id_of, merged_into, properties_of, record_of, ref_of
from adapters.hubspot.members import bound_lists, read_members
from adapters.hubspot.paths import GET_OBJECT, OWNER_LIST, SEARCH
from adapters.hubspot.rows import after_of, associated, batch_read, pages, rows_of
from adapters.hubspot.schema import Catalog
from adapters.hubspot.windows import LIMIT, SETTLE, Found, Group, Hit, Position, Reader
from connector.domain.errors import PermanentError, RetryableError
from connector.domain.model import KINDS, Activity, CrmSchema, Needs, Owner, Page, Record, RecordRef
from connector.domain.ports import AdapterConfig

log = logging.getLogger("followup.hubspot")

LONGEST_SEARCH = 2_900
"""Characters of a search's body; HubSpot takes 3,000. Beyond that the properties are read in batches."""

SINGLE_READS = 10
"""Rows that one `reread` looks up one by one, to learn whether they went into another."""

OWNERS_PAGE = 500


class HubSpotSource:
    """The reading half of the adapter."""

    def __init__(self, client: HubSpotClient, config: AdapterConfig, catalog: Catalog) -> None:
        self._client = client
        self._config = config
        self._catalog = catalog
        self._owners: Sequence[Owner] = ()

    # -- what there is ---------------------------------------------------------------------------------------------

    def describe(self, needs: Needs) -> CrmSchema:
        """The visible fields, picklists and statuses for what the rules need, read anew."""
        self._catalog.refresh()
        if needs.activities & {"task"} or "task" in needs.writes:
            self._catalog.task_key_field()
        return self._catalog.describe(needs)

    def owners(self) -> Sequence[Owner]:
        """Every user, the deactivated ones included. HubSpot has no queues and tells no managers."""
        found: dict[str, Owner] = {}
        for archived in (False, True):
            for rows in pages(self._client, OWNER_LIST, limit=OWNERS_PAGE, archived=archived):
                found.update({owner.id: owner for row in rows if (owner := owner_of(row, archived)).id not in found})
        self._owners = tuple(found.values())
        return self._owners

    def known_owners(self) -> Sequence[Owner]:
        """The owners as last read in this pass; read now when they were not."""
        return self._owners or self.owners()

    def streams(self, needs: Needs) -> Sequence[str]:
        """Records, activities, what was archived of either, and the lists that rules ask about."""
        kinds = [kind for kind in KINDS if kind in needs.kinds]
        types = [type_ for type_ in ACTIVITY_OBJECTS if type_ in needs.activities]
        lists = [f"members:{name}" for name in sorted(bound_lists(self._config, needs))]
        return [*kinds, *types, *(f"archived:{one}" for one in (*kinds, *types)), *lists]

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, stream: str, cursor: str | None, needs: Needs) -> Iterator[Page]:
        """Pages of a stream from a saved cursor; ends early, with what was read so far, when asked to stop."""
        for page in self._pages(stream, cursor, needs):
            yield page
            if self._config.should_stop():
                return

    def _pages(self, stream: str, cursor: str | None, needs: Needs) -> Iterator[Page]:
        family, _, name = stream.partition(":")
        if family == "archived":
            return read_archive(self._client, self._catalog, stream, name, cursor)
        if family == "members":
            return read_members(self._client, self._config, stream, name, cursor, needs)
        if stream in KINDS:
            return self._records(stream, cursor, needs)
        for type_ in ACTIVITY_OBJECTS:
            if stream == type_:
                return self._activities(type_, cursor, needs)
        raise PermanentError(f"there is no stream {stream} on HubSpot", "NO_STREAM")

    def _records(self, kind: str, cursor: str | None, needs: Needs) -> Iterator[Page]:
        view = self._catalog.view(kind)
        names = wanted_fields(needs, kind)
        properties = view.read(names)
        watched = needs.history.get(kind, frozenset())
        # The history a rule wants is part of what must have been read from the beginning.
        marks = (
            *properties,
            *(f"history:{name}" for name in watched),
            *(f"contact:{name}" for name in names & view.contact.keys()),
        )
        reader = self._reader(view.object_type, properties, Position.of(cursor, marks))
        for hits in reader.pages():
            rows = [hit.row for hit in hits]
            records = self._complete(rows, view, names)
            dead = [gone for row, record in zip(rows, records, strict=True) for gone in merged_into(record, row)]
            changes = history_of(self._client, view, records, watched)
            yield Page(
                kind,
                reader.position.text(),
                (*records, *dead),
                changes=tuple(changes),
                crm_time=self._client.server_time,
            )

    def _activities(self, type_: ActivityWord, cursor: str | None, needs: Needs) -> Iterator[Page]:
        object_type = ACTIVITY_OBJECTS[type_]
        key_field = self._catalog.task_key_field() if type_ == "task" else None
        signals = type_ == "email" and needs.opens
        properties = properties_for(type_, key_field, signals=signals)
        kinds = [kind for kind in KINDS if kind in needs.kinds]
        reader = self._reader(
            object_type, properties, Position.of(cursor, (*properties, *(f"of:{kind}" for kind in kinds)))
        )
        for hits in _there(object_type, reader.pages()):
            refs = self._refs(object_type, kinds, [id_of(hit.row) for hit in hits])
            seen = self._signals([hit.row for hit in hits]) if signals else {}
            found: list[Activity] = []
            for hit in hits:
                own = refs.get(id_of(hit.row), [])
                activity = activity_of(hit.row, type_, own, self._config.clock.now(), key_field)
                found.append(with_signals(activity, seen[id_of(hit.row)]) if id_of(hit.row) in seen else activity)
                if not own:  # associations are made after the row and do not move its stamp: look again
                    reader.forget(hit)
            yield Page(type_, reader.position.text(), activities=tuple(found), crm_time=self._client.server_time)

    def _signals(self, rows: Sequence[Row]) -> Mapping[str, Row]:
        """E-mails that were opened, with the history of their counts; fifty per call."""
        ids = [id_of(row) for row in rows if has_signals(row)]
        return batch_read(self._client, ACTIVITY_OBJECTS["email"], ids, (), history=sorted(SIGNALS)) if ids else {}

    def _refs(self, object_type: str, kinds: Sequence[str], ids: Sequence[str]) -> Mapping[str, list[RecordRef]]:
        """The records that each activity hangs on, a hundred per call and object type."""
        found: dict[str, list[RecordRef]] = {}
        targets = {kind: object_type_of(kind, self._config) for kind in kinds}
        for target in dict.fromkeys(targets.values()):
            for id_, ends in associated(self._client, object_type, target, ids).items():
                own = found.setdefault(id_, [])
                own += [ref_of(kind, end) for kind in kinds if targets[kind] == target for end in ends]
        return found

    def _complete(self, rows: Sequence[Row], view: KindView, names: frozenset[str]) -> list[Record]:
        """Rows as records; those of the leads object with what their primary contacts add."""
        contacts: Mapping[str, Row] = {}
        if view.object_type == LEADS and names & view.contact.keys():
            ids = [str(id_) for row in rows if (id_ := properties_of(row).get(PRIMARY_CONTACT))]
            properties = sorted({one for name in names & view.contact.keys() for one in view.contact[name]})
            contacts = batch_read(self._client, CONTACTS, ids, properties)
        of_row = [contacts.get(str(properties_of(row).get(PRIMARY_CONTACT) or "")) for row in rows]
        return [record_of(row, view, names, contact) for row, contact in zip(rows, of_row, strict=True)]

    # -- searching -------------------------------------------------------------------------------------------------

    def _reader(self, object_type: str, properties: Sequence[str], position: Position) -> Reader:
        now = self._config.clock.now()
        if self._client.server_time is not None and not self._client.loopback:
            now = min(now, self._client.server_time)  # a clock of ours that is ahead must not shorten the hour
        search = self._searcher(object_type, properties)
        return Reader(position, stamp_of(object_type), ms_of(now - SETTLE), search)

    def _searcher(
        self, object_type: str, properties: Sequence[str]
    ) -> Callable[[Sequence[Group], str, bool, str | None], Found]:
        def search(groups: Sequence[Group], sort: str, descending: bool, after: str | None) -> Found:
            body: dict[str, object] = {
                "filterGroups": list(groups),
                "sorts": [{"propertyName": sort, "direction": "DESCENDING" if descending else "ASCENDING"}],
                "properties": list(properties),
                "limit": 1 if descending else LIMIT,
            }
            if after is not None:
                body["after"] = after
            too_long = len(json.dumps(body)) > LONGEST_SEARCH
            if too_long:
                body["properties"] = [stamp_of(object_type)]
            answer = self._client.call(SEARCH, object_type, body=body)
            rows = rows_of(answer)
            if too_long and not descending:
                full = batch_read(self._client, object_type, [id_of(row) for row in rows], properties)
                rows = [full[id_of(row)] for row in rows if id_of(row) in full]
            total = answer.get("total")
            return Found(tuple(_hits(rows, object_type)), after_of(answer), total if isinstance(total, int) else None)

        return search

    # -- re-reading ------------------------------------------------------------------------------------------------

    def reread(self, refs: Sequence[RecordRef], needs: Needs) -> Mapping[RecordRef, Record]:
        """The records as they are now, by batch read; deleted ones as deleted, merged ones naming their survivor."""
        found: dict[RecordRef, Record] = {}
        for kind in dict.fromkeys(ref.kind for ref in refs):
            found |= self._reread(kind, [ref.id for ref in refs if ref.kind == kind], needs)
        return found

    def _reread(self, kind: str, ids: Sequence[str], needs: Needs) -> dict[RecordRef, Record]:
        view, names = self._catalog.view(kind), wanted_fields(needs, kind)
        properties = view.read(names)
        rows = batch_read(self._client, view.object_type, ids, properties)
        found = {record.ref: record for record in self._complete(list(rows.values()), view, names)}
        missing = [id_ for id_ in ids if id_ not in rows]
        for row, record in zip(list(rows.values()), list(found.values()), strict=True):
            found |= {gone.ref: gone for gone in merged_into(record, row) if gone.ref.id in missing}
        missing = [id_ for id_ in missing if ref_of(kind, id_) not in found]
        for id_ in missing[:SINGLE_READS]:
            found |= self._followed(view, id_, properties, names)
        missing = [id_ for id_ in missing if ref_of(kind, id_) not in found]
        if missing:
            gone = batch_read(self._client, view.object_type, missing, properties, archived=True)
            archived = [{**row, "archived": True} for id_, row in gone.items() if id_ in missing]
            found |= {record.ref: record for record in (record_of(row, view, names) for row in archived)}
        return {ref: record for ref, record in found.items() if ref.id in set(ids)}

    def _followed(
        self, view: KindView, id_: str, properties: Sequence[str], names: frozenset[str]
    ) -> dict[RecordRef, Record]:
        """A single read follows a merge, as a batch read does not: the old id with its survivor, nothing when gone."""
        try:
            row = self._client.call(GET_OBJECT, view.object_type, id_, properties=list(properties))
        except PermanentError:
            return {}
        record = self._complete([row], view, names)[0]
        if record.ref.id == id_:
            return {record.ref: record}
        row = {**row, "properties": {**properties_of(row), "hs_merged_object_ids": id_}}
        return {gone.ref: gone for gone in merged_into(record, row)}


def wanted_fields(needs: Needs, kind: str) -> frozenset[str]:
    """The fields of ours that a record of this kind is read with."""
    return needs.fields.get(kind, frozenset()) | needs.history.get(kind, frozenset()) | GUARDS


def owner_of(row: Row, archived: bool) -> Owner:
    """One owner; `id` goes into owner properties, `user_id` to what wants a user (sequences)."""
    name = " ".join(str(row[part]).strip() for part in ("firstName", "lastName") if row.get(part))
    email = str(row["email"]) if row.get("email") else None
    user = row.get("userId") or row.get("userIdIncludingInactive")
    active = not archived and row.get("archived") is not True
    return Owner(id_of(row), name or email or id_of(row), email, active, user_id=str(user) if user else None)


def _there(object_type: str, pages: Iterator[list[Hit]]) -> Iterator[list[Hit]]:
    """The pages; none of an activity object that this portal does not have. The cursor stays, should it come to be."""
    try:
        yield from pages
    except PermanentError as error:
        if object_type not in OPTIONAL_OBJECTS or error.code not in NOT_IN_THIS_PORTAL:
            raise
        log.info("%s are not to be had in this HubSpot portal (%s): taken as none", object_type, error.code)


def _hits(rows: Sequence[Row], object_type: str) -> Iterator[Hit]:
    """The rows with their ids and stamps; RetryableError for one without an id: to pass it over would lose it for good."""
    for row in rows:
        id_, at = id_of(row), changed_at(row, object_type)
        if not re.fullmatch(r"[0-9]{1,15}", id_):
            raise RetryableError("HubSpot's answer has a row without an id; the next pass tries again")
        yield Hit(int(id_), ms_of(at) if at else 0, row)
