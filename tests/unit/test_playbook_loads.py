"""The shipped playbook is a complete workspace for either CRM."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from rules.actions import EnrollAction, ReassignAction, UnenrollAction
from rules.loader import Loaded, load_rules
from rules.model import FieldChange, NoNextStep, leaves
from rules.playbooks import CRMS, FIRST, PLAYBOOKS, PROCEDURES, playbook_files
from rules.yamlfile import load_mapping

Crm = Literal["salesforce", "hubspot"]
BOTH = pytest.mark.parametrize("crm", ["salesforce", "hubspot"])


def unpack(folder: Path, crm: Crm) -> dict[str, object]:
    for name, text in playbook_files("first-follow-up", crm).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    settings, problems, _ = load_mapping(folder / "followup.yaml")
    assert problems == ()
    assert settings is not None
    return settings


def loaded(folder: Path, crm: Crm) -> Loaded:
    enrollments = unpack(folder, crm)["enrollments"]
    assert isinstance(enrollments, dict)
    return load_rules(folder, enrollments=frozenset(enrollments))


@BOTH
def test_the_rules_load_without_a_problem(tmp_path: Path, crm: Crm) -> None:
    found = loaded(tmp_path, crm)
    assert found.problems == ()
    assert [rule.id for rule in found.ruleset.rules] == [
        "first-call", "week-one-call", "recycle-after-6", "interested-brochure", "next-step", "never-again",
    ]  # fmt: skip


@BOTH
def test_the_settings_are_those_of_the_crm(tmp_path: Path, crm: Crm) -> None:
    settings = unpack(tmp_path, crm)
    assert settings["crm"] == crm
    statuses, enrollments = settings["statuses"], settings["enrollments"]
    assert isinstance(statuses, dict)
    assert isinstance(enrollments, dict)
    assert statuses["do_not_contact"] == {"salesforce": "Do Not Contact", "hubspot": "DO_NOT_CONTACT"}[crm]
    assert next(iter(enrollments["brochure"])) == {"salesforce": "campaign", "hubspot": "list"}[crm]


@BOTH
def test_every_status_the_rules_use_is_bound_to_a_value(tmp_path: Path, crm: Crm) -> None:
    rules = loaded(tmp_path, crm).ruleset.rules
    conditions = [condition for rule in rules for condition in (rule.if_, rule.unless) if condition is not None]
    tested = {value for root in conditions for leaf in leaves(root) if getattr(leaf, "field", "") == "status"
              for value in getattr(leaf, "values", ())}  # fmt: skip
    changes = {value for rule in rules if isinstance(rule.when, FieldChange) for value in rule.when.values}
    written = {"recycled"}
    statuses = unpack(tmp_path, crm)["statuses"]
    assert isinstance(statuses, dict)
    assert len(tested) > 5
    assert tested | changes | written <= set(statuses)


def test_never_again_is_final(tmp_path: Path) -> None:
    rules = loaded(tmp_path, "salesforce").ruleset.rules
    for rule in rules:
        stops = (
            {value for leaf in leaves(rule.unless) for value in getattr(leaf, "values", ())} if rule.unless else set()
        )
        if rule.id == "never-again":
            assert [type(action) for action in rule.then] == [UnenrollAction]
            assert stops == set()
        else:
            assert "do_not_contact" in stops
    enrolled = {action.name for rule in rules for action in rule.then if isinstance(action, EnrollAction)}
    freed = {action.name for rule in rules for action in rule.then if isinstance(action, UnenrollAction)}
    assert enrolled == freed


def test_nobody_gets_a_lead_back_and_every_open_lead_has_a_next_step(tmp_path: Path) -> None:
    rules = {rule.id: rule for rule in loaded(tmp_path, "hubspot").ruleset.rules}
    (_, reassign) = rules["recycle-after-6"].then
    assert isinstance(reassign, ReassignAction)
    assert (reassign.pool, reassign.except_previous) == ("inbound", True)
    assert rules["next-step"].when == NoNextStep()


def test_what_is_not_shipped_is_refused() -> None:
    assert (FIRST, *PROCEDURES) == PLAYBOOKS
    assert CRMS == ("salesforce", "hubspot")
    with pytest.raises(ValueError, match="there is no playbook second; there is first-follow-up"):
        playbook_files("second", "hubspot")
    with pytest.raises(ValueError, match="there is no playbook for pipedrive; there is one for salesforce, hubspot"):
        playbook_files("first-follow-up", "pipedrive")  # type: ignore[arg-type]


@BOTH
def test_the_other_crm_is_one_comment_away(crm: Crm) -> None:
    text = playbook_files("first-follow-up", crm)["followup.yaml"]
    other = {"salesforce": "hubspot", "hubspot": "salesforce"}[crm]
    assert f"\ncrm: {crm}\n" in text
    assert f"\n# crm: {other}\n" in text
