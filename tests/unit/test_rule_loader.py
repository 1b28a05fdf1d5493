"""Rule files become rules."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from rules import actions, model
from rules.basics import Duration, Place, Template
from rules.loader import MAX_RULES, load_rules
from rules.model import AllOf, AnyOf, FieldTest, Limit, Not, Once
from tests.rule_files import RULE, TEAM, load, only, told, with_line, workspace

__all__ = ["workspace"]


def test_a_rule_is_read_with_what_its_file_shares(workspace: Path) -> None:
    rule = only(
        load(
            workspace,
            """\
version: 1
defaults:
  for: contact
  unless: {any: [{status: [converted, Do Not Contact]}, {opted_out: yes}]}
rules:
  - id: week-one-call
    why: Every new contact is called
    when: {created: true}
    wait: 5 business days
    unless: {attempts: {type: call, at_least: 1}}
    then:
      - task: {type: call, subject: "Call {contact.name}, says {owner.name}", due: 1 hour, slot: "16:00-17:00"}
    once: per contact
    limit: {per_run: 25, on_exceed: stop}
    backfill: {spread: 20 per day}
    priority: 3
""",
        )
    )
    assert (rule.id, rule.kind, rule.calendar, rule.priority) == ("week-one-call", "contact", "office", 3)
    assert rule.when == model.Created()
    assert rule.wait == Duration(5, "business days")
    assert rule.once == Once("lead")
    assert rule.limit == Limit(per_run=25, on_exceed="stop")
    assert rule.backfill == model.Backfill("spread", 20)
    assert rule.place == Place("rules/a.yaml", 6, 5)
    assert rule.then == (
        actions.TaskAction(
            "call", Template(("Call ", "name", ", says ", "owner", "")), None, Duration(1, "hours"),
            (time(16), time(17)), "normal", "owner", Place("rules/a.yaml", 12, 9),
        ),
    )  # fmt: skip
    assert isinstance(rule.unless, AnyOf)
    own, shared = rule.unless.items
    assert rule.unless.path == "unless"
    assert isinstance(own, model.AttemptsTest)
    assert (own.path, own.types, own.at_least, own.at_most) == ("unless.attempts", ("call",), 1, None)
    assert isinstance(shared, AnyOf)
    assert [leaf.path for leaf in model.leaves(shared)] == [
        "defaults.unless.any.0.status", "defaults.unless.any.1.opted_out",
    ]  # fmt: skip
    opted_out = shared.items[1]
    assert isinstance(opted_out, FieldTest)
    assert (opted_out.op, opted_out.values) == ("in", (True,))


@pytest.mark.parametrize(
    ("written", "trigger"),
    [
        ("created: true", model.Created()),
        ("assigned: yes", model.Assigned()),
        ("replied: true", model.Replied()),
        ("next_step: none", model.NoNextStep()),
        ("changes: custom.tier", model.FieldChange("changes", "custom.tier")),
        ("becomes: {status: interested}", model.FieldChange("becomes", "status", ("interested",))),
        ("becomes: {score: [60, 70.5]}", model.FieldChange("becomes", "score", (60, 70.5))),
        ("becomes: {opted_out: no}", model.FieldChange("becomes", "opted_out", (False,))),
        ("leaves: {status: [a, no], from: b}", model.FieldChange("leaves", "status", ("a", "no"), ("b",))),
        ("quiet: 7 days", model.QuietFor(Duration(7, "days"), ("call", "email", "meeting", "note"), "anyone")),
        (
            "quiet: {for: 1 week, counting: call, by: owner}",
            model.QuietFor(Duration(1, "weeks"), ("call",), "owner"),
        ),
        (
            "attempts: {reach: 6}",
            model.AttemptsReach(6, ("call", "email_sent", "meeting"), "anyone", "created"),
        ),
        (
            "attempts: {reach: 6, type: [call], by: owner, since: status}",
            model.AttemptsReach(6, ("call",), "owner", "status"),
        ),
    ],
)
def test_triggers_are_read(workspace: Path, written: str, trigger: model.Trigger) -> None:
    assert only(load(workspace, with_line(f"when: {{{written}}}"))).when == trigger


AT = Place("rules/a.yaml", 4, 10)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("status: open", FieldTest("status", "in", ("open",), "if.status", AT)),
        ("country: [DE, NO]", FieldTest("country", "in", ("DE", "NO"), "if.country", AT)),
        ("custom.tier: 1", FieldTest("custom.tier", "in", ("1",), "if.custom.tier", AT)),
        ("score: {at_least: 60}", FieldTest("score", "at_least", (60,), "if.score", AT)),
        ("size: {up_to: 500}", FieldTest("size", "at_most", (500,), "if.size", AT)),
        ("industry: {known: true}", FieldTest("industry", "known", (True,), "if.industry", AT)),
        ("source: {not: purchased}", FieldTest("source", "not_in", ("purchased",), "if.source", AT)),
        ("title: {contains: head}", FieldTest("title", "contains", ("head",), "if.title", AT)),
        ("created: {before: 2026-07-01}", FieldTest("created", "before", (date(2026, 7, 1),), "if.created", AT)),
        ("created: {within: 3 days}", FieldTest("created", "within", (), "if.created", AT, Duration(3, "days"))),
        ("replied: false", model.RepliedTest(False, "created", "if.replied", AT)),
        ("replied: {since: assigned}", model.RepliedTest(True, "assigned", "if.replied", AT)),
        ("touched_by: owner", model.TouchedTest("owner", "if.touched_by", AT)),
        ("next_step: none", model.NextStepTest("none", None, "if.next_step", AT)),
        ("next_step: {overdue: 2 days}", model.NextStepTest("overdue", Duration(2, "days"), "if.next_step", AT)),
        ("in_status: {over: 10 days}", model.SinceTest("in_status", Duration(10, "days"), None, "if.in_status", AT)),
        ("age: {up_to: 1 month}", model.SinceTest("age", None, Duration(1, "months"), "if.age", AT)),
        ("enrolled: {in: brochure}", model.EnrolledTest("brochure", "if.enrolled", AT)),
        ("owner: ana", model.OwnerTest("person", "ana", "if.owner", AT)),
        ("owner: {is: queue}", model.OwnerTest("queue", True, "if.owner", AT)),
        ("owner: {active: false}", model.OwnerTest("active", False, "if.owner", AT)),
        ("owner: {in_pool: inbound}", model.OwnerTest("in_pool", "inbound", "if.owner", AT)),
        ("during: office", model.DuringTest("office", "if.during", AT)),
    ],
)
def test_conditions_are_read(workspace: Path, written: str, expected: model.Condition) -> None:
    assert only(load(workspace, with_line(f"if: {{{written}}}"))).if_ == expected


def test_several_tests_of_one_field_must_all_hold(workspace: Path) -> None:
    condition = only(load(workspace, with_line("if: {size: {up_to: 500, over: 10}}"))).if_
    assert isinstance(condition, AllOf)
    assert [(leaf.path, leaf.op) for leaf in model.leaves(condition) if isinstance(leaf, FieldTest)] == [
        ("if.size.up_to", "at_most"), ("if.size.over", "over"),
    ]  # fmt: skip


def test_conditions_nest_and_keep_the_order_of_the_file(workspace: Path) -> None:
    condition = only(
        load(workspace, with_line("if: {not: {title: x}, any: [{age: {over: 1 day}}, {size: 1, score: 2}]}"))
    ).if_
    assert isinstance(condition, AllOf)
    negated, either = condition.items
    assert isinstance(negated, Not)
    assert isinstance(either, AnyOf)
    assert [leaf.path for leaf in model.leaves(condition)] == [
        "if.not.title", "if.any.0.age", "if.any.1.size", "if.any.1.score",
    ]  # fmt: skip


def test_actions_are_read(workspace: Path) -> None:
    text = with_line(
        """\
