"""Makes a failing scenario small: whatever can be taken away while the same promise is still broken is taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.scenario import Scenario

PARTS = ("steps", "rules", "cadences", "scores", "leads")
MOST_TRIES = 250
"""Plays that one scenario is worth: each takes about a second."""

StillFails = Callable[[Scenario], bool]


def shrink(scenario: Scenario, still_fails: StillFails, tries: int = MOST_TRIES) -> Scenario:
    """A scenario as small as greedy removal makes it; `still_fails` says whether the same promise is broken in it."""
    left = [tries]

    def accepted(smaller: Scenario) -> bool:
        left[0] -= 1
        return left[0] >= 0 and still_fails(smaller)

    before = None
    while before != scenario and left[0] > 0:
        before = scenario
        for part in PARTS:
            scenario = _fewer(scenario, part, accepted)
        scenario = _plainer(scenario, accepted)
    return scenario


def _fewer(scenario: Scenario, part: str, accepted: StillFails) -> Scenario:
    """Without as many entries of one list as possible: halves first, then ever smaller runs, then single ones."""
    size = max(1, len(getattr(scenario, part)) // 2)
    while size:
        start = 0
        while start < len(getattr(scenario, part)):
            places = frozenset(range(start, min(start + size, len(getattr(scenario, part)))))
            smaller = scenario.without(part, places)
            if accepted(smaller):
                scenario = smaller
            else:
                start += size
        size //= 2
    return scenario


def _plainer(scenario: Scenario, accepted: StillFails) -> Scenario:
    """With plainer passes and rules: no fault, kill or word that it can do without."""
    for part in ("steps", "rules", "leads"):
        for place in range(len(getattr(scenario, part))):
            for plainer in _without_words(scenario, part, place):
                smaller = _with(scenario, part, place, plainer)
                if accepted(smaller):
                    scenario = smaller
    return scenario


def _without_words(scenario: Scenario, part: str, place: int) -> Iterator[dict[str, object]]:
    optional = {
        "steps": ("faults", "kill", "wire"),
        "rules": ("wait", "if", "unless", "limit", "priority", "calendar", "contact", "backfill", "once"),
        "leads": ("fields",),
    }[part]
    entry = getattr(scenario, part)[place]
    for word in optional:
        if entry.get(word):
            bare = {name: value for name, value in entry.items() if name != word}
            yield {**bare, "fields": {}} if word == "fields" else bare


def _with(scenario: Scenario, part: str, place: int, entry: dict[str, object]) -> Scenario:
    """The scenario with one entry in another's place; words that were taken away before stay away."""
    entries = list(getattr(scenario, part))
    gone = entries[place].keys() - entry.keys()
    entries[place] = {name: value for name, value in entries[place].items() if name not in gone or name == "fields"}
    if part == "leads":
        entries[place] = {**entries[place], "fields": {}}
    return replace(scenario, **{part: tuple(entries)})
