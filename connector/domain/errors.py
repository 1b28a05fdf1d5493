"""What can go wrong, named by what the caller does next.

    FollowupError
    |- ConfigError          tell the author or admin; nothing is retried          exit 2
    |- RetryableError       try again later: an outage, a lock, a dropped line
    |  `- ThrottledError    the same, with the moment from which it makes sense
    |- QuotaSpentError      the day's calls are used up; the next pass goes on
    |- OutcomeUnknownError  a write may or may not have landed: look it up first
    |- ConflictError        what the rule saw no longer holds: re-read, re-plan
    |- PermanentError       this will never succeed as it stands: dead letter
    |  `- MissingFieldError a field the CRM does not show (any more)
    |- BusyError            another run holds the lock                            exit 5
    `- StoreError           the state could not be read or written

Every message is one line that says what happened and what to do. No message carries a secret, a query text or a
prospect's data: they end up in logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file, with its place; `line` and `column` count from 1, 0 means the whole file.

    `rule` is the rule it quarantines. What `check` finds beyond that has a `code` (see docs/checks.md) and a `cure`; a
    `warning` is worth a look and stops nothing.
    """

    file: str
    line: int
    column: int
    message: str
    rule: str | None = None
    code: str = ""
    cure: str = ""
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class FollowupError(Exception):
    """Something a user can meet; the message is one line that says what to do."""


class ConfigError(FollowupError):
    """The settings, the workspace or the credentials have to be changed by a person before this can work."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class RetryableError(FollowupError):
    """The CRM could not answer now; nothing was changed there by this call."""


class ThrottledError(RetryableError):
    """The CRM asks us to slow down; `retry_at` is the earliest instant that makes sense, None when it did not say."""

    def __init__(self, message: str, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class QuotaSpentError(FollowupError):
    """The CRM's daily calls, or our share of them, are used up; the next pass picks up where this one stopped."""


class OutcomeUnknownError(FollowupError):
    """A write was sent and no answer came back: it may or may not have landed and is looked up before it is repeated."""


class ConflictError(FollowupError):
    """The record is no longer what the rule saw; the action is dropped and the record evaluated again."""


class PermanentError(FollowupError):
    """The CRM refuses this for good; `code` is the CRM's own word for it."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class MissingFieldError(PermanentError):
    """A field is hidden from us or gone; `fields` are our names for it."""

    def __init__(self, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message, "MISSING_FIELD")
        self.fields = fields


class BusyError(FollowupError):
    """Another run holds the lock."""


class StoreError(FollowupError):
    """The state file cannot be read or written; nothing was lost in the CRM."""
