"""The nouns as JSON text and back, exactly: an instant stays an instant, a date a date, true is not 1 and 1 not 1.0.

Instants are kept in UTC with microseconds. A scalar that JSON does not have is a small object: {"t": instant} or
{"d": date}; no value of a field is an object otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from connector.domain.decision import PlannedAction, Reason, RunSummary
from connector.domain.model import Activity, Change, CrmSchema, FieldInfo, Owner, Record, RecordRef, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = json.JSONEncoder(separators=(",", ":")).encode

P = ParamSpec("P")
T = TypeVar("T")


class UnreadableError(Exception):
    """Something in the state is not as it was written: the file was damaged or edited. The store tells it with its cure."""


def _reads(function: Callable[P, T]) -> Callable[P, T]:
    """Whatever a damaged text makes a reading function fall over, it comes out as UnreadableError."""

    @wraps(function)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            raise UnreadableError from None

    return reading


Scalar = str | int | float | bool | dict[str, str] | None
"""A field's value in JSON."""


def micros(at: datetime) -> int:
    """An instant as whole microseconds since 1970 in UTC; a naive one is a programming error and raises TypeError."""
    return (at - _EPOCH) // _MICROSECOND


@_reads
def instant(at: int) -> datetime:
    """The instant that `micros` made a number of."""
    return _EPOCH + timedelta(microseconds=at)


def ref_text(ref: RecordRef) -> str:
    """A record's name in the store; its order is the order of the refs, because '/' sorts before any letter."""
    return f"{ref.crm}/{ref.kind}/{ref.id}"


@_reads
def ref_of(text: str) -> RecordRef:
    """The record that `ref_text` named."""
    return RecordRef(*text.split("/", 2))


def _iso(at: datetime) -> str:
    return instant(micros(at)).isoformat()


def _dump(value: Value) -> Scalar:
    if isinstance(value, datetime):
        return {"t": _iso(value)}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    return value


def _load(value: Scalar) -> Value:
    if isinstance(value, list):
        raise TypeError("no value of a field is a list")
    if not isinstance(value, dict):
        return value
    return _moment(value["t"]) if "t" in value else date.fromisoformat(value["d"])


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant has a zone")
    return found


def _dump_all(values: Mapping[str, Value]) -> dict[str, Scalar]:
    return {name: _dump(value) for name, value in values.items()}


def _load_all(values: Mapping[str, Scalar]) -> dict[str, Value]:
    return {name: _load(value) for name, value in values.items()}


def value_text(value: Value) -> str:
    """A field's value as it is stored; `value_of` reads it."""
    return _encode(_dump(value))


@_reads
def value_of(text: str) -> Value:
    """The value that `value_text` wrote."""
    return _load(json.loads(text))


def record_text(record: Record) -> str:
    """A record without its name, as it is stored; `record_of` reads it."""
    data: dict[str, object] = {
        "fields": _dump_all(record.fields),
        "created": _iso(record.created),
        "modified": _iso(record.modified),
        "version": record.version,
    }
    if record.hidden:
        data["hidden"] = sorted(record.hidden)
    if record.deleted:
        data["deleted"] = True
    if record.converted:
        data["converted"] = True
    if record.merged_into is not None:
        data["merged_into"] = ref_text(record.merged_into)
    return _encode(data)


@_reads
def record_of(ref: RecordRef, text: str) -> Record:
    """The record that `record_text` wrote."""
    data = json.loads(text)
    survivor = data.get("merged_into")
    return Record(
        ref=ref,
        fields=_load_all(data["fields"]),
        created=_moment(data["created"]),
        modified=_moment(data["modified"]),
        version=data["version"],
        hidden=frozenset(data.get("hidden", ())),
        deleted=data.get("deleted", False),
        converted=data.get("converted", False),
        merged_into=None if survivor is None else ref_of(survivor),
    )


_ACTIVITY_WORDS = ("direction", "actor", "outcome", "subject", "task_type", "automated", "key", "deleted", "deferred")
_ACTIVITY_INSTANTS = ("ended", "opened", "clicked", "created")


def activity_text(activity: Activity) -> str:
    """An activity without its id, as it is stored; `activity_of` reads it."""
    data: dict[str, object] = {
        "type": activity.type,
        "refs": [ref_text(ref) for ref in activity.refs],
        "at": _iso(activity.at),
        "version": activity.version,
        "done": activity.done,
    }
    for name in _ACTIVITY_WORDS:
        value = getattr(activity, name)
        if value or (value == "" and name != "subject"):
            data[name] = value
    if activity.due is not None:
        data["due"] = _dump(activity.due)
    for name in _ACTIVITY_INSTANTS:
        at = getattr(activity, name)
        if at is not None:
            data[name] = _iso(at)
    return _encode(data)


@_reads
def activity_of(id_: str, text: str) -> Activity:
    """The activity that `activity_text` wrote."""
    data = json.loads(text)
    due_at = _load(data.get("due"))
    ended, opened, clicked, created = (_instant_of(data.get(name)) for name in _ACTIVITY_INSTANTS)
    return Activity(
        id=id_,
        type=data["type"],
        refs=tuple(ref_of(ref) for ref in data["refs"]),
        at=_moment(data["at"]),
        version=data["version"],
        direction=data.get("direction"),
        actor=data.get("actor"),
        outcome=data.get("outcome"),
        subject=data.get("subject", ""),
        done=data["done"],
        due=due_at if isinstance(due_at, date) else None,
        ended=ended,
        task_type=data.get("task_type"),
        automated=data.get("automated", False),
        key=data.get("key"),
        deleted=data.get("deleted", False),
        deferred=data.get("deferred", False),
        opened=opened,
        clicked=clicked,
        created=created,
    )


