"""Examines an org before rules run in it: what can be seen and written, what the quota allows, and the cures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from adapters.salesforce import mapping, soql
from adapters.salesforce.catalog import Catalog
from adapters.salesforce.client import Client
from adapters.salesforce.fields import OBJECTS, ObjectDescription, wanted
from adapters.salesforce.json_values import switch
from adapters.salesforce.source import HISTORY
from connector.domain.decision import Finding
from connector.domain.errors import ConfigError, FollowupError, MissingFieldError, PermanentError
from connector.domain.model import KINDS, Needs
from connector.domain.ports import AdapterConfig

SKEW_SECONDS = 120
"""A clock that differs more than this from Salesforce's makes waits end early or late."""

REPLACED_SECONDS = 86_400
"""On this machine a clock that differs by more than a day is no clock that runs wrong: FOLLOWUP_NOW replaces it."""

GUARDS = {"opted_out": "Email Opt Out", "do_not_call": "Do Not Call"}
"""The fields that guard contact, with their labels in Salesforce's set-up."""

FLS = "Setup > Object Manager > {table} > Fields & Relationships > {label} > Set Field-Level Security: make it Visible"


def examine(config: AdapterConfig, client: Client, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    """Each thing that was looked at; ends after the first line when there is no connection."""
    catalog.forget()
    try:
        limits = client.get("limits")
    except PermanentError as error:
        if error.code in ("NOT_FOUND", "HTTP_404"):
            cure = "set FOLLOWUP_SALESFORCE__API_VERSION to one that the org offers"
            yield Finding("fail", "connection", f"the org does not know API version {client.version}", cure)
            return
        limits = None
    except FollowupError as error:
        yield Finding("fail", "connection", str(error), "see the message")
        return
    yield Finding("ok", "connection", f"logged in, API version {client.version}")
    yield from _quota(limits, config.api_calls_share)
    yield _clock(config, client)
    for examination in (
        _records(catalog, needs),
        _activities(config, catalog, needs),
        _enrolments(config, client, catalog, needs),
    ):
        try:
            yield from examination
        except ConfigError as error:
            yield Finding("fail", "permissions", str(error), "grant it in the permission set of the API user")
        except FollowupError as error:
            yield Finding("fail", "connection", str(error), "run doctor again")


def _quota(limits: object, share: float) -> Iterator[Finding]:
    daily = limits.get("DailyApiRequests") if isinstance(limits, Mapping) else None
    most, left = (daily.get("Max"), daily.get("Remaining")) if isinstance(daily, Mapping) else (None, None)
    if not isinstance(most, int) or not isinstance(left, int):
        yield Finding("warn", "quota", "the org does not tell its API limits", "grant 'View Setup and Configuration'")
        return
    text = f"{left} of {most} daily API calls are left; followup uses at most {int(most * share)} in a pass"
    if left <= 0:
        yield Finding("fail", "quota", text, "wait until the 24-hour window moves, or buy API calls")
    elif left < most * 0.2:
        yield Finding("warn", "quota", text, "find out what else uses the API: Setup > System Overview")
    else:
        yield Finding("ok", "quota", text)


def _clock(config: AdapterConfig, client: Client) -> Finding:
    theirs = client.server_time
    if theirs is None:
        return Finding("ok", "clock", "Salesforce did not tell its time")
    skew = (config.clock.now() - theirs).total_seconds()
    if client.is_on_this_machine and abs(skew) > REPLACED_SECONDS:
        days = round(abs(skew) / 86_400)
        apart = f"{days} day{'' if days == 1 else 's'} {'ahead of' if skew > 0 else 'behind'} the server's"
        return Finding("ok", "clock", f"replaced by FOLLOWUP_NOW, {apart}")
    if abs(skew) > SKEW_SECONDS:
        text = f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Salesforce's"
        return Finding("warn", "clock", text, "switch on time synchronisation")
    return Finding("ok", "clock", f"within {SKEW_SECONDS} s of Salesforce's")


def _records(catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    for kind in (kind for kind in KINDS if kind in needs.kinds):
        table = OBJECTS[kind]
        try:
            sobject = catalog.record(kind)
        except ConfigError as error:
            yield Finding("fail", table, str(error), f"grant Read on {table} in the API user's permission set")
            continue
        if needs.writes & {"set", "reassign"} and not sobject.updateable:
            yield Finding("fail", table, f"{table} cannot be edited", f"grant Edit on {table} in the permission set")
        else:
            yield Finding("ok", table, "can be read" + (" and edited" if needs.writes & {"set", "reassign"} else ""))
        yield from _fields(kind, sobject, catalog, needs)
        yield from _history(kind, catalog, needs)


def _fields(kind: str, sobject: ObjectDescription, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    table, names = OBJECTS[kind], catalog.fields
    asked = needs.fields.get(kind, frozenset()) | needs.written_fields.get(kind, frozenset())
    for word in sorted(wanted(kind, needs)):
        api_name = names.api(kind, word)
        if api_name is None:
            if word in asked:
                cure = f"bind it in followup.yaml: fields: {{{word}: API_NAME}}"
                yield Finding("fail", f"{table}.{word}", f"{word} is bound to no field of {table}", cure)
            continue
        found = sobject.find(api_name)
        cure = FLS.format(table=table, label=GUARDS.get(word, api_name))
        if found is None and word in GUARDS:
            level = "fail" if word == "opted_out" or word in asked else "warn"
            text = f"{word} cannot be seen: rules that guard contact with it stop, enrolments above all"
            yield Finding("fail" if level == "fail" else "warn", f"{table}.{api_name}", text, cure)
        elif found is None:
            text = f"{word} is hidden or missing"
            yield Finding("fail" if word in asked else "warn", f"{table}.{api_name}", text, cure)
        elif word in needs.written_fields.get(kind, frozenset()) and not found.updateable:
            text = f"{word} can be read but not written"
            yield Finding("fail", f"{table}.{api_name}", text, cure.replace("make it Visible", "untick Read-Only"))
        elif word in GUARDS:
            yield Finding("ok", f"{table}.{api_name}", f"{word} can be seen")


def _history(kind: str, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    words = sorted(needs.history.get(kind, frozenset()))
    if not words:
        return
    table = HISTORY[kind][0]
    try:
        catalog.sobject(table)
    except PermanentError:
        text = f"{table} cannot be read: a change of {', '.join(words)} that is undone between two passes is not seen"
        cure = f"Setup > Object Manager > {OBJECTS[kind]} > Fields & Relationships > Set History Tracking"
        yield Finding("warn", table, text, cure)
        return
    yield Finding("ok", table, f"can be read; see that {', '.join(words)} is ticked in Set History Tracking")


def _activities(config: AdapterConfig, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    writes_tasks = bool(needs.writes & {"task", "note"})
    if needs.activities or writes_tasks:
        task = catalog.task()
        if writes_tasks and not (task.createable and task.updateable):
            yield Finding("fail", "Task", "tasks cannot be made and changed", "grant the user permission 'Edit Tasks'")
        else:
            yield Finding("ok", "Task", "can be read" + (" and made" if writes_tasks else ""))
        yield from _key_field(config, task)
    if "meeting" in needs.activities:
        yield _optional(catalog, "Event", "meetings are not seen", "grant Read on Event ('Edit Events')")
    if "email" in needs.activities:
        text = "the direction of e-mails is not seen: all but marked ones count as outbound"
        yield _optional(catalog, "EmailMessage", text, "switch on Enhanced Email and grant Read on EmailMessage")


def _key_field(config: AdapterConfig, task: ObjectDescription) -> Iterator[Finding]:
    name = config.task_key_field
    if not name:
        text = "no task_key_field: the key of each task is a line in its text"
        yield Finding("ok", "task_key_field", text)
        return
    found = task.find(name)
    cure = f"make {name} a text field on Activity: Unique, External ID, length 96 or more; grant Edit on it"
    if found is None or not found.createable:
        yield Finding("fail", f"Task.{name}", "the task_key_field is hidden, missing or read-only", cure)
    elif not found.unique:
        yield Finding("warn", f"Task.{name}", "the task_key_field is not unique: a race could make a task twice", cure)
    else:
        yield Finding("ok", f"Task.{name}", "carries the keys of our tasks and is unique")


def _optional(catalog: Catalog, table: str, text: str, cure: str) -> Finding:
    try:
        catalog.sobject(table)
    except PermanentError:
        return Finding("warn", table, f"{table} cannot be read: {text}", cure)
    return Finding("ok", table, "can be read")


def _enrolments(config: AdapterConfig, client: Client, catalog: Catalog, needs: Needs) -> Iterator[Finding]:
    bound = {name: config.enrollments[name] for name in sorted(needs.enrollments) if name in config.enrollments}
    campaigns = {name: target["campaign"] for name, target in bound.items() if "campaign" in target}
    if campaigns:
        yield from _campaigns(client, campaigns)
        yield _members(catalog, needs)
    if any("cadence" in target for target in bound.values()):
        try:
            catalog.sobject("ActionCadenceTracker")
        except PermanentError:
            cure = "assign the permission set 'Sales Engagement User' to the API user, or use a campaign"
            yield Finding("fail", "cadences", "cadences cannot be used by this user", cure)
        else:
            yield Finding("ok", "cadences", "cadences can be read")


def _members(catalog: Catalog, needs: Needs) -> Finding:
    cure = "grant it on CampaignMember, with the user's box 'Marketing User'"
    try:
        member = catalog.sobject("CampaignMember")
    except PermanentError:
        return Finding("fail", "CampaignMember", "who is in a campaign cannot be read", cure.replace("it", "Read", 1))
    asked = {"Create": ("enroll", member.createable), "Delete": ("unenroll", member.deletable)}
    lacking = [word for word, (kind, allowed) in asked.items() if kind in needs.writes and not allowed]
    if lacking:
        text = f"campaign members cannot be written ({', '.join(lacking)})"
        return Finding("fail", "CampaignMember", text, cure.replace("it", " and ".join(lacking), 1))
    return Finding(
        "ok", "CampaignMember", "can be read" + (" and written" if needs.writes & {"enroll", "unenroll"} else "")
    )


def _campaigns(client: Client, campaigns: Mapping[str, str]) -> Iterator[Finding]:
    ids: Sequence[str] = sorted({id for id in campaigns.values() if mapping.is_sound_id(id)})
    try:
        rows = client.rows(soql.select(("Id", "IsActive"), "Campaign", soql.one_of("Id", ids))) if ids else []
    except MissingFieldError:
        rows = client.rows(soql.select(("Id",), "Campaign", soql.one_of("Id", ids)))
    except PermanentError:
        cure = "grant Read on Campaign, and the user's box 'Marketing User', so that members can be made"
        yield Finding("fail", "campaigns", "campaigns cannot be read", cure)
        return
    found = {(mapping.text(row, "Id") or "")[:15]: row for row in rows}
    for name, id in campaigns.items():
        row = found.get(id[:15])
        if row is None:
            cure = f"correct enrollments.{name}.campaign in followup.yaml or share the campaign with the API user"
            yield Finding("fail", f"enrollments.{name}", "its campaign is not in the org", cure)
        elif switch(row.get("IsActive")) is False:
            yield Finding("warn", f"enrollments.{name}", "its campaign is not active", "activate it in Salesforce")
        else:
            yield Finding("ok", f"enrollments.{name}", "its campaign is there")
