"""Looks a portal over before anything depends on it: every finding with its cure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.consent import MAY_NOT_ASK, SAYS_NOTHING, Consent
from adapters.hubspot.enroll import BINDINGS
from adapters.hubspot.errors import NOT_IN_THIS_PORTAL, TOKEN
from adapters.hubspot.fields import ACTIVITY_OBJECTS, CONTACTS, OPTIONAL_OBJECTS, object_type_of, stamp_of
from adapters.hubspot.paths import (
    ACCOUNT_DETAILS,
    BATCH_UPDATE,
    LIST_ADD,
    LIST_GET,
    OUT_OF_ALL,
    SEARCH,
    SEQUENCE_STATE,
    Endpoint,
    scope_of,
)
from adapters.hubspot.permissions import permissions
from adapters.hubspot.schema import TASKS, Catalog
from connector.domain.decision import Finding
from connector.domain.errors import ConfigError, FollowupError, PermanentError
from connector.domain.model import KINDS, Needs
from connector.domain.ports import AdapterConfig, Source

MOST_SKEW = timedelta(minutes=5)
"""Beyond this the hour that HubSpot's index gets to settle is no longer an hour."""

REPLACED = timedelta(days=1)
"""Beyond this the clock, on a loopback host, is no clock that runs wrong but one that was put in its place."""

NOBODY = "nobody@example.com"
"""An address that belongs to nobody (RFC 2606): whether HubSpot answers is what counts, not what."""

MANUAL = frozenset({"MANUAL", "SNAPSHOT"})


def examine(
    client: HubSpotClient, config: AdapterConfig, catalog: Catalog, source: Source, needs: Needs
) -> Iterable[Finding]:
    """All findings; stops after the first when there is no connection."""
    catalog.refresh()
    try:
        owners = source.owners()
    except ConfigError as error:
        yield Finding("fail", "connection", str(error), f"check {TOKEN} and the scope crm.objects.owners.read")
        return
    except FollowupError as error:
        yield Finding("fail", "connection", str(error), "check the network and HubSpot's status page")
        return
    active = sum(owner.active for owner in owners)
    yield Finding("ok", "connection", f"HubSpot answers; {active} active owners, {len(owners) - active} deactivated")
    for check in (_objects, _written, _fields, _tasks, _enrollments):
        yield from check(client, config, catalog, needs)
    yield from _account(client, config)


