"""What a set of needs takes on Salesforce: user permissions, objects, fields, licences. Pure: no login, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from adapters.salesforce.fields import OBJECTS, FieldMap, wanted
from connector.domain.model import KINDS, Needs
from connector.domain.permissions import Permission, merged
from connector.domain.ports import AdapterConfig

FIXED = frozenset({"Id", "Name", "FirstName", "LastName", "OwnerId", "CreatedDate", "SystemModstamp", "IsDeleted"})
FIXED_OF: Mapping[str, frozenset[str]] = {
    "Lead": frozenset({"Status", "Company", "IsConverted", "MasterRecordId"}),
    "Contact": frozenset({"MasterRecordId"}),
    "Opportunity": frozenset({"StageName", "CloseDate", "IsClosed", "IsWon"}),
}
"""Fields that field-level security does not govern: system fields, and those that a record cannot be without."""

COMPOUND: Mapping[str, str] = {"Lead.Country": "Lead.Address", "Contact.MailingCountry": "Contact.MailingAddress"}
"""Parts of an address are granted with the whole."""

SYSTEM: Mapping[str, str] = {
    "API Enabled": "ApiEnabled",
    "Access Activities": "ActivitiesAccess",
    "Edit Tasks": "EditTask",
    "Transfer Leads": "TransferAnyLead",
    "Transfer Record": "TransferAnyEntity",
}
"""User permissions as Setup shows them, and as metadata calls them."""

ACCESS: Mapping[str, str] = {"read": "allowRead", "create": "allowCreate", "edit": "allowEdit", "delete": "allowDelete"}

BY_ACTIVITY = frozenset({"Task", "Event", "EmailMessage", "Note"})
"""Objects that no object permission opens: they come with Access Activities and with the record they hang on."""

TASKS = frozenset({"task", "note", "offer", "amend", "reassign"})
"""Actions that write a task: a note is a completed one, and a reassignment may carry one."""


def permissions(needs: Needs, config: AdapterConfig) -> tuple[Permission, ...]:
    """The least set with which a pass for these needs runs; which records it sees is for the org's sharing to say."""
    fields = FieldMap(config.fields, config.records)
    found = [Permission("system", "API Enabled", "to use the API at all")]
    for kind in (kind for kind in KINDS if kind in needs.kinds):
        found += [*_records(kind, needs), *_fields(kind, needs, fields)]
    found += [*_activities(needs, config), *_enrolments(needs, config)]
    return merged(found)


def _records(kind: str, needs: Needs) -> Iterator[Permission]:
    table = OBJECTS[kind]
    yield Permission("object", table, f"to read each {kind}", "read")
    written = needs.written_fields.get(kind, frozenset())
    if written:
        yield Permission("object", table, f"to change a {kind}", "edit")
    if "owner" in written:
        transfer = "Transfer Leads" if kind == "lead" else "Transfer Record"
        yield Permission("system", transfer, f"to give a {kind} that is somebody's to somebody else")
    yield Permission("sharing", table, "which records it sees: sharing rules say, or View All", "see")
    if written:
        yield Permission(
            "sharing", table, "which records of others it changes: sharing rules say, or Modify All", "change"
        )


def _fields(kind: str, needs: Needs, fields: FieldMap) -> Iterator[Permission]:
    table, written = OBJECTS[kind], needs.written_fields.get(kind, frozenset())
    asked = needs.fields.get(kind, frozenset()) | needs.history.get(kind, frozenset()) | written
    for word in sorted(wanted(kind, needs)):
        api = fields.api(kind, word)
        if api is None or api in FIXED or api in FIXED_OF[table]:
            continue
        name = COMPOUND.get(f"{table}.{api}", f"{table}.{api}")
        yield Permission("field", name, _purpose(word), "read", optional=word not in asked)
        if word in written:
            yield Permission("field", name, f"to set {word}", "edit")


def _purpose(word: str) -> str:
    guards = {
        "opted_out": "to know who refused e-mail: nobody is enrolled without",
        "do_not_call": "to know who refused calls",
    }
    return guards.get(word, f"to read {word}")


