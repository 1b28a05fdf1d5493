"""What `check` warns of does happen: the records on which two rules collide, and a lead that goes round for ever."""

from __future__ import annotations

from pathlib import Path

from connector.domain.decision import Adoption
from connector.domain.model import Mark
from rules.checks import look
from rules.checks.catalogue import catalogue, files, workspace
from rules.loader import load_rules
from rules.model import RuleSet
from rules.rulebook import FileRulebook
from tests.builders import ANA, BEN, assigned, at, lead, moment, state


def bad(folder: Path, code: str) -> RuleSet:
    for name, text in {**files(workspace()), **files(catalogue()[code].bad)}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(("version: 1\n" if text.startswith("rules:") else "") + text)
    ruleset = load_rules(folder).ruleset
    assert {problem.code for problem in look(ruleset)} == {code}
    return ruleset


def book_of(ruleset: RuleSet) -> FileRulebook:
    return FileRulebook(ruleset, engine="plain")


def test_the_two_rules_of_a_pair_do_collide_on_a_record(tmp_path: Path) -> None:
    ruleset = bad(tmp_path, "F411")
    book = book_of(ruleset)
    now = moment("2026-03-02 12:00", *(Adoption(rule.id, at("2026-01-01 00:00"), True) for rule in ruleset.rules))
    both = state(lead("2026-03-02 09:00", owner=None, source="inbound", size=900))
    plan = book.plan(book.evaluate([both], now), now)
    assert [notice.partition(": ")[2] for notice in plan.notices] == [
        "large-companies lost to inbound-leads over owner"
    ]
    one = state(lead("2026-03-02 09:00", owner=None, source="inbound", size=9))
    assert book.plan(book.evaluate([one], now), now).notices == ()


def test_the_rule_that_is_always_beaten_loses_where_it_would_act(tmp_path: Path) -> None:
    ruleset = bad(tmp_path, "F412")
    book = book_of(ruleset)
    now = moment("2026-03-02 12:00", *(Adoption(rule.id, at("2026-01-01 00:00"), True) for rule in ruleset.rules))
    german = state(lead("2026-03-02 09:00", status="interested", country="DE"))
    plan = book.plan(book.evaluate([german], now), now)
    assert [notice.partition(": ")[2] for notice in plan.notices] == ["germany lost to everybody over the enrolment"]
    assert [action.rule for action in plan.actions] == ["everybody"]


def test_a_lead_that_nobody_touches_does_go_round(tmp_path: Path) -> None:
    ruleset = bad(tmp_path, "F453")
    book = book_of(ruleset)
    rule = ruleset.rules[0].id
    adoption = Adoption(rule, at("2026-01-01 00:00"), True)
    fired: list[Mark] = []
    changes = [assigned(ANA, "2026-03-02 09:00", BEN)]
    for day, owner, new in (("2026-03-09", ANA, BEN), ("2026-03-16", BEN, ANA), ("2026-03-23", ANA, BEN)):
        now = moment(f"{day} 09:00", adoption)
        here = state(lead("2026-03-02 08:00", owner=owner.id), *changes, *fired)
        (decision,) = book.evaluate([here], now)
        (match,) = decision.matches
        fired.append(Mark(rule, match.occasion, match.scope, now.now, "fired"))
        changes.append(assigned(new, f"{day} 09:00", owner, origin="us"))
    assert len({mark.occasion for mark in fired}) == 3
