"""What a CRM has to grant before a set of rules can run: data, which every adapter tells of itself without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Grade = Literal["scope", "system", "object", "field", "sharing", "licence"]
"""What kind of thing is granted. `sharing` is what nobody can derive: which records the user is to see."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that the CRM has to grant, such as the scope `crm.lists.write`, or `edit` on `Lead` or on `Lead.Tier__c`.

    Without an `optional` one a pass works and sees less; `why` says what it is for.
    """

    grade: Grade
    name: str
    why: str
    access: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.access}" if self.access else self.name


ORDER: tuple[Grade, ...] = ("scope", "system", "object", "field", "licence", "sharing")
"""The order in which permissions are told."""


def merged(found: Sequence[Permission]) -> tuple[Permission, ...]:
    """Each permission once with all it is for, in a fixed order; what anything asks for in earnest is not optional."""
    same: dict[str, list[Permission]] = {}
    for one in found:
        same.setdefault(str(one), []).append(one)
    whole = (
        replace(
            group[0],
            why="; ".join(dict.fromkeys(why for one in group for why in one.why.split("; "))),
            optional=all(one.optional for one in group),
        )
        for group in same.values()
    )
    return tuple(sorted(whole, key=lambda one: (ORDER.index(one.grade), one.name, one.access)))
