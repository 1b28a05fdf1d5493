"""The error table of the Salesforce adapter: status and code decide, and no text of Salesforce's is passed on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.salesforce.errors import CURES, RETRY_CODES, error_of, login_error, row_state
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

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
SECRET = "SELECT Id FROM Lead WHERE Email = 'lea@example.com'"


def _body(code: str, message: str = SECRET) -> list[dict[str, str]]:
    return [{"errorCode": code, "message": message}]


TABLE: list[tuple[int, object, type[FollowupError], type[FollowupError]]] = [
    (300, ["/services/data/v62.0/sobjects/Task/1"], PermanentError, PermanentError),
    (302, "", ConfigError, ConfigError),
    (304, "", ConfigError, ConfigError),
    (400, _body("MALFORMED_QUERY"), PermanentError, PermanentError),
    (400, _body("INVALID_FIELD"), MissingFieldError, MissingFieldError),
    (400, _body("UNABLE_TO_LOCK_ROW"), RetryableError, RetryableError),
    (400, _body("DUPLICATES_DETECTED"), PermanentError, PermanentError),
    (400, [{"isSuccess": False, "errors": [{"statusCode": "X_Y_Z"}]}], PermanentError, PermanentError),
    (401, "<html/>", ConfigError, ConfigError),
    (403, _body("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), QuotaSpentError, QuotaSpentError),
    (403, _body("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), ThrottledError, ThrottledError),
    (403, _body("API_DISABLED_FOR_ORG"), ConfigError, ConfigError),
    (403, _body("INSUFFICIENT_ACCESS"), PermanentError, PermanentError),
    (403, "<html>gateway</html>", RetryableError, OutcomeUnknownError),
    (404, _body("NOT_FOUND"), PermanentError, PermanentError),
    (404, _body("ENTITY_IS_DELETED"), PermanentError, PermanentError),
    (404, "", PermanentError, PermanentError),
    (405, _body("METHOD_NOT_ALLOWED"), PermanentError, PermanentError),
    (410, _body("UNSUPPORTED_API_VERSION"), ConfigError, ConfigError),
    (412, [], PermanentError, PermanentError),
    (414, "<html>URI Too Long</html>", PermanentError, PermanentError),
    (420, "", RetryableError, RetryableError),
    (429, "", ThrottledError, ThrottledError),
    (431, "", PermanentError, PermanentError),
    (500, _body("UNKNOWN_EXCEPTION"), RetryableError, OutcomeUnknownError),
    (502, "<html/>", RetryableError, OutcomeUnknownError),
    (503, _body("SERVER_UNAVAILABLE"), RetryableError, OutcomeUnknownError),
    (504, "", RetryableError, OutcomeUnknownError),
]


@pytest.mark.parametrize(("status", "content", "reading", "writing"), TABLE)
def test_each_answer_has_one_meaning_for_reads_and_one_for_writes(
    status: int, content: object, reading: type[FollowupError], writing: type[FollowupError]
) -> None:
    for write, expected in ((False, reading), (True, writing)):
        error = error_of(status, content, write=write)
        assert type(error) is expected
        assert "SELECT" not in str(error)
        assert "example.com" not in str(error)
        assert "\n" not in str(error)


def test_a_missing_field_is_named_by_its_api_name_alone() -> None:
    message = f"{SECRET}\n^\nERROR at Row:1:Column:8\nNo such column 'HasOptedOutOfEmail' on entity 'Lead'."
    error = error_of(400, _body("INVALID_FIELD", message), write=False)
    assert isinstance(error, MissingFieldError)
    assert error.fields == ("HasOptedOutOfEmail",)


def test_a_code_that_is_no_code_is_not_repeated() -> None:
    error = error_of(400, _body("lea@example.com"), write=False)
    assert isinstance(error, PermanentError)
    assert error.code == "HTTP_400"


@pytest.mark.parametrize("code", sorted(CURES))
def test_every_known_refusal_is_final_and_has_a_cure(code: str) -> None:
    assert row_state(code) == "failed"
    assert CURES[code] in str(error_of(400, _body(code), write=True))


@pytest.mark.parametrize("code", sorted(RETRY_CODES))
def test_a_row_that_was_not_saved_now_is_retried(code: str) -> None:
    assert row_state(code) == "retry"


@pytest.mark.parametrize(
    ("status", "code", "description", "expected"),
    [
        (400, "invalid_client", "invalid client credentials", ConfigError),
        (400, "invalid_grant", "user hasn't approved this consumer", ConfigError),
        (401, "", "", ConfigError),
        (302, "", "", ConfigError),
        (503, "", "<html>busy</html>", RetryableError),
        (503, "unavailable", "", RetryableError),
        (200, "", "<html>maintenance</html>", RetryableError),
        (400, "server_error", "", RetryableError),
        (429, "", "", ThrottledError),
        (400, "invalid_grant", "LOGIN_RATE_EXCEEDED", ThrottledError),
    ],
)
def test_a_refused_login_is_told_from_an_outage(
    status: int, code: str, description: str, expected: type[FollowupError]
) -> None:
    error = login_error(status, code, description, NOW)
    assert type(error) is expected
    if "RATE" in description:
        assert isinstance(error, ThrottledError)
        assert error.retry_at == NOW + timedelta(hours=1)
