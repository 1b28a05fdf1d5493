"""The JSON Schema of followup.yaml, made of the settings that may stand in that file."""

from __future__ import annotations

from collections.abc import Mapping

from connector.limits import OFF, Breaker
from connector.settings import ENROLLMENT_TARGETS, Keep, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"

NOT_IN_THE_FILE = frozenset({"workspace", "now", "secrets_dir", "allowed_hosts"})
"""What is said of one call of the program, or by who answers for its credentials, and so by flags and variables."""
SECRETS = frozenset({"client_secret", "private_key_file", "username", "access_token"})

_TEXT = {"type": ["string", "number", "boolean"]}
_DAYS = {"type": "string", "pattern": r"^\s*\d{1,5}\s+days?\s*$"}
_WORDS = {"type": "object", "additionalProperties": _TEXT}
_TARGETS = sorted({"member_status"}.union(*ENROLLMENT_TARGETS.values()))

MEANINGS: Mapping[str, str] = {
    "crm": "the CRM: salesforce or hubspot",
    "store": "where the state is kept: an SQLAlchemy URL; a SQLite file in .followup/ when not given",
    "log": "text or json; logs go to stderr",
    "engine": "what matches the rules: auto, durable or plain",
    "records": "which object of the CRM is meant by lead, contact or deal",
    "fields": "our word for a field: the CRM's API name; `deal.value: Margin__c` for one kind only",
    "statuses": "our word for a status: the CRM's value",
    "enrollments": "NAME in the rules: what it is in the CRM",
    "task_key_field": "a unique field of tasks that carries followup's key",
    "limits": "caps that hold for every rule without its own, and the share of the CRM's daily calls",
    "breaker": "where a bulk edit is told from a busy morning: what is over it is held as a whole, for a person to look at",
    "per_rule": "one rule's matches of a pass and of the hour before it",
    "per_pass": "the matches of all rules of a pass and of the hour before it",
    "keep": "how long the state file remembers",
    "salesforce": "how to reach the org; secrets come from the environment or from /run/secrets",
    "hubspot": "how to reach the portal; secrets come from the environment or from /run/secrets",
    "login_url": "your org's address, https://NAME.my.salesforce.com",
    "client_id": "the consumer key of the connected app",
    "api_version": "the version of the API, such as 62.0",
    "base_url": "the address of the API; the public one when not given",
    "per_rule_per_run": "a rule without a limit of its own acts on at most so many records in one pass",
    "api_calls_share": "the share of the CRM's daily calls that is followup's, above 0 and up to 1",
    "snapshots": "deleted records and their changes are kept so long, such as 400 days",
    "traces": "why something was written is kept so long, such as 90 days",
}


def settings_schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of followup.yaml; secrets have no place in it."""
    fields = Settings.model_fields
    forms: dict[str, Mapping[str, object]] = {name: _TEXT for name in fields if name not in NOT_IN_THE_FILE}
    for name in ("salesforce", "hubspot"):
        section = fields[name].default
        forms[name] = _section({key: _TEXT for key in type(section).model_fields if key not in SECRETS})
    count = {"type": ["integer", "string"], "pattern": r"^\s*[1-9]\d*\s*$", "minimum": 1}
    share = {"type": ["number", "string"], "exclusiveMinimum": 0, "maximum": 1}
    target = {"type": "object", "properties": dict.fromkeys(_TARGETS, _TEXT), "additionalProperties": False}
    forms |= {
        "crm": {"enum": sorted(ENROLLMENT_TARGETS)},
        "log": {"enum": ["text", "json"]},
        "engine": {"enum": ["auto", "durable", "plain"]},
        "records": _section(dict.fromkeys(("lead", "contact", "deal"), _TEXT)),
        "fields": _WORDS,
        "statuses": _WORDS,
        "enrollments": {"type": "object", "additionalProperties": target},
        "limits": _section({"per_rule_per_run": count, "api_calls_share": share, "breaker": _breaker(count)}),
        "keep": _section(dict.fromkeys(Keep.model_fields, _DAYS)),
    }
    return {"$schema": DIALECT, "title": "followup.yaml", **_section(forms)}


def _breaker(count: Mapping[str, object]) -> Mapping[str, object]:
    """The form of `limits.breaker`: each number, each threshold and the whole may be `off`."""
    off: dict[str, object] = {"enum": [OFF]}
    percent = {"type": ["number", "string"], "exclusiveMinimum": 0, "maximum": 100}
    numbers = {
        "records": {"anyOf": [count, off], "description": "more records than this are held; or off"},
        "percent": {"anyOf": [percent, off], "description": "a share of the kind's live records, above 100; or off"},
    }
    threshold = {"type": "object", "properties": numbers, "additionalProperties": False}
    return {"anyOf": [_section({name: {"anyOf": [threshold, off]} for name in Breaker.model_fields}), off]}


def _section(forms: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    told = {name: _told(name, form) for name, form in forms.items()}
    return {"type": "object", "properties": told, "additionalProperties": False}


def _told(name: str, form: Mapping[str, object]) -> dict[str, object]:
    """A setting's form with its meaning; a section whose items are all commented out is empty."""
    accepted: dict[str, object] = {"anyOf": [form, {"enum": [None, ""]}]} if form.get("type") == "object" else {**form}
    return {**accepted, "description": MEANINGS[name]} if name in MEANINGS else accepted
