"""The key of a planned action: what a write of unknown outcome is looked up by, in another process and after an upgrade."""

from __future__ import annotations

from connector.domain.actions import action_key, key_in, marker, rule_of_key
from connector.domain.model import RecordRef

LEAD = RecordRef("salesforce", "lead", "00Q1")


def test_a_key_is_the_same_in_every_process_and_release() -> None:
    assert action_key("first-call", LEAD, "created", 0) == "first-call.afafafd1f004422b"
    assert action_key("inbound/2", LEAD, "step@x", 1) == "inbound~2.678322ee2474bdbe"


def test_whatever_makes_an_action_another_one_makes_another_key() -> None:
    other = [
        action_key("first-call", LEAD, "created", 0),
        action_key("second-call", LEAD, "created", 0),
        action_key("first-call", RecordRef("salesforce", "lead", "00Q2"), "created", 0),
        action_key("first-call", RecordRef("salesforce", "deal", "00Q1"), "created", 0),
        action_key("first-call", RecordRef("hubspot", "lead", "00Q1"), "created", 0),
        action_key("first-call", LEAD, "becomes@2026-03-02", 0),
        action_key("first-call", LEAD, "created", 1),
    ]
    assert len(set(other)) == len(other)


def test_a_key_is_found_again_in_a_text_and_names_its_rule() -> None:
    key = action_key("inbound/2", LEAD, "created", 0)
    assert key_in(f"Call Lea\n\n{marker(key)}") == key
    assert rule_of_key(key) == "inbound/2"
