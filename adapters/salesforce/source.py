"""Reads Salesforce: leads, contacts and deals, what happened to them, who owns them, and where they are enrolled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.salesforce import activities, mapping, soql
from adapters.salesforce.catalog import Catalog
from adapters.salesforce.client import Client
from adapters.salesforce.fields import LEAD_STATUSES, OBJECTS, FieldDescription, FieldType, field_info, wanted
from adapters.salesforce.streams import UNSEEN_CODES, Stream, read
from connector.domain.errors import MissingFieldError, PermanentError
from connector.domain.model import KINDS, Activity, Change, CrmSchema, Needs, Owner, Page, Record, RecordRef
from connector.domain.ports import AdapterConfig

Row = Mapping[str, object]

LIFE_COLUMNS = ("MasterRecordId", "IsConverted")
"""What tells the end of a record's life, where the object has it, besides IsDeleted."""

HISTORY: Mapping[str, tuple[str, str]] = {
    "lead": ("LeadHistory", "LeadId"),
    "contact": ("ContactHistory", "ContactId"),
    "deal": ("OpportunityFieldHistory", "OpportunityId"),
}
"""Per kind the object that keeps field history, and its column for the record."""

HISTORY_NAMES: Mapping[str, tuple[str, ...]] = {"OwnerId": ("Owner", "OwnerId")}
"""What history calls a field where that is not its API name."""

MAIL_COLUMNS = ("ActivityId", "Incoming", "Headers", "FirstOpenedDate", "LastOpenedDate")

log = logging.getLogger("followup.salesforce")


