"""What a query's rows look like in the answer: attributes, fields, parents, TYPEOF and child queries, in SELECT order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.sandbox.salesforce.database import Database
from adapters.sandbox.salesforce.errors import CrmError, malformed
from adapters.sandbox.salesforce.fields import Field, ObjectType, Row
from adapters.sandbox.salesforce.soql_parse import Aggregate, Path, Select
from adapters.sandbox.salesforce.soql_text import TypeOf
from adapters.sandbox.salesforce.soql_where import Getter, named_parent, resolve

Json = dict[str, object]
Child = Callable[[Row], object]


@dataclass
class Shape:
    """How rows of one query are written: plain fields, parents by relationship, and children, each under its name."""

    db: Database
    kind: ObjectType
    base: str
    parts: dict[str, Callable[[Row], object]] = field(default_factory=dict)
    parents: dict[str, tuple[Field, list[tuple[str, Getter]]]] = field(default_factory=dict)

    def render(self, row: Row) -> Json:
        """One row of the answer."""
        answer: Json = {"attributes": self.attributes(self.kind.name, row)}
        for name, part in self.parts.items():
            answer[name] = part(row)
        return answer

    def attributes(self, name: str, row: Row, shown: str | None = None) -> Json:
        """Type and address of a record; through a reference to several types the type is `Name`."""
        return {"type": shown or name, "url": f"{self.base}/sobjects/{name}/{row['Id']}"}

    def add(self, column: Path | TypeOf) -> None:
        """Select a field, a parent's field or a TYPEOF."""
        if isinstance(column, TypeOf):
            self._add_typeof(column)
            return
        get, found = resolve(self.db, self.kind, column)
        if len(column) == 1 or self.kind.relation(column[0]) is None:
            if found.name in self.parts:
                raise malformed(f"duplicate field selected: {found.name}")
            self.parts[found.name] = get
            return
        if len(column) > 2:
            raise malformed("the sandbox reads parents of one level only")
        link = self._link(column[0])
        name = str(link.relationship)
        if name not in self.parents:
            self.parents[name] = (link, [])
            self.parts[name] = self._parent(name)
        self.parents[name][1].append((found.name, get))

    def _parent(self, name: str) -> Callable[[Row], object]:
        link, fields = self.parents[name]

        def part(row: Row) -> object:
            parent = named_parent(self.db, row[link.name])
            if parent is None:
                return None
            actual = str(self.db.object_of(str(parent["Id"])))
            shown = "Name" if len(link.refs) > 1 else None
            return {"attributes": self.attributes(actual, parent, shown), **{key: get(row) for key, get in fields}}

        return part

    def _link(self, relation: str) -> Field:
        link = self.kind.relation(relation)
        if link is None or self.db.field(self.kind, link.name) is None:
            raise CrmError("INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path.")
        return link

    def _add_typeof(self, column: TypeOf) -> None:
        link = self._link(column.relation)
        if len(link.refs) < 2:
            raise malformed("TYPEOF needs a relationship to several object types")
        cases: Mapping[str, list[tuple[str, Getter]]] = {
            self.db.kind(name).name: [self._leaf(self.db.kind(name), wanted) for wanted in fields]
            for name, fields in column.cases
        }

        def part(row: Row) -> object:
            parent = named_parent(self.db, row[link.name])
            if parent is None:
                return None
            actual = str(self.db.object_of(str(parent["Id"])))
            if actual in cases:
                return {
                    "attributes": self.attributes(actual, parent),
                    **{key: get(parent) for key, get in cases[actual]},
                }
            rest = {name: parent.get(name) for name in column.otherwise}
            return {"attributes": self.attributes(actual, parent, "Name"), **rest}

        self.parts[str(link.relationship)] = part

    def _leaf(self, kind: ObjectType, name: str) -> tuple[str, Getter]:
        get, found = resolve(self.db, kind, (name,))
        return found.name, get

    def add_child(self, select: Select, run: Callable[[ObjectType, str, Select], Child]) -> None:
        """Select a child query such as `(SELECT Id FROM Tasks)`; its rows come as a list, or null when there are none."""
        children = {name.lower(): (name, *target) for name, target in self.kind.children.items()}
        if select.object.lower() not in children:
            raise CrmError(
                "INVALID_TYPE", f"Didn't understand relationship '{select.object}' in FROM part of query call."
            )
        name, child, link = children[select.object.lower()]
        self.parts[name] = run(self.db.kind(child), link, select)


def aggregate_rows(db: Database, kind: ObjectType, select: Select, rows: list[Row]) -> list[Json]:
    """The rows of a query with COUNT, MIN, MAX, SUM or AVG: one per group, called expr0, expr1 where no name was given."""
    groups: dict[tuple[object, ...], list[Row]] = {} if select.group else {(): rows}
    keys = {tuple(p.lower() for p in path): resolve(db, kind, path) for path in select.group}
    for row in rows if select.group else ():
        groups.setdefault(tuple(get(row) for get, _ in keys.values()), []).append(row)
    answer = []
    for members in groups.values():
        record: Json = {"attributes": {"type": "AggregateResult"}}
        unnamed = 0
        for column in select.columns:
            if isinstance(column, Aggregate):
                record[column.alias or f"expr{unnamed}"] = _aggregate(db, kind, column, members)
                unnamed += column.alias is None
            elif isinstance(column, tuple) and tuple(p.lower() for p in column) in keys:
                get, found = keys[tuple(p.lower() for p in column)]
                record[found.name] = get(members[0])
            else:
                raise malformed("Field must be grouped or aggregated")
        answer.append(record)
    return answer


def _aggregate(db: Database, kind: ObjectType, column: Aggregate, rows: list[Row]) -> object:
    if column.path is None:
        raise malformed("COUNT() must be the only element in the SELECT list")
    get, found = resolve(db, kind, column.path)
    values = [value for row in rows if (value := get(row)) is not None]
    if column.function == "COUNT":
        return len(values)
    if column.function == "COUNT_DISTINCT":
        return len(set(values))
    if column.function in ("MIN", "MAX"):
        pick = min if column.function == "MIN" else max
        return pick(values, key=lambda v: v if isinstance(v, int | float) else str(v)) if values else None
    numbers = [value for value in values if isinstance(value, int | float)]
    if found.type not in ("int", "double", "currency"):
        raise malformed(f"field {found.name} does not support aggregate operator {column.function}")
    total = sum(numbers)
    return total if column.function == "SUM" else (total / len(numbers) if numbers else None)
