"""The sandbox org itself: its users, its switches, and the one lock everything happens under."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.salesforce import access
from adapters.sandbox.salesforce.actions import Actions, SentMail
from adapters.sandbox.salesforce.api import Api
from adapters.sandbox.salesforce.calls import Write
from adapters.sandbox.salesforce.database import Database, RowFault
from adapters.sandbox.salesforce.fields import Row, Value
from adapters.sandbox.salesforce.oauth import Tokens
from adapters.sandbox.salesforce.org import OrgActs
from adapters.sandbox.salesforce.queries import Queries
from adapters.sandbox.salesforce.records import Records
from adapters.sandbox.salesforce.rest import Rest
from adapters.sandbox.salesforce.schema import build_schema
from adapters.sandbox.salesforce.sobjects import SObjects
from adapters.sandbox.server import Request, Response


class SandboxSalesforce(OrgActs):
    """A Salesforce org: hand it to `SandboxServer`, and let people act in it through the methods of `Org`.

    `token_requests` is how many requests a token lives for (None: until `expire_tokens`), `daily_limit` how many calls
    24 hours allow, `page_size` the most rows of a query page. `task_key_field` puts the external-id field
    FollowupKey__c on Task and Event, `task_key_unique` makes it unique. With `public_key_pem` the signature of a JWT is
    checked, with `jwt_clock` its expiry: clients sign with the clock on the wall, which the sandbox's clock is not.
    """

    tracked_fields: Mapping[str, tuple[str, ...]] = {
        "Lead": ("Status", "OwnerId", "LeadSource", "Rating"),
        "Contact": ("OwnerId", "LeadSource"),
        "Opportunity": ("StageName", "OwnerId", "Amount", "CloseDate"),
    }
    stamp_resolution = timedelta(seconds=1)
    user_zone = ZoneInfo("America/Los_Angeles")
    """The API user's time zone, which date literals in queries follow."""

    def __init__(
        self,
        clock: SandboxClock,
        *,
        client_id: str = "sandbox",
        client_secret: str = "sandbox-secret",  # noqa: S107 - it opens nothing but this sandbox
        username: str = "followup@example.com",
        token_requests: int | None = None,
        daily_limit: int = 100_000,
        page_size: int = 2000,
        task_key_field: bool = True,
        task_key_unique: bool = True,
        public_key_pem: bytes | None = None,
        jwt_clock: Callable[[], datetime] | None = None,
    ) -> None:
        db = Database(clock, build_schema(task_key_field, task_key_unique), self.stamp_resolution)
        records = Records(db, self.tracked_fields)
        self.api_user = _add_user(records, "Followup", "Integration", username)
        self.default_owner = _add_user(records, "Dana", "Default", "admin@example.com")
        super().__init__(db, records, self.default_owner)
        self._read_only: set[str] = set()
        self._api = Api(records, self.default_owner, self._read_only)
        self._tokens = Tokens((client_id, client_secret), username, token_requests, public_key_pem, jwt_clock)
        self._queries = Queries(db, self.user_zone, page_size)
        self._actions = Actions(records, self.api_user)
        self._sobjects = SObjects(self._api, self._read_only)
        self._rest = Rest(
            self._api, self._sobjects, self._tokens, self._queries, self._actions, self.api_user, daily_limit
        )

    def handle(self, request: Request) -> Response:
        """Answer one HTTP request."""
        with self._db.lock:
            return self._rest.handle(request)

    @property
    def writes(self) -> list[Write]:
        """Every write that reached the org, in order, whatever came of it."""
        return self._rest.writes

    @property
    def sent_mail(self) -> list[SentMail]:
        """What emailSimple sent."""
        return self._actions.sent

    @property
    def logins(self) -> int:
        """How many tokens were given out."""
        return self._tokens.logins

    @property
    def api_calls(self) -> int:
        """How many calls count against the daily limit now."""
        with self._db.lock:
            return self._rest.usage.used(self._db.seen_now())

    def rows(self, name: str) -> list[Row]:
        """All rows of an object as they are, deleted and not yet visible ones included: primary data for oracles."""
        with self._db.lock:
            return [dict(row) for row in self._db.tables[name].rows.values()]

    def insert_row(self, name: str, values: Mapping[str, Value], *, by: str | None = None) -> str:
        """Put a record of any object there, unchecked, under Salesforce's own field names."""
        return self._insert(name, values, by or self._admin)

    def update_row(self, identity: str, changes: Mapping[str, Value], *, by: str | None = None) -> None:
        """Change a record of any object, unchecked, under Salesforce's own field names."""
        self._update(self._object(identity), identity, changes, by or self._admin)

    def expire_tokens(self) -> None:
        """End every token given out so far."""
        with self._db.lock:
            self._tokens.expire()

    def expire_cursors(self) -> None:
        """Lose every query locator."""
        with self._db.lock:
            self._queries.forget()

    def set_page_size(self, rows: int) -> None:
        """The most rows of a query page from now on."""
        with self._db.lock:
            self._queries.page_size = rows

    def hide_field(self, name: str, field: str) -> None:
        """Field-level security: the API user no longer sees the field."""
        with self._db.lock:
            self._db.hidden.add((name, field))

    def show_field(self, name: str, field: str) -> None:
        """The API user sees the field again."""
        with self._db.lock:
            self._db.hidden.discard((name, field))

    def remove_permission(self, name: str, what: Literal["read", "write"] = "read") -> None:
        """Without `read` the object is as if it were not there; without `write` it can only be read."""
        with self._db.lock:
            (self._db.forbidden if what == "read" else self._read_only).add(name)

    def restore_permission(self, name: str) -> None:
        """The API user may read and write the object again."""
        with self._db.lock:
            self._db.forbidden.discard(name)
            self._read_only.discard(name)

    def grant_only(self, grants: Collection[str]) -> None:
        """The API user may do this and no more: `Lead: read`, `Task: create`, `Lead.Rating: edit`; see `access`."""
        with self._db.lock:
            access.grant_only(self._db, grants)

    def late_rows(self, name: str, delay: timedelta | None) -> None:
        """From now on what others write to this object is stamped at once and seen by readers only after the delay."""
        with self._db.lock:
            self._db.tables[name].prompt_for = self.api_user
            self._db.tables[name].late_by = delay

    def fail_rows(
        self,
        name: str,
        matcher: Callable[[Mapping[str, object]], bool],
        code: str,
        message: str = "",
        times: int | None = 1,
    ) -> None:
        """Refuse single rows that are written to an object (or inputs of an action of that name) and match."""
        with self._db.lock:
            self._db.row_faults.append(RowFault(name, matcher, code, message or code.lower(), times))

    def set_failed_action_status(self, status: int) -> None:
        """The HTTP status of an action call in which an input failed: 200 unless set, so that isSuccess must be read."""
        with self._db.lock:
            self._actions.failed_status = status

    def hold_back_replication(self, behind: timedelta) -> None:
        """A long transaction keeps latestDateCovered of getUpdated and getDeleted behind the clock."""
        with self._db.lock:
            self._sobjects.behind = behind

    def archive(self) -> None:
        """Archive closed tasks and events that are over 365 days old: only queryAll shows them from now on."""
        with self._db.lock:
            limit = (self._db.seen_now() - timedelta(days=365)).date().isoformat()
            for name in ("Task", "Event"):
                for row in list(self._db.tables[name].rows.values()):
                    day = row["ActivityDate"]
                    if isinstance(day, str) and day < limit and (name == "Event" or row["IsClosed"]):
                        self._db.put(name, {**row, "IsArchived": True})


def _add_user(records: Records, first: str, last: str, username: str) -> str:
    values: dict[str, Value] = {
        "FirstName": first,
        "LastName": last,
        "Username": username,
        "Email": username,
        "Alias": last[:8],
        "IsActive": True,
        "TimeZoneSidKey": "America/Los_Angeles",
    }
    return str(records.insert("User", values, "")["Id"])