@dataclass(frozen=True)
class Columns:
    """What is read of a kind: our names with their descriptions, those that are hidden, and the row's own columns."""

    words: Mapping[str, FieldDescription]
    hidden: frozenset[str]
    life: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every column to select besides Id and SystemModstamp."""
        return tuple(dict.fromkeys((*(item.name for item in self.words.values()), *self.life)))


class SalesforceSource:
    """The reading half of the adapter."""

    def __init__(self, config: AdapterConfig, client: Client, catalog: Catalog) -> None:
        self._config = config
        self._client = client
        self._catalog = catalog
        self._mail_columns: Sequence[str] = MAIL_COLUMNS

    # -- what there is ---------------------------------------------------------------------------------------------
    def _statuses(self, kinds: Sequence[str]) -> Mapping[str, str]:
        """Our status words: Salesforce's own lead statuses where the org still has them, then what followup.yaml says."""
        if "lead" not in kinds:
            return dict(self._config.statuses)
        described = self._catalog.fields.visible("lead", self._catalog.record("lead")).get("status")
        there = {value.lower() for value in described.values} if described is not None else set()
        kept = {word: value for word, value in LEAD_STATUSES.items() if value.lower() in there}
        return {**kept, **self._config.statuses}

    def describe(self, needs: Needs) -> CrmSchema:
        """The visible fields, picklists and statuses of the needed kinds; one request per kind and one for tasks."""
        self._catalog.forget()
        self._mail_columns = MAIL_COLUMNS
        kinds = _kinds(needs)
        fields = self._catalog.fields
        if needs.activities or needs.writes & {"task", "note"}:
            self._catalog.task()
        return CrmSchema(
            crm=mapping.CRM,
            fields={
                kind: {
                    word: field_info(word, item)
                    for word, item in fields.visible(kind, self._catalog.record(kind)).items()
                }
                for kind in kinds
            },
            statuses=self._statuses(kinds),
            enrollments=tuple(self._config.enrollments),
            hidden={kind: fields.hidden(kind, self._catalog.record(kind)) for kind in kinds},
            pages=dict.fromkeys(kinds, f"{self._config.connection['login_url'].rstrip('/')}/{{id}}"),
        )

    def owners(self) -> Sequence[Owner]:
        """Every user, inactive ones included, and every queue; two requests up to 2,000 of each."""
        columns = ["Id", "Name", "Email", "IsActive", "ManagerId"]
        try:
            users = self._client.rows(soql.select(columns, "User", order=("Id",)))
        except MissingFieldError:
            visible = self._catalog.sobject("User").present(*columns)
            users = self._client.rows(soql.select(visible, "User", order=("Id",)))
        found = [*map(mapping.user, users), *map(mapping.queue, self._queues())]
        return tuple(owner for owner in found if owner is not None)

    def _queues(self) -> Sequence[Row]:
        """Group rows of type Queue; none where this user may not see them."""
        try:
            return self._client.rows(soql.select(("Id", "Name"), "Group", soql.equals("Type", "Queue"), ("Id",)))
        except PermanentError as error:
            if error.code not in UNSEEN_CODES:
                raise
            log.warning("queues cannot be read (%s): records of queues count as owned by nobody known", error.code)
            return []

    def streams(self, needs: Needs) -> Sequence[str]:
        """Records first, then their history, then what was done, then enrolments."""
        return tuple(self._streams(needs))

    def _streams(self, needs: Needs) -> Mapping[str, Callable[[Needs], Stream]]:
        """How to build each stream, by its name."""
        found: dict[str, Callable[[Needs], Stream]] = {}
        for kind in _kinds(needs):
            found[kind] = _of_kind(self._records, kind)
        for kind in _kinds(needs):
            if needs.history.get(kind):
                found[f"{kind}_history"] = _of_kind(self._history, kind)
        if needs.activities - {"meeting"}:
            found["task"] = self._tasks
        if needs.opens and "email" in needs.activities:
            found["mail"] = self._opened
        if "meeting" in needs.activities:
            found["event"] = self._events
        if "note" in needs.activities:
            found["note"] = self._notes
        if self._bound("campaign", needs):
            found["campaign_member"] = self._members
        if self._bound("cadence", needs):
            found["cadence_tracker"] = self._trackers
        return found

    # -- reading ---------------------------------------------------------------------------------------------------
    def read(self, stream: str, cursor: str | None, needs: Needs) -> Iterator[Page]:
        """Pages of a stream behind a saved cursor; MissingFieldError names our field that is hidden or gone."""
        built = self._streams(needs)[stream](needs)
        kind = stream if stream in KINDS else None
        try:
            yield from read(built, cursor, self._client, self._config.clock)
        except MissingFieldError as error:
            raise self._named(error, kind, built.table) from None

    def reread(self, refs: Sequence[RecordRef], needs: Needs) -> Mapping[RecordRef, Record]:
        """The records as they are now, those in the bin included; one request per 400 or so."""
        found: dict[RecordRef, Record] = {}
        for kind in KINDS:
            ids = sorted({ref.id for ref in refs if ref.kind == kind})
            if not ids:
                continue
            columns = self._columns(kind, needs)
            select = ("Id", "SystemModstamp", "CreatedDate", "IsDeleted", *columns.names)
            names = tuple(dict.fromkeys(select))
            for chunk in soql.chunks(ids, soql.select(names, OBJECTS[kind])):
                query = soql.select(names, OBJECTS[kind], soql.one_of("Id", chunk))
                try:
                    rows = self._client.rows(query, deleted=True)
                except MissingFieldError as error:
                    raise self._named(error, kind, OBJECTS[kind]) from None
                for row in rows:
                    record = mapping.record(kind, row, columns.words, columns.hidden)
                    if record is not None:
                        found[record.ref] = record
        return {ref: found[ref] for ref in refs if ref in found}

    def _named(self, error: MissingFieldError, kind: str | None, table: str) -> MissingFieldError:
        """The same error with our names for the field; what the org looks like is asked again after it."""
        words = [word for name in error.fields for word in self._catalog.fields.words_for(kind or "", name)]
        self._catalog.forget()
        shown = ", ".join(words or error.fields) or "a field"
        return MissingFieldError(
            f"{shown} of {table} is hidden or gone since it was described: grant field-level security on it, "
            "or correct `fields` in followup.yaml",
            tuple(words or error.fields),
        )

    # -- records and their history ---------------------------------------------------------------------------------
    def _columns(self, kind: str, needs: Needs) -> Columns:
        sobject = self._catalog.record(kind)
        words = wanted(kind, needs)
        visible = self._catalog.fields.visible(kind, sobject)
        return Columns(
            {word: visible[word] for word in sorted(words & visible.keys())},
            frozenset(words.intersection(self._catalog.fields.hidden(kind, sobject))),
            tuple(sobject.present(*LIFE_COLUMNS)),
        )

    def _records(self, kind: str, needs: Needs) -> Stream:
        columns = self._columns(kind, needs)

        def page(rows: Sequence[Row]) -> Page:
            found = (mapping.record(kind, row, columns.words, columns.hidden) for row in rows)
            return Page(kind, "", records=tuple(record for record in found if record is not None))

        names = tuple(dict.fromkeys(("CreatedDate", "IsDeleted", *columns.names)))
        return Stream(kind, OBJECTS[kind], names, page, self._catalog.sobject)

    def _history(self, kind: str, needs: Needs) -> Stream:
        table, parent = HISTORY[kind]
        visible = self._catalog.fields.visible(kind, self._catalog.record(kind))
        asked = {word: visible[word] for word in sorted(needs.history.get(kind, ())) if word in visible}
        words: dict[str, tuple[str, FieldType]] = {
            name.lower(): (word, item.type)
            for word, item in asked.items()
            for name in HISTORY_NAMES.get(item.name, (item.name,))
        }
        names = sorted({name for item in asked.values() for name in HISTORY_NAMES.get(item.name, (item.name,))})

        def page(rows: Sequence[Row]) -> Page:
            found: Iterator[Change | None] = (mapping.change(kind, parent, row, words) for row in rows)
            return Page(f"{kind}_history", "", changes=tuple(change for change in found if change is not None))

        return Stream(
            f"{kind}_history",
            table,
            (parent, "Field", "OldValue", "NewValue", "CreatedById", "IsDeleted"),
            page,
            self._catalog.sobject,
            stamp="CreatedDate",
            where=soql.one_of("Field", names) if names else "",
            marks=frozenset(f"field:{name}" for name in names),
            optional=True,
        )

    # -- activities ------------------------------------------------------------------------------------------------
    def _task_columns(self) -> tuple[str, ...]:
        key = self._key_column()
        extra = (key,) if key else ("Description",)
        return tuple(self._catalog.task().present(*activities.TASK_COLUMNS, *extra))

    def _opened(self, needs: Needs) -> Stream:
        """E-mails that the prospect opened: that changes the EmailMessage and not always its task."""
        kinds, key = _kinds(needs), self._key_column()
        columns = ("Id", "SystemModstamp", *self._task_columns())

        def page(rows: Sequence[Row]) -> Page:
            mails = {mapping.id_in(row, "ActivityId") or "": row for row in rows if activities.opened_at(row)}
            ids = sorted(mails.keys() - {""})
            found = [
                activities.task(row, key, mails.get(mapping.id_in(row, "Id") or ""))
                for chunk in soql.chunks(ids, soql.select(columns, "Task"))
                for row in self._client.rows(soql.select(columns, "Task", soql.one_of("Id", chunk)), deleted=True)
            ]
            return Page("mail", "", activities=_about(iter(found), kinds))

        return Stream("mail", "EmailMessage", MAIL_COLUMNS, page, self._catalog.sobject, optional=True)

    def _tasks(self, needs: Needs) -> Stream:
        key = self._key_column()
        kinds = _kinds(needs)

        def page(rows: Sequence[Row]) -> Page:
            mails = self._mails(rows) if "email" in needs.activities else {}
            found = (activities.task(row, key, mails.get(mapping.id_in(row, "Id") or "")) for row in rows)
            return Page("task", "", activities=_about(found, kinds))

        return Stream("task", "Task", self._task_columns(), page, self._catalog.sobject)

    def _key_column(self) -> str | None:
        """The field that carries our keys on tasks, in Salesforce's spelling; None when there is none to see."""
        if not self._config.task_key_field:
            return None
        found = self._catalog.task().find(self._config.task_key_field)
        return found.name if found else None

    def _events(self, needs: Needs) -> Stream:
        kinds = _kinds(needs)

        def page(rows: Sequence[Row]) -> Page:
            now = self._config.clock.now()
            return Page("event", "", activities=_about((activities.event(row, now) for row in rows), kinds))

        return Stream("event", "Event", activities.EVENT_COLUMNS, page, self._catalog.sobject, optional=True)

    def _notes(self, needs: Needs) -> Stream:
        kinds = _kinds(needs)

        def page(rows: Sequence[Row]) -> Page:
            return Page("note", "", activities=_about((activities.note(row) for row in rows), kinds))

        return Stream("note", "Note", activities.NOTE_COLUMNS, page, self._catalog.sobject, optional=True)

    def _mails(self, tasks: Sequence[Row]) -> Mapping[str, Row]:
        """EmailMessage rows by the id of their task, where this user may see them: they alone know the direction."""
        ids = sorted({mapping.text(row, "Id") or "" for row in tasks if activities.task_type(row) == "email"} - {""})
        if "ActivityId" not in self._mail_columns or not ids:
            return {}
        try:
            return self._mail_rows(self._mail_columns, ids)
        except MissingFieldError:
            self._mail_columns = self._catalog.sobject("EmailMessage").present(*MAIL_COLUMNS)
        except PermanentError as error:
            self._mail_columns = ()
            log.info("EmailMessage cannot be read (%s): e-mails count as outbound", error.code)
            return {}
        return self._mail_rows(self._mail_columns, ids) if "ActivityId" in self._mail_columns else {}

    def _mail_rows(self, columns: Sequence[str], ids: Sequence[str]) -> Mapping[str, Row]:
        rest = soql.select(columns, "EmailMessage")
        rows = (
            row
            for chunk in soql.chunks(ids, rest)
            for row in self._client.rows(soql.select(columns, "EmailMessage", soql.one_of("ActivityId", chunk)))
        )
        return {mapping.id_in(row, "ActivityId") or "": row for row in rows}

    # -- enrolments ------------------------------------------------------------------------------------------------
    def _bound(self, how: str, needs: Needs) -> Mapping[str, str]:
        """Our NAMEs that are bound to campaigns (or cadences) and asked for, with the id they are bound to."""
        return {
            name: target[how]
            for name, target in sorted(self._config.enrollments.items())
            if how in target and name in needs.enrollments and mapping.is_sound_id(target[how])
        }

    def _members(self, needs: Needs) -> Stream:
        return self._enrolled(
            needs, "campaign", "campaign_member", "CampaignMember", ("CampaignId", "LeadId", "ContactId")
        )

    def _trackers(self, needs: Needs) -> Stream:
        return self._enrolled(
            needs, "cadence", "cadence_tracker", "ActionCadenceTracker", ("ActionCadenceId", "TargetId", "State")
        )

    def _enrolled(self, needs: Needs, how: str, name: str, table: str, columns: tuple[str, ...]) -> Stream:
        bound = self._bound(how, needs)
        target = columns[0]
        ids = sorted({id for given in bound.values() for id in (given, mapping.id18(given))})
        names = {given[:15]: word for word, given in bound.items()}

        def page(rows: Sequence[Row]) -> Page:
            found = (mapping.member(row, names, target) for row in rows)
            return Page(name, "", enrollments=tuple(item for item in found if item is not None))

        return Stream(
            name,
            table,
            (*columns, "CreatedDate", "IsDeleted"),
            page,
            self._catalog.sobject,
            where=soql.one_of(target, ids),
            marks=frozenset(f"target:{id[:15]}" for id in ids),
            optional=True,
        )


def _kinds(needs: Needs) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if kind in needs.kinds)


def _of_kind(build: Callable[[str, Needs], Stream], kind: str) -> Callable[[Needs], Stream]:
    return lambda needs: build(kind, needs)


def _about(found: Iterator[Activity | None], kinds: Sequence[str]) -> tuple[Activity, ...]:
    """The activities that concern a record of these kinds, with no other refs."""
    kept = []
    for activity in found:
        refs = tuple(ref for ref in activity.refs if ref.kind in kinds) if activity else ()
        if activity is not None and refs:
            kept.append(replace(activity, refs=refs))
    return tuple(kept)
