"""`followup check` as scripts and people meet it: exit codes, JSON keys, the CRM's last description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli.check import command
from connector.clock import FixedClock
from connector.domain.decision import RunSummary
from connector.domain.model import CrmSchema, FieldInfo, Owner
from connector.store import open_store
from connector.store.described import last_description
from tests.builders import at

NOW = at("2026-03-02 09:00")
HEAD = "version: 1\nrules:\n"
FINE = HEAD + "  - {id: a, why: x, when: {created: true}, then: [{note: x}]}\n"
NEVER = HEAD + "  - {id: a, why: x, when: {attempts: {reach: 2}}, if: {attempts: {at_most: 1}}, then: [{note: x}]}\n"
MAIL = HEAD + "  - {id: a, why: x, when: {created: true}, then: [{enroll: {in: b}}], once: per lead}\n"
CONFIG = 'crm: salesforce\nfields: {custom.tier: Tier__c}\nenrollments: {b: {campaign: "701000000000001AAA"}}\n'


def check(folder: Path, rules: str, *options: str, config: str = CONFIG) -> Result:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "followup.yaml").write_text(config)
    (folder / "rules" / "a.yaml").write_text(rules)
    return CliRunner().invoke(command, ["--workspace", str(folder), *options], standalone_mode=False)


@pytest.mark.parametrize(
    ("rules", "options", "code", "end"),
    [
        (FINE, (), 0, "nothing to mend"),
        (NEVER, (), 2, "1 to mend"),
        (MAIL, (), 0, "nothing to mend, 1 to look at"),
        (MAIL, ("--strict",), 2, "nothing to mend, 1 to look at"),
    ],
)
def test_errors_end_with_two_and_warnings_only_when_that_is_asked(
    tmp_path: Path, rules: str, options: Sequence[str], code: int, end: str
) -> None:
    done = check(tmp_path, rules, *options)
    assert done.return_value == code
    assert done.stderr == f"1 rule would run, {end}\n"


def test_a_line_begins_with_the_place_and_ends_with_cure_and_code(tmp_path: Path) -> None:
    (line,) = check(tmp_path, NEVER).stdout.splitlines()
    assert line.startswith(
        "rules/a.yaml:3:56: nothing passes both `when.attempts` and `if.attempts`: the rule `a` can never act. "
    )
    assert line.endswith(". [F401]")
    (line,) = check(tmp_path, MAIL).stdout.splitlines()
    assert line.endswith(". [F501 warning]")


def test_the_document_has_code_level_and_cure_of_each(tmp_path: Path) -> None:
    done = check(tmp_path, MAIL.replace("why: x", "wy: x"), "--json")
    rows = json.loads(done.stdout)["problems"]
    assert {(row["code"], row["level"]) for row in rows} == {("F201", "error"), ("F202", "error")}
    (row,) = json.loads(check(tmp_path, MAIL, "--json").stdout)["problems"]
    assert (row["code"], row["level"], row["rule"]) == ("F501", "warning", "a")
    assert all(each["cure"] for each in (*rows, row))


def test_a_code_is_explained_with_both_examples(tmp_path: Path) -> None:
    done = check(tmp_path, FINE, "--explain", "f501")
    assert done.return_value == 0
    assert done.stdout.startswith("F501 (warning): ")
    assert "Not so:" in done.stdout
    document = json.loads(check(tmp_path, FINE, "--explain", "F501", "--json").stdout)
    assert document["code"] == "F501"
    assert "enroll" in document["bad"]
    assert "there is no code F999; there are F101" in str(check(tmp_path, FINE, "--explain", "F999").exception)


# -- the CRM's last description ------------------------------------------------------------------------------------


def described(folder: Path, *, crm: str = "salesforce", exit_code: int = 0, **fields: FieldInfo) -> Path:
    """A state that has read a CRM with these fields of a lead."""
    path = folder / ".followup" / "state.db"
    store = open_store(f"sqlite:///{path}", clock=FixedClock(NOW))
    with store.begin() as uow:
        uow.save_schema(CrmSchema(crm, {"lead": fields}))
        uow.save_owners((Owner("005A", "Ana", "ana@example.com"),))
        uow.start_run(RunSummary("r1", crm, NOW, "run", NOW, exit_code))
    store.close()
    return path


RATED = HEAD + "  - {id: a, why: x, when: {created: true}, if: {country: DE, custom.tier: gold}, then: [{note: x}]}\n"


def test_what_the_crm_lacked_is_told_with_the_day_and_the_state_is_not_touched(tmp_path: Path) -> None:
    path = described(tmp_path, status=FieldInfo("status", "Status", "picklist", True, ("Open",)))
    before = path.read_bytes(), path.stat().st_mtime_ns, sorted(each.name for each in path.parent.iterdir())
    done = check(tmp_path, RATED)
    (line,) = done.stdout.splitlines()
    assert "the CRM does not show country of a lead" in line
    assert "(by the CRM's description of 2026-03-02)" in line
    assert line.endswith("[F311]")
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(each.name for each in path.parent.iterdir())) == before


def test_nothing_is_told_of_the_crm_when_it_was_never_read(tmp_path: Path) -> None:
    assert check(tmp_path, RATED).stdout == ""
    assert not (tmp_path / ".followup").exists()


@pytest.mark.parametrize(("crm", "exit_code"), [("hubspot", 0), ("salesforce", 1)])
def test_nothing_is_told_by_another_crm_or_a_pass_that_broke_off(tmp_path: Path, crm: str, exit_code: int) -> None:
    described(tmp_path, crm=crm, exit_code=exit_code)
    assert check(tmp_path, RATED).stdout == ""


def test_a_damaged_state_or_a_database_server_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"no database at all" * 100)
    assert last_description(f"sqlite:///{path}") is None
    assert last_description("postgresql://nowhere.example/followup") is None
    assert last_description("sqlite://") is None
    assert last_description("no address") is None
