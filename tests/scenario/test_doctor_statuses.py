"""A status word of followup.yaml that stands for nothing in the CRM guards nothing: doctor and every pass say so."""

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


def test_every_pass_says_which_status_word_matches_nothing(firm: Company) -> None:
    firm.write("followup.yaml", firm.config(statuses={**STATUSES[firm.crm], "do_not_contact": "Do Nott Contact"}))
    [notice] = firm.run().notices
    assert "statuses.do_not_contact" in notice


def test_the_words_of_a_new_crm_need_no_mapping(firm: Company) -> None:
    firm.write("followup.yaml", firm.config(statuses={}))
    firm.rules(
        """\
  - id: untouched
    why: New leads are called
    when: {created: true}
    if: {status: [new, working]}
    unless: {status: [converted, unqualified]}
    then: [{task: {type: call, subject: Call, due: 1 business day}}]
"""
    )
    result = firm.run()
    assert result.problems == ()
    lead = firm.lead()
    firm.run()
    assert len(firm.tasks(lead)) == 1
