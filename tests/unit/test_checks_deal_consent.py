"""A deal is nobody who could refuse anything: a rule for deals that asks for it never acts, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.checks.references import Config, references
from rules.loader import load_rules
from tests.company import START, Company, company

RULES = """\
version: 1
defaults:
  unless: {opted_out: true}
rules:
  - {id: of-deal, why: A rule, for: deal, when: {created: true}, then: [{note: New}]}
  - {id: of-lead, why: A rule, when: {created: true}, then: [{note: New}]}
"""


@pytest.mark.parametrize(
    ("fields", "told"),
    [({}, [(3, "of-deal", "F304")]), ({"deal.opted_out": "No_Mail__c"}, [])],
    ids=["unbound", "bound"],
)
def test_check_finds_a_rule_for_deals_that_asks_for_an_opt_out(
    tmp_path: Path, fields: dict[str, str], told: list[tuple[int, str, str]]
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    loaded = load_rules(tmp_path)
    found = list(references(loaded.ruleset, Config(crm="salesforce", fields=fields)))
    assert [(each.line, each.rule, each.code) for each in found] == told


@pytest.fixture(params=["salesforce", "hubspot"])
def firm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    with company(request.param, tmp_path) as made:
        yield made


def test_a_pass_leaves_such_a_rule_out_by_name_and_runs_the_others(firm: Company) -> None:
    firm.rules(RULES)
    firm.run(START)
    result = firm.run()
    assert [problem.rule for problem in result.problems] == ["of-deal"]
