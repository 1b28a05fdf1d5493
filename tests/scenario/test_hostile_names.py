"""Names in followup.yaml become parts of queries and paths only when the CRM's own description has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.hubspot.paths import ENDPOINTS
from adapters.sandbox.salesforce.soql_parse import Select, parse
from connector.domain.errors import FollowupError
from tests.company import Company

HOUR = timedelta(hours=1)

NAMES = [
    "Id FROM User",
    "Name' OR '1'='1",
    "Name, (SELECT Id FROM Tasks)",
    "Owner.Profile.Name",
    "../../../oauth/v1/refresh-tokens/x",
    "a/b?c=d#e",
    "%2e%2e%2f",
    "x" * 5_000,
    "{object}",
    "name\nname",
    "\U0001f468",
    "No_Such_Field__c",
]
RULES = """\
  - id: first-call
    why: Every new lead is called
    when: {created: true}
    unless: {any: [{custom.x: y}, {enrolled: {in: brochure}}]}
    then: [{task: {type: call, subject: "Call {lead.name} {lead.custom.x}", due: 1 business day}}, {enroll: {in: brochure}}]
    once: per lead
  - id: mark
    why: The field is set
    when: {created: true}
    then: [{set: {custom.x: y}}, {set: {status: new}}]
    once: per lead
"""
PLACES = ["fields", "status field", "records", "task_key_field", "enrollment", "statuses"]
PATHS = [
    re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(endpoint.template.rstrip("/"))) + "/?") for endpoint in ENDPOINTS
]


def settings(firm: Company, place: str, name: str) -> Mapping[str, object]:
    """followup.yaml's part with the name in one of its places."""
    target = {"salesforce": "campaign", "hubspot": "list"}[firm.crm]
    return {
        "fields": {"fields": {"custom.x": name}},
        "status field": {"fields": {"status": name}},
        "records": {"records": {"lead": name}},
        "task_key_field": {"task_key_field": name},
        "enrollment": {"enrollments": {"brochure": {target: name}}},
        "statuses": {"statuses": {"new": name, "converted": "Closed - Converted"}},
    }[place]


def asked(firm: Company) -> list[str]:
    """Every SOQL text that was sent."""
    queries = [parse_qs(urlsplit(target).query).get("q", []) for _, target in firm.server.requests]
    return [query for found in queries for query in found]


def known_columns(firm: Company, select: Select) -> bool:
    described = {name.lower() for name in firm.org._db.kind(select.object).fields}
    return all(
        isinstance(column, tuple) and len(column) == 1 and column[0].lower() in described for column in select.columns
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_the_crm_does_not_describe_gets_into_no_query_and_no_path(firm: Company, place: str) -> None:
    firm.rules(RULES)
    assert not firm.workspace().problems, "it is the names that are wrong, not the rules"
    for number, name in enumerate(NAMES):
        firm.write("followup.yaml", firm.config(**settings(firm, place, name)))
        firm.at(number * HOUR)
        firm.lead()
        with suppress(FollowupError):  # a documented line; anything else is a fault
            firm.run()
    refused_at_once = place == "records" or (firm.crm, place) == ("salesforce", "enrollment")
    assert firm.server.requests or refused_at_once, "the CRM is asked what it has"
    for query in asked(firm):
        assert known_columns(firm, parse(query)), query
    if firm.crm == "hubspot":
        paths = {urlsplit(target).path for _, target in firm.server.requests}
        strange = [path for path in paths if not any(known.fullmatch(path) for known in PATHS)]
        assert not strange
    owners = {firm.org.fields_of(lead)["owner"] for lead in firm.org.leads()}
    assert owners == {firm.people["ana"]}, "nothing else was changed"
