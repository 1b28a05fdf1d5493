"""Text with `{lead.name}` holes: taken apart when a file is read, filled when an action is planned.

A hole names a field of the record and nothing else: no code, no expressions, no text that is read twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connector.domain.actions import KEY_PREFIX
from connector.domain.model import KINDS, Record
from rules.basics import TAKER, Template
from rules.calendar import WorkCalendar
from rules.compare import shown

_HOLE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_SPACES = re.compile(r"\s+")
_MARKER = f"[{KEY_PREFIX}"


def parse(text: str, kind: str = "lead") -> Template:
    """The parts of a text; raises ValueError with one line that says which hole is wrong and what it may hold.

    `{lead.name}` and `{name}` both mean the field `name` of the rule's record.
    """
    parts = _HOLE.split(text)
    for literal in parts[0::2]:
        if "{" in literal or "}" in literal:
            raise ValueError(f"a brace without its partner: write {{{kind}.name}} for a field, and no other braces")
    for position in range(1, len(parts), 2):
        parts[position] = _field(parts[position].strip(), kind)
    return Template(tuple(parts))


def _field(hole: str, kind: str) -> str:
    if not _NAME.fullmatch(hole):
        raise ValueError(f"'{{{hole}}}' is no field: only names such as {{{kind}.name}} may stand in braces")
    prefix, _, rest = hole.partition(".")
    if prefix not in KINDS:
        return hole
    if prefix != kind or not rest:
        raise ValueError(f"'{{{hole}}}' is no field of a {kind}: write {{{kind}.name}}")
    return rest


def render(
    template: Template,
    record: Record,
    calendar: WorkCalendar,
    owner_name: Callable[[str], str | None],
    taker: str | None = None,
) -> str:
    """The text with every hole filled: an empty field reads `(no phone)`, the owner is named, clock times are local.

    `taker` is who gets the record, for the note that hands it over.
    """
    filled = list(template.parts)
    for position in range(1, len(filled), 2):
        name = filled[position]
        value = record.fields.get(name, record.created if name == "created" else None)
        if name == TAKER:
            value = taker
        elif name == "owner" and isinstance(value, str):
            value = owner_name(value)
        empty = value is None or value == ""
        filled[position] = f"(no {name.removeprefix('custom.')})" if empty else one_line(shown(value, calendar))
    return _harmless("".join(filled))


def one_line(text: str) -> str:
    """The text on one line and without our marker.

    A prospect chooses their own name: it may neither add lines to a text nor forge the line that carries our key.
    """
    return _harmless(_SPACES.sub(" ", text).strip())


def _harmless(text: str) -> str:
    """The text with a blank put into every marker; taking characters out could join the rest to a new one."""
    return text.replace(_MARKER, f"[ {KEY_PREFIX}")
