"""Who may ask what how often: token, scopes, the day's quota, the ten-second window, the searches per second."""

from __future__ import annotations

import re
import time
import uuid
from collections import deque
from datetime import datetime, timedelta

from adapters.sandbox.hubspot.account import local_now
from adapters.sandbox.hubspot.catalog import ALIASES, TYPES
from adapters.sandbox.hubspot.portal import Portal
from adapters.sandbox.hubspot.wire import ApiError
from adapters.sandbox.server import Request, Response

WINDOW = 10.0
"""Seconds of the rolling limit."""

_SEARCH = re.compile(r"/crm/v3/objects/[^/]+/search")
_UNCOUNTED = re.compile(r"/crm/v[34]/associations/.+/batch/.+")
_FREE = re.compile(r"/marketing/v4/email/single-send")
_OBJECT = re.compile(r"/crm/v[34]/(?:objects|associations|properties|pipelines)/([^/]+)")
_AS_WELL = {"marketing-email": ("transactional-email",)}
_READING = re.compile(r".*/(search|batch/read)")


class Gate:
    """Lets a request in, or says why not. Rates count in real time, the day in the sandbox's."""

    def __init__(self, token: str, daily: int, burst: int | None, searches: int | None) -> None:
        self.token = token
        self.daily = daily
        self.burst = burst
        self.searches = searches
        self.revoked = False
        self.lost_scopes: set[str] = set()
        self.granted: frozenset[str] | None = None
        self._day = ""
        self._used = 0
        self._recent: deque[float] = deque()
        self._searched: deque[float] = deque()

    def used(self, portal: Portal) -> int:
        """Calls counted so far on the account's present day."""
        day = f"{local_now(portal):%Y-%m-%d}"
        if day != self._day:
            self._day, self._used = day, 0
        return self._used

    def spend(self, portal: Portal) -> None:
        """Use up the day."""
        self.used(portal)
        self._used = self.daily

    def enter(self, portal: Portal, request: Request, path: str) -> None:
        """Raise 401, 403 or one of the three 429s; count the call otherwise."""
        if self.revoked or request.headers.get("authorization") != f"Bearer {self.token}":
            text = "Authentication credentials not found. This API supports OAuth 2.0 authentication"
            raise ApiError(401, text, "INVALID_AUTHENTICATION")
        if self.used(portal) >= self.daily:
            raise _throttled("You have reached your daily limit.", policyName="DAILY", requestId=str(uuid.uuid4()))
        now = time.monotonic()
        if _SEARCH.fullmatch(path):
            if self.searches is not None and not _admit(self._searched, now, 1.0, self.searches):
                self._used += 1
                raise ApiError(429, "You have reached your secondly limit.", "RATE_LIMITS")
        elif not self._in_burst(path, now):
            self._used += 1
            text = "You have reached your ten_secondly_rolling limit."
            name = f"publicapi:private-apps:api-calls:{portal.app_id}"
            raise _throttled(text, policyName="TEN_SECONDLY_ROLLING", groupName=name)
        self._used += not _FREE.fullmatch(path)
        missing = sorted(scope for scope in scopes_of(request.method, path) if not self._has(scope))
        if missing:
            raise _missing(missing)

    def _has(self, scope: str) -> bool:
        """Whether the app has a scope, or another that does as well; without `granted` it has all but the lost ones."""
        fits = {scope, *_AS_WELL.get(scope, ())} - self.lost_scopes
        return bool(fits if self.granted is None else fits & self.granted)

    def _in_burst(self, path: str, now: float) -> bool:
        free = self.burst is None or _UNCOUNTED.fullmatch(path) or _FREE.fullmatch(path)
        return bool(free) or _admit(self._recent, now, WINDOW, self.burst or 0)

    def headers(self, portal: Portal, path: str) -> dict[str, str]:
        """The quota headers; a search carries only those of the day."""
        left = max(0, self.daily - self.used(portal))
        shown = {"X-HubSpot-RateLimit-Daily": str(self.daily), "X-HubSpot-RateLimit-Daily-Remaining": str(left)}
        if self.burst is not None and not _SEARCH.fullmatch(path):
            shown |= {
                "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(WINDOW * 1000)),
                "X-HubSpot-RateLimit-Max": str(self.burst),
                "X-HubSpot-RateLimit-Remaining": str(max(0, self.burst - len(self._recent))),
            }
        return shown

    def usage(self, portal: Portal) -> Response:
        """The answer of `/account-info/v3/api-usage/daily/private-apps`."""
        used, now = self.used(portal), local_now(portal)
        midnight = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo) + timedelta(days=1)
        row = {
            "name": "private-apps-api-calls-daily",
            "usageLimit": self.daily,
            "currentUsage": used,
            "collectedAt": now.isoformat(),
            "fetchStatus": "SUCCESS",
            "resetsAt": midnight.isoformat(),
        }
        return Response(200, {"results": [row]})


def _admit(calls: deque[float], now: float, window: float, most: int) -> bool:
    while calls and calls[0] <= now - window:
        calls.popleft()
    if len(calls) >= most:
        return False
    calls.append(now)
    return True


def _throttled(message: str, **more: str) -> ApiError:
    return ApiError(429, message, "", extra={"errorType": "RATE_LIMIT", **more})


def _missing(scopes: list[str]) -> ApiError:
    text = "This app hasn't been granted all required scopes to make this call."
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": scopes},
    }
    return ApiError(403, text, "MISSING_SCOPES", errors=[detail])


def scopes_of(method: str, path: str) -> set[str]:
    """The scopes a call needs."""
    mode = "read" if method == "GET" or _READING.fullmatch(path) else "write"
    found = _OBJECT.match(path)
    if found and ALIASES.get(found[1]) == "emails" and "/objects/" in path and mode == "read":
        return {"sales-email-read"}
    if found and found[1] in ALIASES:
        scope = TYPES[ALIASES[found[1]]].scope
        return {f"{scope.replace('crm.objects', 'crm.schemas') if '/properties/' in path else scope}.{mode}"}
    for start, scopes in (
        ("/crm/v3/owners", {"crm.objects.owners.read"}),
        ("/crm/v3/lists", {"crm.lists.read"} | ({"crm.lists.write"} if mode == "write" else set())),
        ("/automation/v4/sequences", {f"automation.sequences.{'read' if mode == 'read' else 'enrollments.write'}"}),
        ("/automation/v2/workflows", {"automation"}),
        ("/marketing/v", {"marketing-email"}),
        ("/communication-preferences", {"communication_preferences.read"}),
    ):
        if path.startswith(start):
            return set(scopes)
    return set()
