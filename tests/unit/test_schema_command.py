"""`followup schema` and what `followup init` leaves for editors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from connector.cli import init, schema
from connector.cli.main import main
from connector.domain.errors import ConfigError
from rules.editorschema import rule_file_schema
from rules.vocabulary import WORDS


def told(*arguments: str) -> str:
    result = CliRunner().invoke(schema.command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_without_a_word_the_schema_of_a_rule_file_is_printed() -> None:
    assert json.loads(told()) == rule_file_schema()
    assert json.loads(told("--team"))["title"] == "team.yaml"
    assert json.loads(told("--settings"))["title"] == "followup.yaml"


def test_a_word_is_explained_in_every_place_with_an_example() -> None:
    text = told("attempts")
    assert "attempts in when: so many attempts were made\n    attempts: {reach: 6, since: assigned}\n" in text
    assert "    inside it: reach, type, by, since\n" in text
    assert "attempts in a condition: how many attempts were made\n" in text
    assert "weighted as `how` in a pool: " in told("weighted")


@pytest.mark.parametrize("name", sorted({each.name for each in WORDS}))
def test_every_word_can_be_asked_for(name: str) -> None:
    document = json.loads(told(name, "--json"))
    places = {place["where"] for place in document["places"]}
    assert places == {each.where for each in WORDS if each.name == name}


def test_a_word_nobody_knows_gives_the_nearest_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["schema", "wiat"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "followup: `wiat` is no word of the rule language; did you mean `wait`? docs/rules.md lists all of them\n"
    )
    with pytest.raises(ConfigError, match=r"^`xyzzyxyzzy` is no word of the rule language; docs"):
        schema.command.main(["xyzzyxyzzy"], standalone_mode=False)


def test_one_thing_is_asked_for_at_a_time() -> None:
    result = CliRunner().invoke(schema.command, ["wait", "--team"])
    assert result.exit_code == 2
    assert "choose one" in result.output


def test_a_new_workspace_names_its_schemas_where_an_editor_finds_them(tmp_path: Path) -> None:
    folder = tmp_path / "team"
    assert CliRunner().invoke(init.command, [str(folder)], catch_exceptions=False).exit_code == 0
    files = sorted(folder.rglob("*.yaml"))
    assert len(files) >= 4
    for file in files:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        named = (file.parent / first.partition("=")[2]).resolve()
        title = json.loads(named.read_text(encoding="utf-8"))["title"]
        assert title == (file.name if file.parent == folder else "a rule file")
        Draft202012Validator.check_schema(json.loads(named.read_text(encoding="utf-8")))


def test_the_schemas_are_written_anew_after_an_upgrade(tmp_path: Path) -> None:
    told("--write", "--workspace", str(tmp_path))
    assert json.loads((tmp_path / ".followup" / "rules.schema.json").read_text()) == rule_file_schema()
