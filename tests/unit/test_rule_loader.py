"""Rule files become rules, and every mistake is told with its file, line and column."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from rules import actions, model
from rules.basics import Duration, Place, Template
from rules.loader import MAX_RULES, Loaded, load_rules
from rules.model import AllOf, AnyOf, FieldTest, Limit, Not, Once, Rule

TEAM = """\
people:
  ana: {crm: ana@example.com, manager: eva}
  ben: {crm: ben@example.com}
  eva: {crm: eva@example.com}
pools: {inbound: {members: [ana, ben]}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
"""
RULE = """\
version: 1
rules:
  - id: a-rule
    why: because
    when: {created: true}
    then: [{note: text}]
    once: per lead
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "rules").mkdir()
    return tmp_path


def load(workspace: Path, text: str, name: str = "a.yaml") -> Loaded:
    (workspace / "rules" / name).write_text(text)
    return load_rules(workspace, enrollments=frozenset({"brochure"}))


def told(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.problems]


def only(loaded: Loaded) -> Rule:
    assert told(loaded) == []
    (rule,) = loaded.ruleset.rules
    return rule


def with_line(line: str) -> str:
    """A file whose rule has this in line 4, in the place of what it had under the same key."""
    key = line.partition(":")[0]
    lines = [each for each in RULE.splitlines() if not each.strip().startswith(f"{key}:")]
    return "\n".join([*lines[:3], f"    {line}", *lines[3:]]) + "\n"


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
        ("tests: {}\n" + RULE, "1:8: `tests`: a list is expected, such as `tests: []`; each item begins with `- `"),
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


def test_a_message_quotes_at_most_forty_characters_on_one_line(workspace: Path) -> None:
    (message,) = told(load(workspace, with_line('wait: "' + "very\\n" * 50 + '"')))
    assert "\n" not in message
    assert "`very very very very very very very ve...`" in message


@pytest.mark.parametrize("line", ["then: [{items}]", "if: {{any: [{items}]}}", "if: {{status: [{items}]}}"])
def test_a_list_beyond_all_measure_is_refused_in_one_line(workspace: Path, line: str) -> None:
    (message,) = told(load(workspace, with_line(line.format(items="{x: y}," * 1_001))))
    assert "the list has more than 1,000" in message
