"""A digest of all that a rule's decisions depend on besides records and time; it changes when a deadline may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import blake2b

from rules.model import Rule, ScoreLine
from rules.needs import reads_score
from rules.team import Team

_NO_MATTER = frozenset({"place", "path", "why"})
"""Where something stands and how it is explained decides nothing."""


def fingerprints(rules: Sequence[Rule], team: Team, scores: Sequence[ScoreLine] = ()) -> Sequence[str]:
    """Of each rule 16 hex digits over it as bound to the CRM, over the team, and over the score where it goes by that."""
    people = _canonical(team)
    found = []
    for rule in rules:
        lines = tuple(line for line in scores if line.kind == rule.kind) if reads_score(rule) else ()
        told = f"{_canonical(rule)}{people}{_canonical(lines) if lines else ''}"
        found.append(blake2b(told.encode(), digest_size=8).hexdigest())
    return found


def _canonical(thing: object) -> str:
    """The thing as text, the same in every process: fields by name, mappings in the order of their keys."""
    if is_dataclass(thing) and not isinstance(thing, type):
        names = [field.name for field in fields(thing) if field.name not in _NO_MATTER]
        return f"{type(thing).__name__}({', '.join(_canonical(getattr(thing, name)) for name in names)})"
    if isinstance(thing, Mapping):
        items = sorted((repr(key), _canonical(value)) for key, value in thing.items())
        return f"{{{', '.join(f'{key}: {value}' for key, value in items)}}}"
    if isinstance(thing, tuple):
        return f"[{', '.join(map(_canonical, thing))}]"
    return repr(thing)
