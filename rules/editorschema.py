"""The JSON Schema of rule files and of team.yaml, by which an editor completes words and shows what they mean.

It is made of the shapes that the loader validates with and of the vocabulary, so it cannot say anything else than they do.
What it cannot know (whether a person, a pool or an enrolment is there) is left to `followup check`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from rules import schema as shapes
from rules.cases.shape import CaseShape
from rules.schema.team import CalendarShape, ContactShape, CountsShape, PersonShape, PoolShape
from rules.shape import Shape, described
from rules.typed import MAX_ITEMS
from rules.vocabulary import RESERVED_NAMES

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ITEMS: Mapping[str, type[Shape]] = {
    "rules": shapes.RuleShape,
    "cadences": shapes.CadenceShape,
    "scores": shapes.ScoreShape,
    "tests": CaseShape,
}
_SECTIONS: Mapping[str, type[Shape]] = {"people": PersonShape, "pools": PoolShape, "calendars": CalendarShape}


class _Plain(GenerateJsonSchema):
    """Without the titles, defaults and nulls that are pydantic's own: an author never writes `null`."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def _definitions(*models: type[Shape]) -> tuple[dict[type[Shape], JsonSchemaValue], JsonSchemaValue]:
    """A form for each shape, and the definitions they refer to."""
    forms, whole = models_json_schema([(model, "validation") for model in models], schema_generator=_Plain)
    return {model: forms[model, "validation"] for model in models}, whole["$defs"]


def rule_file_schema() -> JsonSchemaValue:
    """The JSON Schema (2020-12) of a file in `rules/`."""
    forms, definitions = _definitions(*_ITEMS.values(), shapes.Defaults)
    where = shapes.FileShape.where
    lists = {name: {"type": "array", "items": forms[model]} for name, model in _ITEMS.items()}
    bounded = {name: form | ({} if name == "tests" else {"maxItems": MAX_ITEMS * 2}) for name, form in lists.items()}
    properties = {"version": {"enum": [1, "1"]}, "defaults": forms[shapes.Defaults], **bounded}
    return {
        "$schema": DIALECT,
        "title": where,
        "type": "object",
        "properties": {name: described(where, name, form) for name, form in properties.items()},
        "required": ["version"],
        "anyOf": [{"required": [name]} for name in _ITEMS],
        "additionalProperties": False,
        "$defs": definitions,
    }


def team_schema() -> JsonSchemaValue:
    """The JSON Schema (2020-12) of team.yaml."""
    forms, definitions = _definitions(*_SECTIONS.values(), CountsShape, ContactShape)
    # A section whose items are all commented out is empty, which editors read as null.
    sections: dict[str, JsonSchemaValue] = {
        name: {"type": "object", "additionalProperties": forms[model]} for name, model in _SECTIONS.items()
    }
    sections["people"]["propertyNames"] = {"not": {"enum": list(RESERVED_NAMES)}}
    maybe = {name: {"anyOf": [form, {"enum": [None, ""]}]} for name, form in sections.items()}
    properties = {**maybe, "counts": forms[CountsShape], "contact": forms[ContactShape]}
    return {
        "$schema": DIALECT,
        "title": "team.yaml",
        "type": "object",
        "properties": {name: described("team.yaml", name, form) for name, form in properties.items()},
        "additionalProperties": False,
        "$defs": definitions,
    }
