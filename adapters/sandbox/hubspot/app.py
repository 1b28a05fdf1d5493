"""The sandbox as HubSpot's API: one table of paths, old and date-based, and what a test can do to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import account, associations, automation, batch, lists, objects, search
from adapters.sandbox.hubspot.catalog import Property
from adapters.sandbox.hubspot.limits import Gate
from adapters.sandbox.hubspot.org import HubSpotOrg
from adapters.sandbox.hubspot.portal import Portal, RowFault
from adapters.sandbox.hubspot.wire import ApiError
from adapters.sandbox.server import Request, Response

Handler = Callable[[Portal, Request, Sequence[str]], Response]

URL_LIMIT = 8_192
"""Characters of a request target before HubSpot answers 414."""

_DATED = r"/20\d\d-\d\d"
_ALIASES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"^/crm/objects{_DATED}/(.+/associations/.+)$", r"/crm/v4/objects/\1"),
        (rf"^/crm/objects{_DATED}/", "/crm/v3/objects/"),
        (rf"^/crm/associations{_DATED}/", "/crm/v4/associations/"),
        (rf"^/crm/(lists|owners|properties|pipelines){_DATED}(?=/|$)", r"/crm/v3/\1"),
        (rf"^/automation/sequences{_DATED}(?=/|$)", "/automation/v4/sequences"),
        (rf"^/account-info{_DATED}/", "/account-info/v3/"),
        (rf"^/communication-preferences{_DATED}/", "/communication-preferences/v4/"),
    )
)

_O, _A, _L = "/crm/v3/objects/{}", "/crm/v4/objects/{}/{}/associations", "/crm/v3/lists"
_S, _W, _C = (
    "/automation/v4/sequences",
    "/automation/v2/workflows/{}/enrollments/contacts/{}",
    "/communication-preferences/v4",
)
_PATHS: Sequence[tuple[str, str, Handler]] = (
    ("POST", f"{_O}/search", search.search),
    ("POST", f"{_O}/merge", objects.merge),
    ("POST", f"{_O}/batch/read", batch.read),
    ("POST", f"{_O}/batch/create", batch.create),
    ("POST", f"{_O}/batch/update", batch.update),
    ("POST", f"{_O}/batch/upsert", batch.upsert),
    ("POST", f"{_O}/batch/archive", batch.archive),
    ("GET", _O, objects.listing),
    ("POST", _O, objects.create),
    ("GET", f"{_O}/{{}}", objects.read),
    ("PATCH", f"{_O}/{{}}", objects.update),
    ("DELETE", f"{_O}/{{}}", objects.archive),
    ("PUT", f"{_A}/default/{{}}/{{}}", associations.put_default),
    ("GET", f"{_A}/{{}}", associations.read),
    ("DELETE", f"{_A}/{{}}/{{}}", associations.delete),
    ("POST", "/crm/v4/associations/{}/{}/batch/read", associations.batch_read),
    ("POST", "/crm/v4/associations/{}/{}/batch/create", associations.batch_create),
    ("GET", "/crm/v3/properties/{}", account.properties),
    ("POST", "/crm/v3/properties/{}", account.create_property),
    ("GET", "/crm/v3/properties/{}/{}", account.one_property),
    ("GET", "/crm/v3/pipelines/{}", account.pipelines),
    ("GET", "/crm/v3/owners", account.owners),
    ("GET", "/crm/v3/owners/{}", account.one_owner),
    ("POST", _L, lists.create),
    ("GET", f"{_L}/{{}}", lists.read),
    ("GET", f"{_L}/{{}}/memberships", lists.members),
    ("GET", f"{_L}/{{}}/memberships/join-order", lists.members),
    ("PUT", f"{_L}/{{}}/memberships/add", lists.add),
    ("PUT", f"{_L}/{{}}/memberships/remove", lists.remove),
    ("GET", _S, automation.sequences),
    ("POST", f"{_S}/enrollments", automation.enroll),
    ("GET", f"{_S}/enrollments/contact/{{}}", automation.enrollment),
    ("POST", _W, automation.workflow_add),
    ("DELETE", _W, automation.workflow_remove),
    ("POST", "/marketing/v4/email/single-send", automation.single_send),
    ("GET", "/marketing/v4/email/single-send/{}", automation.send_status),
    ("GET", "/marketing/v3/email/send-statuses/{}", automation.send_status),
    ("GET", f"{_C}/statuses/{{}}", automation.preferences),
    ("GET", f"{_C}/statuses/{{}}/unsubscribe-all", automation.unsubscribed),
    ("GET", "/account-info/v3/details", account.details),
)
_ROUTES = [(method, re.compile(path.replace("{}", "([^/]+)")), handler) for method, path, handler in _PATHS]


def plain(path: str) -> str:
    """A path in the spelling of the table: dated versions become the old ones, no slash at the end."""
    for pattern, replacement in _ALIASES:
        if pattern.search(path):
            path = pattern.sub(replacement, path)
            break
    return path.rstrip("/")


class SandboxHubSpot(HubSpotOrg):
    """A HubSpot account on this machine. Give it to `SandboxServer`; act in it through the methods of `Org`."""

    def __init__(
        self,
        clock: SandboxClock,
        *,
        access_token: str = "sandbox-token",  # noqa: S107 - opens nothing
        index_lag: timedelta = timedelta(0),
        daily_limit: int = 625_000,
        burst_limit: int | None = 190,
        search_per_second: int | None = None,
        task_key_property: str | None = None,
    ) -> None:
        super().__init__(Portal(clock, index_lag))
        self.gate = Gate(access_token, daily_limit, burst_limit, search_per_second)
        self.writes: list[tuple[str, str, int]] = []
        if task_key_property is not None:
            self.portal.add_property("tasks", Property(task_key_property, unique=True))

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        path = plain(request.path)
        with self.portal.lock:
            try:
                if len(request.raw_target) > URL_LIMIT:
                    return Response(414, "<html><body><h1>414 Request-URI Too Large</h1></body></html>")
                self.gate.enter(self.portal, request, path)
                response = self._answer(request, path)
            except ApiError as error:
                response = error.response()
            headers = {} if response.status == 401 else self.gate.headers(self.portal, path)
            return Response(response.status, response.body, {**headers, **response.headers})

    def _answer(self, request: Request, path: str) -> Response:
        if (request.method, path) == ("GET", "/account-info/v3/api-usage/daily/private-apps"):
            return self.gate.usage(self.portal)
        known = False
        for method, pattern, handler in _ROUTES:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            known = True
            if method == request.method:
                response = handler(self.portal, request, found.groups())
                if method != "GET" and not path.endswith(("/search", "/batch/read")):
                    self.writes.append((method, path, _rows(request)))
                return response
        if known:
            raise ApiError(405, "HTTP 405 Method Not Allowed", "")
        raise ApiError(404, "resource not found", "OBJECT_NOT_FOUND")

    # -- what a test can do to it --------------------------------------------------------------------------------
    @property
    def app_id(self) -> str:
        """The app's id, as property history names it for changes made through the API."""
        return self.portal.app_id

    def revoke(self) -> None:
        """The token stops working: 401 from now on."""
        self.gate.revoked = True

    def remove_scope(self, name: str) -> None:
        """Calls that need this scope answer 403 from now on."""
        self.gate.lost_scopes.add(name)

    def grant_only(self, scopes: Iterable[str]) -> None:
        """The app has these scopes and no others: any other call answers 403 MISSING_SCOPES."""
        self.gate.granted = frozenset(scopes)

    def spend_day(self) -> None:
        """The day's quota is used up until midnight in the account's time zone."""
        self.gate.spend(self.portal)

    def hide_property(self, object: str, name: str) -> None:
        """The app no longer sees a property: not listed, not returned, not writable."""
        with self.portal.lock:
            self.portal.table(object).hidden.add(name)

    def late(self, object: str, id: str, delay: timedelta) -> None:
        """Search shows the newest version of this row, and later ones, only so long after their stamps."""
        with self.portal.lock:
            table = self.portal.table(object)
            table.set_delay(self.portal.row(table, id), delay // timedelta(milliseconds=1), self.portal.now())

    def unsubscribe(self, lead: str) -> None:
        """The contact leaves all mail by a link; its property `hs_email_optout` stays as it was, null as a rule."""
        with self.portal.lock:
            self.portal.unsubscribed.add(self.portal.row(self.portal.tables["contacts"], lead).id)

    def fail_rows(
        self,
        object: str,
        predicate: Callable[[Mapping[str, str]], bool],
        category: str = "VALIDATION_ERROR",
        message: str = "Row refused by the sandbox",
        times: int | None = 1,
    ) -> None:
        """Refuse created or changed rows for which the predicate holds, so many times (None: always).

        The predicate sees the row's values as they would be, with `id` for a row that exists.
        """
        self.portal.faults.append(RowFault(self.portal.table(object).kind.name, predicate, category, message, times))


def _rows(request: Request) -> int:
    """How many rows a write sent."""
    try:
        body = request.json()
    except ValueError:
        return 1
    rows = body.get("inputs") if isinstance(body, dict) else body
    return len(rows) if isinstance(rows, list) else 1
