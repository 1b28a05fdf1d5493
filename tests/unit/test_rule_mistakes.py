"""Every mistake in a rule file is told with its file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.model import Once
from tests.rule_files import RULE, load, only, told, with_line, workspace

__all__ = ["workspace"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("wiat: 5 days", "4:5: `wiat` is not known here; did you mean `wait`? Allowed in a rule: id, why, for, when, wait, "
         "if, unless, then, once, limit, backfill, priority, calendar, contact"),
        ("wait: 5", "4:11: `wait`: `5` has no unit. Units: minutes, hours, days, weeks, months, business hours, business days"),
        ("wait: 5 busines days", "4:11: `wait`: unit `busines days` is not known; did you mean `5 business days`? Units: "
         "minutes, hours, days, weeks, months, business hours, business days"),
        ("wait: 0 days", "4:11: `wait`: `0 days` is out of range: the number lies between 1 and 10000"),
        ("wait: 99999999999 days", "4:11: `wait`: `99999999999 days` is not a duration; write a whole number and a unit, "
         "such as `5 business days`"),
        ("wait: [1 day]", "4:11: `wait`: one value is expected here, not a list"),
        ("wait:", "4:10: `wait`: this is empty; write a value or remove the key"),
        ("for: leed", "4:10: `for`: `leed` is not known here; did you mean `lead`? Allowed: lead, contact, deal"),
        ("calendar: offise", "4:15: `calendar`: the calendar `offise` is not known here; did you mean `office`? Allowed: "
         "office (of team.yaml)"),
        ("priority: high", "4:15: `priority`: `high` is not a whole number such as 6"),
        ("once: per leed", "4:11: `once`: `per leed` is not known here; did you mean `per lead`? Allowed: per lead, "
         "per owner, per status, per 90 days, per occasion"),
        ("once: per contact", "4:11: `once`: `per contact` is not known here; did you mean `per status`? Allowed: per lead, "
         "per owner, per status, per 90 days, per occasion"),
        ("limit: {}", "4:12: `limit`: this is empty; write for example `{per_run: 25}`"),
        ("limit: {on_exceed: stop}", "4:12: `limit`: this sets no limit; write `per_run`, `percent` or `per_owner_day`"),
        ("limit: {per_run: 0}", "4:22: `per_run`: `0` is too small; write 1 or more"),
        ("limit: {percent: 101}", "4:22: `percent`: `101` is no share; write a number above 0 and up to 100"),
        ("backfill: {spread: 20}", "4:15: `backfill`: `20` is not understood; write a number per day, such as `20 per day`"),
        ("backfill: some", "4:15: `backfill`: `some` is not known here; write `all`, or `{spread: 20 per day}`"),
    ],
)  # fmt: skip
def test_a_wrong_word_of_a_rule_is_told(workspace: Path, line: str, message: str) -> None:
    loaded = load(workspace, with_line(line))
    assert told(loaded) == [f"rules/a.yaml:{message}"]
    assert [problem.rule for problem in loaded.problems] == ["a-rule"]
    assert loaded.ruleset.rules == ()


CHANGING = (
    "status, source, country, industry, size, title, email, phone, score, value, name, company, opted_out, do_not_call, "
    "rating, prefers, zone, reason, custom.NAME"
)
WORDS = (
    "any, all, not, status, owner, source, country, industry, size, title, email, phone, score, value, created, name, "
    "company, opted_out, do_not_call, rating, prefers, zone, reason, quiet, attempts, replied, touched_by, next_step, "
    "in_status, age, enrolled, during, custom.NAME"
)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("when: {crated: true}", "4:12: `crated` is not known here; did you mean `created`? Allowed in when: created, becomes, "
         "leaves, changes, assigned, quiet, attempts, replied, activity, score, task, offer, next_step, every"),
        ("when: {created: true, quiet: 7 days}", "4:27: `created` is already here, and `quiet` as well; exactly one trigger "
         "starts the clock"),
        ("when: {created: false}", "4:21: `created`: only `true` makes sense here; remove the key otherwise"),
        ("when: {}", "4:11: `when`: this is empty; write for example `{created: true}`"),
        ("when: created", "4:11: `when`: keys and values are expected, such as `{created: true}`"),
        ("when: {becomes: {statsu: x}}", f"4:22: `statsu` is not known here; did you mean `status`? Allowed in becomes: "
         f"{CHANGING}"),
        ("when: {becomes: {owner: x}}", f"4:22: `owner` is not known here: a new owner is the trigger `assigned: true`. "
         f"Allowed in becomes: {CHANGING}"),
        ("when: {becomes: {status: x, source: y}}", "4:21: `becomes`: names `status` and `source`; name exactly one"),
        ("when: {leaves: {from: x}}", "4:20: `leaves`: names no field; name exactly one"),
        ("when: {becomes: {score: [1, high]}}", "4:33: `score`: `high` is not a number such as 60 or 2.5"),
        ("when: {becomes: {status: []}}", "4:30: `status`: the list is empty; name at least one value"),
        ("when: {quiet: {counting: call}}", "4:19: `for` is missing in quiet: how long nothing happened. Write for example "
         "`for: 7 days`"),
        ("when: {quiet: {for: 1 day, counting: [cal]}}", "4:43: `counting`: `cal` is not known here; did you mean `call`? "
         "Allowed: call, email, meeting, note"),
        ("when: {attempts: {reach: 6, type: email}}", "4:39: `type`: the attempt `email` is not known here; did you mean "
         "`email_sent`? Allowed: call, email_sent, meeting (of counts.attempt in team.yaml)"),
        ("if: {stauts: new}", f"4:10: `stauts` is not known here; did you mean `status`? Allowed in a condition: {WORDS}"),
        ("if: {custom: x}", f"4:10: `custom` is not known here; did you mean `custom.NAME`? Allowed in a condition: {WORDS}"),
        ("if: {'=': gold}", f"4:10: `=` is not known here. Allowed in a condition: {WORDS}"),
        ("if: [status]", "4:9: `if`: keys and values are expected, such as `{status: [new, working]}`"),
        ("if: {any: {status: new}}", "4:15: `any`: a list is expected, such as `any: [{status: new}, {score: {over: 60}}]`; "
         "each item begins with `- `"),
        ("if: {any: []}", "4:15: `any`: the list is empty; name at least one condition"),
        ("if: {status: {contain: x}}", "4:19: `contain` is not known here; did you mean `contains`? Allowed in a text "
         "field's test: known, not, contains, starts_with"),
        ("if: {status: {at_least: 5}}", "4:19: `at_least` is not known here. Allowed in a text field's test: known, not, "
         "contains, starts_with"),
        ("if: {score: high}", "4:17: `score`: `high` is not a number such as 60 or 2.5"),
        ("if: {score: nan}", "4:17: `score`: `nan` is not a number such as 60 or 2.5"),
        ("if: {opted_out: maybe}", "4:21: `opted_out`: `maybe` is neither `true` nor `false`"),
        ("if: {created: 2026-01-01}", "4:19: `created`: keys and values are expected, such as `{before: 2026-07-01}`"),
        ("if: {created: {after: 2026-02-30}}", "4:27: `after`: `2026-02-30` is not a day of the calendar"),
        ("if: {attempts: {type: call}}", "4:20: `attempts`: a number is missing; write `at_least` or `at_most`"),
        ("if: {attempts: {at_least: 3, at_most: 1}}", "4:20: `attempts`: no number of attempts is at least 3 and at most 1"),
        ("if: {replied: {since: asigned}}", "4:27: `since`: `asigned` is not known here; did you mean `assigned`? Allowed: "
         "assigned, created, status"),
        ("if: {next_step: soon}", "4:21: `next_step`: `soon` is not known here. Allowed: none"),
        ("if: {owner: anna}", "4:17: `owner`: the word or person `anna` is not known here; did you mean `ana`? Allowed: queue, "
         "nobody, ana, ben, eva (of team.yaml)"),
        ("if: {owner: {in_pool: inbond}}", "4:27: `in_pool`: the pool `inbond` is not known here; did you mean `inbound`? "
         "Allowed: inbound (of team.yaml)"),
        ("if: {during: lunch}", "4:18: `during`: the calendar `lunch` is not known here. Allowed: office (of team.yaml)"),
        ("if: {enrolled: {in: brochur}}", "4:25: `in`: the enrolment `brochur` is not known here; did you mean `brochure`? "
         "Allowed: brochure (of enrollments in followup.yaml)"),
    ],
)  # fmt: skip
def test_a_wrong_trigger_or_condition_is_told(workspace: Path, line: str, message: str) -> None:
    assert told(load(workspace, with_line(line))) == [f"rules/a.yaml:{message}"]


HOLES = ", ".join(f"lead.{name}" for name in WORDS.split(", ")[3:23] if name != "owner")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("ofer: {pool: inbound}", "4:12: `ofer` is not known here; did you mean `offer`? Allowed in an action: task, reassign, "
         "offer, enroll, unenroll, set, note"),
        ("{note: a, set: {status: b}}", "4:22: `note` is already here, and `set` as well; each item of `then` is one action"),
        ("note", "4:12: `then`: keys and values are expected, such as "
         '`{task: {type: call, subject: "Call {lead.name}"}}`'),
        ("task: {type: call}", "4:18: `subject` is missing in task: the task's title; `{lead.name}` and other fields are "
         'filled in. Write for example `subject: "Call {lead.name}"`'),
        ("task: {type: visit, subject: x}", "4:25: `type`: `visit` is not known here. Allowed: call, email, todo, preferred"),
        ("task: {type: call, subject: x, to: anna}", "4:47: `to`: the word or person `anna` is not known here; did you mean "
         "`ana`? Allowed: owner, manager, source_rep, ana, ben, eva (of team.yaml)"),
        ("task: {type: call, subject: x, slot: 17:00-16:00}", "4:49: `slot`: `17:00-16:00` ends before it begins; a span "
         "stays within one day"),
        ('task: {type: call, subject: "{lead.nmae}"}', "4:40: `subject`: the field `lead.nmae` is not known here; did you mean "
         f"`lead.name`? Allowed: {HOLES}, lead.custom.NAME, owner.name"),
        ("reassign: {}", "4:22: `reassign`: this is empty; write for example `{to: manager}`"),
        ("reassign: {to: ana, pool: inbound}", "4:22: `reassign`: name either a person (`to`) or a pool (`pool`), not both"),
        ("reassign: {to: ana, except: previous_owners}", "4:22: `reassign`: `except`, `how` and `match` say who of a pool "
         "takes the record; they go with `pool`, not with `to`"),
        ("reassign: {pool: inbound, how: by_turns}",
         "4:43: `how`: `by_turns` is not known here. Allowed: round_robin, weighted, "
         "least_loaded, match"),
        ("reassign: {pool: inbound, if_nobody: no}", "4:49: `if_nobody`: `no` is not known here. Allowed: hold, queue NAME"),
        ("enroll: {in: brochur}", "4:25: `in`: the enrolment `brochur` is not known here; did you mean `brochure`? Allowed: "
         "brochure (of enrollments in followup.yaml)"),
        ("set: {owner: ana}", "4:18: `owner` is not known here: another owner is the action `reassign`. Allowed in set: "
         "status, source, country, industry, size, title, score, value, rating, prefers, reason, custom.NAME"),
        ("set: {status: [a, b]}", "4:26: `status`: one value is expected here, not a list"),
        ("set: {score: high}", "4:25: `score`: `high` is not a number such as 60 or 2.5"),
    ],
)  # fmt: skip
def test_a_wrong_action_is_told(workspace: Path, action: str, message: str) -> None:
    loaded = load(workspace, with_line(f"then: [{action}]"))
    assert told(loaded) == [f"rules/a.yaml:{message}"]


@pytest.mark.parametrize("missing", ["id", "why", "when", "then"])
def test_what_every_rule_must_have_is_missed(workspace: Path, missing: str) -> None:
    lines = {"id": "id: a-rule", "why": "why: because", "when": "when: {created: true}", "then": "then: [{note: x}]"}
    rest = [line for key, line in lines.items() if key != missing]
    loaded = load(workspace, "version: 1\nrules:\n  - " + "\n    ".join(rest) + "\n")
    (message,) = told(loaded)
    assert message.startswith(f"rules/a.yaml:3:5: `{missing}` is missing in a rule: ")
    assert [problem.rule for problem in loaded.problems] == [None if missing == "id" else "a-rule"]


@pytest.mark.parametrize("action", ["reassign: {pool: inbound}", "enroll: {in: brochure}"])
def test_once_is_compulsory_for_what_must_not_be_repeated(workspace: Path, action: str) -> None:
    text = with_line(f"then: [{action}]").replace("    once: per lead\n", "")
    word = action.partition(":")[0]
    assert told(load(workspace, text)) == [
        f"rules/a.yaml:4:12: `{word}` needs `once` in its rule, such as `once: per lead`, so that it is not repeated"
    ]
    assert only(load(workspace, with_line("then: [{note: x}]").replace("    once: per lead\n", ""))).once == Once(
        "occasion"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RULE.replace("version: 1", "version: 2"), "1:10: `version`: `2` is not known here. Allowed: 1"),
        (RULE.replace("version: 1\n", ""), "1:1: `version` is missing in a rule file: the version of the rule language; "
         "always 1. Write for example `version: 1`"),
        ("version: 1\n",
         "1:1: `rules` is missing in a rule file; write `rules:` with a list of rules, `cadences:` or `scores:`"),
        ("default: {unless: {status: x}}\n" + RULE, "1:1: `default` is not known here; did you mean `defaults`? Allowed in a "
         "rule file: version, rules, defaults, cadences, scores, tests"),
        ("defaults: {unless: {statsu: x}}\n" + RULE, f"1:21: `statsu` is not known here; did you mean `status`? Allowed in a "
         f"condition: {WORDS}"),
        ("defaults: {for: leads}\n" + RULE, "1:17: `for`: `leads` is not known here; did you mean `lead`? Allowed: lead, "
         "contact, deal"),
        (RULE.replace("version: 1", "version: &x 1"), "1:10: `&x` is an anchor; anchors are not allowed, remove it"),
        ("version: 1\nrules: {}\n", "2:8: `rules`: a list is expected, such as `rules: []`; each item begins with `- `"),
        ("text\n", "1:1: keys and values are expected: `version: 1`, then `rules:` with a list of rules"),
        ("", "1:1: this file is empty"),
        ("a: [\n", "1:5: this is not YAML: a value is missing here"),
    ],
)  # fmt: skip
def test_a_mistake_that_could_change_every_rule_stops_the_file_and_no_other(
    workspace: Path, text: str, message: str
) -> None:
    load(workspace, RULE.replace("a-rule", "other"), "b.yaml")
    loaded = load(workspace, text)
    assert told(loaded) == [f"rules/a.yaml:{message}; no rule of this file runs until this is mended"]
    assert [rule.id for rule in loaded.ruleset.rules] == ["other"]


def test_a_message_quotes_at_most_forty_characters_on_one_line(workspace: Path) -> None:
    (message,) = told(load(workspace, with_line('wait: "' + "very\\n" * 50 + '"')))
    assert "\n" not in message
    assert "`very very very very very very very ve...`" in message


@pytest.mark.parametrize("line", ["then: [{items}]", "if: {{any: [{items}]}}", "if: {{status: [{items}]}}"])
def test_a_list_beyond_all_measure_is_refused_in_one_line(workspace: Path, line: str) -> None:
    (message,) = told(load(workspace, with_line(line.format(items="{x: y}," * 1_001))))
    assert "the list has more than 1,000" in message
