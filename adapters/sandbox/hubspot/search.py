"""`/crm/v3/objects/{type}/search`: filters, one sort, pages of two hundred, ten thousand at most, and a lagging index."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.sandbox.hubspot.objects import show
from adapters.sandbox.hubspot.portal import Portal
from adapters.sandbox.hubspot.table import Key, Row, Table, Version, index_key
from adapters.sandbox.hubspot.wire import ApiError, as_list, as_map, body_map, parse_ms, scalar, whole
from adapters.sandbox.server import Request, Response

PAGE_LIMIT = 200
CEILING = 10_000
"""Results of one query that can be paged through; beyond them HubSpot answers 400."""
BODY_LIMIT = 3_000
"""Characters of a search request's body."""
GROUP_LIMIT, GROUP_FILTERS, ALL_FILTERS = 5, 6, 18

Test = Callable[[Row, Version], bool]

_VALUE = {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}
_NONE = {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}
_MANY = {"IN", "NOT_IN"}
_TOKENS = re.compile(r"[\w*]+")


@dataclass(frozen=True)
class Filter:
    """One condition of a query."""

    name: str
    operator: str
    value: str
    high: str
    values: tuple[str, ...]


def _filter(raw: object) -> Filter:
    said = as_map(raw, "a filter")
    name, operator = scalar(said.get("propertyName")), scalar(said.get("operator"))
    if operator not in _VALUE | _NONE | _MANY | {"BETWEEN"}:
        raise ApiError(400, f"Invalid input JSON: {operator} is not a known operator")
    if operator in _NONE and "value" in said:
        raise ApiError(400, f"operator {operator} does not take a value")
    if operator in _VALUE | {"BETWEEN"} and "value" not in said:
        raise ApiError(400, f"operator {operator} requires a value for {name}")
    if operator == "BETWEEN" and "highValue" not in said:
        raise ApiError(400, f"operator BETWEEN requires a highValue for {name}")
    if operator in _MANY and not said.get("values"):
        raise ApiError(400, f"operator {operator} requires values for {name}")
    values = tuple(scalar(value) for value in as_list(said.get("values"), "values"))
    return Filter(name, operator, scalar(said.get("value")), scalar(said.get("highValue")), values)


def groups_of(body: Mapping[str, object]) -> list[list[Filter]]:
    """The query's filter groups, within HubSpot's limits."""
    groups = [
        [_filter(item) for item in as_list(as_map(group, "a filter group").get("filters"), "filters")]
        for group in as_list(body.get("filterGroups"), "filterGroups")
    ]
    if len(groups) > GROUP_LIMIT:
        raise ApiError(400, f"Too many filter groups: at most {GROUP_LIMIT} are supported")
    if any(len(group) > GROUP_FILTERS for group in groups) or sum(map(len, groups)) > ALL_FILTERS:
        raise ApiError(400, f"Too many filters: at most {GROUP_FILTERS} per group and {ALL_FILTERS} in all")
    return groups


def _bounds(condition: Filter) -> tuple[int, int]:
    """The milliseconds a filter on the stamp admits, from and up to (not included)."""
    low, high = _ms(condition, condition.value), 0
    match condition.operator:
        case "EQ":
            return low, low + 1
        case "GT":
            return low + 1, 2**62
        case "GTE":
            return low, 2**62
        case "LT":
            return -(2**62), low
        case "LTE":
            return -(2**62), low + 1
        case _:
            high = _ms(condition, condition.high)
            return low, high + 1


def _ms(condition: Filter, text: str) -> int:
    ms = parse_ms(text)
    if ms is None:
        raise ApiError(400, f"Invalid value for {condition.name}: '{text}' is not a date")
    return ms


