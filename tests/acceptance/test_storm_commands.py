"""`release`, `pause` and `resume` as a person types them, and what `run`, `plan`, `explain` and `doctor` say meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cli.main import main
from tests.company import START, Company, company

HOUR = timedelta(hours=1)

RULES = """\
  - id: look
    why: Somebody should look at whoever is interested
    when: {becomes: {status: interested}}
    then: [{task: {type: call, subject: "Call {lead.name}"}}]
    once: per occasion
  - id: old
    why: What was forgotten is called
    when: {quiet: 3 days}
    then: [{task: {type: call, subject: "Call {lead.name}"}}, {enroll: {in: brochure}}]
    once: per 90 days
"""


@pytest.fixture
def stormy(tmp_path: Path) -> Iterator[Company]:
    """Twelve of twenty leads are edited at once after a first pass, where ten are a storm."""
    with company("hubspot", tmp_path) as firm:
        firm.write("followup.yaml", firm.config(limits={"breaker": {"per_rule": {"records": 10}}}))
        firm.rules(RULES)
        given = {"status": firm.status("new"), "owner": firm.people["ana"], "created": START - timedelta(days=10)}
        leads = list(firm.org.load([{"name": f"Lead {number}", **given} for number in range(20)], 0))
        firm.options["leads"] = leads
        yield firm


def edit(firm: Company) -> list[str]:
    leads = firm.options.pop("leads")
    assert isinstance(leads, list)
    firm.run()
    for lead in leads[:12]:
        firm.set(lead, by="eva", status="interested")
    firm.at(HOUR)
    return leads


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Typed = Callable[..., Done]


@pytest.fixture
def typed(stormy: Company, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """The console script's entry point, in this process: a process for each line would take a minute."""

    def run(*arguments: str) -> Done:
        for name, value in stormy.environment().items():
            if name.startswith("FOLLOWUP_"):
                monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, *capsys.readouterr())

    return run


def lines(done: Done, code: int = 0) -> list[str]:
    assert done.returncode == code, done.stderr
    return done.stdout.splitlines()


def refused(done: Done) -> str:
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    return line


def test_a_first_pass_tells_people_and_scripts_what_it_would_have_written(stormy: Company, typed: Typed) -> None:
    del stormy.options["leads"]
    line = (
        "note old is new here: 20 matches older than the rule left alone; it would have written 20 tasks, 20 enrolments on "
        "20 records. To let them go, give the rule `backfill: {spread: 20 per day}`, or `backfill: all`"
    )
    would = {"old": {"records": 20, "writes": {"task": 20, "enroll": 20}}}
    for command in ("plan", "run"):
        done = typed(command, "--json")
        assert done.returncode == 0, done.stderr
        assert line in done.stderr.splitlines()
        document = json.loads(done.stdout)
        assert (document["baseline"], document["would_have"]) == ({"old": 20}, would)
    assert stormy.tasks() == []


def test_a_storm_is_told_and_let_go_and_discarded_in_the_terminal(stormy: Company, typed: Typed) -> None:
    edit(stormy)
    planned, ran = typed("plan", "--json"), stormy.cli("run", "--json")
    assert (planned.returncode, ran.returncode) == (0, 3)
    for done in (planned, ran):
        [notice] = json.loads(done.stdout)["notices"]
        assert notice.startswith("breaker: look: 12 of 20 leads match")
        assert f"note {notice}" in done.stderr
    reasons = {held["held"] for held in json.loads(planned.stdout)["held"]}
    assert len(reasons) == 1
    assert "limits.breaker.per_rule.records (10)" in reasons.pop()
    assert json.loads(ran.stdout)["held"] == 12
    assert lines(typed("release", "--list")) == ["held: look: 12 matches on 12 records, 12 writes"]
    assert lines(typed("release", "--rule", "look", "--first", "5")) == [
        "5 matches (5 writes) released for the next `followup run`",
        "held: look: 7 matches on 7 records, 7 writes",
    ]
    assert typed("run").returncode == 3
    assert len(stormy.tasks()) == 5
    dropped = typed("release", "--drop", "--json")
    assert json.loads(dropped.stdout) == {"released": 0, "discarded": 7, "matches": 7, "held": 0, "rules": []}
    assert typed("run").returncode == 0
    assert lines(typed("release", "--list")) == ["nothing is held"]
    assert len(stormy.tasks()) == 5


def test_a_rule_is_paused_and_resumed_in_the_terminal(stormy: Company, typed: Typed) -> None:
    leads = edit(stormy)
    assert lines(typed("pause", "--rule", "look", "--why", "wrong\nscript")) == [
        "look is paused: nothing of it is written until `followup resume --rule look`, what is due stays due",
        "paused: look, since 2026-03-02 09:00 UTC (wrong script)",
    ]
    again = typed("pause", "--rule", "look", "--json")
    paused = [{"rule": "look", "since": "2026-03-02T09:00:00Z", "why": "wrong script"}]
    assert json.loads(again.stdout) == {"changed": False, "paused": paused}
    ran = typed("run")
    assert ran.returncode == 3
    assert "look is paused since 2026-03-02 09:00 UTC (wrong script): 12 matches wait" in ran.stderr
    assert "breaker" not in ran.stderr
    assert "pause paused since 2026-03-02 09:00 UTC (wrong script)" in typed("explain", leads[0]).stdout
    assert "look is paused since 2026-03-02 09:00 UTC" in typed("doctor").stdout
    assert "look is paused since" in refused(typed("release", "--rule", "look"))
    assert lines(typed("resume")) == [
        "everything was not paused as a whole",
        "paused: look, since 2026-03-02 09:00 UTC (wrong script)",
    ]
    assert lines(typed("resume", "--rule", "look")) == ["look goes on with the next `followup run`"]
    assert lines(typed("resume", "--rule", "look")) == ["look was not paused"]
    assert "breaker: look: 12 of 20 leads match" in typed("run").stderr, "what waited may be a storm"


def test_everything_is_paused_and_resumed_in_the_terminal(stormy: Company, typed: Typed) -> None:
    edit(stormy)
    assert lines(typed("pause"))[0].startswith("everything is paused: nothing of it is written until `followup resume`")
    ran = typed("run", "--json")
    assert ran.returncode == 3
    assert json.loads(ran.stdout)["notices"][0].startswith("everything is paused since 2026-03-02 09:00 UTC")
    assert "everything is paused" in typed("log").stdout
    assert json.loads(typed("resume", "--json").stdout) == {"changed": True, "paused": []}


def test_a_rule_that_is_not_there_is_told_with_the_nearest_one(stormy: Company, typed: Typed) -> None:
    for command in ("pause", "resume", "release"):
        assert "there is no rule `lok`; did you mean `look`? There are: look, old" in refused(
            typed(command, "--rule", "lok")
        )
    assert "leave out --first and --drop" in refused(typed("release", "--list", "--drop"))


def test_a_rule_that_is_in_no_file_any_more_can_be_resumed_and_discarded(stormy: Company, typed: Typed) -> None:
    edit(stormy)
    stormy.run()
    typed("pause", "--rule", "look")
    stormy.rules(RULES.replace("id: look", "id: watch"))
    assert lines(typed("resume", "--rule", "look")) == ["look goes on with the next `followup run`"]
    assert lines(typed("release", "--rule", "look", "--drop"))[0].startswith("12 matches (12 writes) discarded")
    assert "there is no rule `look`" in refused(typed("pause", "--rule", "look"))
