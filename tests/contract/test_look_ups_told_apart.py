"""Look-ups of lost writes, where what stands there is near what was written, but is not it."""

from __future__ import annotations

from datetime import date

import hubspot_portal
import salesforce_org
from salesforce_org import action

from adapters.sandbox.hubspot.catalog import Property
from connector.domain.decision import Receipt


def _told(receipts: object) -> list[tuple[str, bool]]:
    assert isinstance(receipts, list)
    assert all(isinstance(one, Receipt) for one in receipts)
    return [(one.state, one.already) for one in receipts]


def test_another_cadence_that_a_person_chose_is_not_the_lost_enrolment() -> None:
    with salesforce_org.world() as w:
        lead, other = w.lead(), w.org.add_cadence("Other")
        adapter = w.adapter(enrollments={"nurture": w.config.enrollments["nurture"], "other": other})
        adapter.sink.apply([action("enroll", lead, **{"in": "other"})])
        assert _told(adapter.sink.look_up([action("enroll", lead, **{"in": "nurture"})])) == [("retry", False)]
        out = action("unenroll", lead, **{"from": "nurture"})
        assert _told(adapter.sink.look_up([out])) == [("confirmed", True)]


def test_an_empty_field_has_not_got_the_lost_value_and_a_filled_one_is_not_emptied() -> None:
    with salesforce_org.world() as w:
        lead, adapter = w.lead(), w.adapter()
        w.org.update_row(lead.id, {"LeadSource": None})
        filled = action("set", lead, source="Web")
        assert _told(adapter.sink.look_up([filled])) == [("retry", False)]
        emptied = action("set", lead, source=None)
        assert _told(adapter.sink.look_up([emptied])) == [("confirmed", True)]
        w.org.update_row(lead.id, {"LeadSource": "Web"})
        assert _told(adapter.sink.look_up([emptied])) == [("retry", False)]


def test_a_task_that_is_due_on_a_plain_day_has_that_day_and_no_reminder() -> None:
    with salesforce_org.world() as w:
        lead = w.lead()
        w.adapter().sink.apply([salesforce_org.task(lead, w.ana, due=date(2026, 5, 8))])
        [row] = w.org.tasks_of(lead.id)
        assert (row["ActivityDate"], row["ReminderDateTime"]) == ("2026-05-08", None)


def test_a_lost_task_is_found_by_a_key_property_that_is_not_unique() -> None:
    with hubspot_portal.world() as w:
        w.crm.portal.add_property("tasks", Property("followup_key"))
        lead = w.lead()
        adapter = w.adapter(task_key_field="followup_key")
        planned = hubspot_portal.task(lead, "a", w.ana)
        [receipt] = adapter.sink.apply([planned])
        assert receipt.state == "confirmed"
        [found] = adapter.sink.look_up([planned])
        assert (found.state, found.crm_id, found.already) == ("confirmed", receipt.crm_id, True)
