"""A rule, or everything, that a person stops without a deploy, on both CRMs: nothing is written, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cli.main import main
from connector.domain.decision import EVERYTHING, Pause, PlannedAction, Receipt
from connector.run import run_pass
from tests.company import TEAM, Company

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

TWO = """\
  - id: call
    why: Whoever is interested is called
    when: {becomes: {status: interested}}
    then: [{task: {type: call, subject: "Call {lead.name}"}}]
    once: per occasion
  - id: tell
    why: The manager knows
    when: {becomes: {status: interested}}
    then: [{note: "{lead.name} is interested"}]
    once: per occasion
"""

OFFER = """\
  - id: offer
    why: A rep says whether they take it
    when: {becomes: {status: qualified}}
    then: [{offer: {pool: inbound, accept_within: 4 business hours}}]
    once: per lead
"""

CADENCE = """\
version: 1
cadences:
  - id: inbound
    why: Three touches
    start: {created: true}
    steps:
      - {after: 1 hour, task: {type: call, subject: "Call {lead.name}"}}
      - {after: 1 hour, task: {type: todo, subject: "Think of {lead.name}"}}
"""

FRIDAY = """\
  - id: friday
    why: Every Friday somebody looks at what is new
    when: {every: friday 10:00}
    if: {status: new}
    then: [{task: {type: todo, subject: "Look at {lead.name}"}}]
    once: per occasion
