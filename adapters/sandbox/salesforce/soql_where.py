"""Filters of a query as Python closures, and what they say beforehand: from which stamp on, and for which ids."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from adapters.sandbox.salesforce.database import Database, stamp_text
from adapters.sandbox.salesforce.errors import CrmError, malformed, no_such_column
from adapters.sandbox.salesforce.fields import Field, ObjectType, Row, Value
from adapters.sandbox.salesforce.ids import full_id
from adapters.sandbox.salesforce.soql_parse import Compare, Condition, In, Joined, Like, Negation, Path, Select
from adapters.sandbox.salesforce.soql_text import Literal, like_pattern, plain_text

Getter = Callable[[Row], Value]
Test = Callable[[Row], bool]
_ORDERED = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FOLDED = ("string", "textarea", "email", "phone", "url", "picklist")
_NAME_FIELDS = ("Id", "Name", "FirstName", "LastName", "Email", "Phone", "Title", "Alias", "Username", "IsActive")
_TYPE = Field("Type", "string")
MAX_DAYS = 36_500  # in LAST_N_DAYS:n
AFTER_EVERY_ID = "~"
"""Sorts behind all ids, which are letters and digits."""


def named_parent(db: Database, identity: Value) -> Row | None:
    """The record a reference points to; None for an empty reference."""
    return db.row(identity) if isinstance(identity, str) else None


def resolve(db: Database, kind: ObjectType, path: Path) -> tuple[Getter, Field]:
    """How to read a path such as `Owner.Name` from a row, and the field at its end; INVALID_FIELD when there is none."""
    if len(path) == 1:
        field = db.field(kind, path[0])
        if field is None:
            raise no_such_column(path[0], kind.name)
        return operator.itemgetter(field.name), field
    link = kind.relation(path[0])
    if link is None or db.field(kind, link.name) is None:
        if path[0].lower() == kind.name.lower():
            return resolve(db, kind, path[1:])
        raise CrmError("INVALID_FIELD", f"Didn't understand relationship '{path[0]}' in field path.")
    if len(link.refs) > 1:
        return _resolve_name(db, link, path[1:])
    inner, field = resolve(db, db.kind(link.refs[0]), path[1:])
    name = link.name

    def get(row: Row) -> Value:
        parent = named_parent(db, row[name])
        return None if parent is None else inner(parent)

    return get, field


def _resolve_name(db: Database, link: Field, path: Path) -> tuple[Getter, Field]:
    """Through a reference to several object types only the fields of the Name object can be read."""
    wanted = path[0].lower()
    name = link.name
    if len(path) == 1 and wanted == "type":

        def get_type(row: Row) -> Value:
            identity = row[name]
            return db.object_of(identity) if isinstance(identity, str) else None

        return get_type, _TYPE
    known = next((f for f in _NAME_FIELDS if f.lower() == wanted), None)
    if len(path) != 1 or known is None:
        raise no_such_column(path[0], "Name")

    def get(row: Row) -> Value:
        parent = named_parent(db, row[name])
        return None if parent is None else parent.get(known)

    types = {"Id": Field("Id", "id"), "IsActive": Field("IsActive", "boolean")}
    return get, types.get(known, Field(known, "string"))


class Filter:
    """Compiles conditions on one object for one query; `subquery` runs a SELECT in brackets and gives its first column."""

    def __init__(
        self, db: Database, kind: ObjectType, zone: ZoneInfo, subquery: Callable[[Select], Iterable[Value]]
    ) -> None:
        self._db = db
        self._kind = kind
        self._zone = zone
        self._subquery = subquery

    def compile(self, condition: Condition) -> Test:
        """The condition as a function of a row."""
        if isinstance(condition, Joined):
            return _joined(condition.operator, [self.compile(part) for part in condition.parts])
        if isinstance(condition, Negation):
            inner = self.compile(condition.inner)
            return lambda row: not inner(row)
        get, field = resolve(self._db, self._kind, condition.path)
        if not field.filterable:
            raise CrmError("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        if isinstance(condition, Compare):
            return self._compare(condition, get, field)
        if isinstance(condition, Like):
            return _like(condition.value, get, field)
        return self._within(condition, get, field)

    def _compare(self, condition: Compare, get: Getter, field: Field) -> Test:
        sign = condition.operator
        if condition.value.kind == "relative" and field.type in ("date", "datetime"):
            return _in_range(sign, get, *self._range(condition.value.text, field))
        value = operand(condition.value, field)
        folded = field.type in _FOLDED
        if sign in ("=", "!="):
            wanted = sign == "="
            if folded and isinstance(value, str):
                text = value.casefold()
                return lambda row: (str(get(row) or "").casefold() == text) is wanted
            return (lambda row: get(row) == value) if wanted else (lambda row: get(row) != value)
        if value is None or field.type == "boolean":
            raise CrmError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on field '{field.name}'")
        test = _ORDERED[sign]
        if folded:
            text = str(value).casefold()
            return lambda row: (found := get(row)) is not None and test(str(found).casefold(), text)
        return lambda row: (found := get(row)) is not None and test(found, value)

    def _within(self, condition: In, get: Getter, field: Field) -> Test:
        if isinstance(condition.values, Select):
            values = frozenset(self._subquery(condition.values))
            return lambda row: get(row) in values
        wanted = [operand(value, field) for value in condition.values]
        if field.type in _FOLDED:
            texts = frozenset("" if value is None else str(value).casefold() for value in wanted)
            return lambda row: str(get(row) or "").casefold() in texts
        exact = frozenset(wanted)
        return lambda row: get(row) in exact

    def _range(self, text: str, field: Field) -> tuple[str, str]:
        """First and last-plus-one day of a date literal, in the API user's zone."""
        today = self._db.seen_now().astimezone(self._zone).date()
        word, _, count = text.upper().partition(":")
        days = int(count or 0)
        spans = {
            "TODAY": (0, 1),
            "YESTERDAY": (-1, 0),
            "TOMORROW": (1, 2),
            "LAST_N_DAYS": (-days, 1),
            "NEXT_N_DAYS": (1, days + 1),
            "N_DAYS_AGO": (-days, 1 - days),
        }
        if word not in spans or days > MAX_DAYS:
            raise malformed(f"unexpected token: '{text}'")
        first, last = (today + timedelta(days=n) for n in spans[word])
        return self._edge(first, field), self._edge(last, field)

    def _edge(self, day: date, field: Field) -> str:
        if field.type == "date":
            return day.isoformat()
        return stamp_text(datetime.combine(day, time(), self._zone))

    def since(self, condition: Condition | None) -> tuple[str, str] | None:
        """The (stamp, id) that no matching row lies before, None when the condition does not say."""
        if isinstance(condition, Joined):
            bounds = [self.since(part) for part in condition.parts]
            known = [bound for bound in bounds if bound is not None]
            if condition.operator == "and":
                return max((max(bound, (bound[0], self._id_floor(condition))) for bound in known), default=None)
            return min(known) if len(known) == len(bounds) else None
        if not isinstance(condition, Compare) or condition.operator not in ("=", ">", ">="):
            return None
        if [part.lower() for part in condition.path] != [
            self._kind.stamp.lower()
        ] or condition.value.kind != "datetime":
            return None
        stamp = str(operand(condition.value, Field(self._kind.stamp, "datetime")))
        return (stamp, AFTER_EVERY_ID if condition.operator == ">" else "")

    def _id_floor(self, condition: Joined) -> str:
        """The id that every part of an AND demands to be passed."""
        parts = (part for part in condition.parts if isinstance(part, Compare) and part.operator in (">", ">="))
        ids = [part.value for part in parts if [name.lower() for name in part.path] == ["id"]]
        return max((str(operand(value, Field("Id", "id"))) for value in ids), default="")

    def candidates(self, condition: Condition | None) -> tuple[str, list[Value]] | None:
        """An indexed field and the only values it may have, None when the condition leaves that open."""
        if isinstance(condition, Joined) and condition.operator == "and":
            return next((found for part in condition.parts if (found := self.candidates(part))), None)
        if not isinstance(condition, Compare | In) or len(condition.path) != 1:
            return None
        field = self._kind.field(condition.path[0])
        if field is None or (field.name != "Id" and field.name not in self._kind.indexed):
            return None
        if field.type in _FOLDED and not (field.unique or field.external_id):
            return None
        if isinstance(condition, Compare):
            return (field.name, [operand(condition.value, field)]) if condition.operator == "=" else None
        if isinstance(condition.values, Select):
            return field.name, list(self._subquery(condition.values))
        return field.name, [operand(value, field) for value in condition.values]


