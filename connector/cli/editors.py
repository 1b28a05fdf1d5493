"""What editors need to know of a workspace's files: a schema for each kind, and the line that names it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from connector.cli.settings_schema import settings_schema
from rules.editorschema import rule_file_schema, team_schema

FOLDER = ".followup"
SCHEMAS: Mapping[str, Callable[[], dict[str, object]]] = {
    "rules.schema.json": rule_file_schema,
    "team.schema.json": team_schema,
    "followup.schema.json": settings_schema,
}
_SCHEMA_OF = {"team.yaml": "team.schema.json", "followup.yaml": "followup.schema.json"}


def schema_line(name: str) -> str:
    """The first line of a workspace's file, by which an editor finds its schema without a network."""
    up = "../" * name.count("/")
    return f"# yaml-language-server: $schema={up}{FOLDER}/{_SCHEMA_OF.get(name, 'rules.schema.json')}\n"


def write_schemas(workspace: Path) -> list[Path]:
    """Write the schemas to where the files of a workspace look for them, and say which files they are."""
    folder = workspace / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the state file, with names and addresses, will stand there
    for name, schema in SCHEMAS.items():
        (folder / name).write_text(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [folder / name for name in SCHEMAS]
