"""A status word of followup.yaml that stands for nothing in the CRM guards nothing: doctor says so."""

from __future__ import annotations

import json

from tests.company import STATUSES, Company


def test_doctor_names_a_status_word_whose_value_the_crm_does_not_have(firm: Company) -> None:
    firm.write("followup.yaml", firm.config(statuses={**STATUSES[firm.crm], "do_not_contact": "Do Nott Contact"}))
    document = json.loads(firm.cli("doctor", "--json").stdout)
    [finding] = [row for row in document["findings"] if row["subject"] == "statuses"]
    assert finding["level"] == "warn"
    assert "do_not_contact" in finding["text"]
    assert firm.status("do_not_contact") in finding["cure"]


def test_doctor_has_nothing_to_say_of_status_words_that_stand_for_something(firm: Company) -> None:
    document = json.loads(firm.cli("doctor", "--json").stdout)
    assert [row for row in document["findings"] if row["subject"] == "statuses"] == []
