"""Runs a query: which rows match, in which order, and how each is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from adapters.sandbox.salesforce.database import Database
from adapters.sandbox.salesforce.errors import CrmError, malformed
from adapters.sandbox.salesforce.fields import ObjectType, Row, Value
from adapters.sandbox.salesforce.soql_parse import Aggregate, Order, Select, parse
from adapters.sandbox.salesforce.soql_shape import Json, Shape, aggregate_rows
from adapters.sandbox.salesforce.soql_where import Filter, Getter, Test, resolve

MAX_OFFSET = 2000


@dataclass(frozen=True)
class Result:
    """What a query found: how many rows, and each as it is written when its page is asked for."""

    total: int
    rows: list[Row]
    render: Callable[[Row], Json]
    aggregates: list[Json] | None = None


class QueryRunner:
    """Runs queries for the API user; `zone` is that user's, for date literals; `base` starts the records' addresses."""

    def __init__(self, db: Database, zone: ZoneInfo, base: str) -> None:
        self._db = db
        self._zone = zone
        self._base = base

    def run(self, soql: str, everything: bool) -> Result:
        """Answer a query; `everything` shows deleted and archived rows too (queryAll)."""
        return self._execute(parse(soql), everything)

    def _execute(self, select: Select, everything: bool) -> Result:
        kind = self._db.kind(select.object)
        if select.offset > MAX_OFFSET:
            raise CrmError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        if any(isinstance(column, Aggregate) for column in select.columns) or select.group:
            return self._aggregate(kind, select, everything)
        shape = self._shape(kind, select, everything)
        rows = self._matching(kind, select, everything)
        return Result(len(rows), rows, shape.render)

    def _shape(self, kind: ObjectType, select: Select, everything: bool) -> Shape:
        shape = Shape(self._db, kind, self._base)
        for column in select.columns:
            if isinstance(column, Select):
                shape.add_child(column, lambda child, link, inner: self._child(child, link, inner, everything))
            elif not isinstance(column, Aggregate):
                shape.add(column)
        return shape

    def _aggregate(self, kind: ObjectType, select: Select, everything: bool) -> Result:
        first = select.columns[0]
        if len(select.columns) == 1 and isinstance(first, Aggregate) and first.path is None and not select.group:
            rows = self._matching(kind, select, everything)
            return Result(len(rows), [], lambda row: {}, [])
        rows = list(filter(self._test(kind, select, everything), self._source(kind, select)))
        answer = aggregate_rows(self._db, kind, select, rows)[: select.limit]
        return Result(len(answer), [], lambda row: {}, answer)

    def _filter(self, kind: ObjectType, everything: bool) -> Filter:
        return Filter(self._db, kind, self._zone, lambda select: self._first_column(select, everything))

    def _first_column(self, select: Select, everything: bool) -> list[Value]:
        kind = self._db.kind(select.object)
        column = select.columns[0]
        if len(select.columns) != 1 or not isinstance(column, tuple):
            raise malformed("a semi join selects one field")
        get, _ = resolve(self._db, kind, column)
        return [value for row in self._matching(kind, select, everything) if (value := get(row)) is not None]

    def _test(self, kind: ObjectType, select: Select, everything: bool) -> Test:
        where = self._filter(kind, everything).compile(select.where) if select.where is not None else None
        if everything:
            return where or (lambda row: True)
        archives = "IsArchived" in kind.fields
        if where is None:
            return lambda row: not row["IsDeleted"] and not (archives and row["IsArchived"])
        matches = where
        if archives:
            return lambda row: matches(row) and not row["IsDeleted"] and not row["IsArchived"]
        return lambda row: matches(row) and not row["IsDeleted"]

    def _source(self, kind: ObjectType, select: Select) -> Iterator[Row]:
        """The rows to look at: those of an index when the condition names values, else from a stamp on, in its order."""
        table = self._db.tables[kind.name]
        now = self._db.seen_now()
        filters = self._filter(kind, True)
        hint = filters.candidates(select.where)
        found = table.select(now, *hint) if hint else None
        return found if found is not None else table.scan(now, filters.since(select.where))

    def _matching(self, kind: ObjectType, select: Select, everything: bool) -> list[Row]:
        keys = [(resolve(self._db, kind, order.path), order) for order in select.order]
        matches = filter(self._test(kind, select, everything), self._source(kind, select))
        end = None if select.limit is None else select.offset + select.limit
        names = [(found.name, order.descending) for (_, found), order in keys if len(order.path) == 1]
        hinted = self._filter(kind, True).candidates(select.where) is not None
        if names == [(kind.stamp, False), ("Id", False)] and not hinted:
            return list(islice(matches, select.offset, end))
        rows = list(matches)
        if not keys:
            rows.reverse()  # without ORDER BY nobody promised an order
        for (get, _), order in reversed(keys):
            rows.sort(key=_sort_key(get, order), reverse=order.descending)
        return rows[select.offset : end]

    def _child(self, kind: ObjectType, link: str, select: Select, everything: bool) -> Callable[[Row], object]:
        shape = self._shape(kind, select, everything)
        test = self._test(kind, select, everything)
        keys = [(resolve(self._db, kind, order.path)[0], order) for order in select.order]
        table = self._db.tables[kind.name]

        def part(row: Row) -> object:
            now = self._db.seen_now()
            found: Iterable[Row] = table.select(now, link, [row["Id"]]) or table.scan(now, None)
            rows = [child for child in found if child[link] == row["Id"] and test(child)]
            for get, order in reversed(keys):
                rows.sort(key=_sort_key(get, order), reverse=order.descending)
            rows = rows[: select.limit]
            if not rows:
                return None
            return {"totalSize": len(rows), "done": True, "records": [shape.render(child) for child in rows]}

        return part


def _sort_key(get: Getter, order: Order) -> Callable[[Row], tuple[bool, bool, float, str]]:
    """Empty values first unless NULLS LAST was said, also when descending; texts without case."""
    low = order.nulls_last if order.descending else not order.nulls_last

    def key(row: Row) -> tuple[bool, bool, float, str]:
        value = get(row)
        if value is None:
            return (not low, False, 0.0, "")
        if isinstance(value, bool | int | float):
            return (low, True, float(value), "")
        return (low, True, 0.0, value if len(value) == 18 else value.casefold())

    return key
