"""Answers that are not what they should be: one place of a CRM's answer, or the whole of it, replaced by something odd."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from adapters.sandbox.server import App, Request, Response
from tests.fuzz.target import Case

Place = tuple[Any, Any]
"""A container and the key or position in it."""

VALUES: dict[str, object] = {
    "null": None,
    "true": True,
    "object": {},
    "object in object": {"a": {"b": [{}]}},
    "list": [],
    "list of null": [None],
    "list of lists": [[[]]],
    "empty": "",
    "blank": " ",
    "word": "xyzzy",
    "minus one": -1,
    "huge": 10**30,
    "infinite": float("inf"),
    "nan": float("nan"),
    "fraction": 0.1,
    "year 1": "0001-01-01T00:00:00.000+1400",
    "year 9999": "9999-12-31T23:59:59.999-1400",
    "naive": "2026-03-02T08:00:00",
    "milliseconds": "1772438400000",
    "seconds": "1772438400",
    "far milliseconds": "999999999999999999999",
    "far back": "-99999999999999",
    "february": "2026-02-30",
    "surrogate": "\ud800",
    "nul": "a\x00b",
    "quote": "' OR Id != '",
    "superscript": "²",
    "arabic digits": "١٢٣",
    "long": "x" * 100_000,
    "brackets": "[bold]{lead.name}[/]%s${x}",
    "escape": "\x1b[2J\x9b31m",
    "other host": "https://example.org/services/data/v1/query/1",
}
PERMISSIVE: dict[str, object] = {
    "zero": 0,
    "false": False,
    "text false": "false",
    "text zero": "0",
    "SUBSCRIBED": "SUBSCRIBED",
}
"""What reads as a permission where a permission is asked for: such a lie cannot be told from the truth."""

SHAPES = ("drop", "double", "swap", "wrap", "as text", "rename")
WHOLE = (
    "nothing",
    "spaces",
    "json null",
    "json list",
    "json text",
    "open bracket",
    "page",
    "utf-16",
    "latin-1",
    "half",
    "false gzip",
    "deep",
    "digits",
    "nan",
    "202",
    "204",
    "207",
    "300",
    "302",
    "400",
    "401",
    "403",
    "404",
    "409",
    "418",
    "429",
    "500",
    "text status",
)
OPS = (*VALUES, *PERMISSIVE, *SHAPES)

_BODIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "spaces": lambda _: b"  \n",
    "json null": lambda _: b"null",
    "json list": lambda _: b"[]",
    "json text": lambda _: b'"ok"',
    "open bracket": lambda _: b"[",
    "page": lambda _: b"<html><body>Please log in</body></html>",
    "utf-16": lambda body: body.decode("utf-8", "replace").encode("utf-16"),
    "latin-1": lambda body: body + b"\xe9\xff",
    "half": lambda body: body[: len(body) // 2],
    "false gzip": lambda body: body,
    "deep": lambda _: b"[" * 50_000 + b"]" * 50_000,
    "digits": lambda _: b'{"results": [], "records": [], "total": ' + b"9" * 5_000 + b"}",
    "nan": lambda _: b"NaN",
}


class Liar:
    """Stands between the client and the CRM and changes answers; `struck` says how many."""

    def __init__(self, honest: App) -> None:
        self.honest = honest
        self.lies: list[Case] = []
        self.struck = 0
        self._count = 0
        self._lock = threading.Lock()
        self._paths: dict[int, tuple[str, str]] = {}

    def begin(self, lies: list[Case]) -> None:
        """From now on, these lies."""
        self.lies, self._count = lies, 0
        self._paths.clear()

    def handle(self, request: Request) -> Response:
        """The CRM's answer, or what the lies make of it. The CRM does its work all the same."""
        answer = self.honest.handle(request)
        with self._lock:
            number = self._count
            self._count += 1
            for index, lie in enumerate(self.lies):
                if number == lie["nth"]:
                    self._paths[index] = (request.method, request.path)
                again = lie["always"] and self._paths.get(index) == (request.method, request.path)
                if number == lie["nth"] or again:
                    self.struck += 1
                    answer = told(answer, lie)
        return answer


def told(answer: Response, lie: Case) -> Response:
    """The answer with one lie in it."""
    op = lie["op"]
    if op in _BODIES:
        headers = {**answer.headers, **({"Content-Encoding": "gzip"} if op == "false gzip" else {})}
        return Response(answer.status, _BODIES[op](answer.payload()), headers)
    if op.isdigit():
        return Response(int(op), answer.payload(), answer.headers)
    if op == "text status":
        return Response(
            answer.status, {"status": "error", "message": ["?"], "errors": "none", "category": 7}, answer.headers
        )
    try:
        body = json.loads(answer.payload())
    except ValueError:
        return answer
    root = [body]
    places = list(_places(root))
    _change(root, places[lie["place"] % len(places)], op)
    return Response(answer.status, json.dumps(root[0] if root else None).encode(), answer.headers)


def _places(container: Any) -> Iterator[Place]:
    for key in list(container) if isinstance(container, dict) else range(len(container)):
        yield container, key
        if isinstance(container[key], dict | list):
            yield from _places(container[key])


def _change(root: list[Any], place: Place, op: str) -> None:
    container, key = place
    value = container[key]
    if op in VALUES or op in PERMISSIVE:
        container[key] = {**VALUES, **PERMISSIVE}[op]
    elif op == "drop":
        del container[key]
    elif op == "wrap":
        container[key] = [value]
    elif op == "as text":
        container[key] = json.dumps(value)
    elif op == "double" and isinstance(container, list):
        container.insert(key, value)
    elif op == "rename" and isinstance(container, dict):
        container[f"{key}X"] = container.pop(key)
    elif op in ("double", "swap"):  # the value of a neighbour stands here
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        container[key] = container[keys[keys.index(key) - 1]]
