"""What a HubSpot portal knows: object types, their properties and options, pipelines, and the kinds of association."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Choices = tuple[tuple[str, str], ...]
"""Options of an enumeration: value and label."""


@dataclass(frozen=True)
class ObjectType:
    """One kind of object: its paths, the name of its stamps, and which scopes open it."""

    name: str
    singular: str
    id: str
    created: str
    stamp: str
    defaults: tuple[str, ...]
    scope: str = "crm.objects.contacts"
    activity: bool = False


@dataclass
class Property:
    """One property of an object type. `external` options live elsewhere (owners, pipelines), so the list shows none."""

    name: str
    type: str = "string"
    field_type: str = "text"
    options: Choices = ()
    read_only: bool = False
    calculated: bool = False
    unique: bool = False
    external: bool = False
    custom: bool = False
    label: str = ""

    def describe(self) -> dict[str, object]:
        """The property as `/crm/v3/properties` shows it."""
        return {
            "name": self.name,
            "label": self.label or self.name.replace("_", " ").capitalize(),
            "type": self.type,
            "fieldType": self.field_type,
            "description": "",
            "groupName": "information",
            "options": [
                {"label": label, "value": value, "displayOrder": place, "hidden": False}
                for place, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.external,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": not self.custom,
            "archived": False,
            "formField": False,
            "modificationMetadata": {
                "archivable": self.custom,
                "readOnlyDefinition": not self.custom,
                "readOnlyValue": self.read_only,
            },
        }


def _activity(name: str, singular: str, type_id: str) -> ObjectType:
    return ObjectType(name, singular, type_id, "hs_createdate", "hs_lastmodifieddate", (), activity=True)


TYPES: Mapping[str, ObjectType] = {
    kind.name: kind
    for kind in (
        ObjectType("contacts", "contact", "0-1", "createdate", "lastmodifieddate", ("email", "firstname", "lastname")),
        ObjectType(
            "companies",
            "company",
            "0-2",
            "createdate",
            "hs_lastmodifieddate",
            ("name", "domain"),
            "crm.objects.companies",
        ),
        ObjectType(
            "deals",
            "deal",
            "0-3",
            "createdate",
            "hs_lastmodifieddate",
            ("amount", "closedate", "dealname", "dealstage", "pipeline"),
            "crm.objects.deals",
        ),
        ObjectType("leads", "lead", "0-136", "hs_createdate", "hs_lastmodifieddate", (), "crm.objects.leads"),
        _activity("tasks", "task", "0-27"),
        _activity("calls", "call", "0-48"),
        _activity("emails", "email", "0-49"),
        _activity("meetings", "meeting", "0-47"),
        _activity("notes", "note", "0-46"),
    )
}
ALIASES: Mapping[str, str] = {
    alias: kind.name for kind in TYPES.values() for alias in (kind.name, kind.singular, kind.id, kind.name.upper())
}

DISPOSITIONS: Mapping[str, str] = {
    "busy": "9d9162e7-6cf3-4944-bf63-4dff82258764",
    "connected": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "left_live_message": "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
    "left_message": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "no_answer": "73a0d17f-1163-4015-bdd5-ec830791da20",
    "wrong_number": "17b47fee-58de-441e-a44c-c6300d46f273",
}
"""Call outcomes: our word, HubSpot's GUID (the same in every portal)."""

LIFECYCLE = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
LEAD_STATUSES = (
    "NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING"
    " INTERESTED RECYCLED QUALIFIED NURTURING DO_NOT_CONTACT"
)
DEAL_STAGES = (
    "appointmentscheduled qualifiedtobuy presentationscheduled decisionmakerboughtin contractsent closedwon closedlost"
)
LEAD_STAGES = "new-stage-id attempting-stage-id connected-stage-id qualified-stage-id unqualified-stage-id"

ZONES = "us_slash_eastern,us_slash_pacific,europe_slash_berlin,europe_slash_london,asia_slash_tokyo,utc"
"""A few of HubSpot's own spellings of time zones."""

PIPELINES: Mapping[str, tuple[str, str]] = {
    "deals": ("default", DEAL_STAGES),
    "leads": ("lead-pipeline-id", LEAD_STAGES),
}

