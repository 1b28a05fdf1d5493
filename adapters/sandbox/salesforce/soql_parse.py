"""SOQL as data: what a query selects, filters and orders by. Parsed with sqlglot; whatever SOQL lacks is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from adapters.sandbox.salesforce.errors import malformed
from adapters.sandbox.salesforce.soql_text import Literal, Prepared, TypeOf, prepare

Operator = OneOf["=", "!=", "<", "<=", ">", ">="]
Path = tuple[str, ...]


@dataclass(frozen=True)
class Compare:
    """path operator value."""

    path: Path
    operator: Operator
    value: Literal


@dataclass(frozen=True)
class Like:
    """path LIKE pattern."""

    path: Path
    value: Literal


@dataclass(frozen=True)
class In:
    """path IN (values), or IN (SELECT ...)."""

    path: Path
    values: tuple[Literal, ...] | Select


@dataclass(frozen=True)
class Joined:
    """part AND part AND ..., or part OR part OR ..."""

    operator: OneOf["and", "or"]
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Negation:
    """NOT inner."""

    inner: Condition


Condition = Compare | Like | In | Joined | Negation


@dataclass(frozen=True)
class Aggregate:
    """COUNT(), MAX(field) and the like, with the name it has in the answer, if one was given."""

    function: str
    path: Path | None
    alias: str | None


@dataclass(frozen=True)
class Order:
    """One key of ORDER BY."""

    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Select:
    """A whole query, or one in brackets."""

    object: str
    columns: tuple[Path | TypeOf | Aggregate | Select, ...]
    where: Condition | None = None
    group: tuple[Path, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


_OPERATORS: dict[object, Operator] = {
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_FUNCTIONS = {exp.Count: "COUNT", exp.Min: "MIN", exp.Max: "MAX", exp.Sum: "SUM", exp.Avg: "AVG"}
_CLAUSES = {"expressions", "from_", "from", "where", "order", "limit", "offset", "group", "kind"}
_WORDS = {"TODAY", "YESTERDAY", "TOMORROW"}


def parse(soql: str) -> Select:
    """Read a query; MALFORMED_QUERY when it is not SOQL."""
    prepared = prepare(soql)
    try:
        tree = sqlglot.parse_one(prepared.sql, error_level=sqlglot.ErrorLevel.RAISE)
    except (SqlglotError, RecursionError) as problem:
        raise malformed("unexpected token in the query") from problem
    return _Reader(prepared).select(tree)


class _Reader:
    """Turns sqlglot's tree into ours, node by node; an unknown node is an error, never ignored."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def select(self, tree: exp.Expression) -> Select:
        if not isinstance(tree, exp.Select):
            raise malformed("unexpected token: a query begins with SELECT")
        surplus = {name for name, value in tree.args.items() if value} - _CLAUSES
        source = tree.args.get("from_") or tree.args.get("from")
        if surplus or source is None or not tree.expressions:
            raise malformed("unexpected token: " + (", ".join(sorted(surplus)) or "FROM or the fields are missing"))
        table = source.this
        if not isinstance(table, exp.Table) or table.args.get("db") or len([v for v in table.args.values() if v]) != 1:
            raise malformed("unexpected token after FROM")
        where = tree.args.get("where")
        group = tree.args.get("group")
        order = tree.args.get("order")
        return Select(
            str(table.name),
            tuple(self.column(node) for node in tree.expressions),
            self.condition(where.this) if where else None,
            tuple(self.path(node) for node in group.expressions) if group else (),
            tuple(self.order(node) for node in order.expressions) if order else (),
            self.whole(tree.args.get("limit")),
            self.whole(tree.args.get("offset")) or 0,
        )

    def column(self, node: exp.Expression) -> Path | TypeOf | Aggregate | Select:
        alias: str | None = None
        if isinstance(node, exp.Subquery):
            if node.alias:
                raise malformed("unexpected token: an alias of a subquery")
            return self.select(node.this)
        if isinstance(node, exp.Alias):
            alias, node = str(node.alias), node.this
        function = _FUNCTIONS.get(type(node))
        if isinstance(node, exp.Anonymous) and str(node.this).upper() == "COUNT_DISTINCT":
            return Aggregate("COUNT_DISTINCT", self.path(node.expressions[0]), alias)
        if function is not None:
            return Aggregate(function, self.path(node.this) if node.this is not None else None, alias)
        path = self.path(node)
        if alias is not None:
            raise malformed("unexpected token: only aggregates have an alias")
        if path[0].startswith("TYPEOF__"):
            return self._prepared.typeofs[int(path[0][8:])]
        return path

    def path(self, node: exp.Expression) -> Path:
        if not isinstance(node, exp.Column):
            raise malformed("unexpected token: a field name was expected")
        return tuple(str(part.name) for part in node.parts)

    def order(self, node: exp.Ordered) -> Order:
        descending = bool(node.args.get("desc"))
        first = node.args.get("nulls_first")
        return Order(self.path(node.this), descending, not (True if first is None else bool(first)))

    def whole(self, node: exp.Expression | None) -> int | None:
        if node is None:
            return None
        value = self.literal(node.expression)
        if value.kind != "number" or not value.text.isdigit():
            raise malformed("unexpected token: LIMIT and OFFSET take a whole number")
        return int(value.text)

    def literal(self, node: exp.Expression) -> Literal:
        if isinstance(node, exp.Literal):
            return self._prepared.literals[int(node.this)]
        if isinstance(node, exp.Null):
            return Literal("null", "")
        if isinstance(node, exp.Boolean):
            return Literal("boolean", "true" if node.this else "false")
        if isinstance(node, exp.Column) and str(node.name).upper() in _WORDS:
            return Literal("relative", str(node.name))
        raise malformed("unexpected token: a value was expected")

    def condition(self, node: exp.Expression) -> Condition:
        if isinstance(node, exp.Paren):
            return self.condition(node.this)
        if isinstance(node, exp.And | exp.Or):
            return self.connected(node)
        if isinstance(node, exp.Not):
            return Negation(self.condition(node.this))
        operator = _OPERATORS.get(type(node))
        if operator is not None:
            return Compare(self.path(node.this), operator, self.literal(node.expression))
        if isinstance(node, exp.Like):
            value = self.literal(node.expression)
            if value.kind != "string":
                raise malformed("unexpected token: LIKE takes a string")
            return Like(self.path(node.this), value)
        if isinstance(node, exp.In):
            query = node.args.get("query")
            if query is not None:
                return In(self.path(node.this), self.select(query.this))
            return In(self.path(node.this), tuple(self.literal(item) for item in node.expressions))
        raise malformed("unexpected token in WHERE")

    def connected(self, node: exp.Expression) -> Condition:
        """AND and OR need brackets where they meet. A long chain leans left: it is walked, not recursed."""
        kind = type(node)
        parts: list[exp.Expression] = []
        left = node
        while type(left) is kind:
            parts.append(left.expression)
            left = left.this
        parts.append(left)
        if any(isinstance(part, exp.And | exp.Or) for part in parts):
            raise malformed("unexpected token: AND and OR need brackets where they meet")
        return Joined("and" if kind is exp.And else "or", tuple(self.condition(part) for part in reversed(parts)))
