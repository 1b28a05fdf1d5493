"""Every case that ever failed, and the same few new ones of each target every time. `make fuzz` looks further."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.target import CORPUS, load, quick
from tests.fuzz.targets import TARGETS

KEPT = sorted(CORPUS.glob("*/*.json"))


def test_every_kept_case_has_a_target() -> None:
    assert KEPT
    assert {path.parent.name for path in KEPT} <= set(TARGETS)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_failed_once_fails_no_more(path: Path) -> None:
    TARGETS[path.parent.name].check(load(path))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_short_look_finds_nothing(name: str) -> None:
    tally = quick(TARGETS[name])
    assert tally.failing is None, f"{tally.error}\n{tally.failing}"
    assert tally.examples >= TARGETS[name].quick // 2