# Spellings: `name` text, `name#` number, `name?` boolean, `name@` datetime, `name=A B` enumeration; a leading `!` is
# read-only, `~` is read-only and calculated.
_COMMON = "!hs_object_id# !hs_createdate@ !hs_object_source !hs_object_source_id"
_SPECS: Mapping[str, str] = {
    "contacts": "firstname lastname email phone mobilephone company jobtitle website city country industry lead_source tier"
    " numemployees# annualrevenue# ~hubspotscore# !createdate@ !lastmodifieddate@ !hs_object_id# !hs_merged_object_ids"
    " !hs_object_source !hs_object_source_id ~hubspot_owner_assigneddate@ !hs_email_optout? ~notes_last_contacted@"
    " ~notes_last_updated@ ~num_notes# ~num_contacted_notes# ~hs_sales_email_last_replied@ ~hs_sequences_is_enrolled?"
    " ~hs_latest_sequence_enrolled# ~hs_latest_sequence_enrolled_date@ ~hs_latest_sequence_ended_date@"
    f" hs_timezone={ZONES} hs_lead_status={LEAD_STATUSES.replace(' ', ',')}"
    f" lifecyclestage={','.join(LIFECYCLE)},evangelist,other"
    " !hs_analytics_source=ORGANIC_SEARCH,PAID_SEARCH,EMAIL_MARKETING,SOCIAL_MEDIA,REFERRALS,DIRECT_TRAFFIC,OFFLINE",
    "companies": _COMMON + " !hs_lastmodifieddate@ !createdate@ name domain industry city country numberofemployees#",
    "deals": _COMMON + " !hs_lastmodifieddate@ !createdate@ dealname amount# closedate@ dealtype lead_source tier"
    f" pipeline=default dealstage={DEAL_STAGES.replace(' ', ',')} ~hs_is_closed? ~hs_is_closed_won? closed_lost_reason"
    " ~hs_v2_date_entered_current_stage@ ~hubspot_owner_assigneddate@",
    "leads": _COMMON + " !hs_lastmodifieddate@ hs_lead_name hs_lead_type=NEW_BUSINESS,RE_ATTEMPTING,UPSELL"
    f" hs_lead_label=HOT,WARM,COLD hs_pipeline=lead-pipeline-id hs_pipeline_stage={LEAD_STAGES.replace(' ', ',')}"
    " hs_lead_disqualification_reason ~hs_primary_contact_id# ~hs_lead_is_open? ~hubspot_owner_assigneddate@",
    "tasks": _COMMON + " !hs_lastmodifieddate@ hs_timestamp@ hs_task_subject hs_task_body hs_task_reminders@"
    " hs_task_completion_date@ hs_task_status=NOT_STARTED,COMPLETED,WAITING,IN_PROGRESS,DEFERRED"
    " hs_task_priority=NONE,LOW,MEDIUM,HIGH hs_task_type=EMAIL,CALL,TODO",
    "calls": _COMMON + " !hs_lastmodifieddate@ hs_timestamp@ hs_call_title hs_call_body hs_call_duration#"
    f" hs_call_direction=INBOUND,OUTBOUND hs_call_disposition={','.join(DISPOSITIONS.values())}"
    " hs_call_status=BUSY,CALLING_CRM_USER,CANCELED,COMPLETED,CONNECTING,FAILED,IN_PROGRESS,NO_ANSWER,QUEUED,RINGING",
    "emails": _COMMON + " !hs_lastmodifieddate@ hs_timestamp@ hs_email_subject hs_email_text hs_email_html"
    " hs_email_headers hs_email_direction=EMAIL,INCOMING_EMAIL,FORWARDED_EMAIL"
    " hs_email_status=BOUNCED,FAILED,SCHEDULED,SENDING,SENT !hs_email_open_count# !hs_email_click_count#"
    " !hs_email_reply_count#",
    "meetings": _COMMON + " !hs_lastmodifieddate@ hs_timestamp@ hs_meeting_title hs_meeting_body hs_meeting_start_time@"
    " hs_meeting_end_time@ hs_meeting_outcome=SCHEDULED,COMPLETED,RESCHEDULED,NO_SHOW,CANCELED",
    "notes": _COMMON + " !hs_lastmodifieddate@ hs_timestamp@ hs_note_body",
}
_TYPES = {"#": ("number", "number"), "?": ("enumeration", "booleancheckbox"), "@": ("datetime", "date")}
_CUSTOM = frozenset({"tier", "lead_source"})
_EXTERNAL = frozenset({"lifecyclestage"})


def _parse(spec: str) -> Property:
    read_only, calculated = spec[0] in "!~", spec[0] == "~"
    name, _, values = spec.lstrip("!~").partition("=")
    kind, field_type = ("enumeration", "select") if values else _TYPES.get(name[-1], ("string", "text"))
    options: Choices = tuple((value, value.replace("_", " ").title()) for value in values.split(",") if value)
    if name[-1] == "?":
        kind, options = "bool", (("true", "Yes"), ("false", "No"))
    name = name.rstrip("#?@")
    if name == "hs_call_disposition":
        options = tuple((guid, word.replace("_", " ").capitalize()) for word, guid in DISPOSITIONS.items())
    return Property(
        name, kind, field_type, options, read_only, calculated, external=name in _EXTERNAL, custom=name in _CUSTOM
    )


def properties(kind: str) -> dict[str, Property]:
    """A fresh catalogue of an object type's properties, by name."""
    found = {parsed.name: parsed for parsed in map(_parse, _SPECS[kind].split())}
    found["hubspot_owner_id"] = Property("hubspot_owner_id", "enumeration", "select", external=True)
    if kind == "contacts":
        found["email"].unique = True
    return found


# From HubSpot's association type table; one default per ordered pair.
DEFAULT_ASSOCIATIONS: Mapping[tuple[str, str], int] = {
    ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
    ("contacts", "deals"): 4,
    ("deals", "contacts"): 3,
    ("deals", "companies"): 341,
    ("companies", "deals"): 342,
    ("leads", "contacts"): 608,
    ("contacts", "leads"): 609,
    ("leads", "companies"): 610,
    ("companies", "leads"): 611,
    **{
        pair: number
        for kind, (contact, company, deal, lead) in {
            "tasks": (204, 192, 216, 647),
            "calls": (194, 182, 206, 595),
            "emails": (198, 186, 210, 597),
            "meetings": (200, 188, 212, 599),
            "notes": (202, 190, 214, 601),
        }.items()
        for pair, number in (
            ((kind, "contacts"), contact),
            (("contacts", kind), contact - 1),
            ((kind, "companies"), company),
            (("companies", kind), company - 1),
            ((kind, "deals"), deal),
            (("deals", kind), deal - 1),
            ((kind, "leads"), lead),
            (("leads", kind), 646 if kind == "tasks" else lead + 1),
        )
    },
}
PRIMARY_LEAD_CONTACT = 578
ASSOCIATION_TYPES: Mapping[int, tuple[str, str]] = {
    **{number: pair for pair, number in DEFAULT_ASSOCIATIONS.items()},
    PRIMARY_LEAD_CONTACT: ("leads", "contacts"),
    579: ("contacts", "leads"),
    1: ("contacts", "companies"),
    5: ("deals", "companies"),
}
"""What each association type id joins, in that order."""
