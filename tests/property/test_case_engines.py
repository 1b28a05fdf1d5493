"""The same case gives the same result under durable_rules and under the plain engine, whatever happens in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.basics import Place
from rules.cases.model import Case, Check, Event, Expectation, Happening, Subject
from rules.cases.result import Played
from rules.testing import Bench
from tests.cases import Written, did

pytest.importorskip("durable")

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
PLACE = Place("rules/a.yaml", 1, 1)
ZONE = ZoneInfo("Europe/Berlin")

RULES = """
    - id: first
      why: A call
      when: {created: true}
      wait: 1 business hour
      unless: {any: [{attempts: {at_least: 1}}, {do_not_call: true}]}
      then: [{task: {type: call, subject: "Call {lead.name}"}}]
      once: per lead
    - id: again
      why: Three attempts
      when: {attempts: {reach: 3, since: assigned}}
      wait: 4 hours
      if: {any: [{status: new}, {score: {at_least: 50}}]}
      unless: {replied: {since: assigned}}
      then: [{set: {rating: cold}}, {reassign: {pool: inbound, except: previous_owners}}]
      once: per owner
    - id: silent
      why: Quiet
      when: {quiet: 2 business days}
      if: {not: {country: [DE, AT]}}
      then: [{task: {type: email, subject: Write}}]
      once: per status
    - id: brochure
      why: Interested
      when: {becomes: {status: interested}}
      then: [{enroll: {in: brochure}}]
      once: per 90 days
    - id: gap
      why: A next step
      when: {next_step: none}
      wait: 1 day
      unless: {opted_out: true}
      then: [{task: {type: todo, subject: Decide}}]
      once: per occasion
"""

HAPPENINGS: tuple[tuple[Happening, str, dict[str, str | bool | int]], ...] = (
    ("call", "no_answer", {}),
    ("call", "connected", {}),
    ("email_sent", "", {}),
    ("email_received", "", {}),
    ("meeting", "", {}),
    ("note", "x", {}),
    ("status", "interested", {"status": "interested"}),
    ("status", "working", {"status": "working"}),
    ("set", "", {"country": "DE"}),
    ("set", "", {"score": 60}),
    ("set", "", {"opted_out": True}),
    ("owner", "ben", {}),
    ("owner", "nobody", {}),
    ("task", "completed", {}),
)


@cache
def _benches() -> tuple[Bench, Bench]:
    with TemporaryDirectory() as name:
        loaded = Written(Path(name), RULES, "[]").loaded()
    assert not loaded.problems
    return Bench(loaded.ruleset, "durable"), Bench(loaded.ruleset, "plain")


events = st.builds(
    lambda hours, happening: Event(
        START + timedelta(hours=hours), happening[0], happening[1], happening[0], PLACE, happening[2]
    ),
    st.integers(0, 24 * 12),
    st.sampled_from(HAPPENINGS),
)
records = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["new", "interested"]),
        "country": st.sampled_from(["AT", "FR"]),
        "score": st.integers(40, 60),
        "do_not_call": st.booleans(),
    },
)


def _case(fields: dict[str, str | bool | int], happened: list[Event], hidden: frozenset[str]) -> Case:
    subject = Subject("lead", START, ((START, "ana"),), fields, hidden)
    days = (START + timedelta(days=day) for day in (1, 5, 14))
    wanted = tuple(Expectation(at, (Check("nothing", "nothing", PLACE),), PLACE) for at in days)
    return Case(PLACE, subject, wanted, ZONE, tuple(sorted(happened, key=lambda event: event.at)))


def _told(played: Played) -> object:
    obstacles = [(failure.at, failure.problem, [deed.text for deed in failure.instead]) for failure in played.failures]
    return did(played), played.entries, obstacles


@settings(max_examples=40, deadline=None)
@given(records, st.lists(events, max_size=8), st.frozensets(st.sampled_from(["opted_out", "score"]), max_size=1))
def test_both_engines_play_a_case_alike(
    fields: dict[str, str | bool | int], happened: list[Event], hidden: frozenset[str]
) -> None:
    case = _case({name: value for name, value in fields.items() if name not in hidden}, happened, hidden)
    [durable], [plain] = (bench.run([case]).cases for bench in _benches())
    assert _told(durable) == _told(plain)
    assert not [entry for entry in plain.entries if entry.what == "alarm"]