def _number(condition: Filter, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ApiError(400, f"Invalid value for {condition.name}: '{text}' is not a number") from None


def _contains(value: str, pattern: str) -> bool:
    words = _TOKENS.findall(value.lower())
    wanted = [re.compile(re.escape(token).replace(r"\*", ".*")) for token in _TOKENS.findall(pattern.lower())]
    return bool(wanted) and all(any(token.fullmatch(word) for word in words) for token in wanted)


def _ordered(condition: Filter, table: Table) -> Test | None:
    """A test by size, for properties that have an order; None for texts and enumerations."""
    prop = table.properties[condition.name]
    if condition.operator in _NONE | {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"} or prop.type not in (
        "datetime",
        "number",
    ):
        return None
    if condition.operator in _MANY:
        chosen = {_size(condition, prop.type, value) for value in condition.values}
        return _on(table, condition, lambda have: _size(condition, prop.type, have) in chosen)
    low = _size(condition, prop.type, condition.value)
    high = _size(condition, prop.type, condition.high) if condition.operator == "BETWEEN" else low
    compare: Mapping[str, Callable[[float], bool]] = {
        "EQ": lambda have: have == low,
        "NEQ": lambda have: have != low,
        "LT": lambda have: have < low,
        "LTE": lambda have: have <= low,
        "GT": lambda have: have > low,
        "GTE": lambda have: have >= low,
        "BETWEEN": lambda have: low <= have <= high,
    }
    holds = compare[condition.operator]
    return _on(table, condition, lambda have: holds(_size(condition, prop.type, have)))


def _size(condition: Filter, kind: str, text: str) -> float:
    return _ms(condition, text) if kind == "datetime" else _number(condition, text)


def _on(table: Table, condition: Filter, holds: Callable[[str], bool]) -> Test:
    """A test of a property's value; an empty property passes none, NOT_IN included (`holds` sees the value only)."""
    negate = condition.operator == "NOT_IN"

    def test(row: Row, version: Version) -> bool:
        value = table.value(row, version, condition.name)
        return value is not None and holds(value) is not negate

    return test


def _textual(condition: Filter, table: Table) -> Test:
    """A test of a text (any case, but IN wants lower case) or of an enumeration (exact case)."""
    exact = table.properties[condition.name].type == "enumeration"
    value = condition.value if exact else condition.value.lower()
    chosen = set(condition.values)

    def folded(have: str) -> str:
        return have if exact else have.lower()

    tests: Mapping[str, Callable[[str], bool]] = {
        "EQ": lambda have: folded(have) == value,
        "NEQ": lambda have: folded(have) != value,
        "LT": lambda have: folded(have) < value,
        "LTE": lambda have: folded(have) <= value,
        "GT": lambda have: folded(have) > value,
        "GTE": lambda have: folded(have) >= value,
        "BETWEEN": lambda have: value <= folded(have) <= condition.high,
        "IN": lambda have: folded(have) in chosen,
        "NOT_IN": lambda have: folded(have) in chosen,
        "HAS_PROPERTY": lambda have: True,
        "CONTAINS_TOKEN": lambda have: _contains(have, condition.value),
        "NOT_CONTAINS_TOKEN": lambda have: not _contains(have, condition.value),
    }
    if condition.operator == "NOT_HAS_PROPERTY":
        return lambda row, version: table.value(row, version, condition.name) is None
    return _on(table, condition, tests[condition.operator])


def _linked(portal: Portal, table: Table, condition: Filter) -> Test:
    """A test of the pseudo property `associations.{type}`."""
    other = portal.table(condition.name.removeprefix("associations.")).kind.name
    wanted = condition.values if condition.operator == "IN" else (condition.value,)
    if condition.operator not in ("EQ", "IN"):
        raise ApiError(400, f"operator {condition.operator} is not supported for {condition.name}")
    near = {there for far in wanted for there in portal.linked(other, far, table.kind.name)}
    return lambda row, version: row.id in near


def _test(portal: Portal, table: Table, condition: Filter) -> Test:
    if condition.name.startswith("associations."):
        return _linked(portal, table, condition)
    if table.visible(condition.name) is None:
        if condition.name == "hs_lastmodifieddate":  # on contacts: accepted, and matches nothing
            return lambda row, version: False
        raise ApiError(400, f"There was a problem with the request: property '{condition.name}' does not exist")
    return _ordered(condition, table) or _textual(condition, table)


def _candidates(
    portal: Portal, table: Table, group: Sequence[Filter], keys: list[Key]
) -> tuple[list[Key], list[Filter]]:
    """The smallest easy superset of a group's matches, and the filters still to be tested."""
    rest = list(group)
    for condition in group:
        if condition.name.startswith("associations.") and condition.operator in ("EQ", "IN"):
            other = portal.table(condition.name.removeprefix("associations.")).kind.name
            wanted = condition.values if condition.operator == "IN" else (condition.value,)
            near = {there for far in wanted for there in portal.linked(other, far, table.kind.name)}
            shown = table.index.shown
            return sorted(index_key(row, shown[row].modified) for row in near if row in shown), rest
    low, high = -(2**62), 2**62
    for condition in group:
        if condition.name == table.kind.stamp and condition.operator in ("EQ", "GT", "GTE", "LT", "LTE", "BETWEEN"):
            bounds = _bounds(condition)
            low, high = max(low, bounds[0]), min(high, bounds[1])
            rest.remove(condition)
    start = bisect_left(keys, (low, -1, ""))
    return keys[start : max(start, bisect_left(keys, (high, -1, "")))], rest


def _matches(portal: Portal, table: Table, groups: Sequence[Sequence[Filter]]) -> list[Key]:
    """The index keys of every match, in the order of the index."""
    keys = table.index.keys(portal.now())
    if not groups:
        return keys
    found: list[list[Key]] = []
    for group in groups:
        chosen, rest = _candidates(portal, table, group, keys)
        tests = [_test(portal, table, condition) for condition in rest]
        shown, rows = table.index.shown, table.rows
        found.append(
            [key for key in chosen if all(test(rows[key[2]], shown[key[2]]) for test in tests)] if tests else chosen
        )
    return found[0] if len(found) == 1 else sorted({key for keys in found for key in keys})


def _sort_of(table: Table, body: Mapping[str, object]) -> tuple[str, bool]:
    """What to sort by and whether downwards; by creation when nothing is said."""
    sorts = as_list(body.get("sorts"), "sorts")
    if len(sorts) > 1:
        raise ApiError(400, "Only one sort is supported")
    if not sorts:
        return table.kind.created, False
    first = sorts[0]
    if isinstance(first, str):
        return first.lstrip("-"), first.startswith("-")
    said = as_map(first, "a sort")
    return scalar(said.get("propertyName")), said.get("direction") == "DESCENDING"


def _sorted(table: Table, keys: list[Key], name: str, down: bool) -> list[Key]:
    if name == table.kind.stamp:
        return keys[::-1] if down else keys
    if name == "hs_object_id":
        return sorted(keys, key=lambda key: int(key[2]), reverse=down)
    if name in (table.kind.created, "hs_createdate"):
        return sorted(keys, key=lambda key: table.rows[key[2]].created, reverse=down)
    prop, shown = table.visible(name), table.index.shown
    if prop is None and name == "hs_lastmodifieddate":
        return keys
    if prop is None:
        raise ApiError(400, f"There was a problem with the request: cannot sort by '{name}'")
    if prop.type == "number":
        return sorted(keys, key=lambda key: float(shown[key[2]].properties.get(name, "-inf")), reverse=down)
    return sorted(keys, key=lambda key: shown[key[2]].properties.get(name, ""), reverse=down)


def search(portal: Portal, request: Request, parts: Sequence[str]) -> Response:
    """One page of what the index shows. Unknown keys of the body are ignored, as HubSpot does."""
    table = portal.table(parts[0])
    if len(request.text()) > BODY_LIMIT:
        raise ApiError(400, f"The request body must be at most {BODY_LIMIT} characters")
    body = body_map(request)
    limit = whole(body.get("limit"), "limit", 10, PAGE_LIMIT) or 10
    after = whole(body.get("after"), "after", 0, 10**9)
    if after + limit > CEILING:
        raise ApiError(400, f"The maximum number of results that can be paged through is {CEILING}")
    wanted = [scalar(name) for name in as_list(body.get("properties"), "properties")]
    name, down = _sort_of(table, body)
    keys = _sorted(table, _matches(portal, table, groups_of(body)), name, down)
    page = keys[after : after + limit]
    rows, shown = table.rows, table.index.shown
    answer: dict[str, object] = {
        "total": len(keys),
        "results": [show(table, rows[key[2]], wanted, shown[key[2]]) for key in page],
    }
    if after + limit < len(keys):
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return Response(200, answer)
