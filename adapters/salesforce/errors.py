"""What Salesforce's refusals mean: statuses, codes and broken lines become the errors of the domain here and nowhere
else. No message of Salesforce is passed on: it may hold query text, e-mail addresses or prospects' data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import requests

from adapters.http import TimedOutError
from connector.domain.decision import ReceiptState
from connector.domain.errors import (
    ConfigError,
    FollowupError,
    MissingFieldError,
    OutcomeUnknownError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
    ThrottledError,
)

LOGIN_PAUSE = timedelta(hours=1)
"""Over 3,600 logins per hour and user Salesforce refuses more (help article 000381578)."""

LOGIN_CODES = frozenset(
    {
        "access_denied",
        "app_not_found",
        "inactive_org",
        "inactive_user",
        "invalid_app_access",
        "invalid_assertion_type",
        "invalid_auth",
        "invalid_client",
        "invalid_client_credentials",
        "invalid_client_id",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "org_locked",
        "rate_limit_exceeded",
        "redirect_uri_mismatch",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    }
)
"""The token endpoint's own words that a message may repeat; any other could be an echo of what was sent."""

CURES: Mapping[str, str] = {
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "a trigger or flow of the org threw an error: ask the org's admin",
    "CANNOT_UPDATE_CONVERTED_LEAD": "the lead is converted: work on its contact or opportunity",
    "DUPLICATES_DETECTED": "a duplicate rule of the org blocks it: ask the org's admin",
    "ENTITY_IS_DELETED": "the record is in the recycle bin",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "a validation rule of the org refuses the values",
    "FIELD_INTEGRITY_EXCEPTION": "the values do not fit each other or the record",
    "INACTIVE_OWNER_OR_USER": "the new owner is inactive: name an active one",
    "INSUFFICIENT_ACCESS": "the API user lacks a permission: see `followup doctor`",
    "INSUFFICIENT_ACCESS_OR_READONLY": "the API user may not edit this record: grant Edit or sharing access",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "the API user or new owner may not see a related record",
    "INVALID_CROSS_REFERENCE_KEY": "an id in it does not exist or may not be used there",
    "INVALID_FIELD": "a field is hidden or gone: grant field-level security or correct `fields` in followup.yaml",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "a field may not be written: grant Edit on it in field-level security",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "the picklist does not have this value: correct it or add the value",
    "INVALID_TYPE": "the object is unknown or hidden: grant Read on it",
    "MALFORMED_ID": "an id in it is not an id: correct followup.yaml",
    "MALFORMED_QUERY": "the query was not understood: please report this",
    "NOT_FOUND": "the record or address does not exist",
    "REQUIRED_FIELD_MISSING": "the org requires a field that followup does not fill: give it a default in Salesforce",
    "STRING_TOO_LONG": "a text is too long for its field: shorten it in the rule",
}
"""What a person can do about a code that will not go away by itself; codes from Salesforce's API documentation."""

RETRY_CODES = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "PROCESSING_HALTED",
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
        "UNKNOWN_EXCEPTION",
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "TXN_SECURITY_METERING_ERROR",
    }
)
"""Codes of a row that was not saved now and may be later."""

OUTAGE_CODES = frozenset({"UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG"})

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,60}")


def code_of(error: object) -> tuple[str, str]:
    """The code and message of one error object: REST says `errorCode`, collection rows say `statusCode`."""
    if not isinstance(error, Mapping):
        return "", ""
    code = error.get("errorCode") or error.get("statusCode") or ""
    return str(code) if _CODE.fullmatch(str(code)) else "", str(error.get("message") or "")


def first_error(content: object) -> tuple[str, str]:
    """The code and message of an error body: an array, seldom one object; empty when it is neither."""
    if isinstance(content, list):
        return code_of(content[0]) if content else ("", "")
    return code_of(content)


def _is_page(content: object) -> bool:
    return isinstance(content, str) and "<" in content


def outage(what: str, *, write: bool) -> FollowupError:
    """A broken answer: a read is tried again, a write may have landed and is looked up first."""
    if write:
        return OutcomeUnknownError(f"{what} after a write; whether it landed is looked up before it is repeated")
    return RetryableError(f"{what}; it is tried again later")


