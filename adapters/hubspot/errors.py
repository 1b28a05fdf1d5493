"""HubSpot's answers and failures -> the errors of `connector.domain.errors`, in one function each and nowhere else.

Every field of an error body may be missing. Messages carry HubSpot's own words (`VALIDATION_ERROR`, property names),
never its sentences: those quote what was sent, and with it a prospect's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import urllib3

from adapters.answers import decoded
from adapters.http import TimedOutError
from connector.domain.errors import (
    ConfigError,
    FollowupError,
    OutcomeUnknownError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
    ThrottledError,
)

TOKEN = "FOLLOWUP_HUBSPOT__ACCESS_TOKEN"  # noqa: S105 - the name of the setting
BASE_URL = "FOLLOWUP_HUBSPOT__BASE_URL"

TEN_SECONDS = timedelta(seconds=10)
ONE_SECOND = timedelta(seconds=1)
LOCKED = timedelta(seconds=2)

NOT_FOUND = "NOT_FOUND"
"""The code of the error that a 404 becomes, whatever words come with it."""

FORBIDDEN = "FORBIDDEN"
"""The code of a 403 that no scope would cure."""

NO_OBJECT_TYPE = "NO_OBJECT_TYPE"
NOT_IN_THIS_PORTAL = frozenset({NOT_FOUND, FORBIDDEN, NO_OBJECT_TYPE})
"""Codes with which HubSpot refuses an object that this portal does not have."""

BROKEN_FOR_GOOD = frozenset({522, 525, 526})
"""HubSpot's edge cannot reach or trust its own servers for this account: their support has to act."""

_CODE_IN_TEXT = re.compile(r'"error"\s*:\s*"([A-Z][A-Z0-9_]+)"')
_NAME_IN_TEXT = re.compile(r'"name"\s*:\s*"([a-z][a-z0-9_]{1,99})"')
"""HubSpot puts the rows' errors as JSON into the message of a refused batch."""

