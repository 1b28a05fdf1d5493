"""Query resources: pages, and the locators that lead from one to the next until they are lost."""

from __future__ import annotations

import re
from collections import OrderedDict
from zoneinfo import ZoneInfo

from adapters.sandbox.salesforce.calls import Call, Json
from adapters.sandbox.salesforce.database import Database
from adapters.sandbox.salesforce.errors import CrmError, malformed
from adapters.sandbox.salesforce.ids import new_id
from adapters.sandbox.salesforce.soql import QueryRunner, Result
from adapters.sandbox.server import Response

MAX_CURSORS = 10  # per user; opening one more ends the oldest
_SMALLEST_BATCH = 200
_LARGEST_BATCH = 2000


class Queries:
    """Answers /query and /queryAll, at most `page_size` rows at a time."""

    def __init__(self, db: Database, zone: ZoneInfo, page_size: int) -> None:
        self._db = db
        self._zone = zone
        self.page_size = page_size
        self._cursors: OrderedDict[str, tuple[Result, int]] = OrderedDict()
        self._opened = 0

    def forget(self) -> None:
        """Lose every locator."""
        self._cursors.clear()

    def answer(self, call: Call) -> Response:
        """GET /query?q=..., /queryAll?q=... or /query/<locator>-<offset>."""
        if call.method != "GET":
            raise CrmError(
                "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are GET", status=405
            )
        if len(call.path) == 2:
            return self._page(call, *self._find(call.path[1]))
        soql = call.args.get("q", "")
        if not soql.strip():
            raise malformed("A query string has to be specified")
        runner = QueryRunner(self._db, self._zone, call.base)
        result = runner.run(soql, everything=call.path[0].lower() == "queryall")
        if result.aggregates is not None:
            return Response(200, {"totalSize": result.total, "done": True, "records": result.aggregates})
        self._opened += 1
        return self._page(call, new_id("01g", self._opened), result, 0, self._size(call))

    def _size(self, call: Call) -> int:
        asked = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""), re.I)
        size = max(_SMALLEST_BATCH, min(int(asked.group(1)), _LARGEST_BATCH)) if asked else _LARGEST_BATCH
        return min(size, self.page_size)

    def _find(self, text: str) -> tuple[str, Result, int, int]:
        locator, _, offset = text.rpartition("-")
        if locator not in self._cursors or not offset.isdigit():
            raise CrmError("INVALID_QUERY_LOCATOR", "invalid query locator")
        result, size = self._cursors[locator]
        return locator, result, int(offset), size

    def _page(self, call: Call, locator: str, result: Result, offset: int, size: int) -> Response:
        end = offset + size
        answer: Json = {"totalSize": result.total, "done": end >= len(result.rows)}
        if end < len(result.rows):
            self._cursors[locator] = (result, size)
            self._cursors.move_to_end(locator)
            while len(self._cursors) > MAX_CURSORS:
                self._cursors.popitem(last=False)
            answer["nextRecordsUrl"] = f"{call.base}/query/{locator}-{end}"
        answer["records"] = [result.render(row) for row in result.rows[offset:end]]
        return Response(200, answer)
