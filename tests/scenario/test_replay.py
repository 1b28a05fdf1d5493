"""A replay of weeks in which the product really ran: with the same rules it does the same, on both CRMs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from connector import bootstrap
from connector.cli.main import main
from connector.cli.replay import Past, play, read_past
from connector.cli.tables import zone_of
from connector.replay.compare import Replay
from connector.replay.document import replay_document
from tests.company import START, Company, company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

RULES = """\
version: 1
defaults:
  for: lead
  calendar: office
  unless: {any: [{status: [qualified, do_not_contact]}, {opted_out: true}]}
rules:
  - id: first-call
    why: Every new lead is called within a day
    when: {created: true}
    wait: 1 hour
    unless: {attempts: {at_least: 1}}
    then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]
  - id: recycle
    why: Three attempts without a reply; somebody else should try
    when: {attempts: {reach: 3, since: assigned}}
    wait: 1 business day
    unless: {replied: {since: assigned}}
    once: per owner
    then: [{set: {status: recycled}}, {reassign: {pool: inbound, except: previous_owners}}]
  - id: brochure
    why: Interested prospects get the brochure
    when: {becomes: {status: interested}}
    once: per 90 days
    then: [{enroll: {in: brochure}}, {note: "the brochure is on its way"}]
  - id: next-step
    why: Every open lead has a next step
    when: {next_step: none}
    wait: 1 business day
    limit: {per_run: 2}
    then: [{task: {type: todo, subject: "Decide the next step", due: 1 business day}}]
  - id: answer
    why: A reply is answered
    when: {replied: true}
    then: [{task: {type: call, subject: Answer, due: 4 business hours}}]
  - id: late
    why: What is late is told
    when: {task: {overdue: 2 business days, type: call}}
    then: [{note: "a call is late"}]
  - id: offered
    why: Whoever has time takes what is being worked on
    when: {becomes: {status: nurturing}}
    once: per lead
    then: [{offer: {pool: inbound, accept_within: 4 business hours}}]
cadences:
  - id: working
    why: Two touches while somebody works on it
    start: {becomes: {status: working}}
    stop: {any: [{replied: true}, {status: interested}]}
    steps:
      - {after: 1 business day, task: {type: todo, subject: "First touch", due: 1 business day}}
      - {after: 2 business days, task: {type: todo, subject: "Second touch", due: 1 business day}}
"""


def weeks(firm: Company) -> None:
    """Three weeks of eight leads and a pass or two a day, with all that people do in between."""
    firm.rules(RULES)
    leads = [firm.lead(f"Lead {number}", owner=("ana", "ben", "cleo")[number % 3]) for number in range(5)]
    firm.run(HOUR)
    firm.at(2 * HOUR)
    leads += [firm.lead(f"Lead {number}", owner="ana") for number in range(5, 8)]
    firm.run(4 * HOUR)
    for day in (1, 2, 3):
        firm.at(day * DAY + HOUR)
        for lead in leads[:3]:
            firm.call(lead)
        firm.run(day * DAY + 2 * HOUR)
    firm.at(3 * DAY + 3 * HOUR)
    firm.set(leads[3], status="interested")
    firm.set(leads[4], status="nurturing")
    firm.set(leads[5], status="working")
    firm.run(4 * DAY)
    firm.at(4 * DAY + HOUR)
    for task in firm.tasks(leads[6]):
        firm.org.complete_task(task.id, by=firm.people["ana"], outcome="connected")
    firm.org.log_email(leads[0], firm.people["ana"], "inbound", "Re: your call")
    firm.run(4 * DAY + 5 * HOUR)
    firm.at(6 * DAY)
    firm.set(leads[7], status="working")
    firm.run(7 * DAY + 5 * HOUR)
    firm.at(8 * DAY)
    firm.set(leads[1], by="eva", owner="eva")
    firm.run(8 * DAY + 6 * HOUR)
    firm.at(9 * DAY)
    firm.org.log_email(leads[7], firm.people["ana"], "inbound", "Yes?")
    for task in [task for task in firm.tasks(leads[4]) if "Take" in task.subject]:
        firm.org.complete_task(task.id, by=firm.people["cleo"], outcome=None)
    firm.run(9 * DAY + 4 * HOUR)
    firm.at(9 * DAY + 5 * HOUR)
    firm.set(leads[5], status="qualified")
    for days in (10, 11, 14, 16, 20):
        firm.run(days * DAY + 2 * HOUR)


@pytest.fixture(scope="module", params=["salesforce", "hubspot"])
def firm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company after these weeks."""
    with company(request.param, tmp_path_factory.mktemp("replay")) as found:
        weeks(found)
        yield found


def past_of(firm: Company, every: str = "runs") -> Past:
    past = read_past(firm.workspace(), START + HOUR, firm.clock.peek(), every)
    assert past is not None
    return past


def replayed(firm: Company, every: str = "runs", processes: int = 1) -> Replay:
    return play(past_of(firm, every), processes, zone_of(firm.workspace()))


