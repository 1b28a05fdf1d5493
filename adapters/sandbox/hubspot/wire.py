"""HubSpot's way of writing things: instants in milliseconds, error bodies, and careful reading of JSON from a client."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from adapters.sandbox.server import Request, Response

HISTORY_LIMIT = 50
"""Rows per page or batch when property history is asked for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ApiError(Exception):
    """An answer that is not what the client hoped for; `errors` holds HubSpot's details."""

    def __init__(
        self,
        status: int,
        message: str,
        category: str = "VALIDATION_ERROR",
        *,
        errors: Sequence[Mapping[str, object]] = (),
        context: Mapping[str, object] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.errors = list(errors)
        self.context = dict(context or {})
        self.extra = dict(extra or {})

    def body(self) -> dict[str, object]:
        """The error as HubSpot words it."""
        answer: dict[str, object] = {"status": "error", "message": self.message, "correlationId": str(uuid.uuid4())}
        if self.category:
            answer["category"] = self.category
        if self.errors:
            answer["errors"] = self.errors
        if self.context:
            answer["context"] = self.context
        return {**answer, **self.extra}

    def response(self) -> Response:
        """The error as an answer."""
        return Response(self.status, self.body())

    def row(self, context: Mapping[str, object]) -> dict[str, object]:
        """The error as one entry of a 207."""
        entry: dict[str, object] = {"status": "error", "category": self.category, "message": self.message}
        if self.errors:
            entry["errors"] = self.errors
        entry["context"] = {**self.context, **context}
        return entry


def ms_of(instant: datetime) -> int:
    """An instant in whole milliseconds since the epoch."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def iso(ms: int) -> str:
    """Milliseconds as HubSpot prints them: `2026-05-01T10:00:00.123Z`. All such texts sort as the instants do."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def instant(ms: int) -> datetime:
    """Milliseconds as an aware datetime."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def parse_ms(text: str) -> int | None:
    """Milliseconds from epoch milliseconds or an ISO text (a text without a zone is UTC); None when it is neither."""
    text = text.strip()
    if text.lstrip("-").isdigit():
        return int(text) if len(text) < 15 else None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return ms_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def as_map(value: object, what: str = "the request body") -> Mapping[str, object]:
    """A JSON object, or a 400."""
    if not isinstance(value, dict):
        raise ApiError(400, f"Invalid input JSON: {what} must be an object")
    return value


def as_list(value: object, what: str) -> Sequence[object]:
    """A JSON array (absent counts as empty), or a 400."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ApiError(400, f"Invalid input JSON: {what} must be an array")
    return value


def scalar(value: object) -> str:
    """A JSON scalar as the text HubSpot stores; null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def body_map(request: Request) -> Mapping[str, object]:
    """The request's JSON object; an empty body is an empty object."""
    try:
        value = request.json()
    except ValueError:
        raise ApiError(400, "Invalid input JSON on line 1, column 1: Unrecognized token") from None
    return {} if value is None else as_map(value)


def names(request: Request, argument: str) -> list[str]:
    """The values of a query argument that may be repeated, comma-separated, or both."""
    return [name for value in request.query.get(argument, ()) for name in value.split(",") if name]


def flag(request: Request, argument: str) -> bool:
    """Whether a query argument says true, in any case (the Python client writes `True`)."""
    return (request.arg(argument) or "").lower() == "true"


def whole(value: object, what: str, default: int, most: int) -> int:
    """A whole number between 0 and `most`, or a 400."""
    if value is None or value == "":
        return default
    text = scalar(value)
    if not text.isdigit():
        raise ApiError(400, f"Invalid {what}: '{text}' is not a number")
    if int(text) > most:
        raise ApiError(400, f"{what} must be less than or equal to {most}, but was {text}")
    return int(text)
