"""Cadences and scores as they are written, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.domain.model import CrmSchema, FieldInfo
from rules import model
from rules.basics import Duration, Place
from rules.binding import bind
from rules.fingerprint import fingerprints
from rules.loader import MAX_RULES
from rules.model import FieldTest, Once, ScoreLine, Step
from tests.surface import OWNERS, RULE, load, told, workspace

__all__ = ["workspace"]


# -- cadences --------------------------------------------------------------------------------------------------------

CADENCE = """\
cadences:
  - id: inbound
    why: Three touches
    start: {created: true}
    if: {source: web}
    unless: {opted_out: true}
    stop: {replied: true}
    steps:
      - {task: {type: call, subject: "Call {lead.name}"}}
      - {after: 1 business day, why: By letter, note: Sent, enroll: {in: brochure}, if: {email: {known: true}}}
      - after: 2 days
        then: [{note: a}, {note: b}]
        unless: {attempts: {at_least: 3}}
    once: per lead
    priority: 7
"""


def test_a_cadence_becomes_one_rule_for_each_step(workspace: Path) -> None:
    loaded = load(workspace, CADENCE)
    assert told(loaded) == []
    first, second, third = loaded.ruleset.rules
    assert [each.id for each in (first, second, third)] == ["inbound/1", "inbound/2", "inbound/3"]
    assert [each.when for each in (first, second, third)] == [
        model.Created(), model.StepDone("inbound/1"), model.StepDone("inbound/2"),
    ]  # fmt: skip
    assert [str(each.wait) for each in (first, second, third)] == ["0 minutes", "1 business day", "2 days"]
    assert [each.why for each in (first, second, third)] == ["Three touches", "By letter", "Three touches"]
    assert {(each.once, each.priority, each.written_id) for each in (first, second, third)} == {
        (Once("lead"), 7, "inbound")
    }
    assert [each.place.line for each in (first, second, third)] == [10, 11, 12]
    assert [type(action).__name__ for action in second.then] == ["NoteAction", "EnrollAction"]
    assert [type(action).__name__ for action in third.then] == ["NoteAction", "NoteAction"]


def test_a_step_tells_its_own_conditions_from_those_of_the_cadence(workspace: Path) -> None:
    first, second, third = load(workspace, CADENCE).ruleset.rules
    for each in (first, second, third):
        assert isinstance(each.if_, FieldTest)
        assert isinstance(each.step, Step)
        assert isinstance(each.step.stop, model.RepliedTest)
        assert (each.if_.path, each.step.stop.path) == ("if.source", "stop.replied")
    assert second.step is not None
    assert isinstance(second.step.if_, FieldTest)
    assert second.step.if_.path == "step.if.email"
    assert third.step is not None
    assert isinstance(third.step.unless, model.AttemptsTest)
    assert (third.step.number, third.step.of, third.step.unless.path) == (3, 3, "step.unless.attempts")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("after: 2 days", "aftr: 2 days", "12:9: `aftr` is not known here; did you mean `after`? Allowed in a step: task, "
         "reassign, offer, enroll, unenroll, set, note, after, why, if, unless, then"),
        ("{after: 1 business day, ", "{",
         "11:9: `after` is missing: this step would come together with the one before it; write "
         "how long it waits"),
        ("note: Sent, enroll: {in: brochure}, ", "", "11:9: `steps`: this step does nothing; write an action such as `task`, "
         "or `then` with a list of actions"),
        ("then: [", "note: c\n        then: [", "12:9: `steps`: `note` and `then` both say what to do; put the action into the "
         "list"),
        ("start: {created: true}", "when: {created: true}",
         "5:5: `when` is not known here; did you mean `start`? Allowed in a cadence: id, why, for, "
         "start, if, unless, stop, steps, once, limit, backfill, priority, calendar, contact"),
        ("id: inbound", "id: in/bound", "3:9: `id`: `in/bound` cannot be an id; use letters, digits, `-`, `_` and `.`, at most "
         "70, such as week-one-call"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_step_stops_the_whole_cadence_by_name(workspace: Path, old: str, new: str, message: str) -> None:
    sound = "rules: [{id: sound, why: x, when: {created: true}, then: [{note: x}]}]\n"
    loaded = load(workspace, CADENCE.replace(old, new) + sound)
    assert message in told(loaded)
    assert loaded.quarantined == {"inbound" if "/" not in new else "in/bound"}
    assert [each.id for each in loaded.ruleset.rules] == ["sound"]


def test_rules_and_cadences_share_their_ids_and_come_in_the_order_of_lines(workspace: Path) -> None:
    rules = "rules: [{id: ID, why: x, when: {created: true}, then: [{note: x}]}]\n"
    loaded = load(workspace, CADENCE + rules.replace("ID", "inbound"))
    assert told(loaded) == [
        "3:9: the id `inbound` is also in rules/a.yaml:17; every rule has its own",
        "17:14: the id `inbound` is also in rules/a.yaml:3; every rule has its own",
    ]
    assert loaded.ruleset.rules == ()
    loaded = load(workspace, CADENCE + rules.replace("ID", "after"))
    assert [each.id for each in loaded.ruleset.rules] == ["inbound/1", "inbound/2", "inbound/3", "after"]


def test_steps_count_as_rules_of_the_workspace(workspace: Path) -> None:
    steps = ", ".join(["{after: 1 day, note: x}"] * 1_000)
    text = "cadences:\n" + "".join(
        f"  - {{id: c{each}, why: x, start: {{created: true}}, steps: [{steps}]}}\n" for each in range(3)
    )
    assert told(load(workspace, text)) == [
        f"5:5: the workspace has more than {MAX_RULES:,} rules; no rule of this file runs until this is mended"
    ]


def test_what_the_crm_lacks_for_one_step_stops_the_whole_cadence(workspace: Path) -> None:
    ruleset = load(workspace, CADENCE).ruleset
    fields = {name: FieldInfo(name, name, "text", True) for name in ("source", "email", "name", "opted_out")}
    bound, problems = bind(ruleset, CrmSchema("salesforce", {"lead": fields}, enrollments=("brochure",)), OWNERS)
    assert (len(bound.rules), problems) == (3, ())
    bound, problems = bind(ruleset, CrmSchema("salesforce", {"lead": fields}), OWNERS)
    assert bound.rules == ()
    (problem,) = problems
    assert problem.rule == "inbound"
    assert problem.message.endswith("cadence inbound does not run")


def test_what_yaml_has_against_a_step_stops_its_cadence_only(workspace: Path) -> None:
    rules = "rules: [{id: sound, why: x, when: {created: true}, then: [{note: x}]}]\n"
    loaded = load(workspace, CADENCE.replace("once: per lead", "once: per lead\n    why: x") + rules)
    assert loaded.quarantined == {"inbound"}
    assert [each.id for each in loaded.ruleset.rules] == ["sound"]


# -- scores ----------------------------------------------------------------------------------------------------------

SCORES = """\
scores:
  - {if: {industry: [software, finance]}, points: 20, why: our best industries}
  - {per: {activity: email_opened}, points: 5, at_most: 20, half_life: 14 days, why: interest fades}
  - {per: {value: 1000}, points: -0.5, why: too big for us, for: deal}
