"""What happens in a case when it is played: events, writes that land, deadlines in between, and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import CALL, Written, did, only_failure, wrong

LEAD = 'lead: {created: "2026-03-02 09:00"}'


def _rule(when: str, then: str = "[{note: seen}]", more: str = "") -> str:
    return f"- id: r\n  why: A rule\n  when: {when}\n  then: {then}\n  once: per occasion\n{more}"


def _case(events: str, expect: str, record: str = '{created: "2026-03-02 09:00"}', rule: str = "r") -> str:
    return f"- rule: {rule}\n  lead: {record}\n  timeline: [{events}]\n  expect: [{expect}]"


def test_a_rule_fires_at_its_deadline_and_not_a_minute_before(tmp_path: Path) -> None:
    tests = f"""
        - rule: week-one-call
          {LEAD}
          expect:
            - {{at: "2026-03-09 08:59", nothing: true}}
            - {{at: "2026-03-09 09:00", task: {{type: call, subject: "call this lead", to: ana, due: "2026-03-10 09:00"}}}}
    """
    played = Written(tmp_path, tests=tests).played()
    assert played.passed
    assert did(played) == ['task call "Call this lead" to ana due Tue 2026-03-10 09:00']


def test_a_failure_names_what_was_done_instead(tmp_path: Path) -> None:
    expect = '{at: "2026-03-09 09:00", task: {type: call, to: ben}}'
    failure = only_failure(Written(tmp_path, tests=_case("", expect, rule="week-one-call")).played())
    assert failure.check.text == "task call to ben"
    assert [deed.text for deed in failure.instead] == ['task call "Call this lead" to ana due Tue 2026-03-10 09:00']
    assert failure.obstacles == ()


def test_a_failure_names_the_first_condition_in_the_way(tmp_path: Path) -> None:
    call = '{at: "2026-03-03 10:00", call: no_answer}'
    expect = '{at: "2026-03-09 09:00", task: call}'
    failure = only_failure(Written(tmp_path, tests=_case(call, expect, rule="week-one-call")).played())
    [obstacle] = failure.obstacles
    assert (obstacle.rule, obstacle.outcome) == ("week-one-call", "blocked")
    assert obstacle.reason is not None
    assert obstacle.reason.path == "unless.attempts"


def test_a_failure_before_its_time_says_when_the_wait_ends(tmp_path: Path) -> None:
    expect = '{at: "2026-03-06 12:00", task: call}'
    failure = only_failure(Written(tmp_path, tests=_case("", expect, rule="week-one-call")).played())
    [obstacle] = failure.obstacles
    assert obstacle.outcome == "waits"
    assert obstacle.reason is not None
    assert "2026-03-09 09:00" in obstacle.reason.text


def test_nothing_fails_on_something_and_names_it(tmp_path: Path) -> None:
    expect = '{at: "2026-03-09 12:00", nothing: true}'
    failure = only_failure(Written(tmp_path, tests=_case("", expect, rule="week-one-call")).played())
    assert failure.check.text == "nothing"
    assert [deed.rule for deed in failure.instead] == ["week-one-call"]


def test_an_expectation_looks_back_to_the_one_before_it_and_no_further(tmp_path: Path) -> None:
    expect = '{at: "2026-03-09 12:00", task: call}, {at: "2026-03-10 12:00", task: call}'
    played = Written(tmp_path, tests=_case("", expect, rule="week-one-call")).played()
    assert [failure.at.day for failure in played.failures] == [10]


def test_two_expectations_at_one_instant_look_at_the_same_stretch(tmp_path: Path) -> None:
    rules = _rule("{created: true}", "[{note: first}, {set: {rating: hot}}]")
    expect = '{at: "2026-03-02 09:00", note: first}, {at: "2026-03-02 09:00", set: {rating: hot}}'
    assert Written(tmp_path, rules, _case("", expect)).played().passed


def test_one_write_meets_one_expectation(tmp_path: Path) -> None:
    rules = _rule("{created: true}", "[{note: first}]")
    tests = """
        - rule: r
          lead: {created: "2026-03-02 09:00"}
          expect: [{at: "2026-03-02 09:00", note: first, task: true}]
    """
    assert wrong(Written(tmp_path, rules, tests).played()) == ["task"]


def test_a_case_without_a_rule_looks_at_all_of_them(tmp_path: Path) -> None:
    tests = f"""
        - {LEAD}
          expect:
            - {{at: "2026-03-09 08:59", rule: week-one-call, nothing: true}}
            - {{at: "2026-03-09 09:00", task: call}}
    """
    assert Written(tmp_path, tests=tests).played().passed


def test_other_rules_run_too_but_are_not_looked_at(tmp_path: Path) -> None:
    rules = CALL + "  - {id: r, why: Another, when: {created: true}, then: [{note: seen}]}\n"
    expect = '{at: "2026-03-06 09:00", nothing: true}'
    played = Written(tmp_path, rules, _case("", expect, rule="week-one-call")).played()
    assert played.passed
    assert did(played) == ['note "seen"']


# -- what happens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "event"),
    [
        ("{activity: {type: call, outcome: no_answer}}", "call: no_answer"),
        ("{activity: call_inbound}", "call_inbound: true"),
        ("{activity: {type: email_sent, subject_contains: offer}}", "email_sent: Our offer"),
        ("{replied: true}", "email_received: true"),
        ("{activity: email_opened}", "email_opened: true"),
        ("{activity: email_clicked}", "email_clicked: true"),
        ("{activity: meeting}", "meeting: true"),
        ("{replied: true}", 'meeting_booked: "2026-03-05 10:00"'),
        ("{activity: note}", "note: Asked for a quote"),
        ("{becomes: {status: interested}}", "status: interested"),
        ("{changes: industry}", "set: {industry: software}"),
        ("{assigned: true}", "owner: ben"),
        ("{attempts: {reach: 2}}", "call: busy, times: 2"),
        ("{task: {completed: true, type: todo}}", "task: completed, type: todo"),
    ],
)
def test_a_rule_sees_what_happens(tmp_path: Path, when: str, event: str) -> None:
    made = '{at: "2026-03-02 10:00", task: created, due: "2026-03-06 10:00", subject: Later}'
    expect = '{at: "2026-03-03 09:59", rule: r}, {at: "2026-03-03 10:05", note: seen}'
    expect = expect.replace("rule: r", "nothing: true")
    record = '{created: "2026-03-02 09:00", owner: nobody}'
    events = f'{made}, {{at: "2026-03-03 10:00", {event}}}'
    played = Written(tmp_path, _rule(when), _case(events, expect, record)).played()
    assert played.passed, played.entries


@pytest.mark.parametrize(
    ("condition", "record"),
    [
        ("{status: new}", "{}"),
        ("{status: working}", "{status: working}"),
        ("{country: [DE, AT]}", "{country: at}"),
        ("{size: {over: 10}}", "{size: 11}"),
        ("{opted_out: false}", "{}"),
        ("{do_not_call: true}", "{do_not_call: true}"),
        ("{custom.tier: {at_least: 3}}", "{custom.tier: 4}"),
        ("{enrolled: {in: brochure}}", "{enrolled: [brochure]}"),
        ("{owner: ben}", "{owner: ben}"),
        ("{owner: nobody}", "{owner: nobody}"),
        ("{owner: queue}", "{owner: queue Leftovers}"),
        ("{owner: {in_pool: inbound}}", "{owner: cleo}"),
        ("{industry: {known: true}}", "{industry: software}"),
    ],
)
def test_a_condition_sees_the_record(tmp_path: Path, condition: str, record: str) -> None:
    given = '{created: "2026-03-02 09:00", ' + record[1:]
    tests = _case("", '{at: "2026-03-02 09:00", note: seen}', given.replace(", }", "}"))
    played = Written(tmp_path, _rule("{created: true}", more=f"  if: {condition}\n"), tests).played()
    assert played.passed, played.failures


def test_a_hidden_field_is_unknown(tmp_path: Path) -> None:
    rules = _rule("{created: true}", "[{enroll: {in: brochure}}]")
    record = '{created: "2026-03-02 09:00", hidden: opted_out}'
    played = Written(
        tmp_path, rules, _case("", '{at: "2026-03-03 09:00", blocked: true, nothing: true}', record)
    ).played()
    assert played.passed, played.failures
    shown = Written(tmp_path, rules, _case("", '{at: "2026-03-03 09:00", enroll: brochure}')).played()
    assert shown.passed, shown.failures


def test_people_may_be_away_or_gone(tmp_path: Path) -> None:
    rules = _rule("{created: true}", "[{reassign: {pool: inbound}}]")
    expect = '{at: "2026-03-03 09:00", reassign: {to: cleo, pool: inbound}}'
    tests = _case("", expect, '{created: "2026-03-02 09:00", owner: eva}')
    tests += "\n  away: {ana: {from: 2026-03-01, to: 2026-03-05}}\n  inactive: ben"
    assert Written(tmp_path, rules, tests).played().passed


def test_a_pool_may_look_at_the_load(tmp_path: Path) -> None:
    rules = _rule("{created: true}", "[{reassign: {pool: inbound, how: least_loaded}}]")
    tests = _case("", '{at: "2026-03-02 09:00", reassign: {to: ben}}', '{created: "2026-03-02 09:00", owner: eva}')
    assert Written(tmp_path, rules, tests + "\n  loads: {ana: 3, ben: 1, cleo: 2}").played().passed


def test_a_write_lands_and_another_rule_sees_it(tmp_path: Path) -> None:
    rules = """
        - {id: hot, why: Rated, when: {created: true}, then: [{set: {rating: hot}}]}
        - {id: r, why: Tell, when: {created: true}, if: {rating: hot}, then: [{note: "{lead.name} is hot"}]}
    """
    assert Written(tmp_path, rules, _case("", '{at: "2026-03-02 09:00", note: this lead is hot}')).played().passed


def test_a_task_is_there_until_a_person_has_done_it(tmp_path: Path) -> None:
    rules = """
        - id: r
          why: Every open lead has a next step
          when: {next_step: none}
          wait: 1 business day
          then: [{task: {type: todo, subject: Decide}}]
          once: per occasion
    """
    expect = """{at: "2026-03-03 09:00", task: todo}, {at: "2026-03-12 09:00", nothing: true},
                {at: "2026-03-13 08:59", nothing: true}, {at: "2026-03-13 09:00", task: todo}"""
    tests = _case('{at: "2026-03-12 09:00", task: completed}', expect)
    played = Written(tmp_path, rules, tests).played()
    assert played.passed, played.failures


@pytest.mark.parametrize(
    ("event", "problem"),
    [("task: completed", "there is no open task then"), ("task: deferred, type: call", "there is no open call task then"),
     ("offer: accept", "there is no open offer then")],
)  # fmt: skip
def test_what_cannot_happen_fails_the_case_and_says_so(tmp_path: Path, event: str, problem: str) -> None:
    tests = _case(
        f'{{at: "2026-03-02 10:00", {event}}}', '{at: "2026-03-03 09:00", nothing: true}', rule="week-one-call"
    )
    failure = only_failure(Written(tmp_path, tests=tests).played())
    assert failure.problem == problem


@pytest.mark.parametrize("event", ["converted: true", "deleted: true"])
def test_a_record_that_is_gone_is_left_alone(tmp_path: Path, event: str) -> None:
    tests = _case(
        f'{{at: "2026-03-03 10:00", {event}}}', '{at: "2026-03-20 09:00", nothing: true}', rule="week-one-call"
    )
    assert Written(tmp_path, tests=tests).played().passed


def test_an_offer_goes_round_until_somebody_accepts(tmp_path: Path) -> None:
    rules = """
        - id: r
          why: New leads are offered
          when: {created: true}
          then: [{offer: {pool: inbound, accept_within: 4 business hours}}]
          once: per lead
    """
    events = '{at: "2026-03-02 10:00", offer: reject}, {at: "2026-03-02 15:00", offer: accept}'
    expect = """{at: "2026-03-02 09:00", offer: {pool: inbound, until: "2026-03-02 13:00"}},
                {at: "2026-03-02 10:00", offer: true, amend: {subject: declined}},
                {at: "2026-03-02 14:00", offer: {until: "2026-03-02 18:00"}, amend: {subject: not taken, done: true}},
                {at: "2026-03-02 15:00", reassign: {from: nobody}}"""
    record = '{created: "2026-03-02 09:00", owner: nobody}'
    played = Written(tmp_path, rules, _case(events, expect, record)).played()
    assert played.passed, played.failures
    asked = [
        entry.text.partition(" to ")[2].split()[0]
        for entry in played.entries
        if entry.text.startswith("offer ") and entry.what == "done"
    ]
    assert sorted(asked) == ["ana", "ben", "cleo"]
    assert did(played)[-1] == f"reassign from nobody to {asked[-1]}"


def test_what_nobody_can_take_is_held(tmp_path: Path) -> None:
    rules = _rule("{created: true}", "[{reassign: {pool: inbound}}]")
    tests = _case("", '{at: "2026-03-02 09:00", held: true, }', '{created: "2026-03-02 09:00"}')
    tests = tests.replace(", }", "}") + "\n  inactive: [ben, cleo]"
    played = Written(tmp_path, rules, tests).played()
    assert played.passed
    assert did(played) == ["held: nobody in pool inbound can take it today"]


def test_what_waits_for_a_person_is_done_within_the_hour_once_somebody_is_back(tmp_path: Path) -> None:
    rules = _rule("{created: true}", "[{reassign: {pool: inbound}}]")
    expect = """{at: "2026-03-03 23:59", held: true, nothing: true}, {at: "2026-03-04 12:00", nothing: true},
                {at: "2026-03-06 12:00", reassign: {to: ben}}"""
    tests = _case("", expect) + "\n  inactive: cleo\n  away: {ben: {from: 2026-03-01, to: 2026-03-04}}"
    played = Written(tmp_path, rules, tests).played()
    assert played.passed, played.failures
    [given] = [entry for entry in played.entries if entry.what == "done"]
    assert given.at.isoformat() == "2026-03-05T00:00:00+00:00", "people without a zone are away by UTC"
    assert len([entry for entry in played.entries if entry.what == "held"]) == 1, "told once"


def test_what_is_over_a_limit_is_held(tmp_path: Path) -> None:
    rules = _rule("{activity: note}", "[{set: {rating: hot}}]", "  limit: {per_owner_day: 1}\n")
    events = '{at: "2026-03-02 10:00", note: true}, {at: "2026-03-02 11:00", set: {rating: cold}}, '
    events += '{at: "2026-03-02 12:00", note: true}, {at: "2026-03-03 10:00", note: true}'
    expect = """{at: "2026-03-02 10:00", set: {rating: hot}}, {at: "2026-03-02 12:00", held: true, nothing: true},
                {at: "2026-03-03 10:00", set: {rating: hot}}"""
    played = Written(tmp_path, rules, _case(events, expect)).played()
    assert played.passed, played.failures


def test_held_fails_when_nothing_is_held(tmp_path: Path) -> None:
    tests = _case("", '{at: "2026-03-06 09:00", held: true}', rule="week-one-call")
    assert only_failure(Written(tmp_path, tests=tests).played()).obstacles[0].outcome == "waits"


def test_blocked_fails_when_the_rule_may_act(tmp_path: Path) -> None:
    tests = _case("", '{at: "2026-03-09 09:00", blocked: true}', rule="week-one-call")
    assert wrong(Written(tmp_path, tests=tests).played()) == ["blocked"]


def test_a_cadence_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    tail = """\
cadences:
  - id: inbound
    why: Several touches
    start: {created: true}
    stop: {replied: true}
    steps:
      - {after: 1 hour, task: {type: call, subject: "Call {lead.name}"}}
      - {after: 1 business day, note: Second}
