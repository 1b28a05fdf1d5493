"""The scopes that a set of needs takes on HubSpot. Pure: no token, no network; the names are those of the settings page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adapters.hubspot.fields import ACTIVITY_OBJECTS, CONTACTS, LEADS, object_type_of
from adapters.hubspot.paths import (
    LIST_ADD,
    LIST_MEMBERS,
    OUT_OF_ALL,
    OWNER_LIST,
    SEND_ONE,
    SEQUENCE_ENROLL,
    SEQUENCE_STATE,
    WORKFLOW_ENROLL,
)
from connector.domain.model import KINDS, Needs
from connector.domain.permissions import Permission, merged
from connector.domain.ports import AdapterConfig

EMAILS = "sales-email-read"
"""The scope that shows e-mails which were logged; every other activity comes under the contacts' scopes."""

CHANGES = frozenset({"set", "reassign"})
"""The actions that change a record itself; all others but enrolments write activities."""

ENROLMENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "list": ((LIST_MEMBERS.scope, "to see who is on a list"), (LIST_ADD.scope, "to put on a list and take off it")),
    "sequence": (
        (SEQUENCE_STATE.scope, "to see who is in a sequence"),
        (SEQUENCE_ENROLL.scope, "to enrol in a sequence; the sender needs a paid Sales or Service Hub seat"),
    ),
    "workflow": ((WORKFLOW_ENROLL.scope, "to enrol in a workflow and take out of it"),),
    "single_send": ((SEND_ONE.scope, "to send one mail (marketing-email does as well)"),),
}
"""Per way of enrolling, the scopes and what each is for."""


def permissions(needs: Needs, config: AdapterConfig) -> tuple[Permission, ...]:
    """The least set of scopes with which a pass for these needs runs."""
    return merged([*_reading(needs, config), *_writing(needs, config), *_enrolling(needs, config)])


def _scope(name: str, why: str, *, optional: bool = False) -> Permission:
    return Permission("scope", name, why, optional=optional)


def _reading(needs: Needs, config: AdapterConfig) -> Iterator[Permission]:
    yield _scope(OWNER_LIST.scope, "to tell people and who has left")
    types = dict.fromkeys(object_type_of(kind, config) for kind in KINDS if kind in needs.kinds)
    for object_type in (*types, *((CONTACTS,) if LEADS in types else ())):
        yield _scope(f"crm.objects.{object_type}.read", f"to read {object_type} and what changed")
        yield _scope(f"crm.schemas.{object_type}.read", f"to see which properties {object_type} have")
    if needs.activities & ACTIVITY_OBJECTS.keys() or needs.writes:
        yield _scope(f"crm.objects.{CONTACTS}.read", "to read calls, meetings, notes and tasks")
        yield _scope(f"crm.schemas.{CONTACTS}.read", "to see which properties tasks have")
    if "email" in needs.activities:
        yield _scope(EMAILS, "to see which mails were written and answered")


def _writing(needs: Needs, config: AdapterConfig) -> Iterator[Permission]:
    if needs.writes - CHANGES - {"enroll", "unenroll"}:
        yield _scope(f"crm.objects.{CONTACTS}.write", "to write tasks and notes")
    if "reassign" in needs.writes:
        yield _scope(f"crm.objects.{CONTACTS}.write", "to write the note of a hand-over")
    if needs.writes & CHANGES:
        for kind in (kind for kind in KINDS if needs.written_fields.get(kind)):
            object_type = object_type_of(kind, config)
            yield _scope(f"crm.objects.{object_type}.write", f"to change {object_type}")


def _enrolling(needs: Needs, config: AdapterConfig) -> Iterator[Permission]:
    writes = needs.writes & {"enroll", "unenroll"}
    for name in sorted(needs.enrollments):
        for way, scopes in ENROLMENTS.items():
            if config.enrollments.get(name, {}).get(way):
                # Only membership of a list is read when a rule merely asks about it.
                asked = scopes if writes else scopes[:1] if way == "list" else ()
                yield from (_scope(scope, why) for scope, why in asked)
    if "enroll" in writes:
        yield _scope(OUT_OF_ALL.scope, "to ask who may be mailed, before any enrolment")
