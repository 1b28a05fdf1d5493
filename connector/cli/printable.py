"""Text as it may be printed: what a prospect put into a name can neither steer a terminal nor turn its lines round."""

from __future__ import annotations

import re

_STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
"""Control characters but the line's end (escape sequences begin with one), separators that end a line in some terminals
and not in others, what turns the reading order round, and halves of characters, which cannot be printed at all."""


def printable(text: str) -> str:
    r"""The text as it may be printed: a character that would steer the terminal is shown by its code, such as \x1b."""
    return _STEERING.sub(lambda found: _code(found.group()), text)


def printable_json(text: str) -> str:
    """A JSON text that may be printed and still says the same: such characters are written as their escapes."""
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _code(character: str) -> str:
    number = ord(character)
    if character == "\t":
        return " "
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
