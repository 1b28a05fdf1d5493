"""What rules ask the store and the CRM for beyond fields: loads, companies, opened mails; a zone; a closed deal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.hubspot.fields import value_in
from adapters.salesforce.activities import opened_at
from connector.domain.model import CrmSchema, FieldInfo
from rules.actions import OfferAction, ReassignAction
from rules.basics import Duration
from rules.guards import closed
from rules.model import ActivityIs, Created, FieldChange, Rule, ScoreLine
from rules.needs import needs_of
from rules.team import Criterion, Pool, Turn
from tests.builders import PLACE, at, facts, field_is, lead, rule, state, team


def _hands_out(how: Turn | None = None, match: tuple[Criterion, ...] = ()) -> Rule:
    return rule(then=(ReassignAction(None, "inbound", False, "hold", None, PLACE, how, match),))


def _pools(how: Turn, match: tuple[Criterion, ...] = ("industry",)) -> Pool:
    return Pool("inbound", ("ana", "ben"), how=how, match=match)


@pytest.mark.parametrize(
    ("pool", "asks", "loads", "companies"),
    [
        (_pools("round_robin"), _hands_out(), False, False),
        (_pools("least_loaded"), _hands_out(), True, False),
        (_pools("least_loaded"), _hands_out("weighted"), False, False),
        (_pools("round_robin"), _hands_out("least_loaded"), True, False),
        (_pools("match"), _hands_out(), False, False),
        (_pools("match", ("skill", "history")), _hands_out(), False, True),
        (_pools("match", ("skill", "history")), _hands_out(None, ("skill",)), False, False),
        (_pools("round_robin", ("history",)), _hands_out(), False, False),
        (_pools("match", ("history",)), rule(Created()), False, False),
    ],
)
def test_loads_and_companies_are_asked_for_by_rules_that_hand_out_by_them(
    pool: Pool, asks: Rule, loads: bool, companies: bool
) -> None:
    needs = needs_of([asks], team=team(pools={"inbound": pool}))
    assert (needs.loads, needs.companies) == (loads, companies)


def test_an_offer_asks_like_a_reassignment() -> None:
    offer = OfferAction("inbound", Duration(4, "hours"), PLACE)
    needs = needs_of([rule(then=(offer,))], team=team(pools={"inbound": _pools("least_loaded")}))
    assert needs.loads
    assert "offer" in needs.writes


def test_opened_mails_are_read_for_rules_and_scores_that_count_them() -> None:
    assert not needs_of([rule()]).opens
    assert not needs_of([rule(ActivityIs(("email_sent",)))]).opens
    assert needs_of([rule(ActivityIs(("call", "email_opened")))]).opens
    line = ScoreLine("lead", 5, "interest", PLACE, activity="email_clicked")
    assert needs_of([rule()], [line]).opens
    assert not needs_of([rule()], [replace(line, activity="call")]).opens


# -- what the CRMs say -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        ("europe_slash_berlin", "europe/berlin"),
        ("africa_slash_porto_hyphen_novo", "africa/porto-novo"),
        ("america_slash_new_york", "america/new_york"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("", None),
    ],
)
def test_hubspots_spelling_of_a_zone_is_read_as_its_iana_name(told: str, zone: str | None) -> None:
    assert value_in(told, FieldInfo("zone", "hs_timezone", "text")) == zone


def test_salesforce_tells_the_last_opening_else_the_first() -> None:
    first, last = "2026-03-02T09:00:00.000+0000", "2026-03-03T09:00:00.000+0000"
    assert opened_at({"FirstOpenedDate": first, "LastOpenedDate": last}) == at("2026-03-03 09:00")
    assert opened_at({"FirstOpenedDate": first, "LastOpenedDate": None}) == at("2026-03-02 09:00")
    assert opened_at({"IsOpened": False}) is None
    assert opened_at(None) is None


def test_statuses_that_end_a_records_way_are_known_in_the_crms_spelling() -> None:
    schema = CrmSchema("salesforce", {}, {"converted": "Closed - Converted", "working": "Working"})
    assert {"closed - converted", "won", "lost"} <= schema.ended
    assert "working" not in schema.ended


# -- closed deals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "left_alone"),
    [
        (rule(Created()), True),
        (rule(Created(), unless=field_is("status", "Closed Won")), True),
        (rule(Created(), if_=field_is("status", "Closed Lost")), False),
        (rule(Created(), if_=field_is("reason", "price")), False),
        (rule(FieldChange("becomes", "status", ("Closed Lost",))), False),
        (rule(FieldChange("changes", "owner")), True),
    ],
)
def test_a_closed_deal_is_left_alone_unless_the_rule_asks_for_its_end(asks: Rule, left_alone: bool) -> None:
    reason = closed(asks, facts(state(lead(closed=True)), "2026-03-02 10:00"))
    assert (reason is not None) == left_alone
    assert closed(asks, facts(state(lead(closed=False)), "2026-03-02 10:00")) is None
    assert closed(asks, facts(state(lead()), "2026-03-02 10:00")) is None
