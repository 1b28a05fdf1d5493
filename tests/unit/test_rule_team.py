"""team.yaml is read, and its mistakes are told with their place."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from rules.basics import Duration, Place
from rules.loader import Loaded, load_rules
from rules.team import Absence, ContactLimits, Person, Pool

RULES = """\
version: 1
rules:
  - {id: in-turn, why: x, when: {created: true}, then: [{reassign: {pool: inbound}}], once: per lead}
  - {id: to-ana, why: x, when: {created: true}, then: [{reassign: {to: ana}}], once: per lead}
  - {id: note, why: x, when: {created: true}, then: [{note: x}]}
"""
STOPS = "; no rule runs until this is mended"


def load(folder: Path, team: str) -> Loaded:
    (folder / "team.yaml").write_text(team)
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "a.yaml").write_text(RULES)
    return load_rules(folder)


def of_team(loaded: Loaded) -> list[str]:
    return [str(problem).removeprefix("team.yaml:") for problem in loaded.problems if problem.file == "team.yaml"]


def running(loaded: Loaded) -> list[str]:
    return [rule.id for rule in loaded.ruleset.rules]


def test_a_team_is_read(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        """\
people:
  ana: {crm: ana@example.com, manager: eva, skills: [software], daily: 20, weight: 2, zone: Europe/Berlin,
        away: [{from: 2026-07-01, to: 2026-07-14}]}
  eva: {crm: "005000000000001AAA"}
pools: {inbound: {members: [ana, eva], how: round_robin}}
calendars:
  office: {zone: Europe/Berlin, hours: {mon-thu: "09:00-18:00", fri: ["13:00-16:00", "09:00-12:00"]}, holidays: DE-BY,
           closed: [2026-12-24]}
