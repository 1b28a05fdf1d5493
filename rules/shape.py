"""The ground of `rules.schema`: a pydantic model that speaks to authors and describes itself to their editors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import ClassVar, LiteralString, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError

from rules.refusal import MISSING, ONLY_ONE, UNKNOWN, code_of
from rules.typed import CUSTOM, CUSTOM_NAME, MAX_ITEMS
from rules.vocabulary import WORDS, not_known, word
from rules.yamlfile import MapNode, parse_yaml, plain

_TYPED = re.compile(r"true|false|-?(0|[1-9]\d*)(\.\d+)?")

# The kinds of a problem decide its place: `word` stands at the key, `text` at the value, `bare` waits for its key's name.
_OURS = ("word", "text")


class _Long(dict[str, object]):
    """A mapping in its long form."""


class Shape(BaseModel):
    """A mapping with known words. Unknown, missing and wrong ones are told in sentences, all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: ClassVar[str] = ""
    """The place's name in `vocabulary.WORDS` and in messages."""
    short: ClassVar[str | None] = None
    """The word that a value stands for when it is not a mapping: `quiet: 7 days` is `quiet: {for: 7 days}`."""
    takes_custom: ClassVar[bool] = False
    may_be_empty: ClassVar[bool] = False
    only_one: ClassVar[str] = ""
    """Why only one of the words may stand here; empty when several may."""
    either: ClassVar[tuple[str, ...]] = ()
    """Words of which exactly one stands here; the shape's own validator says so to authors, this to their editors."""
    some: ClassVar[tuple[str, ...]] = ()
    """Words of which at least one stands here."""

    @classmethod
    def words(cls) -> list[str]:
        """The words that may stand here."""
        names = [info.alias or name for name, info in cls.model_fields.items()]
        custom = ["custom.NAME"] if cls.takes_custom else []
        return [name for name in names if name not in ("=", "custom")] + custom

    @model_validator(mode="wrap")
    @classmethod
    def _speak(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, _Long):  # pydantic wraps a model that contains itself twice
            return handler(value)
        told = list(cls._too_many(value))
        try:
            shape = handler(_Long(cls._long(value)))
            if not told:
                return shape
        except ValidationError as error:
            unwritten = "=" if isinstance(value, dict) else cls.short or "="
            told += [_told(cls, detail, unwritten) for detail in error.errors(include_url=False)[:MAX_ITEMS]]
        raise ValidationError.from_exception_data(cls.__name__, told)

    @classmethod
    def _long(cls, value: object) -> dict[str, object]:
        """The value as a mapping: the short form written out, the custom fields gathered under one word."""
        if not isinstance(value, dict):
            if cls.short is None:
                raise ValueError(f"keys and values are expected, such as `{cls._example()}`")
            return {cls.short: value}
        if not value and not cls.may_be_empty:
            raise ValueError(f"this is empty; write for example `{cls._example()}`")
        reserved = {"=", "custom"} & value.keys()
        if not cls.takes_custom and not reserved:
            return value
        custom = {key: item for key, item in value.items() if cls.takes_custom and CUSTOM.fullmatch(key)}
        # A file's own `=` or `custom` must stay unknown words although the model has fields of these names.
        long = {f"{key} " if key in reserved else key: item for key, item in value.items() if key not in custom}
        return long | {"custom": custom} if custom else long

    @classmethod
    def _too_many(cls, value: object) -> Iterator[InitErrorDetails]:
        """The words beyond the first where only one may stand."""
        given = [key for key in value if key in cls.words()] if cls.only_one and isinstance(value, dict) else []
        for key in given[1:]:
            text = f"`{given[0]}` is already here, and `{key}` as well; {cls.only_one}"
            yield refused("word", text, ONLY_ONE, key)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The mapping with each word's meaning, and the short form beside it where there is one."""
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        forms: dict[str, JsonSchemaValue] = schema.pop("properties", {})
        unwritten = forms.pop("=", None)
        custom = forms.pop("custom", None)
        schema.pop("description", None)
        schema["title"] = cls.where
        schema["properties"] = {name: described(cls.where, name, form) for name, form in forms.items()}
        if custom is not None:
            schema["patternProperties"] = {f"^{CUSTOM_NAME}$": custom["additionalProperties"]}
        if not cls.may_be_empty:
            schema["minProperties"] = 1
        if cls.only_one:
            schema["maxProperties"] = 1
        if cls.either:
            schema["oneOf"] = [{"required": [name]} for name in cls.either]
        if cls.some:
            schema["anyOf"] = [{"required": [name]} for name in cls.some]
        if cls.short is None:
            return reference
        return {"anyOf": [unwritten or forms[cls.short], reference]}

    @classmethod
    def _example(cls) -> str:
        return next((f"{{{known.example}}}" for known in WORDS if known.where == cls.where), "{}")


def described(where: str, name: str, form: JsonSchemaValue) -> JsonSchemaValue:
    """A word's form with what an editor shows when the pointer rests on it."""
    known = word(where, name)
    if known is None:
        return form
    # What stands beside a reference counts in this version of JSON Schema.
    example = parse_yaml(known.example.encode()).root
    shown = (
        [_typed(plain(example.entries[name].value))] if isinstance(example, MapNode) and name in example.entries else []
    )
    return {**form, "description": f"{known.meaning}\n\nExample: `{known.example}`", "examples": shown}


def _typed(value: object) -> object:
    """The value of an example as an editor would read it: numbers and yes or no are not text to it."""
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return json.loads(value) if isinstance(value, str) and _TYPED.fullmatch(value) else value


def refused(kind: LiteralString, text: str, code: str, *loc: str | int) -> InitErrorDetails:
    """A mistake as pydantic carries it; its kind decides its place, and its code is that of docs/checks.md."""
    error = PydanticCustomError(kind, "{text}", {"text": text, "code": code})
    return InitErrorDetails(type=error, loc=loc, input=None)


def _told(cls: type[Shape], detail: ErrorDetails, unwritten: str) -> InitErrorDetails:
    """One of pydantic's errors as a sentence; `unwritten` is a word that the file does not show."""
    kind, loc, text = detail["type"], detail["loc"], detail["msg"]
    key = str(loc[0]) if loc else ""
    code = detail.get("ctx", {}).get("code") or code_of(detail.get("ctx", {}).get("error"))
    if kind in _OURS:
        pass
    elif kind == "extra_forbidden":
        # `_long` has put a space behind words that would pass for names of the model's own.
        code, kind, loc, text = UNKNOWN, "word", (key.strip(), *loc[1:]), not_known(key.strip(), cls.words(), cls.where)
    elif kind == "missing":
        code, kind, text = MISSING, "text", _missing(cls, key)
    else:
        sentence = text if kind == "bare" else _sentence(cls, detail, key)
        kind, text = ("bare", sentence) if key in (unwritten, "") else ("text", f"`{key}`: {sentence}")
    return refused(kind, text, code, *loc)


def _missing(cls: type[Shape], key: str) -> str:
    known = word(cls.where, key)
    hint = f": {known.meaning}. Write for example `{known.example}`" if known else ""
    return f"`{key}` is missing in {cls.where}{hint}"


def _sentence(cls: type[Shape], detail: ErrorDetails, key: str) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    known = word(cls.where, key)
    example = f", such as `{known.example}`" if known else ""
    if detail["type"] == "list_type":
        return f"a list is expected{example}; each item begins with `- `"
    return f"this is not understood{example}"
