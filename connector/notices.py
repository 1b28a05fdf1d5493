"""What a pass says beside its figures about what stands still, and about what was here before a rule: one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain.decision import EVERYTHING, OutboxEntry, Pause, RuleInfo, pause_of

WRITES: Mapping[str, tuple[str, str]] = {
    "task": ("task", "tasks"),
    "enroll": ("enrolment", "enrolments"),
    "unenroll": ("end of an enrolment", "ends of enrolments"),
    "reassign": ("owner change", "owner changes"),
    "offer": ("offer", "offers"),
    "set": ("field change", "field changes"),
    "note": ("note", "notes"),
}
"""What one and several writes of a kind are called."""


@dataclass(frozen=True, slots=True)
class Would:
    """What a new rule would have done about its baseline: the records, and the writes of each kind."""

    records: int
    writes: Mapping[str, int] = field(default_factory=dict)


def would_have(found: Mapping[str, int], rules: Iterable[RuleInfo]) -> Mapping[str, Would]:
    """Per rule with a baseline, from the records on which only that kept it from acting; its `then` says the kinds."""
    writes = {rule.id: Counter(rule.writes) for rule in rules}
    return {
        rule: Would(count, {kind: each * count for kind, each in writes.get(rule, Counter()).items() if count})
        for rule, count in sorted(found.items())
    }


def baseline_lines(baseline: Mapping[str, int], would: Mapping[str, Would]) -> tuple[str, ...]:
    """Per new rule: what was here before it is left alone, what it would have written, and what lets it go."""
    lines = []
    for rule, count in sorted(baseline.items()):
        one = would.get(rule, Would(0))
        words = [f"{n:,} {WRITES[kind][n > 1]}" for kind, n in one.writes.items()]
        begins = f"{rule} is new here: {many(count, 'match')} older than the rule"
        if not one.records:
            lines.append(f"{begins} left alone, on none of which it would act now")
            continue
        lines.append(
            f"{begins} left alone; it would have written {', '.join(words)} on {many(one.records, 'record')}. To let "
            f"them go, give the rule `backfill: {{spread: 20 per day}}`, or `backfill: all`"
        )
    return tuple(lines)


def pause_lines(
    pauses: Mapping[str, Pause], waiting: Mapping[str, int], left: Sequence[OutboxEntry]
) -> tuple[str, ...]:
    """Per pause: since when, what waits because of it, and how it ends. `waiting` are matches by rule, `left` writes."""
    lines = []
    for pause in pauses.values():
        matches = sum(count for rule, count in waiting.items() if pause_of(pauses, rule) == pause)
        writes = sum(pause_of(pauses, entry.action.rule) == pause for entry in left)
        if pause.rule == EVERYTHING:
            told = f"everything is {pause.told}: nothing is decided and nothing is written, what is due stays due"
            told = f"{told} ({many(matches, 'match')} now)" if matches else told
        elif EVERYTHING in pauses:
            told = f"{pause.rule} is {pause.told} by itself as well"
        else:
            told = f"{pause.rule} is {pause.told}: {many(matches, 'match')} wait" + ("s" if matches == 1 else "")
        told += f"; {many(writes, 'write')} decided before wait{'s' * (writes == 1)}, too" if writes else ""
        cure = "followup resume" + (f" --rule {pause.rule}" if pause.rule else "")
        lines.append(f"{told}; `{cure}` lets it go on")
    return tuple(lines)


def unseen_lines(hidden: Mapping[str, Collection[str]], kinds: Collection[str]) -> tuple[str, ...]:
    """Per kind of record whose opt-out the CRM does not show: what stands still for that, since nothing else tells it."""
    blind = [kind for kind in ("lead", "contact") if kind in kinds and "opted_out" in hidden.get(kind, ())]
    return tuple(
        f"the opt-out of a {kind} cannot be seen: nobody is enrolled, and rules that ask for it stop; `followup doctor` "
        "has the cure"
        for kind in blind
    )


def stops_unseen(hidden: Mapping[str, Collection[str]], rules: Iterable[RuleInfo]) -> bool:
    """Whether a rule does nothing, or not all it says, because the CRM does not show an opt-out."""
    blind = {kind for kind, names in hidden.items() if "opted_out" in names}
    return any(rule.kind in blind and ("enroll" in rule.writes or "opted_out" in rule.reads) for rule in rules)


def refused_lines(count: int) -> tuple[str, ...]:
    """That writes were refused for good, in this pass or before, for as long as nobody has said what becomes of them."""
    if not count:
        return ()
    one = count == 1
    told = f"{many(count, 'write')} that the CRM refused wait{'s' * one} for a person"
    return (f"{told}: `followup settle` lists {'it' if one else 'them'}",)


def many(count: int, word: str) -> str:
    """How many of something, in words that fit one and several."""
    ends = "es" if word.endswith("ch") else "s"
    return f"{count:,} {word}{'' if count == 1 else ends}"
