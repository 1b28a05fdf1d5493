"""Of a verdict's reasons, the one that stood in the way: the first condition that kept a rule from acting."""

from __future__ import annotations

from connector.domain.decision import Reason, Verdict

_AFTER: dict[str, tuple[str, ...]] = {
    "no": ("when",),
    "waits": ("wait", "when", "backfill"),
    "done": ("once", "priority"),
    "baseline": ("once",),
    "held": ("limit", "then", "once"),
}
"""Where the reason stands for an outcome that no condition brought about."""


def obstacle(verdict: Verdict) -> Reason | None:
    """The first reason why the rule does not act; None when it does, or when nothing says."""
    if verdict.outcome == "blocked":
        found = [reason for reason in verdict.reasons if stops(reason)]
        return next((reason for reason in found if not _has_others(reason)), found[0] if found else None)
    parts = _AFTER.get(verdict.outcome, ())
    found = [reason for part in parts for reason in verdict.reasons if reason.path.partition(".")[0] == part]
    return found[0] if found else None


def stops(reason: Reason) -> bool:
    """Whether a reason keeps its rule from acting: a wanted condition that does not hold, one not wanted that may."""
    words = reason.path.split(".")
    negated = "not" in words[:-1]  # as the last word it is a field's own test: `source: {not: purchased}`
    if words[0] in ("guard", "engine"):
        return True
    if "unless" in words or "stop" in words:
        # What is unknown stops only where it guards contact; among several it is still the likeliest to have stopped.
        return reason.holds is not negated
    return "if" in words and reason.holds is not (not negated)


def _has_others(reason: Reason) -> bool:
    """Whether the condition is one of several of which one would do, so that another may have let the rule through."""
    words = reason.path.split(".")
    return ("any" if "if" in words else "all") in words
