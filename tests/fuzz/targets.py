"""All fuzz targets by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import answers, mappings, other_files, queries, rule_files, state_file
from tests.fuzz.target import Target

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
