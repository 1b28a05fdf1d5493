"""`followup schema`: the JSON Schema for editors, and the meaning of a word."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.editors import write_schemas
from connector.cli.options import json_option, print_json, workspace_option
from connector.cli.settings_schema import settings_schema
from connector.domain.errors import ConfigError
from connector.settings import workspace_folder
from rules.editorschema import rule_file_schema, team_schema
from rules.glossary import Entry, explain_word, nearest_word, where_a_value
from rules.reference import reference
from rules.vocabulary import Word


@click.command("schema", epilog="Example: followup schema task")
@click.argument("word", required=False, metavar="[WORD]")
@click.option("--team", is_flag=True, help="The schema of team.yaml, not of a rule file.")
@click.option("--settings", is_flag=True, help="The schema of followup.yaml.")
@click.option(
    "--write", is_flag=True, help="Write all three into .followup/ of the workspace, where its files look for them."
)
@click.option("--reference", "listed", is_flag=True, hidden=True, help="The list of words of docs/rules.md.")
@workspace_option
@json_option
def command(
    word: str | None, team: bool, settings: bool, write: bool, listed: bool, workspace: Path | None, as_json: bool
) -> int:
    """Print the JSON Schema of a rule file, by which an editor completes words; with WORD, explain that word.

    A word is told with every place where it may stand, what it means there, an example, and what may stand inside it.
    """
    if sum((word is not None, team, settings, write, listed)) > 1:
        raise click.UsageError("choose one: WORD, --team, --settings or --write")
    if write:
        for path in write_schemas(workspace_folder(workspace)):
            click.echo(f"wrote {path}")
        return 0
    if listed:
        click.echo(reference(), nl=False)
        return 0
    if word is None:
        print_json(settings_schema() if settings else team_schema() if team else rule_file_schema())
        return 0
    return _explain(word, as_json)


def _explain(word: str, as_json: bool) -> int:
    entries, values = explain_word(word), where_a_value(word)
    if not entries and not values:
        near = nearest_word(word)
        hint = f"did you mean `{near}`? " if near else ""
        raise ConfigError(f"`{word}` is no word of the rule language; {hint}docs/rules.md lists all of them")
    if as_json:
        places = [_document(entry) for entry in entries]
        print_json({"word": word, "places": places, "value_of": [_place(each) for each in values]})
        return 0
    _tell(word, entries, values)
    return 0


def _document(entry: Entry) -> dict[str, object]:
    meant = {"meaning": entry.word.meaning, "example": entry.word.example}
    return {**_place(entry.word), **meant, "holds": entry.holds, "inside": list(entry.inside)}


def _place(word: Word) -> dict[str, str]:
    return {"where": word.where, "word": word.name}


def _tell(word: str, entries: tuple[Entry, ...], values: tuple[Word, ...]) -> None:
    for entry in entries:
        click.echo(f"{click.style(word, bold=True)} in {entry.word.where}: {entry.word.meaning}")
        click.echo(f"    {entry.word.example}")
        if entry.holds:
            click.echo(f"    holds {entry.holds}")
        if entry.inside:
            click.echo(f"    inside it: {', '.join(entry.inside)}")
    for place in values:
        click.echo(f"{click.style(word, bold=True)} as `{place.name}` in {place.where}: {place.meaning}")
