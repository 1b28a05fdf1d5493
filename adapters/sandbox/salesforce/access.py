"""What the API user's permission set grants, when it is not everything: objects by what may be done, fields by name."""

from __future__ import annotations

from collections.abc import Collection

from adapters.sandbox.salesforce.database import Database
from adapters.sandbox.salesforce.describe import governed

OPEN_TO_ALL = frozenset({"User", "Group", "QueueSobject", "CampaignMemberStatus"})
"""What every user sees."""

WITH = {
    "LeadHistory": "Lead",
    "ContactHistory": "Contact",
    "OpportunityFieldHistory": "Opportunity",
    "ActionCadence": "Sales Engagement",
    "ActionCadenceTracker": "Sales Engagement",
}
"""What is seen by who may read the record it hangs on, or has the licence."""

GOVERNED = frozenset({"Lead", "Contact", "Opportunity"})
"""Whose fields are seen only when they are granted; of any other object only custom fields are withheld."""

ADDRESS = {"Lead": ("Country", "City"), "Contact": ("MailingCountry",)}
"""The parts of an address are granted as `Lead.Address` and `Contact.MailingAddress`."""


def grant_only(db: Database, grants: Collection[str]) -> None:
    """Withhold whatever is not granted: `OBJECT: read`, `create`, `edit` or `delete`, `OBJECT.FIELD: read` or `edit`."""
    db.forbidden.clear()
    db.denied.clear()
    db.hidden.clear()
    db.fixed.clear()
    system = {"Edit Tasks": {("Task", "create"), ("Task", "edit")}}
    for name, table in db.tables.items():
        opened = f"{WITH.get(name, name)}: read" in grants or WITH.get(name) in grants
        if name not in OPEN_TO_ALL and not opened:
            db.forbidden.add(name)
        db.denied |= {(name, what) for what in ("create", "edit", "delete") if f"{name}: {what}" not in grants}
        for field in table.kind.fields.values():
            if not governed(field) or not (name in GOVERNED or field.custom):
                continue
            whole = "Address" if name == "Lead" else "MailingAddress"
            granted = f"{name}.{whole if field.name in ADDRESS.get(name, ()) else field.name}"
            if f"{granted}: read" not in grants:
                db.hidden.add((name, field.name))
            if f"{granted}: edit" not in grants:
                db.fixed.add((name, field.name))
    for permission, allowed in system.items():
        if permission not in grants:
            db.denied |= allowed
    db.api_enabled = "API Enabled" in grants
    if "Access Activities" not in grants:
        db.forbidden |= {"Task", "Event"}
    if "Marketing User" not in grants:
        db.denied |= {("CampaignMember", what) for what in ("create", "edit", "delete")}
