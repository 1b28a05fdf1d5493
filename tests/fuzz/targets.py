"""All fuzz targets by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import answers, mappings, other_files, queries, rule_files, state_file
from tests.fuzz.target import Tally, Target, explore

TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        rule_files.TARGET,
        queries.TARGET,
        mappings.TARGET,
        answers.TARGET,
        state_file.TARGET,
        other_files.TARGET,
    )
}


def explored(name: str, seconds: float, seed: int) -> Tally:
    """New cases of one target; a process of its own can be asked for this."""
    return explore(TARGETS[name], seconds, seed)
