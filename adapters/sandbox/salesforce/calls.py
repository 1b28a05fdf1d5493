"""One call of the REST API as the resources see it, and what the tests may ask about the writes that came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Json = dict[str, object]
NOTED_HEADERS = ("sforce-auto-assign", "sforce-call-options", "sforce-duplicate-rule-header")


@dataclass(frozen=True)
class Call:
    """A call under /services/data/vXX.0: what stands behind the version, decoded piece by piece."""

    method: str
    path: tuple[str, ...]
    args: Mapping[str, str]
    headers: Mapping[str, str]
    body: object
    version: float

    @property
    def base(self) -> str:
        """What the addresses in answers begin with."""
        return f"/services/data/v{self.version:.1f}"


@dataclass(frozen=True)
class Write:
    """A write that reached the org, whatever came of it: `object` names the types, `rows` counts the records sent."""

    method: str
    path: str
    object: str
    rows: int
    headers: Mapping[str, str]


def as_write(call: Call) -> Write | None:
    """What to note of a call, None when it only reads."""
    head = call.path[0] if call.path else ""
    if call.method == "GET" or (
        (call.method, len(call.path)) == ("POST", 3) and call.path[:2] == ("composite", "sobjects")
    ):
        return None
    noted = {name: value for name, value in call.headers.items() if name in NOTED_HEADERS}
    body = call.body if isinstance(call.body, dict) else {}
    rows = body.get("records") or body.get("inputs") or body.get("compositeRequest")
    count = len(rows) if isinstance(rows, list) else len(call.args["ids"].split(",")) if "ids" in call.args else 1
    if head == "sobjects":
        name = call.path[1] if len(call.path) > 1 else ""
    elif head == "composite" and isinstance(rows, list) and len(call.path) > 1:
        types = (row.get("attributes") for row in rows if isinstance(row, dict))
        name = ",".join(dict.fromkeys(str(a.get("type")) for a in types if isinstance(a, dict)))
    else:
        name = call.path[-1] if call.path else ""
    return Write(call.method, "/".join(call.path), name, count, noted)