"""


def test_score_lines_are_read(workspace: Path) -> None:
    loaded = load(workspace, SCORES)
    assert told(loaded) == []
    industry, opened, value = loaded.ruleset.scores
    assert isinstance(industry.if_, FieldTest)
    assert (industry.kind, industry.points, industry.why) == ("lead", 20, "our best industries")
    assert opened == ScoreLine(
        "lead", 5, "interest fades", Place("rules/a.yaml", 4, 5), activity="email_opened", at_most=20,
        half_life=Duration(14, "days"),
    )  # fmt: skip
    assert (value.kind, value.points, value.per_value) == ("deal", -0.5, 1000)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{points: 5, why: x}", "3:5: a line gives its points either while conditions hold (`if`) or for what happened "
         "(`per`)"),
        ("{if: {title: x}, points: 0, why: x}", "3:5: `points: 0` changes no score"),
        ("{if: {title: x}, points: 5}",
         "3:5: `why` is missing in a score line: a few words for people, shown wherever the score "
         "is shown. Write for example `why: Our best industries`"),
        ("{if: {title: x}, points: 5, at_most: 9, why: x}", "3:5: `at_most` bounds what is given again and again; it "
         "goes with `per`, not with `if`"),
        ("{per: {value: 10}, points: 5, half_life: 1 day, why: x}", "3:5: `half_life` is for what happened at some "
         "time; it goes with `per: {activity: ..}`"),
        ("{per: {activity: call}, points: 5, half_life: 2 business days, why: x}", "3:5: `half_life` runs by the clock "
         "on the wall; write days or hours without `business`"),
        ("{if: {score: {over: 5}}, points: 5, why: x}",
         "3:11: a line of the score cannot ask for the score itself; ask for what "
         "it is made of"),
        ("{if: {quiet: 2 business days}, points: 5, why: x}", "3:5: a score has no calendar; write days or hours without "
         "`business`"),
        ("{per: {activity: call, value: 5}, points: 5, why: x}",
         "3:28: `activity` is already here, and `value` as well; a line "
         "counts one thing"),
        ("{if: {quiet: 3 dys}, points: 5, why: x}", "3:18: `quiet`: unit `dys` is not known; did you mean `3 days`? Units: "
         "minutes, hours, days, weeks, months, business hours, business days"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_score_line_is_told_and_stops_what_goes_by_that_score(
    workspace: Path, line: str, message: str
) -> None:
    rules = """\