def _objects(client: HubSpotClient, config: AdapterConfig, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    """Each object type can be searched."""
    types = [object_type_of(kind, config) for kind in KINDS if kind in needs.kinds]
    types += [ACTIVITY_OBJECTS[type_] for type_ in ACTIVITY_OBJECTS if type_ in needs.activities]
    for object_type in dict.fromkeys(types):
        scoped = object_type if object_type in types[: len(needs.kinds)] else CONTACTS
        scopes = f"crm.objects.{scoped}.read" + (f" and crm.objects.{scoped}.write" if needs.writes else "")
        good = f"{object_type} can be read" + (f"; writing needs crm.objects.{scoped}.write" if needs.writes else "")
        cure = f"grant the token {scopes}" + (" and sales-email-read" if object_type == "emails" else "")
        yield _object(client, object_type, good, cure)


NOTHING: Mapping[Endpoint, object] = {BATCH_UPDATE: {"inputs": []}, LIST_ADD: []}
"""What each write is tried with: an empty batch changes nothing, and without its scope HubSpot refuses even that."""


def _written(client: HubSpotClient, config: AdapterConfig, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    """Each scope that writes records or members of lists is there; HubSpot tells those of others only when they are used."""
    tries: dict[str, tuple[Endpoint, str]] = {}
    needed = {one.name for one in permissions(needs, config)}
    for object_type in dict.fromkeys(
        [CONTACTS, *(object_type_of(kind, config) for kind in KINDS if kind in needs.kinds)]
    ):
        tries[scope_of(BATCH_UPDATE, (object_type,))] = (BATCH_UPDATE, object_type)
    lists = [
        str(bound["list"])
        for name, bound in config.enrollments.items()
        if "list" in bound and name in needs.enrollments
    ]
    if lists:
        tries[LIST_ADD.scope] = (LIST_ADD, lists[0])
    for scope, (endpoint, target) in tries.items():
        if scope in needed:
            yield _try(client, scope, endpoint, target)


def _try(client: HubSpotClient, scope: str, endpoint: Endpoint, target: str) -> Finding:
    try:
        client.call(endpoint, target, body=NOTHING[endpoint])
    except ConfigError as error:
        return Finding("fail", scope, str(error), f"grant the token {scope}")
    except FollowupError as error:  # refused for another reason: the scope is there, or nobody knows now
        return Finding("ok", scope, f"not refused for want of the scope ({type(error).__name__})")
    return Finding("ok", scope, "granted")


def _object(client: HubSpotClient, object_type: str, good: str, cure: str) -> Finding:
    """Asked for one row."""
    subject, newest = f"read {object_type}", {"propertyName": stamp_of(object_type), "direction": "DESCENDING"}
    try:
        client.call(SEARCH, object_type, body={"filterGroups": [], "sorts": [newest], "limit": 1})
    except PermanentError as error:
        if object_type in OPTIONAL_OBJECTS and error.code in NOT_IN_THIS_PORTAL:
            return Finding("warn", subject, f"this portal has no {object_type}: taken as none", cure)
        return Finding("fail", subject, str(error), cure)
    except FollowupError as error:
        return Finding("fail", subject, str(error), cure)
    return Finding("ok", subject, good)


def _fields(client: HubSpotClient, config: AdapterConfig, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    """Fields that rules read are visible, fields that they write are writable, and the opt-out above all."""
    for kind in (kind for kind in KINDS if kind in needs.kinds):
        try:
            view = catalog.view(kind)
        except FollowupError as error:
            yield Finding("fail", f"{kind} fields", str(error), "grant the token the scope that reads properties")
            continue
        hidden = view.hidden(needs.fields.get(kind, frozenset())) - {"opted_out"}
        written = needs.written_fields.get(kind, frozenset())
        fixed = [name for name in sorted(written) if name not in view.infos or not view.infos[name].writable]
        if hidden:
            cure = "bind them under `fields:` in followup.yaml, or make the properties visible to the token"
            yield Finding("warn", f"{kind} fields", f"not visible: {', '.join(sorted(hidden))}", cure)
        if fixed:
            cure = "bind them to writable properties, or take them out of the rules"
            yield Finding("fail", f"{kind} fields", f"not writable: {', '.join(fixed)}", cure)
        if not hidden and not fixed:
            yield Finding("ok", f"{kind} fields", f"{len(view.fields)} fields are visible")
        if kind != "deal":
            seen = "opted_out" in view.fields or "opted_out" in view.contact
            yield (
                Finding("ok", f"{kind} opt-out", "the opt-out can be seen")
                if seen
                else Finding(
                    "fail" if "enroll" in needs.writes else "warn",
                    f"{kind} opt-out",
                    "the opt-out (hs_email_optout) cannot be seen: enrolment stops",
                    "make hs_email_optout visible to the token, or bind `opted_out` under `fields:`",
                )
            )


def _tasks(client: HubSpotClient, config: AdapterConfig, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    """Where a task's key is kept."""
    if "task" not in needs.writes:
        return
    try:
        name = catalog.task_key_field()
    except FollowupError as error:
        yield Finding("fail", "task key", str(error), "create the property or take task_key_field out")
        return
    if name is None:
        yield Finding("ok", "task key", "kept as a marker line in the task's text")
    elif name in catalog.unique(TASKS):
        yield Finding("ok", "task key", f"kept in the unique property {name}")
    else:
        yield Finding("warn", "task key", f"{name} is not unique: look-ups read a record's tasks", "make it unique")


def _enrollments(client: HubSpotClient, config: AdapterConfig, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    """Every NAME is bound; lists exist and take members by hand; sequences can be asked about."""
    for name, bound in sorted(config.enrollments.items()):
        subject = f"enrolment {name}"
        ways = [way for way in BINDINGS if bound.get(way)]
        if not ways:
            yield Finding("fail", subject, "bound to nothing of HubSpot's", f"bind it to one of: {', '.join(BINDINGS)}")
        elif ways[0] == "list":
            yield _list(client, subject, str(bound["list"]), used=name in needs.enrollments)
        elif ways[0] == "sequence":
            yield _sequence(client, subject)
        else:
            scope = "automation" if ways[0] == "workflow" else "transactional-email or marketing-email"
            yield Finding("ok", subject, f"bound to the {ways[0]} {bound[ways[0]]}; needs the scope {scope}")
    if "enroll" in needs.writes and any(bound.get(way) for bound in config.enrollments.values() for way in BINDINGS):
        yield _consent(client, config)


def _consent(client: HubSpotClient, config: AdapterConfig) -> Finding:
    """HubSpot can be asked who may be mailed; who cannot be asked about is not enrolled."""
    subject, cure = "enrolment opt-out", f"grant the token the scope {OUT_OF_ALL.scope}"
    try:
        refusal = Consent(client, config).refusal_of(NOBODY)
    except FollowupError as error:
        return Finding("fail", subject, str(error), cure)
    if refusal is MAY_NOT_ASK:
        return Finding("fail", subject, "HubSpot does not say who may be mailed: nobody is enrolled on a guess", cure)
    if refusal is SAYS_NOTHING:
        return Finding("warn", subject, "HubSpot says nothing of an address it does not know", "none needed")
    return Finding("ok", subject, "HubSpot says who may be mailed")


def _list(client: HubSpotClient, subject: str, list_id: str, *, used: bool) -> Finding:
    """A list that no rule uses is worth a warning at most."""
    try:
        answer = client.call(LIST_GET, list_id)
    except FollowupError as error:
        cure = f"check that list {list_id} exists; grant crm.lists.read and .write"
        return Finding("fail" if used else "warn", subject, str(error), cure)
    details = answer.get("list", answer)
    kind = str(details.get("processingType") or "") if isinstance(details, dict) else ""
    if kind and kind.upper() not in MANUAL:
        return Finding("fail", subject, f"list {list_id} fills itself ({kind})", "bind the name to a manual list")
    return Finding("ok", subject, f"list {list_id} takes members")


def _sequence(client: HubSpotClient, subject: str) -> Finding:
    """Asked about a contact that cannot exist: a 404 shows that the token may ask."""
    endpoint: Endpoint = SEQUENCE_STATE
    try:
        client.call(endpoint, "0")
    except PermanentError:
        pass
    except FollowupError as error:
        cure = "grant automation.sequences.read and automation.sequences.enrollments.write"
        return Finding("fail", subject, str(error), cure)
    return Finding("ok", subject, "sequences can be asked; each sender needs a paid seat and a connected inbox")


def _account(client: HubSpotClient, config: AdapterConfig) -> Iterator[Finding]:
    """The day's calls, the portal's own midnight, and the clocks."""
    used, allowed = client.usage.used, client.usage.allowed
    if used is None or allowed is None:
        yield Finding("warn", "quota", "HubSpot did not say how many calls are left today", "none needed")
    else:
        text = f"{used} of {allowed} calls used today; our share is {config.api_calls_share:.0%}"
        spent = client.usage.spent(config.api_calls_share)
        yield Finding("warn" if spent else "ok", "quota", text, "wait for midnight, portal time" if spent else "")
    try:
        zone = client.call(ACCOUNT_DETAILS).get("timeZone")
        yield Finding("ok", "time zone", f"the portal's day begins at midnight {zone or 'of an unknown zone'}")
    except FollowupError:
        yield Finding("warn", "time zone", "the portal did not tell its time zone", "none needed")
    yield from _clock(client, config)


def _clock(client: HubSpotClient, config: AdapterConfig) -> Iterator[Finding]:
    """Our clock beside HubSpot's; a stand-in on this machine may keep a time of its own."""
    if client.server_time is None:
        return
    skew = abs(client.server_time - config.clock.now())
    if client.loopback:
        if skew > REPLACED:
            yield Finding("ok", "clock", f"the clock is replaced: {skew.days} days apart from the stand-in's")
    elif skew > MOST_SKEW:
        minutes = int(skew.total_seconds() // 60)
        yield Finding("warn", "clock", f"{minutes} minutes apart from HubSpot's", "set this machine's clock")
    else:
        yield Finding("ok", "clock", "in step with HubSpot's")