"""


def pause(firm: Company, rule: str = "call", why: str = "") -> None:
    """A person pauses it now."""
    with firm.connected() as connection, connection.store.begin() as uow:
        assert uow.pause(Pause(rule, firm.clock.peek(), why))


def resume(firm: Company, rule: str = "call") -> None:
    with firm.connected() as connection, connection.store.begin() as uow:
        assert uow.resume(rule)


def interested(firm: Company, rules: str = TWO) -> str:
    """A lead that becomes interested after the first pass."""
    firm.rules(rules)
    lead = firm.lead()
    firm.run()
    firm.at(HOUR)
    firm.set(lead, status="interested")
    return lead


def typed(*arguments: str) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_paused_rule_waits_with_all_its_matches_while_the_others_go_on(firm: Company) -> None:
    lead = interested(firm)
    pause(firm, why="wrong script")
    first = firm.run(2 * HOUR)
    assert (first.exit_code, [action.rule for action in first.plan.actions]) == (3, ["tell"])
    assert first.notices == (
        "call is paused since 2026-03-02 09:00 UTC (wrong script): 1 match waits; "
        "`followup resume --rule call` lets it go on",
    )
    told = firm.explain(lead)["call"]
    assert (told.outcome, told.reasons[-1].path) == ("held", "pause")
    assert "paused since 2026-03-02 09:00 UTC (wrong script)" in told.reasons[-1].text
    assert firm.run(3 * HOUR).exit_code == 3, "every pass says so"
    assert firm.tasks() == []
    resume(firm)
    after = firm.run(4 * HOUR)
    assert (after.exit_code, len(firm.tasks(lead)), after.notices) == (0, 1, ())
    assert firm.run(5 * HOUR).writes.confirmed == 0, "once"


def test_a_plan_and_an_apply_honour_a_pause(firm: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interested(firm)
    firm.at(2 * HOUR)
    for name, value in firm.environment().items():
        monkeypatch.setenv(name, value)
    file = str(tmp_path / "plan.json")
    assert typed("plan", "--out", file) == 0
    pause(firm)
    shown = firm.plan()
    assert [action.rule for action in shown.plan.actions] == ["tell"]
    assert [(match.rule, match.why) for match in shown.plan.waiting] == [("call", "paused since 2026-03-02 10:00 UTC")]
    assert typed("apply", file) == 3
    assert firm.tasks() == []


def test_a_pause_during_a_pass_stops_it_before_its_next_batch(firm: Company) -> None:
    interested(firm)
    more = [firm.lead(f"Lead {number}") for number in range(4)]
    firm.run(2 * HOUR)
    firm.at(3 * HOUR)
    for lead in more:
        firm.set(lead, status="interested")
    with firm.connected() as connection:
        sink = connection.adapter.sink
        apply = sink.apply

        def apply_and_pause(actions: Sequence[PlannedAction]) -> Sequence[Receipt]:
            done = apply(actions)
            paused = firm.cli("pause", "--why", "stop it", "--json")  # another process, while this one holds the lock
            assert paused.returncode == 0, paused.stderr
            return done

        sink.apply = apply_and_pause  # type: ignore[method-assign]
        sink.batch_size = lambda kind: 2  # type: ignore[method-assign]
        broken = run_pass(connection)
    assert (broken.writes.confirmed, broken.summary.counts["left_over"], broken.exit_code) == (2, 6, 3)
    resume(firm, EVERYTHING)
    assert firm.run(4 * HOUR).writes.confirmed == 6
    assert len(firm.tasks()) == 5


def test_while_everything_is_paused_the_crm_is_read_and_what_happened_is_made_up_for_once(firm: Company) -> None:
    lead = interested(firm)
    pause(firm, EVERYTHING)
    before = len(firm.org.writes)
    still = firm.run(2 * HOUR)
    assert (still.exit_code, still.summary.counts["evaluated"], len(firm.org.writes)) == (3, 0, before)
    assert still.summary.counts["read"]["records"] == 1  # type: ignore[index]
    firm.set(lead, status="working")
    firm.run(3 * HOUR)
    resume(firm, EVERYTHING)
    after = firm.run(4 * HOUR)
    assert (after.exit_code, len(firm.tasks(lead))) == (0, 1), "it was interested, if only for a while"
    assert firm.run(5 * HOUR).writes.confirmed == 0


def test_a_rule_that_is_paused_when_it_is_new_takes_its_baseline_as_of_its_first_day(firm: Company) -> None:
    firm.rules(TWO)
    pause(firm)
    old = firm.lead(status="interested")
    first = firm.run()
    assert (first.baseline, firm.tasks()) == ({"tell": 1}, [])
    firm.at(HOUR)
    new = firm.lead(status="interested")
    waits = firm.run(2 * HOUR)
    assert "call is paused since 2026-03-02 08:00 UTC: 1 match waits" in waits.notices[0]
    resume(firm)
    assert firm.run(3 * HOUR).baseline == {"call": 1}
    assert (len(firm.tasks(old)), len(firm.tasks(new))) == (0, 1)


def test_a_cadences_id_pauses_all_its_steps(firm: Company) -> None:
    firm.rules(CADENCE)
    firm.run()
    lead = firm.lead()
    firm.run(timedelta(minutes=30))
    assert firm.run(2 * HOUR).writes.confirmed == 1
    pause(firm, "inbound")
    assert "inbound is paused since 2026-03-02 10:00 UTC: 1 match waits" in firm.run(4 * HOUR).notices[0]
    assert len(firm.tasks(lead)) == 1
    resume(firm, "inbound")
    assert firm.run(5 * HOUR).writes.confirmed == 1


def test_a_paused_friday_is_made_up_for_once_like_one_of_an_outage(firm: Company) -> None:
    firm.rules(FRIDAY)
    firm.run()
    lead = firm.lead()
    pause(firm, "friday")
    for week in (0, 7):
        assert firm.run((4 + week) * DAY + 3 * HOUR).exit_code == 3
    resume(firm, "friday")
    assert firm.run(11 * DAY + 4 * HOUR).writes.confirmed == 1
    assert len(firm.tasks(lead)) == 1, "only the latest Friday"


def test_an_offer_of_a_paused_rule_runs_out_only_after_it_goes_on(firm: Company) -> None:
    firm.rules(OFFER)
    firm.run()
    lead = firm.lead(owner="eva")
    firm.run(HOUR)
    firm.set(lead, by="eva", status="qualified")
    firm.run(HOUR)
    pause(firm, "offer")
    assert firm.run(DAY).writes.confirmed == 0, "nobody else is asked"
    assert [task.subject.partition("?")[0] for task in firm.tasks(lead)] == ["Take Mara Weber"]
    resume(firm, "offer")
    assert firm.run(DAY + HOUR).writes.confirmed == 2, "the task is closed and the next member asked"


def test_a_task_of_a_paused_rule_stays_with_who_is_away_until_it_goes_on(firm: Company) -> None:
    lead = interested(firm)
    firm.run(2 * HOUR)
    [task] = firm.tasks(lead)
    away = 'away: [{from: "2026-03-02", to: "2026-03-06"}]'
    firm.write(
        "team.yaml", TEAM.replace("ana: {crm: ana@example.com,", f"ana: {{crm: ana@example.com, {away}, cover: ben,")
    )
    pause(firm)
    firm.run(3 * HOUR)
    assert firm.tasks(lead)[0].owner == task.owner
    resume(firm)
    firm.run(4 * HOUR)
    assert firm.tasks(lead)[0].owner == firm.people["ben"]


@pytest.mark.parametrize("rule", ["call", EVERYTHING])
def test_what_is_held_is_not_sent_while_it_is_paused(firm: Company, rule: str) -> None:
    firm.write("followup.yaml", firm.config(limits={"per_rule_per_run": 1}))
    interested(firm)
    firm.set(firm.lead("Another"), status="interested")
    firm.run(2 * HOUR)
    pause(firm, rule)
    with firm.connected() as connection, connection.store.begin() as uow:
        assert uow.release("call", None, firm.clock.peek()) == 0
    before = len(firm.tasks())
    assert firm.run(3 * HOUR).exit_code == 3
    assert len(firm.tasks()) == before == 1