rules:
  - {id: crosses, why: x, when: {score: {crosses: 5}}, then: [{note: x}]}
  - {id: asks, why: x, when: {created: true}, if: {score: {over: 5}}, then: [{note: x}]}
  - {id: shows, why: x, when: {created: true}, then: [{note: "{score}"}]}
  - {id: ranks, why: x, when: {created: true}, then: [{note: x}], limit: {first: score}}
  - {id: other, why: x, when: {created: true}, then: [{note: x}]}
  - {id: deal, why: x, for: deal, when: {score: {crosses: 5}}, then: [{note: x}]}
"""
    loaded = load(workspace, f"scores:\n  - {line}\n{rules}")
    assert told(loaded)[0] == message
    assert [each.id for each in loaded.ruleset.rules] == ["other", "deal"]
    assert loaded.quarantined == {"crosses", "asks", "shows", "ranks"}
    assert loaded.ruleset.scores == ()


def test_a_file_nobody_can_read_may_have_held_scores(workspace: Path) -> None:
    (workspace / "rules" / "b.yaml").write_text("scores: [\n")
    loaded = load(workspace, RULE.format("score: {crosses: 5}", "note: x") + "")
    assert loaded.ruleset.rules == ()
    assert loaded.quarantined == {"a"}


def test_a_score_that_is_worked_out_has_no_field_that_could_change(workspace: Path) -> None:
    (message,) = told(load(workspace, SCORES + RULE.format("becomes: {score: 60}", "note: x")))
    assert message == "6:9: the score of a lead is made by `scores`; write `when: {score: {crosses: 60}}`"


def test_a_file_may_hold_scores_alone(workspace: Path) -> None:
    load(workspace, RULE.format("score: {crosses: 5}", "note: x"), "b.yaml")
    loaded = load(workspace, SCORES)
    assert told(loaded) == []
    assert [each.id for each in loaded.ruleset.rules] == ["a"]


def test_a_changed_score_line_changes_only_the_rules_that_go_by_the_score(workspace: Path) -> None:
    text = SCORES + RULE.format("score: {crosses: 5}", "note: x").replace(
        "}]\n", "}, {id: b, why: x, when: {created: true}, then: [{note: x}]}]\n"
    )
    before, after = load(workspace, text).ruleset, load(workspace, text.replace("points: 20", "points: 30")).ruleset
    digests = [fingerprints(each.rules, each.team, each.scores) for each in (before, after)]
    changed = [rule.id for rule, old, new in zip(before.rules, *digests, strict=True) if old != new]
    assert changed == ["a"]