"""
    tests = """
        - rule: inbound
          lead: {created: "2026-03-02 09:00"}
          expect:
            - {at: "2026-03-02 10:00", task: call}
            - {at: "2026-03-03 10:00", rule: inbound/2, note: second}
        - rule: inbound
          lead: {created: "2026-03-02 09:00"}
          timeline: [{at: "2026-03-02 12:00", email_received: true}]
          expect:
            - {at: "2026-03-02 10:00", task: call}
            - {at: "2026-03-20 10:00", nothing: true}
    """
    written = Written(tmp_path, CALL, tests, tail=tail)
    loaded = written.loaded()
    assert not loaded.problems
    report = written.report()
    assert [played.passed for played in report.cases] == [True, True], [played.failures for played in report.cases]


def test_statuses_may_be_written_either_way(tmp_path: Path) -> None:
    rules = """
        - id: r
          why: Said yes
          when: {becomes: {status: Interested - Hot}}
          if: {not: {status: Working}}
          then: [{note: seen}, {set: {status: Working}}]
          once: per occasion
    """
    expect = '{at: "2026-03-03 09:00", note: seen, set: {status: working}}'
    tests = "\n".join(
        _case(f'{{at: "2026-03-03 09:00", status: {word}}}', expect) for word in ("interested", "INTERESTED - HOT")
    )
    words = {"new": "Open", "working": "Working", "interested": "Interested - Hot"}
    report = Written(tmp_path, rules, tests).report(statuses=words)
    assert not report.failed, [played.failures for played in report.failed]


def test_the_timeline_tells_what_happened_what_was_done_and_what_was_expected(tmp_path: Path) -> None:
    events = '{at: "2026-03-03 10:00", email_received: "Re: hello", auto_reply: true}'
    tests = _case(events, '{at: "2026-03-09 09:00", task: {type: call, to: ana}}', rule="week-one-call")
    played = Written(tmp_path, tests=tests).played()
    assert [(entry.what, entry.text) for entry in played.entries] == [
        ("event", "the lead is created"),
        ("event", "email_received Re: hello automatic reply"),
        ("done", 'task call "Call this lead" to ana due Tue 2026-03-10 09:00'),
        ("met", "task call to ana"),
    ]


def test_rules_that_never_rest_fail_the_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.cases.play.MAX_ROUNDS", 1)
    tests = _case("", '{at: "2026-03-09 09:00", task: call}', rule="week-one-call")
    problem = only_failure(Written(tmp_path, tests=tests).played()).problem
    assert problem == "the rules do not come to rest: week-one-call act again and again"


def test_a_case_without_end_is_told_to_be_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.cases.play.MAX_PASSES", 5)
    rules = _rule("every: weekday 07:00".join("{}"), "[{note: seen}]")
    tests = _case("", '{at: "2027-03-09 09:00", note: seen}')
    assert "let it be shorter" in only_failure(Written(tmp_path, rules, tests).played()).problem
