"""What happens to whole leads: conversion, merging, and being purged from the bin."""

from __future__ import annotations

from adapters.sandbox.salesforce.fields import Value
from adapters.sandbox.salesforce.records import Records
from adapters.sandbox.salesforce.schema import CONVERTED_STATUS

_MOVED = {"Task": "WhoId", "Event": "WhoId", "Note": "ParentId"}


def convert(records: Records, lead: str, by: str) -> tuple[str, str, str]:
    """Make an account, a contact and an opportunity of a lead; its activities move to the contact, silently."""
    db = records.db
    row = db.tables["Lead"].rows[lead]
    owner = row["OwnerId"] if str(row["OwnerId"]).startswith("005") else by
    account = records.insert("Account", {"Name": row["Company"], "Industry": row["Industry"], "OwnerId": owner}, by)
    same = ("FirstName", "LastName", "Title", "Email", "Phone", "LeadSource", "HasOptedOutOfEmail", "DoNotCall")
    person: dict[str, Value] = {name: row[name] for name in same}
    contact = records.insert("Contact", {**person, "AccountId": account["Id"], "OwnerId": owner}, by)
    deal: dict[str, Value] = {
        "Name": f"{row['Company']}-",
        "AccountId": account["Id"],
        "ContactId": contact["Id"],
        "StageName": "Prospecting",
        "CloseDate": db.stamp[:10],
        "OwnerId": owner,
        "LeadSource": row["LeadSource"],
    }
    opportunity = records.insert("Opportunity", deal, by)
    for name, field in _MOVED.items():
        for child in db.tables[name].where(field, lead):
            what = {} if name == "Note" or child["WhatId"] else {"WhatId": opportunity["Id"]}
            records.reparent(name, str(child["Id"]), {field: contact["Id"], **what})
    for member in db.tables["CampaignMember"].where("LeadId", lead):
        records.reparent("CampaignMember", str(member["Id"]), {"ContactId": contact["Id"]})
    changes: dict[str, Value] = {
        "IsConverted": True,
        "Status": CONVERTED_STATUS,
        "ConvertedDate": db.stamp[:10],
        "ConvertedAccountId": account["Id"],
        "ConvertedContactId": contact["Id"],
        "ConvertedOpportunityId": opportunity["Id"],
    }
    converted = records.update("Lead", lead, changes, by)
    records.note_history("Lead", converted, "leadConverted", None, None, by)
    for identity in (contact["Id"], opportunity["Id"]):
        records.refresh_activity_date(str(identity))
    return str(account["Id"]), str(contact["Id"]), str(opportunity["Id"])


def merge(records: Records, name: str, winner: str, loser: str, by: str) -> None:
    """Merge two records of one object: the loser goes to the bin and names the winner; its children move silently."""
    tables = records.db.tables
    for child, field in tables[name].kind.children.values():
        if child == "LeadHistory" or field not in tables[child].kind.indexed:
            continue
        kept = {row["CampaignId"] for row in tables[child].where(field, winner)} if child == "CampaignMember" else set()
        for row in tables[child].where(field, loser):
            if child != "CampaignMember" or row["CampaignId"] not in kept:
                records.reparent(child, str(row["Id"]), {field: winner})
    records.delete(name, loser, by, master=winner)
    records.update(name, winner, {}, by)
    records.refresh_activity_date(winner)
