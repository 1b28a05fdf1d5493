"""The front door: tokens, limits, and which resource answers a request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime

from adapters.sandbox.salesforce.actions import Actions
from adapters.sandbox.salesforce.api import Api, Caller
from adapters.sandbox.salesforce.calls import Call, Write, as_write
from adapters.sandbox.salesforce.composite import (
    NEWEST_VERSION,
    OLDEST_VERSION,
    Composite,
    parse_body,
    sub_call,
)
from adapters.sandbox.salesforce.errors import CrmError, not_found
from adapters.sandbox.salesforce.oauth import Tokens
from adapters.sandbox.salesforce.queries import Queries
from adapters.sandbox.salesforce.sobjects import SObjects
from adapters.sandbox.server import Request, Response

MAX_TARGET_BYTES = 16_384
_WINDOW = timedelta(hours=24)
_ORG = "00DHs0000000001MAE"


class Usage:
    """The org's daily calls: a rolling window of 24 hours of the sandbox's clock."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._calls: deque[datetime] = deque()

    def count(self, now: datetime) -> None:
        """Count a call; REQUEST_LIMIT_EXCEEDED when none is left."""
        self._settle(now)
        if len(self._calls) >= self.limit:
            raise CrmError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        self._calls.append(now)

    def used(self, now: datetime) -> int:
        """How many calls the window holds."""
        self._settle(now)
        return len(self._calls)

    def _settle(self, now: datetime) -> None:
        while self._calls and self._calls[0] <= now - _WINDOW:
            self._calls.popleft()


class Rest:
    """Answers HTTP requests as the API user `user`."""

    def __init__(
        self, api: Api, sobjects: SObjects, tokens: Tokens, queries: Queries, actions: Actions, user: str, limit: int
    ) -> None:
        self._api = api
        self._db = api.db
        self._tokens = tokens
        self._queries = queries
        self._actions = actions
        self._user = user
        self.usage = Usage(limit)
        self.writes: list[Write] = []
        self._composite = Composite(api, sobjects, self._answer)
        self._resources: Mapping[str, Callable[[Call], Response]] = {
            "query": queries.answer,
            "queryall": queries.answer,
            "sobjects": lambda call: sobjects.answer(call, self._caller(call)),
            "composite": lambda call: self._composite.answer(call, self._caller(call)),
            "limits": self._limits,
            "actions": self._act,
        }

    def handle(self, request: Request) -> Response:
        """Answer one request; the caller holds the lock."""
        now = self._db.seen_now()
        if request.path.rstrip("/") == "/services/oauth2/token":
            return self._tokens.answer(request, self._user, now)
        try:
            self._check_size(request)
            if request.path.rstrip("/") == "/services/data":
                return self._limit_info(_versions())
            self._tokens.check(request.headers)
            if request.path.rstrip("/") in ("/services/oauth2/userinfo", f"/id/{_ORG}/{self._user}"):
                return Response(200, {"user_id": self._user, "organization_id": _ORG, "active": True})
            if not self._db.api_enabled:
                raise CrmError(
                    "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner", status=403
                )
            self.usage.count(now)
            call = sub_call(request.method, request.raw_target, dict(request.headers), parse_body(request.body))
            response = self._answer(call)
        except CrmError as problem:
            response = Response(problem.status, problem.body())
        return self._limit_info(response)

    def _check_size(self, request: Request) -> None:
        target = len(request.raw_target.encode())
        if target > MAX_TARGET_BYTES:
            raise CrmError("URI_TOO_LONG", "URI Too Long", status=414)
        if target + sum(len(name) + len(value) + 4 for name, value in request.headers.items()) > MAX_TARGET_BYTES:
            raise CrmError("REQUEST_HEADER_TOO_LARGE", "Request Header Fields Too Large", status=431)

    def _limit_info(self, response: Response) -> Response:
        now = self._db.seen_now()
        usage = f"api-usage={self.usage.used(now)}/{self.usage.limit}"
        own = {"Sforce-Limit-Info": usage, "Date": format_datetime(now, usegmt=True)}
        return Response(response.status, response.body, {**response.headers, **own})

    def _answer(self, call: Call) -> Response:
        write = as_write(call)
        if write is not None:
            self._db.begin()
            self.writes.append(write)
        if not call.path:
            return Response(200, {name: f"{call.base}/{name}" for name in ("sobjects", "query", "queryAll", "limits")})
        resource = self._resources.get(call.path[0].lower())
        if resource is None:
            raise not_found()
        return resource(call)

    def _caller(self, call: Call) -> Caller:
        return Caller(self._user, call.headers.get("sforce-auto-assign", "TRUE").strip().upper() != "FALSE")

    def _limits(self, call: Call) -> Response:
        used = self.usage.used(self._db.seen_now())
        mails = {"Max": 5000, "Remaining": 5000 - len(self._actions.sent)}
        daily = {"Max": self.usage.limit, "Remaining": max(0, self.usage.limit - used)}
        return Response(200, {"DailyApiRequests": daily, "DailyWorkflowEmails": mails, "SingleEmail": mails})

    def _act(self, call: Call) -> Response:
        if call.path[:2] != ("actions", "standard") or len(call.path) != 3 or call.method != "POST":
            raise not_found()
        return Response(*self._actions.run(call.path[2], call.body))


def _versions() -> Response:
    numbers = range(int(OLDEST_VERSION), int(NEWEST_VERSION) + 1)
    return Response(200, [{"label": f"v{n}.0", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in numbers])
