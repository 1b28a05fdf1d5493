"""The simulation itself: it notices products that are broken, makes what it finds small, and tells the same story twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.simulation import coverage
from tests.simulation.broken import BROKEN
from tests.simulation.draw import scenario
from tests.simulation.play import play
from tests.simulation.scenario import Scenario
from tests.simulation.seeds import played
from tests.simulation.shrink import shrink

FIRST = {
    "no record is read again before a write": 2,
    "a write of unknown outcome is simply repeated": 1,
    "an opt-out that cannot be seen is none": 18,
    "caps are ignored": 3,
    "every answer counts as success": 1,
    "what was dealt with is not known any more": 1,
    "once is ignored": 26,
    "our own writes are news": 2,
    "conditions are not looked at again": 23,
    "a change of owner or status is not noticed": 4,
    "the last look sees nothing": 4,
    "what is older than a rule counts": 1,
    "no deadline is stored": 10,
    "Salesforce's first page is all": 2,
    "what is sent is not recorded before": 1,
    "receipts count by their position": 9,
}
"""Where to begin to look for each broken product: a little before a seed that notices it, so that the test is short."""
SEEDS = 8


@pytest.mark.parametrize("name", FIRST)
def test_a_broken_product_is_noticed_within_a_few_seeds(name: str) -> None:
    for seed in range(FIRST[name], FIRST[name] + SEEDS):
        with BROKEN[name]():
            found = played(scenario(seed)).violations
        if found:
            assert all(violation.invariant != "simulation" for violation in found), found[0]
            return
    pytest.fail(f"not noticed in {SEEDS} seeds")


def test_a_seed_tells_the_same_story_every_time() -> None:
    short = scenario(2)
    short = replace(short.without("steps", frozenset(range(5, len(short.steps)))), options={**short.options, "end": 1})
    assert play(short).counts == play(short).counts


def test_a_scenario_is_the_same_after_it_was_written_down() -> None:
    for seed in (1, 2):
        assert Scenario.load(scenario(seed).dump()) == scenario(seed)


def test_shrinking_leaves_only_what_the_failure_needs() -> None:
    drawn = scenario(3)
    needed = [step for step in drawn.steps if step["do"] == "pass"][-1]

    def fails(smaller: Scenario) -> bool:
        return any(step["do"] == "pass" and step.get("kill") == needed.get("kill") for step in smaller.steps) and bool(
            smaller.leads
        )

    small = shrink(drawn, fails)
    assert fails(small)
    assert (len(small.steps), len(small.leads), len(small.rules)) == (1, 1, 0)
    assert "faults" not in small.steps[0]


def test_a_kind_of_trouble_that_never_happened_is_told() -> None:
    counts = Counter({f"{group} {name}": 1 for group, names in coverage.GROUPS.items() for name in names})
    counts.update(dict.fromkeys(coverage.OTHERS, 1))
    assert coverage.missing(counts) == []
    del counts["fault garble_after"]
    assert coverage.missing(counts) == ["fault garble_after"]
