"""Rules that tests of judging share."""

from __future__ import annotations

from connector.domain.decision import Verdict
from rules.model import (
    AttemptsTest,
    QuietFor,
)
from tests.builders import (
    PLACE,
    rule,
    span,
)

WEEK_ONE = rule(
    wait=span(5, "business days"),
    unless=AttemptsTest(1, None, ("call",), "anyone", "created", "unless.attempts", PLACE),
)
SILENCE = QuietFor(span(7, "days"), ("call", "email", "meeting", "note"), "anyone")


def reasons(verdict: Verdict) -> list[tuple[str, bool | None]]:
    return [(each.path, each.holds) for each in verdict.reasons]