then:
      - reassign: {pool: inbound, how: round_robin, except: previous_owners, if_nobody: queue Lost Leads, note: "{name}"}
      - reassign: {to: manager}
      - enroll: {in: brochure, sender: owner}
      - unenroll: {from: brochure}
      - set: {status: recycled, score: 5, custom.tier: 7}
      - note: Nobody home"""
    )
    places = [Place("rules/a.yaml", line, 9) for line in range(5, 11)]
    assert only(load(workspace, text)).then == (
        actions.ReassignAction(
            None, "inbound", True, "Lost Leads", Template(("", "name", "")), places[0], "round_robin"
        ),
        actions.ReassignAction("manager", None, False, "hold", None, places[1]),
        actions.EnrollAction("brochure", "owner", places[2]),
        actions.UnenrollAction("brochure", places[3]),
        actions.SetAction({"status": "recycled", "score": 5, "custom.tier": "7"}, places[4]),
        actions.NoteAction(Template(("Nobody home",)), places[5]),
    )


def test_every_mistake_of_every_rule_is_told_and_sound_rules_run(workspace: Path) -> None:
    broken = "  - {id: broken, why: x, when: {created: flase}, wiat: 1 day, then: [{task: {type: cal}}, {nte: x}]}"
    sound = "  - {id: sound, why: x, when: {created: true}, then: [{note: x}]}"
    worse = "  - {id: worse, why: [], when: {}, then: {}}"
    loaded = load(workspace, "\n".join(["version: 1", "rules:", broken, sound, worse]))
    places = [(3, broken.index(word), "broken") for word in ("flase", "wiat", "{type", "cal}", "nte")]
    places += [(5, worse.index(word), "worse") for word in ("[]", "{}, then", "{}}")]
    assert [(problem.line, problem.column - 1, problem.rule) for problem in loaded.problems] == places
    assert [rule.id for rule in loaded.ruleset.rules] == ["sound"]
    assert loaded.quarantined == {"broken", "worse"}


def test_rules_of_all_files_come_in_the_order_of_file_and_line(workspace: Path) -> None:
    load(workspace, RULE.replace("a-rule", "third"), "b.yml")
    load(workspace, RULE.replace("a-rule", "first") + RULE.split("rules:\n")[1].replace("a-rule", "second"), "a.yaml")
    (workspace / "rules" / "notes.txt").write_text("no rules")
    loaded = load_rules(workspace)
    assert told(loaded) == []
    assert [rule.id for rule in loaded.ruleset.rules] == ["first", "second", "third"]


def test_rules_that_share_an_id_do_not_run_whichever_file_they_are_in(workspace: Path) -> None:
    load(workspace, RULE, "b.yaml")
    loaded = load(workspace, RULE + RULE.split("rules:\n")[1].replace("a-rule", "other"), "a.yaml")
    assert told(loaded) == [
        "rules/a.yaml:3:9: the id `a-rule` is also in rules/b.yaml:3; every rule has its own",
        "rules/b.yaml:3:9: the id `a-rule` is also in rules/a.yaml:3; every rule has its own",
    ]
    assert [rule.id for rule in loaded.ruleset.rules] == ["other"]


def test_a_fault_of_yaml_inside_a_rule_stops_that_rule_only(workspace: Path) -> None:
    loaded = load(workspace, RULE + RULE.split("rules:\n")[1].replace("a-rule", "b-rule").replace("once", "why"))
    assert [str(problem) for problem in loaded.problems] == [
        "rules/a.yaml:12:5: `why` is here twice, first in line 9; keep one"
    ]
    assert [rule.id for rule in loaded.ruleset.rules] == ["a-rule"]


def test_a_workspace_without_rule_files_is_told(tmp_path: Path) -> None:
    loaded = load_rules(tmp_path)
    assert told(loaded) == ["rules:0:0: no rule file is here; write one such as rules/follow-up.yaml"]


def test_given_cases_are_left_for_later(workspace: Path) -> None:
    assert only(load(workspace, RULE + "tests:\n  - {rule: a-rule, anything: [goes]}\n")).id == "a-rule"


def test_more_rules_than_a_workspace_may_have_are_refused(workspace: Path) -> None:
    item = "  - {{id: r{}, why: x, when: {{created: true}}, then: [{{note: x}}]}}\n"
    loaded = load(workspace, "version: 1\nrules:\n" + "".join(map(item.format, range(MAX_RULES + 1))))
    assert told(loaded) == [
        f"rules/a.yaml:{MAX_RULES + 3}:5: the workspace has more than 2,000 rules; no rule of this file runs until this "
        "is mended"
    ]


def test_a_rule_that_counts_working_time_needs_a_calendar(workspace: Path) -> None:
    (workspace / "team.yaml").write_text(TEAM.replace("office", "berlin"))
    loaded = load(workspace, with_line("wait: 2 business days"))
    assert told(loaded) == [
        "rules/a.yaml:3:5: this rule counts working time and names no `calendar`; the calendar `office` is not known here. "
        "Allowed in team.yaml: berlin"
    ]
    assert only(load(workspace, with_line("wait: 2 days"))).wait == Duration(2, "days")
    assert (
        only(load(workspace, "defaults: {calendar: berlin}\n" + with_line("wait: 2 business days"))).calendar
        == "berlin"
    )


def test_enrolments_are_not_checked_when_their_names_are_not_known(workspace: Path) -> None:
    (workspace / "rules" / "a.yaml").write_text(with_line("then: [{enroll: {in: anything}}]"))
    assert told(load_rules(workspace)) == []


def test_the_default_limit_is_taken_over(workspace: Path) -> None:
    (workspace / "rules" / "a.yaml").write_text(RULE)
    assert load_rules(workspace).ruleset.default_limit == Limit(per_run=100)
    assert load_rules(workspace, default_limit=Limit(per_run=7)).ruleset.default_limit == Limit(per_run=7)
