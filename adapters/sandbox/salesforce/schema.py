"""The objects of the sandbox org, as a Salesforce org with Sales Cloud, Sales Engagement and Enhanced E-mail has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.sandbox.salesforce.fields import (
    Field,
    ObjectType,
    create_only,
    day,
    email,
    flag,
    instant,
    long_text,
    number,
    object_type,
    owner,
    phone,
    pick,
    read_only,
    ref,
    text,
)
from adapters.sandbox.salesforce.schema_activity import activities

LEAD_STATUSES = (
    "Open - Not Contacted",
    "Working - Contacted",
    "Interested",
    "Qualified",
    "Recycled",
    "Nurturing",
    "Do Not Contact",
    "Unqualified",
    "Closed - Converted",
    "Closed - Not Converted",
)
CONVERTED_STATUS = "Closed - Converted"
STAGES = (
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
)
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Trade Show", "Other")
_INDUSTRIES = ("Agriculture", "Banking", "Education", "Manufacturing", "Retail", "Technology", "Other")
_PEOPLE = (text("FirstName", 40), text("LastName", 80, required=True), *read_only(text("Name", 121)))
_REACH = (
    text("Title", 128),
    email("Email"),
    phone("Phone"),
    phone("MobilePhone"),
    flag("HasOptedOutOfEmail"),
    flag("DoNotCall"),
    *read_only(instant("EmailBouncedDate"), text("EmailBouncedReason")),
)
_LAST_ACTIVITY = read_only(day("LastActivityDate"))
_MASTER = {kind: read_only(ref("MasterRecordId", kind))[0] for kind in ("Lead", "Contact", "Account")}
_ACTIVITY_CHILDREN = {"Tasks": ("Task", "WhoId"), "Events": ("Event", "WhoId"), "Notes": ("Note", "ParentId")}


def _people() -> tuple[ObjectType, ...]:
    lead = object_type(
        "Lead",
        "00Q",
        *_PEOPLE,
        *_REACH,
        text("Company", required=True),
        pick("Status", *LEAD_STATUSES, restricted=True, default=LEAD_STATUSES[0]),
        pick("LeadSource", *_SOURCES),
        pick("Rating", "Hot", "Warm", "Cold"),
        pick("Industry", *_INDUSTRIES),
        text("Country", 80),
        text("City", 40),
        text("Website"),
        number("NumberOfEmployees"),
        number("AnnualRevenue", "currency"),
        long_text("Description"),
        owner("Group", "User"),
        pick("Tier__c", "A", "B", "C", restricted=True),
        *read_only(
            flag("IsConverted"),
            day("ConvertedDate"),
            ref("ConvertedAccountId", "Account"),
            ref("ConvertedContactId", "Contact"),
            ref("ConvertedOpportunityId", "Opportunity"),
        ),
        _MASTER["Lead"],
        *_LAST_ACTIVITY,
        children={
            **_ACTIVITY_CHILDREN,
            "Histories": ("LeadHistory", "LeadId"),
            "CampaignMembers": ("CampaignMember", "LeadId"),
        },
    )
    contact = object_type(
        "Contact",
        "003",
        *_PEOPLE,
        *_REACH,
        ref("AccountId", "Account"),
        ref("ReportsToId", "Contact"),
        pick("LeadSource", *_SOURCES),
        text("Department", 80),
        text("MailingCountry", 80),
        long_text("Description"),
        owner("User"),
        _MASTER["Contact"],
        *_LAST_ACTIVITY,
        children={
            **_ACTIVITY_CHILDREN,
            "Histories": ("ContactHistory", "ContactId"),
            "CampaignMembers": ("CampaignMember", "ContactId"),
        },
    )
    return lead, contact


def _deals() -> tuple[ObjectType, ...]:
    account = object_type(
        "Account",
        "001",
        text("Name", required=True),
        pick("Industry", *_INDUSTRIES),
        phone("Phone"),
        text("Website"),
        text("BillingCountry", 80),
        number("NumberOfEmployees"),
        number("AnnualRevenue", "currency"),
        long_text("Description"),
        owner("User"),
        _MASTER["Account"],
        *_LAST_ACTIVITY,
        children={"Contacts": ("Contact", "AccountId"), "Opportunities": ("Opportunity", "AccountId")},
    )
    opportunity = object_type(
        "Opportunity",
        "006",
        text("Name", 120, required=True),
        ref("AccountId", "Account"),
        replace(ref("ContactId", "Contact"), updateable=False),
        replace(pick("StageName", *STAGES), required=True, nillable=False),
        day("CloseDate", required=True),
        number("Amount", "currency"),
        number("Probability", "double"),
        pick("Type", "New Customer", "Existing Customer"),
        pick("LeadSource", *_SOURCES),
        text("NextStep"),
        long_text("Description"),
        owner("User"),
        *read_only(flag("IsClosed"), flag("IsWon"), instant("LastStageChangeDate")),
        *_LAST_ACTIVITY,
        children={"Tasks": ("Task", "WhatId"), "Events": ("Event", "WhatId")},
    )
    return account, opportunity


def _history(name: str, prefix: str, parent: str) -> ObjectType:
    values = (Field("OldValue", "anyType", filterable=False), Field("NewValue", "anyType", filterable=False))
    return object_type(
        name,
        prefix,
        ref(f"{parent}Id", parent),
        text("Field"),
        text("DataType"),
        *values,
        history=True,
        indexed=(f"{parent}Id",),
    )


def _marketing() -> tuple[ObjectType, ...]:
    campaign = object_type(
        "Campaign",
        "701",
        text("Name", 80, required=True),
        flag("IsActive"),
        pick("Type", "Email", "Webinar", "Other"),
        pick("Status", "Planned", "In Progress", "Completed", "Aborted", default="In Progress"),
        owner("User"),
        children={"CampaignMembers": ("CampaignMember", "CampaignId")},
    )
    member = object_type(
        "CampaignMember",
        "00v",
        create_only(ref("CampaignId", "Campaign", required=True)),
        create_only(ref("LeadId", "Lead")),
        create_only(ref("ContactId", "Contact")),
        pick("Status", "Sent", "Responded"),
        *read_only(flag("HasResponded"), day("FirstRespondedDate")),
        indexed=("CampaignId", "LeadId", "ContactId"),
    )
    status = object_type(
        "CampaignMemberStatus",
        "01Y",
        create_only(ref("CampaignId", "Campaign", required=True)),
        text("Label", 765),
        flag("IsDefault"),
        flag("HasResponded"),
        number("SortOrder"),
        indexed=("CampaignId",),
    )
    cadence = object_type("ActionCadence", "77C", text("Name"), pick("State", "Active", "Inactive"), writable=False)
    tracker = object_type(
        "ActionCadenceTracker",
        "77D",
        ref("ActionCadenceId", "ActionCadence"),
        ref("TargetId", "Contact", "Lead"),
        ref("OwnerId", "User"),
        pick("State", "Initializing", "Active", "Paused", "Processing", "Error", "Complete"),
        text("CompletionReason"),
        text("CompletionDisposition"),
        writable=False,
        indexed=("TargetId",),
    )
    return campaign, member, status, cadence, tracker


def _owners() -> tuple[ObjectType, ...]:
    user = object_type(
        "User",
        "005",
        text("Username", 80),
        text("FirstName", 40),
        text("LastName", 80),
        *read_only(text("Name", 121)),
        email("Email"),
        text("Alias", 8),
        flag("IsActive"),
        pick("UserType", "Standard", "AutomatedProcess", default="Standard"),
        text("TimeZoneSidKey", 40),
        ref("ManagerId", "User"),
        writable=False,
        binned=False,
    )
    group = object_type(
        "Group",
        "00G",
        text("Name", 40),
        text("DeveloperName", 80),
        pick("Type", "Regular", "Queue"),
        email("Email"),
        writable=False,
        binned=False,
    )
    queue = object_type(
        "QueueSobject", "03g", ref("QueueId", "Group"), text("SobjectType", 40), writable=False, binned=False
    )
    return user, group, queue


def build_schema(task_key_field: bool, task_key_unique: bool) -> Mapping[str, ObjectType]:
    """Every object of the org by name; the key field on Task and Event is there, and unique, when asked for."""
    history = (
        _history("LeadHistory", "017", "Lead"),
        _history("ContactHistory", "03j", "Contact"),
        _history("OpportunityFieldHistory", "03h", "Opportunity"),
    )
    every = (*_people(), *_deals(), *activities(task_key_field, task_key_unique), *history, *_marketing(), *_owners())
    return {kind.name: kind for kind in every}
