"""What a case may say, and what an author is told of a mistake in one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from random import Random

import pytest

from rules.cases.reader import read_cases
from rules.cases.shape import (
    GOES_WITH,
    AmendExpected,
    CaseShape,
    EventShape,
    ExpectationShape,
    OfferExpected,
    ReassignExpected,
    SubjectShape,
    TaskExpected,
)
from rules.loader import load_rules
from rules.testing import Bench
from rules.vocabulary import FIELDS, Word
from rules.vocabulary.cases import CASE_WORDS
from tests.cases import CALL, Written

LEAD = 'lead: {created: "2026-03-02 09:00"}'
EXPECT = 'expect: [{at: "2026-03-09 09:00", task: call}]'


def _messages(folder: Path, tests: str, rules: str = CALL) -> list[str]:
    written = Written(folder, rules, tests)
    first = written.first_line
    return [f"{p.line - first + 1}:{p.column}: {p.message}" for p in written.read().problems]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (f"- rule: week-one-cal\n  {LEAD}\n  {EXPECT}",
         "1:11: the rule `week-one-cal` is not known here; did you mean `week-one-call`?"),
        (f"- {EXPECT}", "1:5: the record is missing; write `lead:`, `contact:` or `deal:`"),
        (f"- {LEAD}\n  contact: {{}}\n  {EXPECT}", "1:5: `lead` and `contact` are two records; a case has one"),
        (f"- {LEAD}", "1:5: `expect` is missing in a case: what the rules have done by when"),
        (f"- {LEAD}\n  expect: []", "2:13: `expect`: the list is empty"),
        (f"- {LEAD}\n  expct: []\n  {EXPECT}", "2:5: `expct` is not known here; did you mean `expect`?"),
        ("- lead: {}\n  " + EXPECT, "1:11: `created` is missing: say when it came"),
        ("- nonsense", "1:5: keys and values are expected, such as `{rule: week-one-call}`"),
        (f"- rule: week-one-call\n  contact: {{created: \"2026-03-02 09:00\"}}\n  {EXPECT}",
         "1:11: the rule `week-one-call` is about a lead; write `lead:`"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_case_is_told_at_its_place(tmp_path: Path, case: str, message: str) -> None:
    [told] = _messages(tmp_path, case)
    assert told.startswith(message)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{created: "2026-03-02"}', "`2026-03-02` is not an instant; write day and time, such as `2026-03-02 09:00`"),
        ('{created: "0001-01-01 00:00"}', "`0001-01-01 00:00` lies too far away; write a year from 1980 to 2199"),
        ('{created: "2026-02-30 09:00"}', "`2026-02-30 09:00` is not an instant of the calendar"),
        ('{created: "2026-03-29 02:30"}', "no clock in Europe/Berlin shows this: it goes forward then"),
        ('{created: "2026-03-02 09:00", owner: anna}', "`anna` is not known here; did you mean `ana`?"),
        ('{created: "2026-03-02 09:00", stauts: new}', "`stauts` is not known here; did you mean `status`?"),
        ('{created: "2026-03-02 09:00", fields: 3}', "`fields` is not known here. Allowed in a case's record: owner, created"),
        ('{created: "2026-03-02 09:00", score: high}', "`high` is not a number"),
        ('{created: "2026-03-02 09:00", opted_out: perhaps}', "`perhaps` is neither `true` nor `false`"),
        ('{created: "2026-03-02 09:00", hidden: opted}', "`opted` is not known here; did you mean `opted_out`?"),
        ('{created: "2026-03-02 09:00", enrolled: brochre}', "`brochre` is not known here; did you mean `brochure`?"),
        ('{created: "2026-03-02 09:00", assigned: "2026-03-01 09:00"}', "`assigned` comes before `created`"),
        ('{created: "2026-03-02 09:00", previous_owners: [ben]}', "`previous_owners` need time"),
        ('{created: "2026-03-10 09:00"}', "the lead is created later than this"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_record_is_told_on_its_line(tmp_path: Path, record: str, message: str) -> None:
    told = _messages(tmp_path, f"- name: a\n  lead: {record}\n  {EXPECT}")
    assert len(told) == 1
    assert message in told[0]
    assert told[0].startswith("3:" if "later" in message else "2:")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("note: hi", "`at` is missing in an event"),
        ('at: "2026-03-03 10:00"', "nothing happens here; write one of call, call_inbound"),
        ('at: "2026-03-03 10:00", note: hi, call: busy', "`call` and `note` are two things that happen; write two events"),
        ('at: "2026-03-03 10:00", note: hi, type: call', "`type` says nothing of `note`; it goes with task"),
        ('at: "2026-03-03 10:00", task: completed, due: "2026-03-03 11:00"', "`due` is for a task that a person makes"),
        ('at: "2026-03-03 10:00", call: busy, times: 0', "`0` is no count; write a whole number from 1 to 1,000"),
        ('at: "2026-03-03 10:00", email_sent: false', "what does not happen has no event"),
        ('at: "2026-03-03 10:00", task: doen', "`doen` is not known here. Allowed: completed, deferred, deleted, created"),
        ('at: "2026-03-03 10:00", set: {stauts: x}', "`stauts` is not known here; did you mean `status`?"),
        ('at: "2026-03-03 10:00", set: {}', "fields and their values are expected"),
        ('at: "2026-03-03 10:00", owner: queue', "`queue` is not known here; did you mean `queue NAME`?"),
        ('at: "2026-03-01 10:00", note: hi', "the lead is created later than this"),
        ('at: "2026-03-29 02:30", note: hi', "no clock in Europe/Berlin shows this"),
        ('at: "2026-03-03 10:00", meeting_booked: tomorrow', "`tomorrow` is not an instant"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_timeline_is_told_on_its_line(tmp_path: Path, event: str, message: str) -> None:
    told = _messages(tmp_path, f"- {LEAD}\n  timeline:\n    - {{{event}}}\n  {EXPECT}")
    assert len(told) == 1
    assert told[0].startswith("3:")
    assert message in told[0]


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        ('at: "2026-03-09 09:00"', "nothing is expected here; write what is done by then, or `nothing: true`"),
        ('at: "2026-03-09 09:00", nothing: true, task: call', "`nothing` and `task` exclude each other"),
        ('at: "2026-03-09 09:00", task: fax', "`fax` is not known here. Allowed: true, call, email, todo"),
        ('at: "2026-03-09 09:00", task: {due: soon}', "`soon` is not an instant"),
        ('at: "2026-03-09 09:00", reassign: {pool: outbound}', "the pool `outbound` is not known here; did you mean"),
        ('at: "2026-03-09 09:00", set: {owner: ana}', "`owner` is not known here: another owner is the action `reassign`"),
        ('at: "2026-03-09 09:00", rule: nobodys, nothing: true', "the rule `nobodys` is not known here"),
        ('at: "2026-03-01 09:00", nothing: true', "the lead is created later than this"),
        ('at: "2026-03-09 09:00", nothing: false', "only `true` makes sense here"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_expectation_is_told_on_its_line(tmp_path: Path, expectation: str, message: str) -> None:
    told = _messages(tmp_path, f"- {LEAD}\n  expect:\n    - {{{expectation}}}")
    assert len(told) == 1
    assert told[0].startswith("3:")
    assert message in told[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "away: {anna: {from: 2026-03-02, to: 2026-03-03}}",
            "the person `anna` is not known here; did you mean `ana`?",
        ),
        (
            "away: {ana: {from: 2026-03-04, to: 2026-03-03}}",
            "an absence ends (2026-03-03) before it begins (2026-03-04)",
        ),
        ("away: ana", "people and what is said of them are expected"),
        ("loads: {ana: many}", "`many` is no count; write a whole number from 0"),
        ("inactive: anna", "the person `anna` is not known here"),
    ],
)
def test_a_mistake_about_people_is_told_on_its_line(tmp_path: Path, words: str, message: str) -> None:
    [told] = _messages(tmp_path, f"- {LEAD}\n  {words}\n  {EXPECT}")
    assert told.startswith("2:")
    assert message in told


def test_all_mistakes_are_told_and_the_sound_cases_stay(tmp_path: Path) -> None:
    tests = f"- {LEAD}\n  {EXPECT}\n- lead: {{owner: anna, stauts: x}}\n  {EXPECT}\n- {LEAD}\n  {EXPECT}"
    read = Written(tmp_path, tests=tests).read()
    assert len(read.cases) == 2
    assert len(read.problems) == 2


def test_a_twice_written_key_in_a_case_stops_no_rule(tmp_path: Path) -> None:
    loaded = Written(tmp_path, tests=f"- {LEAD}\n  {LEAD}\n  {EXPECT}").loaded()
    assert [rule.id for rule in loaded.ruleset.rules] == ["week-one-call"]
    [problem] = loaded.problems
    assert "`lead` is here twice" in problem.message
    assert problem.rule is None


def test_a_case_of_a_broken_rule_is_passed_over_and_not_called_unknown(tmp_path: Path) -> None:
    broken = CALL.replace("wait: 5 business days", "wait: 5 busines dayz")
    loaded = Written(tmp_path, broken, f"- rule: week-one-call\n  {LEAD}\n  {EXPECT}").loaded()
    read = read_cases(loaded)
    assert (read.cases, read.problems, read.passed_over) == ((), (), 1)


def test_a_case_of_a_file_that_is_left_out_is_passed_over(tmp_path: Path) -> None:
    written = Written(tmp_path, tests=f"- rule: week-one-call\n  {LEAD}\n  {EXPECT}", head="version: 1\ncolour: red\n")
    read = read_cases(written.loaded())
    assert (read.problems, read.passed_over) == ((), 1)


# -- what is read ----------------------------------------------------------------------------------------------------


def test_clock_times_are_the_calendars_and_offsets_hold(tmp_path: Path) -> None:
    tests = """
        - lead: {created: "2026-03-02 09:00"}
          timeline: [{at: "2026-03-02T10:00Z", note: true}, {at: "2026-10-25 02:30", note: true}]
          expect: [{at: "2026-07-01 09:00:30 +00:00", nothing: true}]
    """
    [case] = Written(tmp_path, tests=tests).read().cases
    assert case.subject.created == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert [event.at for event in case.events] == [
        datetime(2026, 3, 2, 10, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    ]
    assert case.expectations[0].at == datetime(2026, 7, 1, 9, 0, 30, tzinfo=UTC)


def test_clock_times_are_those_of_the_rules_own_calendar(tmp_path: Path) -> None:
    hours = 'hours: {mon: "09:00-17:00"}'
    team = f"calendars:\n  office: {{zone: UTC, {hours}}}\n  tokyo: {{zone: Asia/Tokyo, {hours}}}\n"
    rules = CALL + "    calendar: tokyo\n"
    [case] = Written(tmp_path, rules, f"- rule: week-one-call\n  {LEAD}\n  {EXPECT}", team).read().cases
    assert case.subject.created == datetime(2026, 3, 2, 0, tzinfo=UTC)


def test_what_happens_several_times_does_so_a_minute_apart(tmp_path: Path) -> None:
    tests = f'- {LEAD}\n  timeline: [{{at: "2026-03-03 10:00", call: no_answer, times: 3}}]\n  {EXPECT}'
    [case] = Written(tmp_path, tests=tests).read().cases
    assert [event.at.minute for event in case.events] == [0, 1, 2]
    assert [event.text for event in case.events] == [f"call no_answer ({n} of 3)" for n in (1, 2, 3)]


def test_a_lead_belongs_to_the_first_person_and_came_when_it_was_assigned(tmp_path: Path) -> None:
    [case] = Written(tmp_path, tests=f'- lead: {{assigned: "2026-03-02 09:00"}}\n  {EXPECT}').read().cases
    assert case.subject.created == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert [owner for _, owner in case.subject.owners] == ["ana"]


def test_previous_owners_had_it_between_creation_and_assignment(tmp_path: Path) -> None:
    record = '{created: "2026-03-02 09:00", assigned: "2026-03-06 09:00", owner: ana, previous_owners: [ben, cleo]}'
    [case] = Written(tmp_path, tests=f"- lead: {record}\n  {EXPECT}").read().cases
    assert [(at.day, owner) for at, owner in case.subject.owners] == [(2, "ben"), (4, "cleo"), (6, "ana")]


def test_an_owner_since_later_than_creation_came_from_nobody(tmp_path: Path) -> None:
    record = '{created: "2026-03-02 09:00", assigned: "2026-03-03 09:00", owner: ben}'
    [case] = Written(tmp_path, tests=f"- lead: {record}\n  {EXPECT}").read().cases
    assert [owner for _, owner in case.subject.owners] == ["nobody", "ben"]


# -- every word ------------------------------------------------------------------------------------------------------


def _with(word: Word) -> str:
    """A case in which a word stands as its example has it."""
    example, at = word.example, "" if word.name == "at" else 'at: "2026-03-09 09:00", '
    record, timeline, expect = 'created: "2026-03-01 09:00"', "", 'at: "2026-03-09 09:00", task: call'
    match word.where:
        case "a case":
            if word.name in ("timeline", "expect"):
                return f"- {LEAD}\n  {example}" + ("" if word.name == "expect" else f"\n  {EXPECT}")
            if word.name in ("lead", "contact", "deal"):
                return f"- {example}\n  {EXPECT}"
            return f"- {LEAD}\n  {example}\n  {EXPECT}"
        case "a case's record":
            more = "" if word.name in ("created", "assigned") else f"{record}, "
            more += 'assigned: "2026-03-02 09:00", ' if word.name == "previous_owners" else ""
            return f"- lead: {{{more}{example}}}\n  {EXPECT}"
        case "an event":
            goes_with = GOES_WITH.get(word.name, ())
            doing = {
                "due": "task: created, ",
                "type": "task: completed, ",
                "outcome": "task: completed, ",
                "at": "note: true, ",
            }
            if goes_with and word.name not in doing:
                doing[word.name] = f"{goes_with[0]}: true, "
            timeline = f"{at}{doing.get(word.name, '')}{example}"
        case "an expectation":
            expect = f"{at}{'nothing: true, ' if word.name in ('at', 'rule') else ''}{example}"
        case where:
            expect = f"{at}{where.removeprefix('an expected ')}: {{{example}}}"
    return f"- lead: {{{record}}}\n  timeline: [{f'{{{timeline}}}' if timeline else ''}]\n  expect: [{{{expect}}}]"


@pytest.mark.parametrize("word", CASE_WORDS, ids=lambda word: f"{word.where}: {word.name}")
def test_the_example_of_every_word_can_be_read(tmp_path: Path, word: Word) -> None:
    read = Written(tmp_path, CALL, _with(word)).read()
    assert read.problems == ()
    assert len(read.cases) == 1


def test_the_vocabulary_has_every_word_of_the_shapes_and_no_other() -> None:
    shapes = (
        CaseShape,
        SubjectShape,
        EventShape,
        ExpectationShape,
        TaskExpected,
        ReassignExpected,
        OfferExpected,
        AmendExpected,
    )
    fields = {*FIELDS, "custom.NAME"} - {"created", "owner"}
    known = {
        (shape.where, name)
        for shape in shapes
        for name in shape.words()
        if shape is not SubjectShape or name not in fields
    }
    assert known == {(word.where, word.name) for word in CASE_WORDS}


def test_no_mutation_of_a_case_is_more_than_a_problem(tmp_path: Path) -> None:
    """Words of the shipped cases swapped, cut and emptied: each is read or told, and what is read can be played."""
    random, played = Random(7), 0
    text = (files("rules.playbooks") / "first-follow-up" / "rules" / "follow-up.yaml").read_text(encoding="utf-8")
    head, _, cases = text.partition("\ntests:\n")
    words = re.findall(r"[\w.\"-]+", cases)
    folder = Written(tmp_path).write()
    for _ in range(40):
        parts = re.split(r"([\w.\"-]+)", cases)
        for _ in range(random.randint(1, 4)):
            parts[random.randrange(1, len(parts), 2)] = random.choice(
                ["", "{}", "[]", "true", "0", "9" * 30, random.choice(words)]
            )
        (folder / "rules" / "a.yaml").write_text(head + "\ntests:\n" + "".join(parts), encoding="utf-8")
        loaded = load_rules(folder)
        read = read_cases(loaded)
        places = [problem for problem in (*loaded.problems, *read.problems) if problem.line == 0]
        assert places == []
        played += len(Bench(loaded.ruleset, "plain").run(read.cases[:2]).cases)
    assert played > 30
