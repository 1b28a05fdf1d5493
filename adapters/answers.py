"""A CRM's answers as JSON, made safe to keep: what a database, a terminal or a CRM cannot take is replaced at the door."""

from __future__ import annotations

import json
import re

REPLACED = "\ufffd"
"""Stands for a character that is none: a lone surrogate, or NUL, which PostgreSQL refuses and C programs end at."""

_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_SUSPECT = re.compile(rb"\\u0000|\\ud|\xed[\xa0-\xbf]", re.IGNORECASE)
"""What the bytes of an answer hold when the text may hold such a character. Few do: the others are not walked through."""


def decoded(body: bytes) -> object:
    """The JSON of an answer; ValueError when it is none (HTML, cut off, not UTF-8, NaN, nested without end)."""
    try:
        # Decoded here: `json` would take bytes of other encodings, in which nothing suspect is seen.
        answer: object = json.loads(body.decode("utf-8-sig", "surrogatepass"), parse_constant=_refused)
        return _sound(answer) if _SUSPECT.search(body) else answer
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _sound(value: object) -> object:
    if isinstance(value, str):
        return _NOT_TEXT.sub(REPLACED, value)
    if isinstance(value, list):
        return [_sound(item) for item in value]
    if isinstance(value, dict):
        return {_NOT_TEXT.sub(REPLACED, name): _sound(item) for name, item in value.items()}
    return value
