"""The codes under which `check` lists mistakes of writing, and an error that carries one (see docs/checks.md)."""

from __future__ import annotations

from typing import Final

YAML: Final = "F101"
SHAPE: Final = "F102"
UNKNOWN: Final = "F201"
MISSING: Final = "F202"
VALUE: Final = "F203"
ONLY_ONE: Final = "F204"
TWICE: Final = "F205"
ONCE: Final = "F206"
CALENDAR: Final = "F207"
SCORE: Final = "F208"
CASE: Final = "F209"
NAME: Final = "F301"
LEFT_OUT: Final = "F302"
FIELD: Final = "F303"
NEVER: Final = "F401"


class RefusalError(ValueError):
    """A value that is refused; a plain ValueError stands for `VALUE`."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: object) -> str:
    """The code of an error that a validator raised."""
    return error.code if isinstance(error, RefusalError) else VALUE
