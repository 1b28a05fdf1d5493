"""Rules that are written correctly and mean something else than their author thinks; beside each its harmless sister."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.domain.errors import Problem
from rules.basics import Duration, Place
from rules.checks import Config, look
from rules.checks.lengths import not_shorter
from rules.loader import load_rules

TEAM = """\
people: {ana: {crm: a@example.com, manager: eva}, ben: {crm: b@example.com, manager: eva}, eva: {crm: e@example.com}}
pools: {inbound: {members: [ana, ben]}, seniors: {members: [eva]}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
"""
STATUSES = {"new": "Open", "working": "Working", "nurturing": "Nurturing", "fresh": "Open", "unqualified": "Closed"}
NOTE = "then: [{note: x}]"
TASK = "then: [{task: {type: todo, subject: x}}]"
REASSIGN = "then: [{reassign: {pool: inbound}}], once: per occasion"
ENROLL = "then: [{enroll: {in: a}}], once: per lead, unless: {opted_out: true}"


def problems(
    folder: Path, *rules: str, more: str = "", statuses: Mapping[str, str] = STATUSES, open_: tuple[str, ...] = ()
) -> tuple[Problem, ...]:
    """What is found about these rules: `id` and `why` are added to each that has none."""
    (folder / "rules").mkdir()
    (folder / "team.yaml").write_text(TEAM)
    body = "".join(f"  - {{id: r{at}, why: x, {rule}}}\n" for at, rule in enumerate(rules, 1))
    (folder / "rules" / "a.yaml").write_text(f"version: 1\n{more}" + (f"rules:\n{body}" if rules else ""))
    loaded = load_rules(folder)
    assert [str(problem) for problem in loaded.problems] == []
    places = {word: Place("followup.yaml", at, 3) for at, word in enumerate(statuses, 3) if word in open_}
    return look(loaded.ruleset, Config(statuses=statuses, places=places))


def codes(folder: Path, *rules: str, **more: object) -> list[str]:
    return [problem.code for problem in problems(folder, *rules, **more)]  # type: ignore[arg-type]


# -- never ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        f"when: {{replied: true}}, if: {{all: [{{country: [DE, AT]}}, {{country: [CH, FR]}}]}}, {NOTE}",
        f"when: {{replied: true}}, if: {{status: new}}, unless: {{not: {{status: [working, nurturing]}}}}, {NOTE}",
        f"when: {{replied: true}}, if: {{score: {{at_least: 60}}}}, unless: {{score: {{over: 50}}}}, {NOTE}",
        f"when: {{replied: true}}, if: {{title: {{starts_with: head}}}}, unless: {{title: {{contains: head}}}}, {NOTE}",
        f"when: {{replied: true}}, if: {{industry: {{known: false}}, all: [{{industry: software}}]}}, {NOTE}",
        f"when: {{replied: true}}, if: {{created: {{after: 2026-03-02}}}}, unless: {{created: {{after: 2026-02-01}}}}, {NOTE}",
        f"when: {{attempts: {{reach: 6, type: [call]}}}}, if: {{attempts: {{at_most: 5}}}}, {NOTE}",
        f"when: {{attempts: {{reach: 1, since: assigned}}}}, unless: {{touched_by: anyone}}, {NOTE}",
        f"when: {{attempts: {{reach: 2, by: owner}}}}, if: {{attempts: {{at_most: 1, by: anyone}}}}, {NOTE}",
        f"when: {{quiet: 7 days}}, unless: {{quiet: 3 days}}, {NOTE}",
        f"when: {{created: true}}, wait: 30 days, if: {{age: {{up_to: 2 weeks}}}}, {NOTE}",
        f"when: {{replied: true}}, if: {{in_status: {{over: 60 days}}}}, unless: {{in_status: {{over: 1 week}}}}, {NOTE}",
        f"when: {{next_step: none}}, if: {{next_step: {{overdue: 1 day}}}}, {NOTE}",
        f"when: {{task: {{overdue: 1 day}}}}, if: {{next_step: none}}, {NOTE}",
        f"when: {{replied: true}}, if: {{owner: {{is: nobody, active: true}}}}, {NOTE}",
        f"when: {{replied: true}}, if: {{owner: eva, all: [{{owner: {{in_pool: inbound}}}}]}}, {NOTE}",
        f"when: {{replied: true}}, if: {{any: [{{status: new}}, {{status: working}}], all: [{{status: nurturing}}]}}, {NOTE}",
        "when: {replied: true}, if: {opted_out: true}, then: [{enroll: {in: a}}], once: per lead",
        'when: {replied: true}, if: {do_not_call: true}, then: [{task: {type: call, subject: x}}]',
    ],
)  # fmt: skip
def test_a_rule_that_can_never_act_is_found(tmp_path: Path, rule: str) -> None:
    assert codes(tmp_path, rule) == ["F401"]


@pytest.mark.parametrize(
    "rule",
    [
        f"when: {{replied: true}}, if: {{status: new, all: [{{status: fresh}}]}}, {NOTE}",
        f"when: {{replied: true}}, if: {{size: 5, all: [{{size: 5.0}}]}}, {NOTE}",
        f"when: {{replied: true}}, if: {{title: {{starts_with: head}}}}, unless: {{title: {{contains: sales}}}}, {NOTE}",
        f"when: {{attempts: {{reach: 6}}}}, if: {{attempts: {{at_most: 5, type: call}}}}, {NOTE}",
        f"when: {{attempts: {{reach: 6, since: created}}}}, if: {{attempts: {{at_most: 2, since: assigned}}}}, {NOTE}",
        f"when: {{quiet: {{for: 7 days, by: owner}}}}, unless: {{quiet: 3 days}}, {NOTE}",
        f"when: {{quiet: 30 days}}, if: {{age: {{up_to: 20 days}}}}, {NOTE}",
        f"when: {{created: true}}, wait: 5 business days, if: {{age: {{up_to: 5 days}}}}, {NOTE}",
        f"when: {{becomes: {{status: working}}}}, wait: 3 days, if: {{in_status: {{up_to: 1 day}}}}, {NOTE}",
        f"when: {{replied: true}}, if: {{any: [{{status: new}}, {{status: working}}]}}, unless: {{status: new}}, {NOTE}",
        f"when: {{replied: true}}, if: {{created: {{after: 2026-03-02}}, all: [{{created: {{before: 2026-03-04}}}}]}}, {NOTE}",
        'when: {replied: true}, if: {opted_out: true}, then: [{task: {type: call, subject: x}}]',
        'when: {replied: true}, if: {do_not_call: true}, then: [{task: {type: email, subject: x}}]',
    ],
)  # fmt: skip
def test_a_rule_that_may_act_is_left_alone(tmp_path: Path, rule: str) -> None:
    assert codes(tmp_path, rule) == []


def test_the_finding_names_what_excludes_what_and_where_it_stands(tmp_path: Path) -> None:
    rule = f"when: {{created: true}}, wait: 30 days, if: {{age: {{up_to: 2 weeks}}}}, {NOTE}"
    (found,) = problems(tmp_path, rule)
    assert str(found) == "rules/a.yaml:3:65: nothing passes both `wait` and `if.age`: this rule can never act"
    assert (found.rule, found.level) == ("r1", "error")
    assert found.cure


SCORES = """\
scores:
  - {if: {industry: software}, points: 20, why: x}
  - {per: {activity: email_opened}, points: 5, at_most: 20, why: x}
"""


@pytest.mark.parametrize(("points", "found"), [(41, ["F401"]), (40, [])])
def test_a_score_that_no_record_can_reach_is_found(tmp_path: Path, points: int, found: list[str]) -> None:
    assert codes(tmp_path, f"when: {{score: {{crosses: {points}}}}}, {NOTE}", more=SCORES) == found


@pytest.mark.parametrize(("points", "found"), [(41, ["F401"]), (40, [])])
def test_a_condition_on_a_score_that_no_record_can_have_is_found(tmp_path: Path, points: int, found: list[str]) -> None:
    assert (
        codes(tmp_path, f"when: {{replied: true}}, if: {{score: {{at_least: {points}}}}}, {NOTE}", more=SCORES) == found
    )


def test_a_line_that_takes_points_away_lowers_no_top(tmp_path: Path) -> None:
    worse = SCORES + "  - {if: {country: DE}, points: -15, why: x}\n"
    assert codes(tmp_path, f"when: {{score: {{crosses: 40}}}}, {NOTE}", more=worse) == []


def test_days_are_not_hours_where_clocks_change() -> None:
    assert not not_shorter(Duration(3, "days"), Duration(72, "hours"))
    assert not_shorter(Duration(5, "days"), Duration(72, "hours"))
    assert not not_shorter(Duration(72, "hours"), Duration(3, "days"))


CADENCE = """\
cadences:
  - id: c
    why: x
    start: {{created: true}}
    if: {{status: [new, working]}}
    stop: {stop}
    steps: [{{after: 1 day, note: x}}, {{after: 1 day, note: y}}]
"""


def test_a_cadence_that_stops_whenever_it_would_go_on_is_found_once(tmp_path: Path) -> None:
    found = problems(tmp_path, more=CADENCE.format(stop="{any: [{replied: true}, {not: {status: nurturing}}]}"))
    assert [(each.code, each.rule) for each in found] == [("F401", "c")]


def test_a_cadence_that_may_go_on_is_left_alone(tmp_path: Path) -> None:
    assert codes(tmp_path, more=CADENCE.format(stop="{any: [{replied: true}, {status: working}]}")) == []


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("when: {replied: true}, if: {status: working}, then: [{set: {status: Working}}]", ["F402"]),
        ("when: {replied: true}, if: {status: [working, new]}, then: [{set: {status: working}}]", []),
        ("when: {replied: true}, if: {status: working}, then: [{set: {status: working, rating: Hot}}]", []),
        ("when: {replied: true}, if: {owner: ana}, then: [{reassign: {to: ana}}], once: per lead", ["F402"]),
        ("when: {replied: true}, if: {owner: ana}, then: [{reassign: {to: manager}}], once: per lead", []),
        (f"when: {{replied: true}}, if: {{enrolled: {{in: a}}}}, {ENROLL}", ["F402"]),
    ],
)
def test_a_rule_that_changes_nothing_is_found(tmp_path: Path, rule: str, found: list[str]) -> None:
    assert codes(tmp_path, rule) == found


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (f"when: {{becomes: {{status: working}}}}, unless: {{status: [working, new]}}, {NOTE}", ["F403"]),
        (f"when: {{becomes: {{status: working}}}}, wait: 1 day, unless: {{status: working}}, {NOTE}", []),
        (f"when: {{becomes: {{status: [working, new]}}}}, unless: {{status: working}}, {NOTE}", []),
        (f"when: {{leaves: {{status: new}}}}, if: {{status: new}}, {NOTE}", ["F403"]),
        (f"when: {{replied: true}}, unless: {{replied: true}}, {NOTE}", ["F403"]),
        (f"when: {{replied: true}}, unless: {{replied: {{since: assigned}}}}, {NOTE}", []),
    ],
)
def test_a_trigger_that_stops_its_own_rule_is_found(tmp_path: Path, rule: str, found: list[str]) -> None:
    assert codes(tmp_path, rule) == found


# -- two rules -----------------------------------------------------------------------------------------------------

CREATED = "when: {created: true}"


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("then: [{set: {status: new}}]", "then: [{set: {status: working}}]", ["F412"]),
        ("if: {size: 1}, then: [{set: {status: new}}]", "then: [{set: {status: working}}]", ["F411"]),
        ("then: [{set: {status: new}}]", "then: [{set: {status: New}}]", []),
        ("if: {country: DE}, then: [{set: {rating: a}}]", "if: {country: AT}, then: [{set: {rating: b}}]", []),
        ("if: {country: DE}, then: [{set: {rating: a}}]", "unless: {country: DE}, then: [{set: {rating: b}}]", []),
        ("if: {size: {over: 9}}, then: [{set: {rating: a}}]", "if: {size: {up_to: 9}}, then: [{set: {rating: b}}]", []),
        (f"if: {{size: 1}}, {REASSIGN}", "then: [{reassign: {to: eva}}], once: per lead", ["F411"]),
        (f"if: {{size: 1}}, {REASSIGN}", f"{REASSIGN}, priority: 3", []),
        (f"if: {{size: 1}}, {REASSIGN}", "then: [{offer: {pool: seniors, accept_within: 1 day}}], once: per lead", ["F411"]),
        ("if: {size: 1}, then: [{set: {rating: a}}]", "wait: 1 day, then: [{set: {rating: b}}]", []),
        (TASK, "then: [{task: {type: call, subject: y}}]", []),
        ("then: [{set: {rating: a}}], priority: 5", "if: {size: 1}, then: [{set: {rating: b}}]", ["F412"]),
        ("then: [{set: {rating: a}}, {task: {type: todo, subject: x}}]", "if: {size: 1}, then: [{set: {rating: b}}]", ["F411"]),
    ],
)  # fmt: skip
def test_two_rules_for_one_occasion_that_want_different_things_are_found(
    tmp_path: Path, one: str, other: str, found: list[str]
) -> None:
    assert codes(tmp_path, f"{CREATED}, {one}", f"{CREATED}, {other}") == found


def test_rules_of_different_triggers_are_no_pair(tmp_path: Path) -> None:
    other = "when: {replied: true}, then: [{set: {rating: b}}]"
    assert codes(tmp_path, "when: {created: true}, then: [{set: {rating: a}}]", other) == []


@pytest.mark.parametrize(("slot", "found"), [("weekday 16:00", ["F411"]), ("monday 16:00", []), ("friday 15:00", [])])
def test_times_of_the_week_that_fall_together_are_a_pair(tmp_path: Path, slot: str, found: list[str]) -> None:
    one = "when: {every: friday 16:00}, if: {size: 1}, then: [{set: {rating: a}}]"
    assert codes(tmp_path, one, f"when: {{every: {slot}}}, then: [{{set: {{rating: b}}}}]") == found


def test_changes_of_a_field_that_can_be_the_same_are_a_pair(tmp_path: Path) -> None:
    one = "when: {becomes: {status: [new, working]}}, if: {size: 1}, then: [{set: {rating: a}}]"
    assert codes(tmp_path, one, "when: {becomes: {status: working}}, then: [{set: {rating: b}}]") == ["F411"]


# -- loops ---------------------------------------------------------------------------------------------------------

QUIET = "when: {quiet: 7 days}"
EVERY = "when: {every: weekday 08:00}"
OFFER = "then: [{offer: {pool: inbound, accept_within: 1 day}}]"
PASS_ON = "{reassign: {pool: inbound}}"
MAIL = "then: [{enroll: {in: a}}]"


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ((f"{QUIET}, {REASSIGN}",), ["F453"]),
        ((f"{QUIET}, then: [{{reassign: {{pool: inbound}}}}], once: per owner",), []),
        ((f"{QUIET}, then: [{{reassign: {{pool: inbound, except: previous_owners}}}}], once: per occasion",), []),
        ((f"{QUIET}, then: [{{reassign: {{pool: seniors}}}}], once: per occasion",), []),
        ((f"{QUIET}, if: {{age: {{up_to: 60 days}}}}, {REASSIGN}",), []),
        ((f"{QUIET}, if: {{status: new}}, then: [{{set: {{status: working}}}}, {PASS_ON}], once: per occasion",), []),
        ((f"{QUIET}, if: {{owner: ana}}, then: [{{reassign: {{to: ben}}}}], once: per occasion",), []),
        ((f"{QUIET}, if: {{owner: ana}}, then: [{{reassign: {{to: ben}}}}], once: per occasion",
          f"{QUIET}, if: {{owner: ben}}, then: [{{reassign: {{to: ana}}}}], once: per occasion"), ["F453"]),
        ((f"{QUIET}, {TASK}",), []),
        (("when: {next_step: none}, then: [{note: x}]",), []),
        (("when: {task: {overdue: 1 day}}, then: [{task: {type: todo, subject: x, to: manager}}]",), []),
        ((f"when: {{offer: expired}}, {OFFER}, once: per lead",), []),
        ((f"when: {{offer: rejected}}, {OFFER}, once: per occasion",), []),
        ((f"when: {{task: {{overdue: 1 day}}}}, {OFFER}, once: per occasion",), ["F451"]),
        ((f"when: {{task: {{overdue: 1 day, type: call}}}}, {OFFER}, once: per occasion",), []),
        ((f"when: {{task: {{overdue: 1 day}}}}, if: {{age: {{up_to: 9 days}}}}, {OFFER}, once: per occasion",), []),
        ((f"{EVERY}, if: {{enrolled: {{in: a}}}}, then: [{{unenroll: {{from: a}}}}]",
          f"{EVERY}, if: {{not: {{enrolled: {{in: a}}}}, opted_out: false}}, {MAIL}, once: per occasion"), ["F452"]),
        ((f"{EVERY}, if: {{status: new}}, then: [{{set: {{status: working}}}}]",
          f"{EVERY}, if: {{status: working}}, then: [{{set: {{status: nurturing}}}}]"), []),
        ((f"{EVERY}, {TASK}",), []),
        ((f"{EVERY}, {REASSIGN}",), ["F454"]),
        ((f"{EVERY}, {NOTE}, once: per 90 days",), []),
    ],
)  # fmt: skip
def test_rules_that_start_themselves_again_are_found(tmp_path: Path, rules: tuple[str, ...], found: list[str]) -> None:
    assert codes(tmp_path, *rules) == found


def test_a_chain_is_told_rule_by_rule(tmp_path: Path) -> None:
    steps = (("new", "working"), ("working", "nurturing"), ("nurturing", "new"))
    rules = [f"{EVERY}, if: {{status: {old}}}, then: [{{set: {{status: {new}}}}}]" for old, new in steps]
    (found,) = problems(tmp_path, *rules)
    assert found.code == "F452"
    assert found.message.endswith("r1 -> r2 -> r3 -> r1")


def test_a_cadence_that_expired_offers_start_and_that_offers_again_is_found(tmp_path: Path) -> None:
    cadence = """\
cadences:
  - id: c
    why: x
    start: {offer: expired}
    once: per occasion
    steps: [{note: x}, {after: 1 day, offer: {pool: inbound, accept_within: 1 day}}]
"""
    assert codes(tmp_path, more=cadence) == ["F451"]


# -- contact and coverage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guard", "found"),
    [
        ("unless: {status: new}", ["F501"]),
        ("unless: {any: [{status: new}, {opted_out: true}]}", []),
        ("if: {opted_out: false}", []),
        ("if: {any: [{opted_out: false}, {status: new}]}", ["F501"]),
        ("unless: {all: [{status: new}, {opted_out: true}]}", ["F501"]),
    ],
)
def test_a_mailing_that_does_not_look_at_the_opt_out_is_found(tmp_path: Path, guard: str, found: list[str]) -> None:
    assert codes(tmp_path, f"{CREATED}, {guard}, then: [{{enroll: {{in: a}}}}], once: per lead") == found


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ((f"when: {{next_step: none}}, if: {{status: new}}, {TASK}",), ["F601 nurturing", "F601 working"]),
        ((f"when: {{next_step: none}}, unless: {{status: nurturing}}, {TASK}",), []),
        ((f"when: {{next_step: none}}, if: {{status: [new, working]}}, {TASK}", f"{CREATED}, {TASK}"), ["F602 nurturing"]),
        ((f"when: {{next_step: none}}, if: {{status: [new, working]}}, {TASK}",
          f"when: {{becomes: {{status: nurturing}}}}, {TASK}"), []),
        ((f"when: {{next_step: none}}, if: {{status: [new, working]}}, {TASK}",
          f"when: {{becomes: {{status: working}}}}, {TASK}"), ["F601 nurturing"]),
        ((f"when: {{quiet: 90 days}}, {TASK}",), []),
        ((f"{CREATED}, {NOTE}",), []),
        ((f"when: {{next_step: none}}, if: {{status: [new, working]}}, {TASK}",
          f"for: deal, when: {{becomes: {{status: nurturing}}}}, {NOTE}"), []),
    ],
)  # fmt: skip
def test_a_status_that_nothing_looks_after_is_found(tmp_path: Path, rules: tuple[str, ...], found: list[str]) -> None:
    named = ("new", "working", "nurturing", "unqualified")
    told = problems(tmp_path, *rules, open_=named)
    words = [f"{each.code} {next(word for word in named if f'`{word}`' in each.message)}" for each in told]
    assert sorted(words) == found