def test_the_same_rules_at_the_same_passes_do_the_same(firm: Company) -> None:
    really = {entry.action.key: entry for entry in firm.outbox()}
    replay = replayed(firm)
    would = {line.action.key: line for line in replay.lines if line.side != "did"}
    assert {key: line.action.rule for key, line in would.items()} == {k: e.action.rule for k, e in really.items()}
    for key, line in would.items():
        entry = really[key]
        assert dict(line.action.fields) == dict(entry.action.fields), line.action.rule
        assert (line.side == "held") == (entry.state == "held")
        assert entry.state == "held" or line.side == "both"
    rules = {action.action.rule for action in really.values()}
    assert rules >= {"first-call", "recycle", "brochure", "next-step", "answer", "late", "offered", "working/1"}


def test_two_processes_tell_what_one_tells(firm: Company) -> None:
    zone = zone_of(firm.workspace())
    one, two = (replay_document(replayed(firm, "3 hours", count), zone) for count in (1, 2))
    assert one == two
    assert one["lines"]


def told(firm: Company, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """What the command prints, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in firm.environment().items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main(["replay", *arguments])
    printed = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.out, printed.err


def test_it_writes_nothing_anywhere_and_asks_no_crm(
    firm: Company, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a replay connects to nothing")

    monkeypatch.setattr(bootstrap, "open_adapter", refused)
    before, asked = snapshot(firm.folder), len(firm.server.requests)
    code, out, _ = told(firm, capsys, "--since", "2026-03-02")
    assert code == 0
    assert "nothing was written anywhere" in out
    assert (snapshot(firm.folder), len(firm.server.requests)) == (before, asked)


def snapshot(folder: Path) -> dict[str, str]:
    """Every file of a folder with a digest of its bytes."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest() for file in files}


def test_the_summary_stands_first_and_the_newest_line_last(firm: Company, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = told(firm, capsys, "--since", "2026-03-02T10:00", "--every", "runs", "--limit", "3")
    assert out.index("first-call") < out.index("\nMon 2026-03-02") < out.index("the last 3 of ")
    assert out.index("held") < out.index("the last 3 of ")
    lines = out[out.index("the last 3 of ") :].splitlines()[2:]
    assert [line[:1] for line in lines if not line.startswith(" ")] == ["="] * 3
    assert "limit of 2 per run of next-step" in out
    assert "opted_out has no stored changes: today's value stands for all of the time" in out
    assert err == ""


def test_the_document_has_rules_days_lines_and_what_is_missing(
    firm: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = told(firm, capsys, "--since", "2026-03-02T10:00", "--every", "runs", "--json")
    document = json.loads(out)
    assert set(document) == {
        "since", "until", "every", "records", "passes", "evaluated", "missing", "rules", "days", "lines", "waiting", "notices",
    }  # fmt: skip
    rules = {rule["rule"]: rule for rule in document["rules"]}
    assert rules["next-step"]["held"] == sum(rules["next-step"]["caps"].values()) == 1
    assert rules["first-call"]["would"] == rules["first-call"]["did"] == rules["first-call"]["both"] == 3
    assert (rules["first-call"]["matches"], rules["first-call"]["owners"]) == (3, 1)
    writes = sum(tally["would"] for day in document["days"] for tally in day["rules"].values())
    assert writes == sum(line["side"] in ("would", "both") for line in document["lines"])
    assert [line["at"] for line in document["lines"]] == sorted(line["at"] for line in document["lines"])
    assert document["waiting"][0]["rule"] == "offered"


DRAFT = """\
version: 1
rules:
  - id: first-call
    why: Every new lead is called at once
    when: {created: true}
    then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]
"""


@pytest.mark.parametrize("place", ["first.yaml", "rules/first.yaml"])
def test_a_draft_stands_in_for_the_workspaces_rules(
    firm: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path, place: str
) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(DRAFT, encoding="utf-8")
    arguments = ("--since", "2026-03-02T10:00", "--rules", str(tmp_path), "--json")
    document = json.loads(told(firm, capsys, *arguments)[1])
    drafted = [line for line in document["lines"] if line["side"] != "did"]
    assert {line["rule"] for line in drafted} == {"first-call"}
    assert {line["at"] for line in drafted} == {"2026-03-02T10:00:00Z"}, "an hour sooner than it was done"
    assert {rule["rule"] for rule in document["rules"] if rule["did"] and not rule["would"]} >= {"recycle", "brochure"}


def test_what_cannot_be_replayed_is_told_in_one_line(
    firm: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for wrong, why in (
        (("--since", "yesterday"), "--since yesterday is no day"),
        (("--since", "2030-01-01"), "--since must lie before"),
        (("--since", "2026-03-02", "--until", "2026-03-01"), "--since must lie before"),
        (("--since", "2026-03-02", "--every", "often"), "--every often"),
        (("--since", "2020-01-01", "--every", "1 minute"), "passes; take a later --since"),
        (("--since", "2026-02-01", "--until", "2026-02-03", "--every", "runs"), "no pass was made in this time"),
    ):
        code, out, err = told(firm, capsys, *wrong)
        assert (code, out) == (2, "")
        assert why in err
        assert err.count("\n") == 1


def test_nothing_can_be_replayed_before_anything_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with company("salesforce", tmp_path) as fresh:
        code, _, err = told(fresh, capsys, "--since", "2026-02-01")
    assert code == 1
    assert "nothing has been read from the CRM yet" in err
