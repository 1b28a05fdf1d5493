"""Each answer and failure of HubSpot's becomes the error that says what to do next, and tells nothing of a prospect."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

from adapters.hubspot.errors import Call, Reply, error_for, error_of, garbled, words_of
from adapters.hubspot.paths import ENDPOINTS, OBJECTS, SEARCH, scope_of
from connector.domain.errors import (
    ConfigError,
    FollowupError,
    OutcomeUnknownError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
    ThrottledError,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
READ = Call("search", False, "crm.objects.contacts.read")
WRITE = Call("batch create", True, "crm.objects.contacts.write")


def _error(status: int, body: object = None, call: Call = READ, **headers: str) -> FollowupError:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = error_for(
        Reply(status, payload, {name.replace("_", "-"): value for name, value in headers.items()}), call, NOW
    )
    assert error is not None
    return error


def test_an_answer_in_the_two_hundreds_is_no_error() -> None:
    assert all(error_for(Reply(status), WRITE, NOW) is None for status in (200, 201, 202, 204, 207))


DAILY = {
    "status": "error",
    "message": "You have reached your daily limit.",
    "errorType": "RATE_LIMIT",
    "policyName": "DAILY",
}
TEN = {"message": "You have reached your ten_secondly_rolling limit.", "policyName": "TEN_SECONDLY_ROLLING"}
SECONDLY = {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}


def test_the_day_is_spent_and_not_tried_again() -> None:
    assert isinstance(_error(429, DAILY), QuotaSpentError)
    assert isinstance(_error(429, {"policyName": "DAILY"}), QuotaSpentError)


@pytest.mark.parametrize(("body", "seconds"), [(TEN, 10), (SECONDLY, 1), (None, 10), ({}, 10)])
def test_each_throttle_says_how_long_without_a_header(body: object, seconds: int) -> None:
    error = _error(429, body)
    assert isinstance(error, ThrottledError)
    assert error.retry_at == NOW + timedelta(seconds=seconds)


def test_retry_after_is_honoured_where_it_is_there_and_a_number() -> None:
    error = _error(429, TEN, retry_after="3")
    assert isinstance(error, ThrottledError)
    assert error.retry_at == NOW + timedelta(seconds=3)
    dated = _error(429, SECONDLY, retry_after="Mon, 02 Mar 2026 09:00:09 GMT")
    assert isinstance(dated, ThrottledError)
    assert dated.retry_at == NOW + timedelta(seconds=1)
    moving = _error(477, None, retry_after="86400")
    assert isinstance(moving, ThrottledError)
    assert moving.retry_at == NOW + timedelta(days=1)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 521, 523, 524])
def test_an_outage_is_retried_for_a_read_and_looked_up_for_a_write(status: int) -> None:
    assert isinstance(_error(status, b"<html>bad gateway</html>"), RetryableError)
    assert isinstance(_error(status, b"\xff\xfe", WRITE), OutcomeUnknownError)


@pytest.mark.parametrize("status", [522, 525, 526])
def test_what_hubspots_support_must_mend_is_not_retried(status: int) -> None:
    assert isinstance(_error(status), PermanentError)


def test_a_refused_token_names_its_setting() -> None:
    error = _error(401, {"category": "INVALID_AUTHENTICATION"})
    assert isinstance(error, ConfigError)
    assert "FOLLOWUP_HUBSPOT__ACCESS_TOKEN" in str(error)


def test_a_missing_scope_is_named_for_the_admin_and_nothing_is_given_up() -> None:
    body = {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["crm.lists.write"]}}]}
    error = _error(403, body, WRITE)
    assert isinstance(error, ConfigError)
    assert "crm.lists.write" in str(error)
    assert "crm.objects.contacts.write" in str(_error(403, None, WRITE))


def test_any_other_refusal_is_final() -> None:
    assert isinstance(_error(403, {"category": "BANNED", "subCategory": "SEAT_REQUIRED"}, WRITE), PermanentError)
    for status in (400, 404, 409, 414, 422):
        assert isinstance(_error(status, {"category": "VALIDATION_ERROR"}, WRITE), PermanentError)


def test_a_redirect_is_a_wrong_address() -> None:
    assert isinstance(_error(302), ConfigError)


def test_messages_carry_hubspots_words_and_no_persons_data() -> None:
    body = {
        "message": 'Property values were not valid: [{"message":"mara@example.org is taken"}]',
        "category": "VALIDATION_ERROR",
        "errors": [{"message": "mara@example.org", "code": "INVALID_EMAIL", "context": {"propertyName": ["email"]}}],
    }
    error = _error(400, body, WRITE)
    assert "mara" not in str(error)
    assert all(word in str(error) for word in ("VALIDATION_ERROR", "INVALID_EMAIL", "email"))
    assert words_of({"errorType": "SequenceError.SEND_LIMIT_EXCEEDED"}) == ("SequenceError.SEND_LIMIT_EXCEEDED",)
    assert words_of(None) == ()


def test_a_connection_that_never_came_about_changed_nothing() -> None:
    refused = urllib3.exceptions.NewConnectionError(urllib3.HTTPConnectionPool("x"), "refused")
    slow = urllib3.exceptions.ConnectTimeoutError(urllib3.HTTPConnectionPool("x"), "slow")
    assert all(isinstance(error_of(failure, WRITE), RetryableError) for failure in (refused, slow))


def test_a_connection_that_broke_leaves_a_write_unknown() -> None:
    pool = urllib3.HTTPConnectionPool("x")
    for failure in (urllib3.exceptions.ReadTimeoutError(pool, "/", "slow"), urllib3.exceptions.ProtocolError("reset")):
        assert isinstance(error_of(failure, WRITE), OutcomeUnknownError)
        assert isinstance(error_of(failure, READ), RetryableError)
    untrusted = urllib3.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer")
    assert isinstance(error_of(untrusted, READ), ConfigError)


def test_an_answer_nobody_can_read_is_no_success() -> None:
    assert isinstance(garbled(Reply(201, b'{"status": "COMP'), WRITE), OutcomeUnknownError)
    assert isinstance(garbled(Reply(200, b"<html>"), READ), RetryableError)


def test_every_path_stands_in_the_table_under_a_family_that_can_move() -> None:
    assert SEARCH.through_sdk
    assert SEARCH.path(("contacts",)) == f"{OBJECTS}/contacts/search"
    assert len({(one.method, one.template) for one in ENDPOINTS}) == len(ENDPOINTS)
    assert all(one.template.startswith("/") for one in ENDPOINTS)


def test_path_arguments_are_encoded() -> None:
    (endpoint,) = [one for one in ENDPOINTS if one.name == "workflow enrolment"]
    assert endpoint.path(("4", "a+b/c@example.org")).endswith("/4/enrollments/contacts/a%2Bb%2Fc%40example.org")


def test_activities_hang_on_the_scopes_of_contacts() -> None:
    assert scope_of(SEARCH, ("tasks",)) == "crm.objects.contacts.read"
    assert scope_of(SEARCH, ("deals",)) == "crm.objects.deals.read"
