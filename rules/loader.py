"""Reads a workspace's rule files and team into a `RuleSet`, and lists everything that is wrong, with its place.

A broken rule is left out by name and the others run. What could change more than one rule (a file's defaults, what
team.yaml counts) stops all rules it could change: a guard that cannot be read must not be taken for absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connector.domain.errors import Problem
from rules import lint
from rules.basics import Place
from rules.model import Breaker, Limit, RuleSet, ScoreLine
from rules.needs import unseen_changes, without_score
from rules.refusal import SHAPE, TWICE
from rules.rulefile import MAX_RULES, CaseList, Found, RuleFile
from rules.teamfile import FILE as TEAM_FILE
from rules.teamfile import load_team
from rules.yamlfile import read_yaml, shown

FOLDER = "rules"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rules that run, and everything that is wrong in the files, in the order of file and line."""

    ruleset: RuleSet
    problems: tuple[Problem, ...]
    tests: tuple[CaseList, ...] = ()
    """The cases of each file that has any, as they are written; `followup test` reads them."""

    @property
    def quarantined(self) -> frozenset[str]:
        """The ids of the rules and cadences that do not run because of a mistake of their own."""
        return frozenset(problem.rule for problem in self.problems if problem.rule)


def load_rules(
    folder: Path,
    *,
    default_limit: Limit | None = None,
    breaker: Breaker | None = None,
    enrollments: frozenset[str] | None = None,
    draft: Path | None = None,
) -> Loaded:
    """Read `team.yaml` and `rules/*.yaml` of a workspace; `enrollments` are followup.yaml's names, None: not checked.

    `draft` is a folder with other rule files, in it or in its own `rules/`; its team.yaml counts where it has one.
    """
    team = load_team(draft if draft is not None and (draft / TEAM_FILE).exists() else folder)
    problems = list(team.problems)
    found: list[Found] = []
    files: list[RuleFile] = []
    paths = _rule_files(folder / FOLDER) if draft is None else _rule_files(draft / FOLDER) or _rules_beside(draft)
    if not paths:
        problems.append(
            Problem(FOLDER, 0, 0, "no rule file is here; write one such as rules/follow-up.yaml", code=SHAPE)
        )
    for path in paths:
        room = MAX_RULES - sum(max(1, len(each.rules)) for each in found)
        file = RuleFile(f"{FOLDER}/{path.name}", read_yaml(path), team, enrollments, room)
        found += file.read()
        files.append(file)
        problems += file.problems
    scores = tuple(line for file in files for line in file.scores)
    doubtful = frozenset(kind for file in files for kind in file.doubtful)
    every = [rule for each in found for rule in each.rules]
    problems += _twice(found)
    problems += lint.check(every)
    problems += without_score(every, doubtful)
    problems += unseen_changes(every, {line.kind for line in scores} | doubtful)
    broken = {problem.rule for problem in problems if problem.rule}
    rules = tuple(rule for rule in every if rule.written_id not in broken) if team.sound else ()
    ruleset = RuleSet(
        rules, team.team, default_limit or Limit(per_run=100), _certain(scores, doubtful), breaker or Breaker()
    )
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))
    tests = tuple(file.tests for file in files if file.tests is not None)
    return Loaded(ruleset, tuple(ordered), tests)


def _rules_beside(draft: Path) -> list[Path]:
    """The rule files of a draft that stand beside its team.yaml and followup.yaml."""
    return [path for path in _rule_files(draft) if path.name not in (TEAM_FILE, "followup.yaml")]


def _rule_files(folder: Path) -> list[Path]:
    try:
        paths = [path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")]
    except OSError:
        return []
    return sorted((path for path in paths if not path.name.startswith(".")), key=lambda path: path.name)


def _twice(found: Iterable[Found]) -> Iterator[Problem]:
    """Rules that share an id: none of them runs, since nobody can say to which one the history belongs."""
    places: dict[str, list[Place]] = {}
    for each in found:
        places.setdefault(each.id, []).append(each.place)
    for name, spots in places.items():
        for spot in spots if len(spots) > 1 else ():
            other = next(place for place in spots if place != spot)
            message = f"the id `{shown(name)}` is also in {other.file}:{other.line}; every rule has its own"
            yield Problem(spot.file, spot.line, spot.column, message, name, TWICE)


def _certain(scores: Iterable[ScoreLine], doubtful: frozenset[str]) -> tuple[ScoreLine, ...]:
    return tuple(line for line in scores if line.kind not in doubtful)