_WORD = re.compile(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b|\bSequenceError\.[A-Z_]+\b")


@dataclass(frozen=True)
class Reply:
    """What came back: status, headers with lower-case names, body as it is."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> object:
        """The body as JSON that is safe to keep; ValueError when it is none (HTML, cut off, not UTF-8)."""
        return decoded(self.body)


@dataclass(frozen=True)
class Call:
    """What was asked, as far as an error message needs it: a name for people, whether it writes, the scope it needs."""

    name: str
    writes: bool
    scope: str = ""


def error_for(reply: Reply, call: Call, now: datetime) -> FollowupError | None:
    """The error an answer stands for, None for a 2xx."""
    status, body = reply.status, _object(reply)
    if 200 <= status < 300:
        return None
    if status == 429:
        return _throttled(reply, body, now)
    if status in (423, 477):
        wait = _retry_after(reply) or LOCKED
        return ThrottledError(
            f"HubSpot has the account or record locked ({status}); the next pass tries again", now + wait
        )
    if status == 401:
        return ConfigError(f"HubSpot refuses the access token (401): check {TOKEN}, it may be revoked or mistyped")
    if status == 403:
        return _forbidden(body, call)
    if 300 <= status < 400:
        return ConfigError(f"HubSpot's address answers with a redirect ({status}): check {BASE_URL}")
    if status in BROKEN_FOR_GOOD:
        return PermanentError(
            f"HubSpot's edge cannot reach its servers ({status}): contact HubSpot support", str(status)
        )
    if status >= 500 or status == 408:
        return _no_answer(call, f"HubSpot answered {status}")
    words = words_of(body)
    code = NOT_FOUND if status == 404 else words[0] if words else str(status)
    if status == 400 and "infer object type" in str(body.get("message") or ""):
        code = NO_OBJECT_TYPE
    told = f": {' '.join(words)}" if words else ""
    return PermanentError(f"HubSpot refuses the {call.name} ({status}){told}", code)


def error_of(failure: urllib3.exceptions.HTTPError, call: Call) -> FollowupError:
    """The error a failed exchange stands for; a write that may have been sent has an unknown outcome."""
    if isinstance(failure, urllib3.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(failure):
        return ConfigError(
            f"the certificate of HubSpot's address cannot be verified: check {BASE_URL}, or name your proxy's authority "
            "in REQUESTS_CA_BUNDLE"
        )
    if isinstance(failure, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return RetryableError("HubSpot cannot be reached; check the network, the next pass tries again")
    if isinstance(failure, urllib3.exceptions.TimeoutError) and not call.writes:
        return TimedOutError("HubSpot took the request and did not answer in time; the next pass tries again")
    return _no_answer(call, "the connection to HubSpot was lost or timed out")


def garbled(reply: Reply, call: Call) -> FollowupError:
    """The error of a 2xx whose body is not what it should be: HTML of a proxy, JSON cut off, nothing at all."""
    return _no_answer(call, f"HubSpot's answer ({reply.status}) could not be read")


def words_of(body: object) -> tuple[str, ...]:
    """HubSpot's codes in an error body, the most telling first, then the names of the properties it complains about.

    A sentence is searched for codes only where nothing else has one: it may list every option of a picklist.
    """
    errors = [error for error in (*_nested(body), body) if isinstance(error, Mapping)]
    texts = [str(error.get("message") or "") for error in errors]
    found: dict[str, None] = {}
    for error in errors:
        for name in ("subCategory", "code", "errorType"):
            found.update(dict.fromkeys(_WORD.findall(str(error.get(name) or ""))))
    found.update(dict.fromkeys(word for text in texts for word in _CODE_IN_TEXT.findall(text)))
    if not found:
        found.update(dict.fromkeys(word for text in texts for word in _WORD.findall(text)))
    for error in errors:
        found.update(dict.fromkeys([str(error["category"])] if error.get("category") else []))
        found.update(dict.fromkeys(_properties(error)))
    found.update(dict.fromkeys(name for text in texts for name in _NAME_IN_TEXT.findall(text)))
    return tuple(found)[:6]


def _no_answer(call: Call, what: str) -> FollowupError:
    if call.writes:
        return OutcomeUnknownError(f"{what}: whether the {call.name} landed is looked up before it is repeated")
    return RetryableError(f"{what}; the next pass tries again")


def _throttled(reply: Reply, body: Mapping[str, object], now: datetime) -> FollowupError:
    """The three 429s: by the day (no retry), by ten seconds, by the second; on search without policy or header."""
    text = f"{body.get('policyName') or ''} {body.get('message') or ''}".lower()
    if "daily" in text:
        return QuotaSpentError(
            "HubSpot's calls for today are used up (429 DAILY): the next pass after midnight goes on"
        )
    wait = _retry_after(reply) or (ONE_SECOND if "secondly" in text and "ten_secondly" not in text else TEN_SECONDS)
    return ThrottledError("HubSpot asks to slow down (429); the next pass goes on", now + wait)


def _forbidden(body: Mapping[str, object], call: Call) -> FollowupError:
    """A missing scope is for an admin to grant; any other refusal concerns this one request."""
    words = words_of(body)
    scopes = _scopes(body) or ([call.scope] if call.scope and (not words or "MISSING_SCOPES" in words) else [])
    if scopes:
        return ConfigError(
            f"the HubSpot token may not do the {call.name} (403): grant the scope {', '.join(scopes)} "
            "to the private app or service key"
        )
    return PermanentError(f"HubSpot refuses the {call.name} (403): {' '.join(words) or 'no reason given'}", FORBIDDEN)


def _scopes(body: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for error in (body, *_nested(body)):
        context = error.get("context") if isinstance(error, Mapping) else None
        for name, values in context.items() if isinstance(context, Mapping) else ():
            if "scope" in str(name).lower() and isinstance(values, list):
                found += [str(value) for value in values]
    return list(dict.fromkeys(found))


def _properties(error: Mapping[str, object]) -> Iterator[str]:
    context = error.get("context")
    names = context.get("propertyName") if isinstance(context, Mapping) else None
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]{1,99}", name):
            yield name


def _nested(body: object) -> list[object]:
    inner = body.get("errors") if isinstance(body, Mapping) else None
    return list(inner) if isinstance(inner, list) else []


def _object(reply: Reply) -> Mapping[str, object]:
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(reply: Reply) -> timedelta | None:
    """Retry-After in seconds, where it is there and a number."""
    text = reply.headers.get("retry-after", "")
    return timedelta(seconds=float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else None
