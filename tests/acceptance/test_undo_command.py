"""`followup undo` as an admin calls it: exit codes, documents, one line for each refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.cli.main import main
from tests.company import Company, company
from tests.undoing import HOUR, stands, written


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Typed = Callable[..., Done]


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Company]:
    with company("salesforce", tmp_path) as made:
        yield made


@pytest.fixture
def typed(firm: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """The console script's entry point, in this process: a process for each command takes long."""

    def run(*arguments: str) -> Done:
        for name, value in firm.environment().items():
            if name.startswith("FOLLOWUP_"):
                monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out = capsys.readouterr()
        return Done(int(ended.value.code or 0), out.out, out.err)

    return run


def test_a_dry_run_then_the_undo_then_nothing_left(firm: Company, typed: Typed) -> None:
    lead = written(firm)
    firm.at(2 * HOUR)
    before = stands(firm, lead)
    dry = typed("undo", "latest", "--dry-run", "--json")
    document = json.loads(dry.stdout)
    assert (dry.returncode, document["run"], document["left"], len(document["undone"])) == (0, None, [], 4)
    assert stands(firm, lead) == before

    done = typed("undo", document["undoes"], "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert {"run", "crm", "now", "read", "written", "api_calls", "left_over", "undoes", "undone", "left", "before"} <= (
        document.keys()
    )
    assert document["written"]["confirmed"] == 4
    owner = next(write for write in document["undone"] if write["kind"] == "reassign")
    assert (owner["old"]["owner"], owner["fields"]["owner"]) == (firm.people["ben"], firm.people["ana"])
    assert stands(firm, lead) == ("ana", "new", [], [])

    again = typed("undo", "latest")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "nothing left to take back, 4 taken back before")
    shown = typed("show", document["run"])
    assert "owner Ben Okafor -> Ana Ferreira" in shown.stdout
    assert f"undo: takes back what four wrote in {document['undoes']}" in shown.stdout
    explained = typed("explain", lead)
    assert f"4 writes of run {document['undoes']} on it undone in run {document['run']}" in explained.stdout
    assert "reassign undone" in explained.stdout


def test_what_is_left_is_said_line_by_line_and_ends_with_3(firm: Company, typed: Typed) -> None:
    lead = written(firm)
    firm.set(lead, owner="cleo")
    firm.at(2 * HOUR)
    done = typed("undo", "latest")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    at = lines.index(f"left lead:{lead}  owner Ana Ferreira -> Ben Okafor")
    assert lines[at + 1].strip() == "four: owner was changed since"
    assert lines[-1] == "3 taken back, 1 left"


@pytest.mark.parametrize(
    ("run", "told"),
    [("nope", "there is no pass nope; `followup log` lists them"), ("2026", "2026 is the beginning of several passes")],
)
def test_a_pass_that_cannot_be_meant_ends_with_1(firm: Company, typed: Typed, run: str, told: str) -> None:
    written(firm)
    done = typed("undo", run)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"followup: {told}")
    assert len(done.stderr.splitlines()) == 1


def test_another_pass_under_way_ends_with_5(firm: Company, typed: Typed) -> None:
    written(firm)
    with firm.connected() as connection, connection.store.lock():
        done = typed("undo", "latest")
    assert done.returncode == 5


def test_an_undo_needs_no_rule_that_runs(firm: Company, typed: Typed) -> None:
    lead = written(firm)
    firm.rules("  - {id: other, why: For contacts, when: {created: true}, then: [{note: Hello}], nonsense: true}\n")
    firm.at(2 * HOUR)
    done = typed("undo", "latest")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "4 taken back")
    assert stands(firm, lead) == ("ana", "new", [], [])


@pytest.mark.parametrize("word", ["rules:\n  - {id: undo, ", "cadences:\n  - {id: undo, "])
def test_no_rule_and_no_cadence_is_called_undo(firm: Company, typed: Typed, word: str) -> None:
    rest = "why: W, when: {created: true}, "
    steps = "steps: [{then: [{note: N}]}]}" if "cadences" in word else "then: [{note: N}]}"
    firm.write("rules/rules.yaml", f"version: 1\n{word}{rest}{steps}\n")
    done = typed("check", "--json")
    said = [each for each in json.loads(done.stdout)["problems"] if "`undo` cannot be an id" in each["message"]]
    assert done.returncode == 2
    assert [(each["code"], each["line"]) for each in said] == [("F203", 3)]
    assert "what `followup undo` writes goes by that name" in said[0]["message"]