def _activities(needs: Needs, config: AdapterConfig) -> Iterator[Permission]:
    if needs.activities or needs.writes & TASKS:
        yield Permission("system", "Access Activities", "to read tasks and events")
        yield Permission("object", "Task", "to read calls, e-mails and tasks", "read")
    if "meeting" in needs.activities:
        yield Permission("object", "Event", "to see meetings", "read", optional=True)
    if "email" in needs.activities:
        yield Permission("object", "EmailMessage", "to tell mails that came in from those that went out", "read", True)
    if "note" in needs.activities:
        yield Permission("object", "Note", "to see notes", "read", optional=True)
    if config.task_key_field and (needs.activities or needs.writes & TASKS):
        yield Permission("field", f"Task.{config.task_key_field}", "to know our own tasks by their key", "read")
    if needs.writes & TASKS:
        yield Permission("system", "Edit Tasks", "to write tasks and notes")
        yield Permission("object", "Task", "to write tasks and notes", "create")
        yield Permission("object", "Task", "to move, hand over and close tasks of ours", "edit")
        if config.task_key_field:
            yield Permission("field", f"Task.{config.task_key_field}", "to give each task its key", "edit")


def _enrolments(needs: Needs, config: AdapterConfig) -> Iterator[Permission]:
    bound = [config.enrollments.get(name, {}) for name in sorted(needs.enrollments)]
    if any("campaign" in target for target in bound):
        yield Permission("object", "Campaign", "to see the campaigns that rules enrol in", "read")
        yield Permission("object", "CampaignMember", "to see who is in a campaign", "read")
        if "enroll" in needs.writes:
            yield Permission("object", "CampaignMember", "to put into a campaign", "create")
        if "unenroll" in needs.writes:
            yield Permission("object", "CampaignMember", "to take out of a campaign", "delete")
        if needs.writes & {"enroll", "unenroll"}:
            yield Permission("licence", "Marketing User", "the user's own box, for writing campaign members")
    if any("cadence" in target for target in bound):
        why = "a licence and the permission set 'Sales Engagement User': to see cadences and enrol in them"
        yield Permission("licence", "Sales Engagement", why)


# -- as metadata ------------------------------------------------------------------------------------------------------
_SET = """<?xml version="1.0" encoding="UTF-8"?>
<!-- What the loaded rules need, made by followup's doctor. Deploy it as
     permissionsets/Followup.permissionset-meta.xml. By hand besides:
{besides} -->
<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">
    <description>What the loaded rules of followup need</description>
{fields}
    <hasActivationRequired>false</hasActivationRequired>
    <label>Followup</label>
{objects}
{users}
</PermissionSet>
"""


def permission_set(found: Sequence[Permission]) -> str:
    """The permissions as a PermissionSet for a deployment; what metadata cannot grant stands in its comment."""
    fields: list[str] = []
    for name in dict.fromkeys(one.name for one in found if one.grade == "field"):
        edit = any(one.name == name and one.access == "edit" for one in found)
        fields += _element("fieldPermissions", {"editable": _yes(edit), "field": name, "readable": "true"})
    objects: list[str] = []
    opened = [one for one in found if one.grade == "object" and one.name not in BY_ACTIVITY | {"CampaignMember"}]
    for name in dict.fromkeys(one.name for one in opened):
        granted = {one.access for one in opened if one.name == name}
        rights = {tag: _yes(access in granted) for access, tag in ACCESS.items()}
        rights |= {"modifyAllRecords": "false", "object": name, "viewAllRecords": "false"}
        objects += _element("objectPermissions", dict(sorted(rights.items())))
    users: list[str] = []
    for one in found:
        if one.grade == "system":
            users += _element("userPermissions", {"enabled": "true", "name": SYSTEM[one.name]})
    besides = [f"     {one}: {one.why}" for one in found if one.grade in ("sharing", "licence")]
    parts = {"besides": besides, "fields": fields, "objects": objects, "users": users}
    return _SET.format(**{name: "\n".join(lines) for name, lines in parts.items()})


def _yes(holds: bool) -> str:
    return "true" if holds else "false"


def _element(name: str, parts: Mapping[str, str]) -> list[str]:
    inside = [f"        <{tag}>{escape(text)}</{tag}>" for tag, text in parts.items()]
    return [f"    <{name}>", *inside, f"    </{name}>"]
