"""`followup doctor --permissions`: the least that the CRM has to grant for the loaded rules, and which rule needs what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import click

from adapters.registry import permission_set_of, permissions_of
from connector.bootstrap import Workspace
from connector.cli.options import print_json
from connector.domain.errors import ConfigError
from connector.domain.permissions import Grade, Permission, merged
from connector.settings import offline_config
from rules.needs import needs_of

HEADINGS: Mapping[Grade, str] = {
    "scope": "Scopes",
    "system": "User permissions",
    "object": "Objects",
    "field": "Fields",
    "licence": "Licences and user boxes",
    "sharing": "Records (for you to decide)",
}


MOST_NAMED = 6
"""Rules that a line of the table names; --json names all of them."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A permission and the ids of the rules without which nobody would need it."""

    permission: Permission
    rules: tuple[str, ...]


def needed_permissions(workspace: Workspace) -> tuple[Needed, ...]:
    """What the CRM has to grant, each with the rules that need it. Nothing is asked of the CRM."""
    config = offline_config(workspace.settings, workspace.clock())
    ruleset = workspace.loaded.ruleset
    if not ruleset.rules:
        raise ConfigError("there is no sound rule to ask about; `followup check` lists what is wrong")
    reading = needs_of(ruleset.rules, ruleset.scores, ruleset.team)
    found = list(permissions_of(replace(reading, writes=frozenset(), written_fields={}), config))
    asked: dict[str, set[str]] = {}
    for rule in ruleset.rules:
        for one in permissions_of(needs_of([rule], team=ruleset.team), config):
            found.append(one)
            asked.setdefault(str(one), set()).add(rule.written_id)
    return tuple(Needed(one, tuple(sorted(asked.get(str(one), ())))) for one in merged(found))


def tell_permissions(workspace: Workspace, *, as_json: bool, as_xml: bool) -> int:
    """Print them as a table, as one document, or as a file that the CRM deploys."""
    needed, crm = needed_permissions(workspace), workspace.settings.crm_name
    if as_xml:
        click.echo(permission_set_of(crm, [each.permission for each in needed]), nl=False)
    elif as_json:
        print_json({"crm": crm, "permissions": [_row(each) for each in needed]})
    else:
        click.echo("\n".join(_lines(needed, {rule.written_id for rule in workspace.loaded.ruleset.rules})))
    for problem in workspace.problems:
        click.echo(f"not counted, for it does not run: {problem}", err=True)
    return 0


def _row(each: Needed) -> dict[str, object]:
    one = each.permission
    return {
        "grade": one.grade,
        "name": one.name,
        "access": one.access,
        "optional": one.optional,
        "why": one.why,
        "rules": list(each.rules),
    }


def _lines(needed: Sequence[Needed], rules: set[str]) -> list[str]:
    width = max(len(str(each.permission)) for each in needed)
    lines: list[str] = []
    for grade, heading in HEADINGS.items():
        group = [each for each in needed if each.permission.grade == grade]
        lines += [heading, *(f"  {each.permission!s:{width}}  {_told(each, rules)}" for each in group)] if group else []
    return lines


def _told(each: Needed, rules: set[str]) -> str:
    """What it is for and who asks for it; what every rule takes is no rule's own."""
    one = each.permission
    more = f" and {len(each.rules) - MOST_NAMED} more" if len(each.rules) > MOST_NAMED else ""
    named = ", ".join(each.rules[:MOST_NAMED]) + more
    whose = "" if not each.rules or set(each.rules) == rules else f" [{named}]"
    return f"{one.why}{' (optional)' if one.optional else ''}{whose}"