def error_of(status: int, content: object, *, write: bool) -> FollowupError:
    """The domain's error for an answer of Salesforce with this status and body; `write` when it answers a write."""
    code, message = first_error(content)
    if code == "REQUEST_LIMIT_EXCEEDED":
        if "concurrent" in message.lower():
            return ThrottledError("Salesforce has too many long calls running in this org; it is tried again later")
        return QuotaSpentError("Salesforce's API calls of this day are used up; the next pass goes on from here")
    if status == 401:
        return ConfigError("Salesforce refuses the session again and again: check the connected app's policies")
    if code == "UNABLE_TO_LOCK_ROW":
        return RetryableError("Salesforce could not lock a row that somebody else holds; it is tried again later")
    if status == 429:
        return ThrottledError("Salesforce asks to slow down (status 429); it is tried again later")
    if status == 420:
        return RetryableError("Salesforce's edge has no route to this org (status 420); if it stays, tell Salesforce")
    if status in (414, 431):
        return PermanentError(f"Salesforce refused a request as too long (status {status}): please report this", code)
    if status == 410 or code == "UNSUPPORTED_API_VERSION":
        return ConfigError("this Salesforce API version is retired: raise FOLLOWUP_SALESFORCE__API_VERSION")
    if 300 < status < 400:
        return ConfigError("Salesforce redirects elsewhere: set FOLLOWUP_SALESFORCE__LOGIN_URL to your My Domain")
    if status >= 500 or _is_page(content) or code in OUTAGE_CODES:
        return outage(f"Salesforce had an outage (status {status}{', ' + code if code else ''})", write=write)
    if code in ("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"):
        return ConfigError("the API is disabled for this org or user: grant the permission 'API Enabled'")
    if status == 300:
        return PermanentError("several Salesforce records carry the same external id: merge them", "MULTIPLE_RECORDS")
    if code == "INVALID_FIELD":
        return MissingFieldError(refusal(code), tuple(re.findall(r"column '([A-Za-z][A-Za-z0-9_]*)'", message)))
    return PermanentError(refusal(code, status), code or f"HTTP_{status}")


def refusal(code: str, status: int | None = None) -> str:
    """One line that says what Salesforce refused and what a person can do about it."""
    word = code or (f"status {status}" if status else "no code")
    cure = CURES.get(code, "see `followup doctor`" if status == 403 else "look the code up with the org's admin")
    return f"Salesforce refused it ({word}): {cure}"


def row_state(code: str) -> ReceiptState:
    """What becomes of an action whose row was refused with this code."""
    return "retry" if code in RETRY_CODES else "failed"


def line_error(error: requests.RequestException, *, write: bool) -> FollowupError:
    """The domain's error for a line that broke: nothing was sent when no connection came about."""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigError(
            "the certificate of Salesforce's address cannot be verified: check FOLLOWUP_SALESFORCE__LOGIN_URL, or name "
            "your proxy's authority in REQUESTS_CA_BUNDLE"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return RetryableError(
            "no secure connection to Salesforce came about; if it stays, check the proxy's certificates"
        )
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError) or _never_connected(error):
        return RetryableError("Salesforce cannot be reached: check the network; it is tried again later")
    if isinstance(error, requests.Timeout) and not write:
        return TimedOutError("Salesforce took the request and did not answer in time; the next pass tries again")
    if isinstance(error, requests.Timeout):
        return outage("Salesforce did not answer in time", write=write)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return ConfigError("Salesforce named an address that is none: check FOLLOWUP_SALESFORCE__LOGIN_URL")
    return outage("Salesforce's answer was cut off or unreadable", write=write)


def _never_connected(error: requests.RequestException) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def login_error(status: int, code: str, description: str, now: datetime) -> FollowupError:
    """The domain's error for a refused login: an outage of the token endpoint is not a wrong password."""
    if "login_rate_exceeded" in f"{code} {description}".lower():
        return ThrottledError("Salesforce refuses more logins for an hour: run less often", now + LOGIN_PAUSE)
    if status == 429:
        return ThrottledError("Salesforce asks to log in less often; it is tried again later")
    if 300 <= status < 400:
        return ConfigError("the login URL redirects: set FOLLOWUP_SALESFORCE__LOGIN_URL to your My Domain")
    if status >= 500 or code in ("server_error", "temporarily_unavailable", "unknown_error") or "<" in description:
        return RetryableError(f"Salesforce's login had an outage (status {status}); it is tried again later")
    word = code if code.lower().replace(" ", "_") in LOGIN_CODES else f"status {status}"
    return ConfigError(
        f"Salesforce refused the credentials ({word}): check FOLLOWUP_SALESFORCE__CLIENT_ID and __CLIENT_SECRET "
        "or __USERNAME and __PRIVATE_KEY_FILE, and the connected app's run-as user"
    )
