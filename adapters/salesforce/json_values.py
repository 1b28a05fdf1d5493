"""Values of JSON answers that come in more than one spelling."""

from __future__ import annotations

_SWITCHES = {"true": True, "1": True, "false": False, "0": False}


def switch(value: object) -> bool | None:
    """True or false, also as text or as 1 and 0; None for what is neither or is not told."""
    return _SWITCHES.get(str(value).strip().lower())