def _instant_of(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


def change_text(change: Change) -> str:
    """A change without what its columns hold; `change_of` reads it."""
    return _encode(
        {
            "old": _dump(change.old),
            "new": _dump(change.new),
            "at": _iso(change.at),
            "origin": change.origin,
            "actor": change.actor,
        }
    )


@_reads
def change_of(ref: RecordRef, id_: str, field: str, exact: bool, text: str) -> Change:
    """The change that `change_text` wrote."""
    data = json.loads(text)
    return Change(
        id=id_,
        ref=ref,
        field=field,
        old=_load(data["old"]),
        new=_load(data["new"]),
        at=_moment(data["at"]),
        origin=data["origin"],
        exact=exact,
        actor=data["actor"],
    )


def owner_text(owner: Owner) -> str:
    """A user or queue without its id; `owner_of` reads it."""
    return _encode(
        {
            "name": owner.name,
            "email": owner.email,
            "active": owner.active,
            "queue": owner.queue,
            "manager": owner.manager,
            "user_id": owner.user_id,
        }
    )


@_reads
def owner_of(id_: str, text: str) -> Owner:
    """The user or queue that `owner_text` wrote."""
    return Owner(id=id_, **json.loads(text))


def schema_text(schema: CrmSchema) -> str:
    """What the CRM told of its fields; `schema_of` reads it."""
    fields = {
        kind: {
            name: {
                "name": info.name,
                "api_name": info.api_name,
                "type": info.type,
                "writable": info.writable,
                "values": info.values,
            }
            for name, info in infos.items()
        }
        for kind, infos in schema.fields.items()
    }
    hidden = {kind: list(names) for kind, names in schema.hidden.items()}
    return _encode(
        {
            "fields": fields,
            "statuses": dict(schema.statuses),
            "enrollments": schema.enrollments,
            "hidden": hidden,
            "pages": dict(schema.pages),
        }
    )


def _field_info(name: str, api_name: str, type: str, writable: bool, values: Sequence[str]) -> FieldInfo:
    return FieldInfo(name, api_name, type, writable, tuple(values))  # type: ignore[arg-type]


@_reads
def schema_of(crm: str, text: str) -> CrmSchema:
    """The description that `schema_text` wrote."""
    data = json.loads(text)
    return CrmSchema(
        crm=crm,
        fields={
            kind: {name: _field_info(**info) for name, info in infos.items()} for kind, infos in data["fields"].items()
        },
        statuses=data["statuses"],
        enrollments=tuple(data["enrollments"]),
        hidden={kind: tuple(names) for kind, names in data["hidden"].items()},
        pages=data.get("pages", {}),
    )


def payload_text(action: PlannedAction) -> str:
    """What an action writes, what stood there, and what its rule saw; `payload_of` reads it."""
    return _encode({"fields": _dump_all(action.fields), "old": _dump_all(action.old), "saw": _dump_all(action.saw)})


@_reads
def payload_of(text: str) -> tuple[dict[str, Value], dict[str, Value], dict[str, Value]]:
    """What an action writes, what stood there, and what the rule saw."""
    data = json.loads(text)
    return _load_all(data["fields"]), _load_all(data["old"]), _load_all(data["saw"])


def reasons_text(reasons: Iterable[Reason]) -> str:
    """The trace of a decision; `reasons_of` reads it."""
    return _encode([_reason(reason) for reason in reasons])


def _reason(reason: Reason) -> Sequence[str | bool | None]:
    """What is empty at the end is left out: most reasons are three values, and there are many of them."""
    at = None if reason.at is None else _iso(reason.at)
    seen = (reason.value, reason.source, at) if at or reason.value or reason.source else ()
    return (reason.path, reason.holds, reason.text, *seen)


@_reads
def reasons_of(text: str) -> tuple[Reason, ...]:
    """The trace that `reasons_text` wrote, also by an earlier version."""
    found = ([*row, "", "", None][:6] for row in json.loads(text))
    return tuple(
        Reason(path, holds, words, value, source, _instant_of(at)) for path, holds, words, value, source, at in found
    )


def shares_text(shares: Mapping[str, float]) -> str:
    """Which part of a record was whose by right; `shares_of` reads it."""
    return _encode(dict(shares))


@_reads
def shares_of(text: str) -> Mapping[str, float]:
    """The parts that `shares_text` wrote."""
    found: Mapping[str, float] = json.loads(text)
    return found


def run_text(run: RunSummary) -> str:
    """A pass in figures; `run_of` reads it."""
    return _encode(
        {
            "crm": run.crm,
            "now": _iso(run.now),
            "command": run.command,
            "finished": None if run.finished is None else _iso(run.finished),
            "exit_code": run.exit_code,
            "counts": dict(run.counts),
            "message": run.message,
        }
    )


@_reads
def run_of(id_: str, text: str) -> RunSummary:
    """The figures that `run_text` wrote."""
    data = json.loads(text)
    finished = data["finished"]
    return RunSummary(
        id=id_,
        crm=data["crm"],
        now=_moment(data["now"]),
        command=data["command"],
        finished=None if finished is None else _moment(finished),
        exit_code=data["exit_code"],
        counts=data["counts"],
        message=data["message"],
    )
