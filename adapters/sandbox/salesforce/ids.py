"""Salesforce's record ids: 15 characters of base 62 that begin with the object's prefix, and a 3-character checksum."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_INSTANCE = "Hs0000"  # the characters after the prefix name the server that made the id
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def checksum(short: str) -> str:
    """The 3 characters that make a 15-character id safe where case is lost: one per 5 characters, a bit per capital."""
    chars = []
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")
        chars.append(_CHECK[bits])
    return "".join(chars)


def new_id(prefix: str, number: int) -> str:
    """The 18-character id of an object's n-th record; ids rise with the number, in byte order."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    short = prefix + _INSTANCE + digits.rjust(6, "0")
    return short + checksum(short)


def full_id(text: str) -> str | None:
    """The 18-character form of an id, None when the text is not one."""
    if not _ID.fullmatch(text):
        return None
    short = text[:15]
    long = short + checksum(short)
    return long if text in (short, long) else None
