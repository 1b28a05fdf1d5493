"""Which words of the language a file uses, and in which place: the file is walked along the editors' schema."""

from __future__ import annotations

from collections.abc import Iterator

from connector.cli.settings_schema import settings_schema
from rules.editorschema import rule_file_schema, team_schema
from rules.typed import CUSTOM
from rules.vocabulary import WORDS, Word
from rules.yamlfile import parse_yaml, plain

SCHEMAS = {"team.yaml": team_schema(), "followup.yaml": settings_schema()}
RULES = rule_file_schema()


def words_used(name: str, text: str) -> set[Word]:
    """The words that a file of a workspace uses; a file with a mistake in its YAML uses none."""
    schema = SCHEMAS.get(name, RULES)
    root = parse_yaml(text.encode()).root
    found = set(_used(schema, schema, plain(root), "")) if root is not None else set()
    return {word for word in WORDS if (word.where, word.name) in found}


def _used(top: dict, form: dict, value: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for each in _forms(top, form):
            for item in value if isinstance(each.get("items"), dict) else ():
                yield from _used(top, each["items"], item, key)
    if not isinstance(value, dict):
        return
    for each in _forms(top, form):
        known, free = each.get("properties", {}), each.get("additionalProperties")
        for name, inner in value.items():
            if name in known:
                yield each.get("title", key), name
                yield from _used(top, known[name], inner, name)
            elif CUSTOM.fullmatch(name) and each.get("patternProperties"):
                yield each.get("title", key), "custom.NAME"
                yield from _used(top, next(iter(each["patternProperties"].values())), inner, name)
            elif isinstance(free, dict):
                yield from _used(top, free, inner, name)


def _forms(top: dict, form: dict) -> Iterator[dict]:
    yield form
    if "$ref" in form:
        yield from _forms(top, top["$defs"][form["$ref"].rpartition("/")[2]])
    for each in form.get("anyOf", ()):
        yield from _forms(top, each)