def _joined(sign: str, tests: list[Test]) -> Test:
    if len(tests) == 2:
        left, right = tests
        if sign == "and":
            return lambda row: left(row) and right(row)
        return lambda row: left(row) or right(row)
    if sign == "and":
        return lambda row: all(test(row) for test in tests)
    return lambda row: any(test(row) for test in tests)


def operand(literal: Literal, field: Field) -> Value:
    """A literal as the value to compare the field with; INVALID_FIELD or the like when their types do not meet."""
    kind, text = literal.kind, literal.text
    if kind == "null":
        return None
    if field.type in ("date", "datetime"):
        return _when(literal, field)
    if field.type in ("id", "reference"):
        identity = full_id(plain_text(text)) if kind == "string" else None
        if identity is None:
            raise CrmError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
        return identity
    if field.type == "boolean" and kind == "boolean":
        return text == "true"
    if field.type in ("int", "double", "currency") and kind == "number":
        return float(text) if "." in text else int(text)
    if field.type in (*_FOLDED, "anyType") and kind == "string":
        return plain_text(text) or None
    hint = "should be enclosed in quotes" if field.type in _FOLDED else "should not be enclosed in quotes"
    raise CrmError(
        "INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {field.type} and {hint}"
    )


def _when(literal: Literal, field: Field) -> str:
    if literal.kind != field.type:
        wanted = "dateTime" if field.type == "datetime" else "date"
        raise CrmError(
            "INVALID_FIELD",
            f"value of filter criterion for field '{field.name}' must be of type {wanted} and should not be enclosed in quotes",
        )
    try:
        if literal.kind == "date":
            return date.fromisoformat(literal.text).isoformat()
        return stamp_text(datetime.fromisoformat(literal.text).astimezone(UTC))
    except ValueError as problem:
        raise malformed(f"line 1: invalid date or time '{literal.text}'") from problem


def _like(value: Literal, get: Getter, field: Field) -> Test:
    if field.type not in _FOLDED:
        raise CrmError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator LIKE on {field.type} field '{field.name}'")
    matches = like_pattern(value.text).fullmatch
    return lambda row: matches(str(get(row) or "")) is not None and get(row) is not None


def _in_range(sign: str, get: Getter, first: str, after: str) -> Test:
    tests: dict[str, Callable[[str], bool]] = {
        "=": lambda value: first <= value < after,
        "!=": lambda value: not first <= value < after,
        "<": lambda value: value < first,
        "<=": lambda value: value < after,
        ">": lambda value: value >= after,
        ">=": lambda value: value >= first,
    }
    test = tests[sign]
    return lambda row: isinstance(found := get(row), str) and test(found)
