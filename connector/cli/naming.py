"""Rules as they are named on the command line: a rule, a cadence for all its steps, or a mistake that is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from connector.bootstrap import Workspace
from connector.domain.errors import ConfigError
from rules.vocabulary.nearest import nearest


def rule_ids(loaded: Workspace) -> list[str]:
    """The rules of the files and, for cadences, the id that means all their steps."""
    ids = [rule.id for rule in loaded.loaded.ruleset.rules]
    named = with_cadences(ids)
    return [*named, *sorted(loaded.loaded.quarantined - {*named})]


def with_cadences(ids: Iterable[str]) -> list[str]:
    """The ids, in their order, behind those of the cadences whose steps are among them."""
    ids = list(ids)
    return [*sorted({id_.partition("/")[0] for id_ in ids if "/" in id_}), *ids]


def checked(rule: str | None, loaded: Workspace, more: Iterable[str] = ()) -> None:
    """A ConfigError with the nearest names for a rule that is neither in a file nor among `more`."""
    known: Collection[str] = dict.fromkeys((*rule_ids(loaded), *more))
    if rule is None or rule in known:
        return
    near = nearest(rule, known)
    meant = f"; did you mean `{near}`?" if near else "."
    raise ConfigError(f"there is no rule `{rule}`{meant} There are: {', '.join(known) or 'none'}")
