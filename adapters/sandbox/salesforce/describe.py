"""What describe says of the org: the objects the API user sees, and their fields without those hidden from that user."""

from __future__ import annotations

from adapters.sandbox.salesforce.database import Database
from adapters.sandbox.salesforce.fields import Field, ObjectType

Json = dict[str, object]
_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "anyType": "xsd:anyType",
}


def describe_field(field: Field, fixed: bool = False) -> Json:
    """One field of a describe; a `fixed` one can only be read by this user."""
    return {
        "name": field.name,
        "label": field.name.removesuffix("__c"),
        "type": field.type,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "length": field.length,
        "nillable": field.nillable and not field.required,
        "createable": field.createable and not fixed,
        "updateable": field.updateable and not fixed,
        "filterable": field.filterable,
        "sortable": field.filterable,
        "groupable": field.filterable and field.type not in ("currency", "double", "datetime"),
        "aggregatable": field.filterable,
        "defaultedOnCreate": field.default is not None or field.name == "OwnerId",
        "defaultValue": field.default if field.type == "boolean" else None,
        "externalId": field.external_id,
        "idLookup": field.external_id or field.type in ("id", "email"),
        "unique": field.unique,
        "caseSensitive": False,
        "calculated": False,
        "custom": field.custom,
        "deprecatedAndHidden": False,
        "restrictedPicklist": field.restricted,
        "picklistValues": [
            {"active": True, "defaultValue": value == field.default, "label": value, "validFor": None, "value": value}
            for value in field.values
        ],
        "referenceTo": sorted(field.refs),
        "relationshipName": field.relationship,
        "polymorphicForeignKey": len(field.refs) > 1,
        "nameField": field.name == "Name",
        "permissionable": governed(field),
    }


_NOT_GOVERNED = frozenset({"OwnerId", "FirstName", "Status", "StageName", "CloseDate"})


def governed(field: Field) -> bool:
    """Whether field-level security says who sees a field: not for system fields, nor for what a record cannot lack."""
    return (field.createable or field.updateable) and not field.required and field.name not in _NOT_GOVERNED


def summary(kind: ObjectType, base: str, writable: bool) -> Json:
    """An object as the list of all objects shows it."""
    address = f"{base}/sobjects/{kind.name}"
    return {
        "name": kind.name,
        "label": kind.name,
        "labelPlural": kind.name + "s",
        "keyPrefix": kind.prefix,
        "custom": False,
        "customSetting": False,
        "queryable": True,
        "retrieveable": True,
        "searchable": kind.writable,
        "createable": writable,
        "updateable": writable,
        "deletable": writable,
        "undeletable": writable,
        "mergeable": kind.name in ("Lead", "Contact", "Account"),
        "replicateable": kind.stamp == "SystemModstamp",
        "triggerable": kind.writable,
        "activateable": False,
        "deprecatedAndHidden": False,
        "hasSubtypes": False,
        "urls": {
            "sobject": address,
            "describe": f"{address}/describe",
            "rowTemplate": address + "/{ID}",
        },
    }


def describe(db: Database, kind: ObjectType, base: str, writable: bool) -> Json:
    """Everything about one object."""
    children = [
        {"childSObject": child, "field": field, "relationshipName": name, "cascadeDelete": child in ("Task", "Event")}
        for name, (child, field) in kind.children.items()
    ]
    fields = [
        describe_field(field, (kind.name, field.name) in db.fixed)
        for field in kind.fields.values()
        if (kind.name, field.name) not in db.hidden
    ]
    allowed = {"createable": "create", "updateable": "edit", "deletable": "delete"}
    return {
        **summary(kind, base, writable),
        **{flag: writable and db.may(kind, access) for flag, access in allowed.items()},
        "fields": fields,
        "childRelationships": children,
        "recordTypeInfos": [],
        "supportedScopes": [{"label": "All", "name": "everything"}],
    }
