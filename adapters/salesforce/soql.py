"""Builds SOQL from described names and escaped values, short enough for a URL. Nothing else writes query text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from math import isfinite
from urllib.parse import quote_plus

from connector.domain.model import Value

LONGEST_QUERY = 12_000
"""Bytes of a percent-encoded query: Salesforce refuses URI and headers over 16,384 together; a token alone can take 2,000."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


def is_name(text: str) -> bool:
    """True when the text can be the API name of an object or field."""
    return _NAME.fullmatch(text) is not None


def name(text: str) -> str:
    """The API name itself; ValueError when it is none, so that no text can break out of its place."""
    if not is_name(text):
        raise ValueError("not an API name of Salesforce")
    return text


def instant(value: datetime) -> str:
    """A datetime literal in UTC with milliseconds rounded down; ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError("a datetime without a time zone has no place in a query")
    utc = value.astimezone(UTC)
    return f"{utc.replace(microsecond=0, tzinfo=None).isoformat()}.{utc.microsecond // 1000:03d}Z"


def literal(value: Value) -> str:
    """A value as SOQL writes it: quoted and escaped text, bare numbers, dates, instants, true/false and null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if not isfinite(value):
            raise ValueError("SOQL has no infinite number")
        return repr(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if _NOT_TEXT.search(value):
        raise ValueError("a character that is none has no place in a query")
    return f"'{value.translate(_ESCAPES)}'"


def select(columns: Sequence[str], table: str, where: str = "", order: Sequence[str] = ()) -> str:
    """One plain SELECT; `where` comes from the functions of this module."""
    text = f"SELECT {', '.join(name(column) for column in columns)} FROM {name(table)}"  # noqa: S608 - names only
    if where:
        text += f" WHERE {where}"
    if order:
        text += f" ORDER BY {', '.join(name(column) for column in order)}"
    return text


def one_of(column: str, values: Sequence[str]) -> str:
    """The column has one of these texts; there must be at least one."""
    if not values:
        raise ValueError("an empty list matches nothing and is no SOQL")
    return f"{name(column)} IN ({', '.join(literal(value) for value in values)})"


def equals(column: str, value: Value) -> str:
    """The column has this value."""
    return f"{name(column)} = {literal(value)}"


def after(stamp_column: str, stamp: datetime, id: str) -> str:
    """Rows behind (stamp, id) in the order of both, so that equal stamps are neither skipped nor repeated.

    Without an id, all rows from the stamp on.
    """
    column, moment = name(stamp_column), instant(stamp)
    if not id:
        return f"{column} >= {moment}"
    return f"(({column} = {moment} AND Id > {literal(id)}) OR {column} > {moment})"


def both(*conditions: str) -> str:
    """All of the conditions that are not empty."""
    return " AND ".join(condition for condition in conditions if condition)


def either(*conditions: str) -> str:
    """One of the conditions that are not empty."""
    some = [condition for condition in conditions if condition]
    return some[0] if len(some) == 1 else f"({' OR '.join(some)})" if some else ""


def of_type(relation: str, objects: Sequence[str]) -> str:
    """What a reference to several objects (Who, What) points to is one of these; empty when there are none."""
    names = ", ".join(literal(name(one)) for one in objects)
    return f"{name(relation)}.Type IN ({names})" if objects else ""


def within(column: str, since: datetime | None, until: datetime) -> str:
    """From one instant (None: from the beginning) to before another, so that neighbours share no row."""
    start = f"{name(column)} >= {instant(since)}" if since is not None else ""
    return both(start, f"{name(column)} < {instant(until)}")


def count(table: str, where: str) -> str:
    """How many rows of an object fulfil a condition of this module."""
    return f"SELECT COUNT() FROM {name(table)} WHERE {where}"  # noqa: S608 - names and escaped values only


def chunks(values: Sequence[str], rest: str) -> Iterator[list[str]]:
    """The values in lists that fit into one query beside the text `rest`."""
    room = LONGEST_QUERY - len(quote_plus(rest))
    chunk: list[str] = []
    used = 0
    for value in values:
        size = len(quote_plus(literal(value) + ", "))
        if chunk and used + size > room:
            yield chunk
            chunk, used = [], 0
        chunk.append(value)
        used += size
    if chunk:
        yield chunk
