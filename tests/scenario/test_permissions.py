"""The least that the CRM has to grant: told offline from the rules, enough for a pass, missed by `doctor` when it is gone."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from connector.bootstrap import Workspace, load_workspace
from connector.cli.permissions import needed_permissions
from connector.domain.errors import ConfigError
from tests.company import Company, company

HOUR = timedelta(hours=1)
CRMS = ("salesforce", "hubspot")

RULES: Mapping[str, str] = {
    "task": "then: [{task: {type: call, subject: Call}}]",
    "note": "then: [{note: hello}]",
    "reassign": "then: [{reassign: {pool: inbound, note: Yours now}}]",
    "offer": "then: [{offer: {pool: inbound, accept_within: 1 hour}}]",
    "set": "then: [{set: {status: working}}]",
    "enroll": "then: [{enroll: {in: brochure}}]",
    "unenroll": "then: [{unenroll: {from: brochure}}]",
}
"""A rule of every kind of action that rules have."""

NEEDED: Mapping[str, Mapping[str, set[str]]] = {
    "salesforce": {
        "task": {"Edit Tasks", "Task: create", "Task: edit"},
        "note": {"Edit Tasks", "Task: create"},
        "reassign": {"Lead: edit", "Transfer Leads", "Task: create"},
        "offer": {"Lead: edit", "Task: create", "Task: edit"},
        "set": {"Lead: edit"},
        "enroll": {"Campaign: read", "CampaignMember: create", "Marketing User"},
        "unenroll": {"CampaignMember: delete", "Marketing User"},
    },
    "hubspot": {
        **{kind: {"crm.objects.contacts.write"} for kind in ("task", "note", "reassign", "offer", "set")},
        "enroll": {"crm.lists.read", "crm.lists.write", "communication_preferences.read"},
        "unenroll": {"crm.lists.read", "crm.lists.write"},
    },
}
"""What each of them takes beyond reading."""

TARGETS: Mapping[str, Mapping[str, tuple[dict[str, str], set[str]]]] = {
    "salesforce": {
        "campaign": ({"campaign": "701xx0000000001"}, {"CampaignMember: create"}),
        "cadence": ({"cadence": "77Cxx0000000001"}, {"Sales Engagement"}),
    },
    "hubspot": {
        "list": ({"list": "1"}, {"crm.lists.write", "communication_preferences.read"}),
        "sequence": (
            {"sequence": "1"},
            {"automation.sequences.read", "automation.sequences.enrollments.write", "communication_preferences.read"},
        ),
        "workflow": ({"workflow": "1"}, {"automation", "communication_preferences.read"}),
        "single_send": ({"single_send": "1"}, {"transactional-email", "communication_preferences.read"}),
    },
}


def rule(id: str, then: str, more: str = "", on: str = "") -> str:
    head = "" if "when:" in more else "    when: {created: true}\n"
    kind = f"    for: {on}\n" if on else ""
    once = "    once: per lead\n" if re.search("enroll|reassign|offer", then) else ""
    return f"  - id: {id}\n    why: x\n{kind}{head}{more}{once}    {then}\n"


def workspace(crm: str, folder: Path, *rules: str, **config: object) -> Workspace:
    """A workspace without any credential."""
    targets = {"salesforce": {"campaign": "701xx0000000001"}, "hubspot": {"list": "1"}}[crm]
    values = {"crm": crm, "enrollments": {"brochure": targets}, **config}
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "followup.yaml").write_text(json.dumps(values))
    (folder / "team.yaml").write_text("people:\n  ana: {crm: ana@example.com}\npools:\n  inbound: {members: [ana]}\n")
    (folder / "rules" / "rules.yaml").write_text("version: 1\nrules:\n" + "".join(rules))
    loaded = load_workspace(folder)
    assert loaded.problems == ()
    return loaded


def names(loaded: Workspace) -> set[str]:
    return {str(each.permission) for each in needed_permissions(loaded)}


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("crm", CRMS)
def test_every_kind_of_action_has_its_permissions_and_they_go_with_their_rule(
    crm: str, kind: str, tmp_path: Path
) -> None:
    quiet = rule("quiet", "then: [{note: hello}]")
    both = needed_permissions(workspace(crm, tmp_path, quiet, rule("it", RULES[kind])))
    found = {str(each.permission): each.rules for each in both}
    assert NEEDED[crm][kind] <= found.keys()
    assert all("it" in found[name] for name in NEEDED[crm][kind])
    left = names(workspace(crm, tmp_path, quiet))
    assert left == {name for name, rules in found.items() if rules != ("it",)}
    assert all(each.permission.why for each in both)


@pytest.mark.parametrize(("crm", "target"), [(crm, target) for crm in CRMS for target in TARGETS[crm]])
def test_every_way_of_enrolling_has_its_permissions(crm: str, target: str, tmp_path: Path) -> None:
    bound, needed = TARGETS[crm][target]
    other = next(each for name, (each, _) in TARGETS[crm].items() if name != target)
    config = {"enrollments": {"mail": bound, "unused": other}}
    found = names(workspace(crm, tmp_path, rule("it", "then: [{enroll: {in: mail}}]"), **config))
    assert needed <= found
    unused = next(more for each, more in TARGETS[crm].values() if each == other) - needed
    assert not unused & found, "what is bound and used by no rule needs nothing"


@pytest.mark.parametrize(
    "when",
    [
        "created: true",
        "attempts: {reach: 6}",
        "becomes: {status: new}",
        "assigned: true",
        "quiet: 7 days",
        "replied: true",
        "changes: source",
        "leaves: {status: new}",
        "every: friday 16:00",
        "next_step: none",
        "activity: email_clicked",
        "offer: expired",
        "task: {overdue: 1 business day}",
        "score: {crosses: 60}",
    ],
)
@pytest.mark.parametrize("crm", CRMS)
def test_every_trigger_reads_what_it_waits_for(crm: str, when: str, tmp_path: Path) -> None:
    try:
        loaded = workspace(crm, tmp_path, rule("it", "then: [{note: x}]", f"    when: {{{when}}}\n"))
    except AssertionError:
        pytest.fail(f"the trigger {when} is written otherwise by now")
    reading = {
        "salesforce": {"Lead: read", "Task: read", "Access Activities"},
        "hubspot": {"crm.objects.contacts.read"},
    }
    assert reading[crm] <= names(loaded)


def test_deals_the_leads_object_and_fields_of_ones_own_are_asked_for_by_name(tmp_path: Path) -> None:
    deal = rule("deal", "then: [{set: {custom.tier: A}}, {note: x}]", on="deal")
    bound = {"fields": {"custom.tier": "Tier__c", "lead.country": "Country"}, "task_key_field": "FollowupKey__c"}
    found = names(workspace("salesforce", tmp_path, deal, **bound))
    assert {"Opportunity: read", "Opportunity: edit", "Opportunity.Tier__c: edit", "Task.FollowupKey__c: edit"} <= found
    assert not any(name.startswith("Lead") for name in found)
    country = rule("far", "then: [{note: x}]", "    if: {country: Chile}\n")
    assert "Lead.Address: read" in names(workspace("salesforce", tmp_path, country))
    found = names(workspace("hubspot", tmp_path, deal, **bound))
    assert {"crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.read"} <= found
    found = names(workspace("hubspot", tmp_path, rule("it", RULES["set"]), records={"lead": "leads"}))
    assert {"crm.objects.leads.write", "crm.objects.contacts.read"} <= found
    assert "crm.objects.contacts.write" not in found


def test_without_a_sound_rule_there_is_nothing_to_tell(tmp_path: Path) -> None:
    loaded = workspace("hubspot", tmp_path, rule("it", "then: [{note: x}]"))
    (tmp_path / "rules" / "rules.yaml").write_text("version: 1\nrules: []\n")
    assert loaded.problems == ()
    with pytest.raises(ConfigError, match="no sound rule"):
        needed_permissions(load_workspace(tmp_path))


# -- the command ------------------------------------------------------------------------------------------------------
BARE = {
    "FOLLOWUP_SALESFORCE__LOGIN_URL": "",
    "FOLLOWUP_SALESFORCE__CLIENT_ID": "",
    "FOLLOWUP_SALESFORCE__CLIENT_SECRET": "",
    "FOLLOWUP_HUBSPOT__ACCESS_TOKEN": "",
    "FOLLOWUP_HUBSPOT__BASE_URL": "",
    "FOLLOWUP_NOW": "",
}


def test_the_command_needs_no_credential_asks_no_network_and_makes_no_state(firm: Company) -> None:
    table = firm.cli("doctor", "--permissions", **BARE)
    assert (table.returncode, table.stderr) == (0, "")
    done = firm.cli("doctor", "--permissions", "--json", **BARE)
    document = json.loads(done.stdout)
    assert document["crm"] == firm.crm
    for row in document["permissions"]:
        assert set(row) == {"grade", "name", "access", "optional", "why", "rules"}
        assert row["name"] in table.stdout
    assert firm.server.requests == []
    assert not (firm.folder / ".followup").exists()


def test_salesforce_takes_them_as_a_permission_set(tmp_path: Path) -> None:
    with company("salesforce", tmp_path) as firm:
        firm.rules(rule("it", RULES["reassign"]) + rule("mail", RULES["enroll"]))
        done = firm.cli("doctor", "--permissions", "--xml", **BARE)
        assert done.returncode == 0, done.stderr
        root = ET.fromstring(done.stdout)  # noqa: S314 - we wrote it ourselves
        space = "{http://soap.sforce.com/2006/04/metadata}"
        lead = {
            part.tag.removeprefix(space): part.text
            for each in root.iter(f"{space}objectPermissions")
            for part in each
            if each.findtext(f"{space}object") == "Lead"
        }
        assert (lead["allowRead"], lead["allowEdit"], lead["allowCreate"], lead["modifyAllRecords"]) == (
            "true", "true", "false", "false",
        )  # fmt: skip
        users = {each.findtext(f"{space}name") for each in root.iter(f"{space}userPermissions")}
        assert users == {"ApiEnabled", "ActivitiesAccess", "EditTask", "TransferAnyLead"}
        fields = {each.findtext(f"{space}field") for each in root.iter(f"{space}fieldPermissions")}
        assert {"Lead.HasOptedOutOfEmail", "Lead.DoNotCall"} <= fields
        assert not {"Lead.OwnerId", "Lead.Status", "Lead.Name"} & fields, "a deployment refuses these"
        assert "Marketing User" in done.stdout


def test_what_goes_together_and_what_does_not_is_said(firm: Company) -> None:
    assert firm.cli("doctor", "--xml").returncode == 2
    assert firm.cli("doctor", "--permissions", "--xml", "--json").returncode == 2
    if firm.crm == "hubspot":
        done = firm.cli("doctor", "--permissions", "--xml")
        assert (done.returncode, "grant what" in done.stderr) == (2, True)


# -- held against a CRM that grants no more ------------------------------------------------------------------------------
ALL = "".join(
    rule(id, then, more)
    for id, then, more in (
        ("call", RULES["task"], "    wait: 1 hour\n"),
        ("status", RULES["set"], "    wait: 1 hour\n"),
        ("mail", RULES["enroll"], "    wait: 1 hour\n"),
        ("out", RULES["unenroll"], "    when: {becomes: {status: unqualified}}\n"),
        ("next", RULES["reassign"], "    when: {becomes: {status: recycled}}\n"),
    )
)

UNTOLD = frozenset({"Transfer Leads", "Marketing User"})
"""What no description of the org tells: such a want shows only when a write is refused."""


@pytest.fixture
def granted(firm: Company) -> tuple[Company, set[str]]:
    """A company whose CRM grants exactly what its rules need."""
    firm.rules(ALL)
    grants = names(firm.workspace())
    firm.org.grant_only(grants)
    return firm, grants


def test_passes_do_all_they_should_with_exactly_what_is_told(granted: tuple[Company, set[str]]) -> None:
    firm, _ = granted
    firm.run()
    lead, other = firm.lead(), firm.lead("Noa Stern", owner="ben")
    firm.run()
    first = firm.run(2 * HOUR)
    assert (first.exit_code, first.writes.confirmed, first.writes.failed) == (0, 6, 0), first.problems
    firm.set(lead, status="recycled", owner="ben")
    firm.set(other, status="unqualified")
    second = firm.run(3 * HOUR)
    assert (second.exit_code, second.writes.failed) == (0, 0)
    assert second.writes.confirmed >= 2
    assert len(firm.tasks(lead)) == 1
    assert other not in firm.org.members(firm.brochure)
    found = json.loads(firm.cli("doctor", "--json").stdout)["findings"]
    assert [each for each in found if each["level"] == "fail"] == []


def test_doctor_names_each_permission_that_is_missing(granted: tuple[Company, set[str]]) -> None:
    firm, grants = granted
    firm.run()
    needs = {str(each.permission): each.permission for each in needed_permissions(firm.workspace())}
    with firm.connected() as connection:
        schema = connection.rulebook.needs()
        for name in sorted(grants - UNTOLD):
            if needs[name].grade == "sharing":
                continue
            firm.org.grant_only(grants - {name})
            found = [each for each in connection.adapter.doctor(schema) if each.level != "ok"]
            told = " ".join(f"{each.subject} {each.text} {each.cure}" for each in found)
            word = needs[name].name.rpartition(".")[2] if needs[name].grade == "field" else needs[name].name
            assert re.search(re.escape(LABELS.get(word, word)), told), f"{name} is not missed: {told}"
            assert needs[name].optional or any(each.level == "fail" for each in found) or name in MERELY_WARNED, name


LABELS = {"Access Activities": "Task", "HasOptedOutOfEmail": "HasOptedOutOfEmail"}
MERELY_WARNED = frozenset({"Lead.HasOptedOutOfEmail: read", "Lead.DoNotCall: read"})
