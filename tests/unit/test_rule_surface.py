"""The later words of the language: events, offers, cadences, scores and pools that match; and what is told of mistakes."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from connector.domain.model import CrmSchema, FieldInfo, Owner
from rules import actions, model
from rules.basics import Duration, Place, Template
from rules.binding import bind
from rules.fingerprint import fingerprint
from rules.loader import MAX_RULES, Loaded, load_rules
from rules.model import FieldTest, Limit, Once, Rule, ScoreLine, Step
from rules.needs import needs_of

TEAM = """\
people:
  ana: {crm: ana@example.com}
  ben: {crm: ben@example.com, cover: ana}
pools: {inbound: {members: [ana, ben], how: match, match: [skill, history]}, turns: {members: [ben, ana]}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
"""
HEAD = "version: 1\n"
RULE = "rules: [{{id: a, why: x, when: {{{}}}, then: [{{{}}}], once: per lead}}]\n"
OWNERS = (Owner("u1", "Ana", "ana@example.com"), Owner("u2", "Ben", "ben@example.com"))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "rules").mkdir()
    return tmp_path


def load(workspace: Path, text: str, name: str = "a.yaml") -> Loaded:
    (workspace / "rules" / name).write_text(HEAD + text)
    return load_rules(workspace, enrollments=frozenset({"brochure"}))


def told(loaded: Loaded) -> list[str]:
    return [str(problem).removeprefix("rules/a.yaml:") for problem in loaded.problems]


def rule(workspace: Path, when: str = "created: true", then: str = "note: x") -> Rule:
    loaded = load(workspace, RULE.format(when, then))
    assert told(loaded) == []
    return loaded.ruleset.rules[0]


# -- what starts the clock -------------------------------------------------------------------------------------------

WEEKDAYS = (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("written", "trigger"),
    [
        ("activity: email_clicked", model.ActivityIs(("email_clicked",))),
        (
            "activity: {type: [call, meeting], outcome: no_answer, subject_contains: pricing}",
            model.ActivityIs(("call", "meeting"), ("no_answer",), "pricing"),
        ),
        ("score: {crosses: 60}", model.ScoreCrosses(60)),
        ("task: {overdue: 1 business day}", model.TaskOverdue(Duration(1, "business days"))),
        ("task: {overdue: 2 hours, type: [call, email]}", model.TaskOverdue(Duration(2, "hours"), ("call", "email"))),
        (
            "task: {completed: true, type: call, outcome: [busy, no]}",
            model.TaskCompleted(("call",), ("busy", "no")),
        ),
        ("offer: expired", model.OfferSettled("expired")),
        ("every: friday 16:00", model.Every((4,), time(16))),
        ("every: weekday 07:00", model.Every(WEEKDAYS, time(7))),
        ("every: day 8:30", model.Every((0, 1, 2, 3, 4, 5, 6), time(8, 30))),
        ("every: Monday and thu 09:00", model.Every((0, 3), time(9))),
        ('every: "tue, sat 09:00"', model.Every((1, 5), time(9))),
        ("every: [sunday 09:00, monday 09:00, weekday 9:00]", model.Every((*WEEKDAYS, 6), time(9))),
    ],
)
def test_the_later_triggers_are_read(workspace: Path, written: str, trigger: model.Trigger) -> None:
    assert rule(workspace, when=written).when == trigger


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("activity: email_open", "`activity`: `email_open` is not known here; did you mean `email_opened`? Allowed: call, "
         "call_inbound, email_sent, email_received, email_opened, email_clicked, meeting, meeting_booked, note"),
        ("activity: {outcome: busy}", "`type` is missing in activity: what happened: call, call_inbound, email_sent, "
         "email_received, email_opened, email_clicked, meeting, meeting_booked or note. Write for example `type: "
         "email_clicked`"),
        ("score: 60", "`score`: keys and values are expected, such as `{crosses: 60}`"),
        ("score: {crosses: high}", "`crosses`: `high` is not a number such as 60 or 2.5"),
        ("task: {type: call}", "`task`: write either `overdue` with a time, or `completed: true`"),
        ("task: {overdue: 1 day, completed: true}", "`task`: write either `overdue` with a time, or `completed: true`"),
        ("task: {overdue: 1 day, outcome: busy}", "`task`: a task has an `outcome` once it is completed; it goes with "
         "`completed: true`"),
        ("offer: accept", "`offer`: `accept` is not known here; did you mean `accepted`? Allowed: accepted, rejected, expired"),
        ("every: fryday 16:00", "`every`: the day `fryday` is not known here; did you mean `friday`? Allowed: monday, tuesday, "
         "wednesday, thursday, friday, saturday, sunday, weekday, day"),
        ("every: friday", "`every`: `friday` is not a time of the week; write a day and a time, such as `friday 16:00`"),
        ("every: 16:00", "`every`: `16:00` is not a time of the week; write a day and a time, such as `friday 16:00`"),
        ("every: friday 25:00", "`every`: `25:00` is not a time between 00:00 and 23:59, such as 09:00"),
        ("every: [monday 09:00, friday 16:00]", "`every`: one rule has one time of day; write a second rule for the other"),
        ("every: []", "`every`: name between one and seven times of the week, such as `friday 16:00`"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_later_trigger_is_told(workspace: Path, written: str, message: str) -> None:
    (found,) = told(load(workspace, RULE.format(written, "note: x")))
    assert found.startswith("2:")
    assert found.split(": ", 1)[1] == message


def test_a_time_of_the_week_needs_a_calendar(workspace: Path) -> None:
    (workspace / "team.yaml").write_text(TEAM.replace("office", "berlin"))
    (message,) = told(load(workspace, RULE.format("every: friday 16:00", "note: x")))
    assert "this rule counts working time and names no `calendar`" in message


# -- actions and the frame -------------------------------------------------------------------------------------------

AT = Place("rules/a.yaml", 2, 55)


@pytest.mark.parametrize(
    ("written", "action"),
    [
        (
            "offer: {pool: inbound, accept_within: 4 business hours}",
            actions.OfferAction("inbound", Duration(4, "business hours"), AT),
        ),
        (
            "offer: {pool: inbound, accept_within: 1 day, how: least_loaded, except: previous_owners, if_nobody: queue Lost, "
            "note: Hot}",
            actions.OfferAction(
                "inbound", Duration(1, "days"), AT, "least_loaded", (), True, "Lost", Template(("Hot",))
            ),
        ),
        (
            "offer: {pool: inbound, accept_within: 1 day, match: [skill, industry]}",
            actions.OfferAction("inbound", Duration(1, "days"), AT, "match", ("skill", "industry")),
        ),
        (
            "reassign: {pool: inbound, how: weighted}",
            actions.ReassignAction(None, "inbound", False, "hold", None, AT, "weighted"),
        ),
        (
            "reassign: {pool: inbound, how: match, match: history}",
            actions.ReassignAction(None, "inbound", False, "hold", None, AT, "match", ("history",)),
        ),
    ],
)
def test_pools_hand_out_in_every_way(workspace: Path, written: str, action: actions.RuleAction) -> None:
    (found,) = rule(workspace, then=written).then
    assert found == action


def test_a_task_may_follow_the_channel_the_person_prefers(workspace: Path) -> None:
    (task,) = rule(workspace, then="task: {type: preferred, subject: Ask}").then
    assert isinstance(task, actions.TaskAction)
    assert task.type == "preferred"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("offer: {pool: inbound}",
         "`accept_within` is missing in offer: how long each of them has to accept. Write for example "
         "`accept_within: 4 business hours`"),
        ("offer: {pool: inbond, accept_within: 1 day}", "`pool`: the pool `inbond` is not known here; did you mean `inbound`? "
         "Allowed: inbound, turns (of team.yaml)"),
        ("reassign: {pool: inbound, how: weighted, match: skill}",
         "`reassign`: `match` says what fits best; it goes with `how: "
         "match`, not with `how: weighted`"),
        ("reassign: {pool: inbound, match: [skill, skill]}", "`reassign`: `match` names skill twice"),
        ("reassign: {pool: inbound, match: location}",
         "`match`: `location` is not known here. Allowed: industry, history, skill"),
    ],
)  # fmt: skip
def test_a_mistake_about_a_pool_is_told(workspace: Path, written: str, message: str) -> None:
    (found,) = told(load(workspace, RULE.format("created: true", written)))
    assert found.split(": ", 1)[1] == message


def test_only_a_hand_over_note_can_name_who_gets_the_record(workspace: Path) -> None:
    (reassign,) = rule(workspace, then='reassign: {pool: inbound, note: "To {person.name}, from {owner.name}"}').then
    assert isinstance(reassign, actions.ReassignAction)
    assert reassign.note == Template(("To ", "person", ", from ", "owner", ""))
    assert reassign.note.fields == ("owner",)
    (message,) = told(load(workspace, RULE.format("created: true", 'note: "To {person.name}"')))
    assert "the field `person.name` is not known here" in message


def test_an_offer_needs_to_say_what_it_is_made_once_for(workspace: Path) -> None:
    text = RULE.format("created: true", "offer: {pool: inbound, accept_within: 1 day}").replace(", once: per lead", "")
    assert told(load(workspace, text)) == [
        "2:56: `offer` needs `once` in its rule, such as `once: per lead`, so that it is not repeated"
    ]


def test_a_limit_may_say_who_goes_first_and_a_rule_whether_contact_limits_hold_it(workspace: Path) -> None:
    text = RULE.format("created: true", "note: x")
    found = load(workspace, text.replace("once:", "limit: {per_run: 5, first: value}, contact: always, once:"))
    (only,) = found.ruleset.rules
    assert (only.limit, only.contact) == (Limit(per_run=5, first="value"), "always")
    assert rule(workspace).contact == "within_limits"
    assert load(workspace, text.replace("once:", "limit: {first: score}, once:")).ruleset.rules[0].limit == Limit(
        first="score"
    )


def test_a_pool_hands_out_as_team_yaml_says(workspace: Path) -> None:
    pools = load(workspace, RULE.format("created: true", "note: x")).ruleset.team.pools
    assert (pools["inbound"].how, pools["inbound"].match) == ("match", ("skill", "history"))
    assert (pools["turns"].how, pools["turns"].members) == ("round_robin", ("ben", "ana"))


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


# -- what a pass reads -----------------------------------------------------------------------------------------------


def test_a_pass_reads_what_scores_events_and_pools_go_by(workspace: Path) -> None:
    text = """\
scores:
  - {if: {rating: hot}, points: 5, why: x}
  - {per: {value: 1000}, points: 5, why: x}
  - {per: {activity: note}, points: 5, why: x}
rules:
  - {id: a, why: x, when: {score: {crosses: 5}}, then: [{offer: {pool: inbound, accept_within: 1 day}}], once: per lead}
  - {id: b, why: x, for: deal, when: {score: {crosses: 5}}, then: [{note: x}], limit: {first: value}}
"""
    ruleset = load(workspace, text).ruleset
    needs = needs_of(ruleset.rules, ruleset.scores, ruleset.team)
    assert {"rating", "value"} <= needs.fields["lead"]
    assert "score" not in needs.fields["lead"] | needs.history["lead"]
    assert {"score", "value"} <= needs.fields["deal"]
    assert "score" in needs.history["deal"]
    assert "note" in needs.activities
    assert {"offer", "task", "reassign"} <= needs.writes
    assert "owner" in needs.written_fields["lead"]
    assert not {"zone", "country"} & needs.fields["lead"]
    fields = {name: FieldInfo(name, name, "text", True) for name in ("zone", "country", "company", "industry")}
    needs = needs_of(ruleset.rules, ruleset.scores, ruleset.team, CrmSchema("hubspot", {"lead": fields}))
    assert {"zone", "country", "company"} <= needs.fields["lead"]
    assert "industry" not in needs.fields["lead"]


def test_a_changed_score_line_changes_only_the_rules_that_go_by_the_score(workspace: Path) -> None:
    text = SCORES + RULE.format("score: {crosses: 5}", "note: x").replace(
        "}]\n", "}, {id: b, why: x, when: {created: true}, then: [{note: x}]}]\n"
    )
    before, after = load(workspace, text).ruleset, load(workspace, text.replace("points: 20", "points: 30")).ruleset
    changed = [
        old.id
        for old, new in zip(before.rules, after.rules, strict=True)
        if fingerprint(old, before.team, before.scores) != fingerprint(new, after.team, after.scores)
    ]
    assert changed == ["a"]


def test_the_cases_of_a_file_are_kept_as_they_are_written(workspace: Path) -> None:
    text = "defaults: {for: contact}\ntests: [{rule: a}]\n" + RULE.format("created: true", "note: x")
    (cases,) = load(workspace, text).tests
    assert (cases.file, cases.names.kind, cases.names.pools) == ("rules/a.yaml", "contact", ("inbound", "turns"))
    assert len(cases.node.items) == 1


def test_what_yaml_has_against_a_case_is_told_and_stops_no_rule(workspace: Path) -> None:
    text = RULE.format("created: true", "note: x") + "tests:\n  - rule: a\n    rule: a\n    lead: &x {}\n"
    loaded = load(workspace, text)
    assert [each.id for each in loaded.ruleset.rules] == ["a"]
    assert told(loaded) == [
        "5:5: `rule` is here twice, first in line 4; keep one",
        "6:11: `&x` is an anchor; anchors are not allowed, remove it",
    ]


def test_what_yaml_has_against_a_step_stops_its_cadence_only(workspace: Path) -> None:
    rules = "rules: [{id: sound, why: x, when: {created: true}, then: [{note: x}]}]\n"
    loaded = load(workspace, CADENCE.replace("once: per lead", "once: per lead\n    why: x") + rules)
    assert loaded.quarantined == {"inbound"}
    assert [each.id for each in loaded.ruleset.rules] == ["sound"]
