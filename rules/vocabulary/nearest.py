"""Which word was most likely meant, and the sentence for one that is not understood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from rules.yamlfile import shown

MANY = 200
"""So many names that the nearest is sought only among those with the same first letter."""

# What people coming from CRMs and other rule languages write, and the words that may be meant, the likeliest first.
_OTHER_TONGUES: Mapping[str, tuple[str, ...]] = {
    "name": ("id",), "description": ("why", "body"), "reason": ("why",), "because": ("why",),
    "trigger": ("when", "start"), "on": ("when", "start"), "when": ("start",), "start": ("when",),
    "condition": ("if",), "conditions": ("if",), "filter": ("if",),
    "where": ("if",), "action": ("then",), "actions": ("then",), "do": ("then",), "except": ("unless",),
    "delay": ("wait", "after"), "after": ("wait",), "wait": ("after",),
    "type": ("for",), "kind": ("for",), "object": ("for",),
    "assign": ("reassign",), "update": ("set",), "email": ("enroll", "email_sent"), "sequence": ("enroll",),
    "campaign": ("enroll",), "comment": ("note",), "todo": ("task",), "inactive": ("quiet",), "silent": ("quiet",),
    "state": ("status",), "stage": ("status",), "or": ("any",), "and": ("all",), "min": ("at_least",),
    "max": ("at_most",), "greater_than": ("over",), "less_than": ("under",), "deadline": ("due",),
    "assignee": ("to",), "owner": ("to",), "text": ("body",), "timezone": ("zone",), "tz": ("zone",),
    "users": ("people",), "teams": ("pools",), "user": ("crm",), "amount": ("value",), "employees": ("size",),
    "then": ("steps",), "step": ("steps",), "decay": ("half_life",), "capacity": ("daily",), "substitute": ("cover",),
    "deputy": ("cover",),
    "lost_reason": ("reason",), "opt_out": ("opted_out",), "unsubscribed": ("opted_out",), "dnc": ("do_not_call",),
}  # fmt: skip

_HINTS: Mapping[tuple[str, str], str] = {
    ("set", "owner"): "another owner is the action `reassign`",
    ("set", "opted_out"): "what a person refused is not for a rule to change",
    ("set", "do_not_call"): "what a person refused is not for a rule to change",
    ("becomes", "owner"): "a new owner is the trigger `assigned: true`",
    ("leaves", "owner"): "a new owner is the trigger `assigned: true`",
}


def nearest(text: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that was most likely meant, None when none is near."""
    folded, choices = _fold(text), list(allowed)
    if len(choices) > MANY:  # comparing with everybody of a large team takes too long for every mistake of a file
        choices = [choice for choice in choices if choice[:1].lower() == folded[:1]]
    by_fold = {_fold(choice): choice for choice in choices}
    meant = next((other for other in _OTHER_TONGUES.get(folded, ()) if _fold(other) in by_fold), None)
    # Two letters in the wrong order are the likeliest slip of all.
    swapped = [choice for choice in by_fold if sorted(choice) == sorted(folded)]
    close = swapped or get_close_matches(folded, by_fold, n=1, cutoff=0.75) or ([_fold(meant)] if meant else [])
    close = close or get_close_matches(folded, by_fold, n=1, cutoff=0.55)
    return by_fold[close[0]] if close else None


def _fold(text: str) -> str:
    return text[:80].strip().lower().replace("-", "_").replace(" ", "_")


def not_known(text: str, allowed: Iterable[str], where: str = "", what: str = "") -> str:
    """The sentence for a word that is not understood: the word, the nearest right one, and what is allowed there."""
    choices = list(allowed)
    near, hint = nearest(text, choices), _HINTS.get((where, text))
    reason = f": {hint}." if hint else f"; did you mean `{near}`?" if near else "."
    listed = ", ".join(choices[:60]) + (f" and {len(choices) - 60} more" if len(choices) > 60 else "")
    place = f" in {where}" if where else ""
    return f"{what}`{shown(text)}` is not known here{reason} Allowed{place}: {listed or 'nothing so far'}"
