"""What a rule does, as plain frozen data: the actions of `then`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Literal

from connector.domain.decision import ActionKind
from rules.basics import Duration, Place, Scalar, Template
from rules.team import Criterion, Turn


@dataclass(frozen=True, slots=True)
class TaskAction:
    """A task for a person. `to` is owner, manager, source_rep or a person of team.yaml.

    `preferred` is a call or an e-mail, whichever the prospect prefers and has not refused.
    """

    type: Literal["call", "email", "todo", "preferred"]
    subject: Template
    body: Template | None
    due: Duration
    slot: tuple[time, time] | None
    priority: Literal["low", "normal", "high"]
    to: str
    place: Place


@dataclass(frozen=True, slots=True)
class ReassignAction:
    """Another owner: `to` a person (or manager, source_rep), or from a pool in turn."""

    to: str | None
    pool: str | None
    except_previous: bool
    if_nobody: str
    """`hold`, or the name of a queue of the CRM."""
    note: Template | None
    place: Place
    how: Turn | None = None
    """How the pool hands out for this action; None: as the pool itself says."""
    match: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferAction:
    """A task by which a member of the pool accepts the record; silence and rejection go to the next member."""

    pool: str
    accept_within: Duration
    place: Place
    how: Turn | None = None
    match: tuple[Criterion, ...] = ()
    except_previous: bool = False
    if_nobody: str = "hold"
    """`hold`, or the name of a queue of the CRM."""
    note: Template | None = None


@dataclass(frozen=True, slots=True)
class EnrollAction:
    """Enrol the record in the CRM's sequence, workflow or campaign NAME, in its owner's name where `sender` says so."""

    name: str
    sender: Literal["owner"] | None
    place: Place


@dataclass(frozen=True, slots=True)
class UnenrollAction:
    """Take the record out of NAME."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class SetAction:
    """Write these values into the record's fields."""

    values: Mapping[str, Scalar]
    place: Place


@dataclass(frozen=True, slots=True)
class NoteAction:
    """Leave a note on the record."""

    text: Template
    place: Place


KINDS: Mapping[type, ActionKind] = {
    TaskAction: "task",
    ReassignAction: "reassign",
    OfferAction: "offer",
    EnrollAction: "enroll",
    UnenrollAction: "unenroll",
    SetAction: "set",
    NoteAction: "note",
}
"""The kind of planned action that each word under `then` comes to."""

RuleAction = TaskAction | ReassignAction | OfferAction | EnrollAction | UnenrollAction | SetAction | NoteAction
