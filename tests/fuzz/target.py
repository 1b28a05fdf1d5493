"""What a fuzz target is: cases that are JSON, made by hypothesis, and a check that fails where the product does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

CORPUS = Path(__file__).parent / "corpus"
"""Seeds, and every case that ever failed; one folder for each target."""

Case = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """One part of the product under fire. `share` is its part of the time, `quick` how many cases the suite looks at."""

    name: str
    about: str
    cases: SearchStrategy[Case]
    check: Callable[[Case], None]
    share: int = 1
    quick: int = 20

    @property
    def corpus(self) -> list[Path]:
        """The kept cases, in a fixed order."""
        return sorted((CORPUS / self.name).glob("*.json"))


@dataclass
class Tally:
    """How many cases were looked at, and the smallest that failed."""

    examples: int = 0
    failing: Case | None = None
    error: str = ""


def explore(target: Target, seconds: float, seed: int) -> Tally:
    """New cases until the time is over or one fails; the failing one is shrunk for a while."""
    tally, until, turn = Tally(), monotonic() + seconds, 0
    while tally.failing is None and monotonic() < until:
        turn += 1
        _look(target, tally, 50, until, seed * 1_000 + turn)
    return tally


def quick(target: Target) -> Tally:
    """The same few cases every time."""
    tally = Tally()
    _look(target, tally, target.quick, monotonic() + 600, None)
    return tally


def _look(target: Target, tally: Tally, most: int, until: float, seed: int | None) -> None:
    def one(case: Case) -> None:
        if tally.failing is None and monotonic() > until:
            return
        tally.examples += 1
        try:
            target.check(case)
        except BaseException as error:
            if tally.failing is None or len(text_of(case)) <= len(text_of(tally.failing)):
                tally.failing, tally.error = case, f"{type(error).__name__}: {error}"
            raise

    phases = (Phase.generate,) if seed is None else (Phase.generate, Phase.shrink)
    config = settings(
        max_examples=most,
        database=None,
        deadline=None,
        derandomize=seed is None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    run = config(given(target.cases)(one))
    try:
        (run if seed is None else seeded(seed)(run))()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        tally.error = tally.error or f"{type(error).__name__}: {error}"
        tally.failing = tally.failing or {}


def told_in_one_line(error: Exception) -> None:
    """An error that a user may meet says something, in one line."""
    assert str(error).strip()
    assert "\n" not in str(error), "an error is one line"


def text_of(case: Mapping[str, Any]) -> str:
    """A case as its file has it."""
    return json.dumps(case, indent=1, sort_keys=True) + "\n"


def save(target: Target, case: Case) -> Path:
    """Keep a case in the corpus."""
    text = text_of(case)
    path = CORPUS / target.name / f"{blake2b(text.encode(), digest_size=6).hexdigest()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path) -> Case:
    """A kept case."""
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found