counts: {attempt: [call, meeting], reply: email_received}
contact: {min_gap: 1 business day, max_per_week: 3}
""",
    )
    team = loaded.ruleset.team
    assert loaded.problems == ()
    assert team.people["ana"] == Person(
        "ana", "ana@example.com", "eva", "Europe/Berlin",
        (Absence(date(2026, 7, 1), date(2026, 7, 14)),), Place("team.yaml", 2, 3), ("software",), 20, 2.0,
    )  # fmt: skip
    assert team.pools == {"inbound": Pool("inbound", ("ana", "eva"), Place("team.yaml", 5, 9))}
    office = team.calendars["office"]
    assert office.hours[3] == ((time(9), time(18)),)
    assert office.hours[4] == ((time(9), time(12)), (time(13), time(16)))
    assert set(office.hours) == {0, 1, 2, 3, 4}
    assert (office.zone, office.holidays, office.closed) == ("Europe/Berlin", "DE-BY", (date(2026, 12, 24),))
    assert (team.attempt, team.reply) == (("call", "meeting"), ("email_received",))
    assert team.contact == ContactLimits(Duration(1, "business days"), 3)


@pytest.mark.parametrize("team", [None, "people:\npools:\ncontact: {}\n", "counts: {reply: call_inbound}\n"])
def test_a_team_without_calendars_works_nine_to_five_in_utc(tmp_path: Path, team: str | None) -> None:
    loaded = load(tmp_path, team or "")
    if team is None:
        (tmp_path / "team.yaml").unlink()
        loaded = load_rules(tmp_path)
    office = loaded.ruleset.team.calendars["office"]
    assert (office.zone, office.hours) == ("UTC", {day: ((time(9), time(17)),) for day in range(5)})
    assert running(loaded) == ["note"]


@pytest.mark.parametrize(
    ("person", "message"),
    [
        ("{}", "2:8: this is empty; write for example `{crm: ana@example.com}`"),
        ("ana@example.com", "2:8: keys and values are expected, such as `{crm: ana@example.com}`"),
        ("{zone: UTC}", "2:8: `crm` is missing in a person: the e-mail address or id by which the CRM knows the person. "
         "Write for example `crm: ana@example.com`"),
        ("{crm: a, boss: eva}", "2:17: `boss` is not known here. Allowed in a person: crm, manager, zone, away, cover, skills, "
         "daily, weight, monthly_offers"),
        ("{crm: a, manager: eva.}", "2:26: `manager`: the person `eva.` is not known here; did you mean `eva`? Allowed: ana, "
         "eva (of team.yaml)"),
        ("{crm: a, zone: Berlin}", "2:23: `zone`: the time zone `Berlin` is not known; did you mean `Europe/Berlin`?"),
        ("{crm: a, zone: ../etc}", "2:23: `zone`: the time zone `../etc` is not known; write one such as Europe/Berlin"),
        ("{crm: a, away: [{from: 2026-07-14, to: 2026-07-01}]}", "2:24: `away`: an absence ends (2026-07-01) before it begins "
         "(2026-07-14)"),
        ("{crm: a, away: [{from: 14.7.2026, to: 2026-08-01}]}", "2:31: `from`: `14.7.2026` is not a date; write "
         "year-month-day, such as 2026-03-02"),
        ("{crm: a, weight: 0}", "2:25: `weight`: `0` is too small; write a number above 0"),
        ("{crm: a, cover: anna}",
         "2:24: `cover`: the person `anna` is not known here; did you mean `ana`? Allowed: ana, eva (of "
         "team.yaml)"),
        ("{crm: a, cover: ana}", "2:3: `ana` covers for themselves; name somebody else, or leave `cover` out"),
        ("{crm: a, daily: many}", "2:24: `daily`: `many` is not a whole number such as 6"),
        ("{crm: EVA@example.com}", "3:3: `eva` has the same `crm` as `ana`; one person has one name"),
        ("!!map {crm: a}", f"2:8: a tag (`!...`) stands here; tags are not allowed, put text in quotes{STOPS}"),
    ],
)  # fmt: skip
def test_a_mistake_about_a_person_is_told(tmp_path: Path, person: str, message: str) -> None:
    assert of_team(load(tmp_path, f"people:\n  ana: {person}\n  eva: {{crm: eva@example.com}}\n"))[:1] == [message]


def test_a_person_with_a_mistake_stops_only_the_rules_that_name_them(tmp_path: Path) -> None:
    team = "people:\n  ana: {crm: }\n  ben: {crm: b}\npools:\n  inbound: {members: [ben]}\n  other: {members: [ana]}\n"
    loaded = load(tmp_path, team)
    assert [str(problem) for problem in loaded.problems] == [
        "rules/a.yaml:4:72: `to`: `ana` has a mistake in team.yaml; mend it there first",
        "team.yaml:2:14: `crm`: this is empty; write a value or remove the key",
        "team.yaml:6:3: the member `ana` of the pool `other` has a mistake above",
    ]
    assert running(loaded) == ["in-turn", "note"]


def test_a_word_of_the_rules_cannot_be_a_name(tmp_path: Path) -> None:
    message = "2:3: `owner` means something else in rules; give the person another name"
    assert of_team(load(tmp_path, "people:\n  owner: {crm: x}\n")) == [message]


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ("{members: [ana, anna]}", "3:28: `members`: the person `anna` is not known here; did you mean `ana`? Allowed: ana "
         "(of team.yaml)"),
        ("{members: []}", "3:22: `members`: the list is empty; name at least one value"),
        ("{members: [ana, ana]}", "3:12: `ana` is a member twice"),
        ("{members: [ana], how: by_turns}", "3:34: `how`: `by_turns` is not known here. Allowed: round_robin, weighted, "
         "least_loaded, match"),
        ("{members: [ana], how: weighted, match: skill}", "3:12: `match` says what fits best; it goes with `how: match`, not "
         "with `how: weighted`"),
    ],
)  # fmt: skip
def test_a_mistake_about_a_pool_is_told(tmp_path: Path, pool: str, message: str) -> None:
    loaded = load(tmp_path, f"people: {{ana: {{crm: a}}}}\npools:\n  inbound: {pool}\n")
    assert of_team(loaded) == [message]
    assert running(loaded) == ["to-ana", "note"]


@pytest.mark.parametrize(
    ("calendar", "message"),
    [
        ('{hours: {mon: "09:00-17:00"}}', "2:11: `zone` is missing in a calendar: the time zone of its hours. Write for "
         "example `zone: Europe/Berlin`"),
        ("{zone: UTC}", "2:11: `hours` is missing in a calendar: the open hours per day: mon ... sun, or mon-thu. Write for "
         'example `hours: {mon-thu: "09:00-18:00", fri: "09:00-16:00"}`'),
        ('{zone: UTC, hours: {monday: "09:00-17:00"}}', "2:30: `hours`: the day `monday` is not known here; did you mean "
         "`mon`? Allowed: mon, tue, wed, thu, fri, sat, sun"),
        ('{zone: UTC, hours: {fri-mon: "09:00-17:00"}}', "2:30: `hours`: `fri-mon` runs backwards; a week begins on monday"),
        ('{zone: UTC, hours: {mon-fri: "09:00-17:00", wed: "08:00-09:00"}}', "2:30: `hours`: the hours of wed are given twice"),
        ('{zone: UTC, hours: {mon: ["09:00-12:00", "11:00-13:00"]}}', "2:30: `hours`: the hours of `mon` overlap"),
        ("{zone: UTC, hours: {mon: 9-17}}", "2:30: `hours`: `9` is not a time between 00:00 and 23:59, such as 09:00"),
        ("{zone: UTC, hours: {mon: 16:00}}", "2:30: `hours`: `16:00` is not a span of time such as 16:00-17:00"),
    ],
)  # fmt: skip
def test_a_mistake_about_a_calendar_is_told(tmp_path: Path, calendar: str, message: str) -> None:
    assert of_team(load(tmp_path, f"calendars:\n  office: {calendar}\n")) == [message]


def test_holidays_nobody_knows_are_told_at_the_calendar(tmp_path: Path) -> None:
    (message,) = of_team(
        load(tmp_path, 'calendars: {office: {zone: UTC, hours: {mon: "09:00-10:00"}, holidays: XX}}\n')
    )
    assert message.startswith("1:13: calendar office: no holidays are known for 'XX'")


@pytest.mark.parametrize(
    ("team", "message"),
    [
        ("peple: {}\n", "1:1: `peple` is not known here; did you mean `people`? Allowed in team.yaml: people, pools, "
         "calendars, counts, contact"),
        ("counts: {attempt: [cal]}\n", "1:20: `attempt`: `cal` is not known here; did you mean `call`? Allowed: call, "
         "email_sent, meeting"),
        ("contact: {min_gap: 1}\n", "1:20: `min_gap`: `1` has no unit. Units: minutes, hours, days, weeks, months, "
         "business hours, business days"),
        ("contact: {max_per_week: none}\n", "1:25: `max_per_week`: `none` is not a whole number such as 6"),
        ("people: [ana]\n", "1:9: `people`: names are expected, each with its keys"),
        ("- people\n", "1:1: keys and values are expected, such as `people:`"),
        ("people: {a: 1\n", "1:9: this is not YAML: the mapping opened with `{` is not closed with `}`, or lacks a `,`"),
    ],
)  # fmt: skip
def test_a_mistake_that_could_change_every_rule_stops_them_all(tmp_path: Path, team: str, message: str) -> None:
    loaded = load(tmp_path, team)
    assert of_team(loaded) == [message + STOPS]
    assert running(loaded) == []
