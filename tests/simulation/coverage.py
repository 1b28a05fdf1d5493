"""Whether the simulation does something: what must have been exercised over enough seeds, and the figures that are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

ENOUGH = 200
"""Seeds after which everything below must have happened at least once."""

INVARIANTS = (
    "planned", "reread", "gone", "consent", "guarded", "calls", "taker", "once", "key", "as told", "crash", "error", "sound",
    "private", "one line", "document", "exit", "cap", "owner day", "budget", "quiet", "settled", "reason", "not early", "if",
    "unless", "gap", "week", "often", "not missed", "next_at", "baseline", "cause", "scope", "unchanged", "echo",
)  # fmt: skip
WRITES = ("task", "reassign", "enroll", "unenroll", "set", "note", "offer", "amend")
FAULTS = ("answer", "answer_after", "drop_before", "drop_after", "garble_after")
WIRE = ("kill", "time_out_before", "time_out_after", "stop", "act")
ACTS = (
    "call", "email", "reply", "autoreply", "meeting", "note", "status", "owner", "field", "opt_out", "opt_in", "refuse",
    "convert", "merge", "delete", "lead", "complete", "defer", "delete_task", "task", "open_email", "hide", "show",
    "deactivate", "unsubscribe", "late",
)  # fmt: skip
GROUPS: Mapping[str, Sequence[str]] = {
    "checked": INVARIANTS,
    "write": WRITES,
    "fault": FAULTS,
    "wire": WIRE,
    "act": ACTS,
}

OTHERS = ("releases", "outcome RetryableError", "outcome ThrottledError", "outcome QuotaSpentError", "outcome killed")


def missing(counts: Counter[str]) -> list[str]:
    """What was never exercised."""
    wanted = [f"{group} {name}" for group, names in GROUPS.items() for name in names]
    wanted += OTHERS
    return [name for name in wanted if not counts[name]]


def table(counts: Counter[str]) -> str:
    """All figures, a line for each group."""
    lines = []
    for group in (*GROUPS, "outcome"):
        of_group = sorted(
            (name.partition(" ")[2], count) for name, count in counts.items() if name.partition(" ")[0] == group
        )
        lines.append(f"{group}: " + ", ".join(f"{name} {count:,}" for name, count in of_group))
    return "\n".join(lines)


def line(seeds: int, broken: int, counts: Counter[str]) -> str:
    """The last line, for scripts."""

    def total(group: str) -> int:
        return sum(count for name, count in counts.items() if name.startswith(f"{group} "))

    kills = counts["wire kill"]
    faults = total("fault") + total("wire") - kills - counts["wire act"] - counts["wire stop"]
    return (
        f"{seeds:,} seeds, {broken:,} violations, {counts['passes']:,} passes, {total('write'):,} writes, "
        f"{faults:,} faults, {kills:,} kills"
    )
