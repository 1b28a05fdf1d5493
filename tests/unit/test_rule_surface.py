"""The later words of the language: events, offers and pools that match; and what is told of mistakes."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from connector.domain.model import CrmSchema, FieldInfo
from rules import actions, model
from rules.basics import Duration, Place, Template
from rules.model import Limit
from rules.needs import needs_of
from tests.surface import RULE, TEAM, load, rule, told, workspace

__all__ = ["workspace"]


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
