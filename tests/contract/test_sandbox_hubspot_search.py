"""The HubSpot sandbox's search: filters, ceilings, and an index that lags behind the rows."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hubspot import HubSpot
from hubspot.crm.contacts.exceptions import ApiException as ContactsError

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.server import SandboxServer

START = datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(START, tick=timedelta(milliseconds=1))


@pytest.fixture
def crm(clock: SandboxClock) -> SandboxHubSpot:
    return SandboxHubSpot(clock, burst_limit=None)


@pytest.fixture
def lagging(clock: SandboxClock) -> SandboxHubSpot:
    return SandboxHubSpot(clock, burst_limit=None, index_lag=timedelta(seconds=30))


@pytest.fixture
def connect() -> Iterator:
    servers: list[SandboxServer] = []

    def open_client(crm: SandboxHubSpot) -> HubSpot:
        servers.append(SandboxServer(crm).start())
        return HubSpot(access_token="sandbox-token", host=servers[-1].url, retry=False)

    yield open_client
    for server in servers:
        server.stop()


def ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def found(client: HubSpot, *filters: dict, groups: list | None = None, **more: object) -> list[str]:
    body = {"filterGroups": groups or [{"filters": list(filters)}], "limit": 200, **more}
    return [row.id for row in client.crm.contacts.search_api.do_search(body).results]


def is_(name: str, operator: str, value: object = None, **more: object) -> dict:
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}


def test_each_operator_selects_what_hubspot_says(crm, connect):
    ada = crm.add_lead({"name": "Ada Lovelace", "status": "NEW", "size": 40, "company": "Analytical Engines"})
    bob = crm.add_lead({"name": "Bob Stone", "status": "OPEN", "size": 9, "company": "Stone & Sons"})
    eve = crm.add_lead({"name": "Eve"})
    client = connect(crm)

    assert found(client, is_("hs_lead_status", "EQ", "NEW")) == [ada]
    assert found(client, is_("hs_lead_status", "EQ", "new")) == []
    assert found(client, is_("company", "EQ", "analytical engines")) == [ada]
    assert found(client, is_("hs_lead_status", "NEQ", "NEW")) == [bob]
    assert found(client, is_("hs_lead_status", "NOT_IN", values=["NEW"])) == [bob]
    assert found(client, is_("hs_lead_status", "NOT_HAS_PROPERTY")) == [eve]
    assert found(client, is_("numemployees", "GT", "9")) == [ada]
    assert found(client, is_("numemployees", "BETWEEN", "9", highValue="40")) == [ada, bob]
    assert found(client, is_("numemployees", "LT", "10")) == [bob]
    assert found(client, is_("company", "IN", values=["stone & sons"])) == [bob]
    assert found(client, is_("company", "IN", values=["Stone & Sons"])) == []
    assert found(client, is_("company", "CONTAINS_TOKEN", "engin*")) == [ada]
    assert found(client, is_("company", "CONTAINS_TOKEN", "engin")) == []
    either = [{"filters": [is_("hs_lead_status", "EQ", "OPEN")]}, {"filters": [is_("lastname", "EQ", "Eve")]}]
    assert found(client, groups=either) == [bob, eve]
    down = [{"propertyName": "hs_object_id", "direction": "DESCENDING"}]
    assert found(client, is_("hs_object_id", "GTE", bob), sorts=down) == [eve, bob]


def test_the_stamp_filter_takes_milliseconds_and_iso_texts_and_orders_rows(crm, clock, connect):
    made = []
    for _ in range(5):
        made.append(crm.add_lead({"name": "Lead"}))
        clock.move_by(timedelta(minutes=1))
    client = connect(crm)
    up = [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]
    crm.set_fields(made[0], {"phone": "1"})

    assert found(client, is_("lastmodifieddate", "GTE", ms(START + timedelta(minutes=1))), sorts=up) == [
        *made[1:],
        made[0],
    ]
    assert found(client, is_("lastmodifieddate", "LT", "2026-05-01T10:02:30Z"), sorts=up) == made[1:3]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("GT", [2, 3]), ("GTE", [1, 2, 3]), ("LT", [0]), ("LTE", [0, 1]), ("EQ", [1]), ("BETWEEN", [1, 2])],
)
def test_the_bounds_of_a_stamp_filter_count_to_the_millisecond(crm, clock, connect, operator, expected):
    clock.move_by(timedelta(seconds=1))
    made = crm.load([{"name": "Lead", "created": START + timedelta(milliseconds=number)} for number in range(4)], 0)
    high = {"highValue": ms(START + timedelta(milliseconds=2))} if operator == "BETWEEN" else {}

    rows = found(connect(crm), is_("lastmodifieddate", operator, ms(START + timedelta(milliseconds=1)), **high))

    assert rows == [made[number] for number in expected]


def test_the_wrong_stamp_on_contacts_finds_nobody_without_a_word(crm, connect):
    crm.add_lead({"name": "Ada Lovelace"})
    wrong = is_("hs_lastmodifieddate", "GTE", "0")
    up = [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}]

    assert found(connect(crm), wrong, sorts=up) == []


def test_unknown_top_level_keys_are_ignored_so_that_a_typo_returns_everybody(crm, connect):
    made = [crm.add_lead({"name": "Ada"}), crm.add_lead({"name": "Bob"})]
    body = {"filterGroup": [{"filters": [is_("lastname", "EQ", "Ada")]}]}

    assert [row.id for row in connect(crm).crm.contacts.search_api.do_search(body).results] == made


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 200, "after": "9900"},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [is_("email", "HAS_PROPERTY")] * 7}]},
        {"filterGroups": [{"filters": [is_("email", "NOT_HAS_PROPERTY", "")]}]},
        {"filterGroups": [{"filters": [is_("email", "IN", "a@example.test")]}]},
        {"filterGroups": [{"filters": [is_("nonsense", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [is_("lastmodifieddate", "GTE", "yesterday")]}]},
        {"filterGroups": [], "properties": ["x" * 3000]},
        {"sorts": [{"propertyName": "email"}, {"propertyName": "phone"}]},
    ],
)
def test_a_query_beyond_the_limits_is_refused(crm, connect, body):
    with pytest.raises(ContactsError) as caught:
        connect(crm).crm.contacts.search_api.do_search(body)

    assert caught.value.status == 400


def test_ten_thousand_and_one_rows_of_one_stamp_cannot_be_paged_through_but_can_be_split_by_id(crm, connect):
    made = crm.load([{"name": f"Lead {number}", "created": START} for number in range(10_001)], 0)
    client = connect(crm)
    search = client.crm.contacts.search_api
    same = is_("lastmodifieddate", "EQ", ms(START))
    body = {"filterGroups": [{"filters": [same]}], "limit": 200, "after": "9800"}

    last = search.do_search(body)
    assert (last.total, last.paging.next.after) == (10_001, "10000")
    with pytest.raises(ContactsError) as caught:
        search.do_search({**body, "after": "10000"})
    assert caught.value.status == 400
    rest = is_("hs_object_id", "GT", made[9_990])
    by_id = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    assert found(client, same, rest, sorts=by_id) == made[9_991:]


def test_rows_of_one_stamp_do_not_come_in_the_order_of_their_ids(crm, connect):
    made = crm.load([{"name": f"Lead {number}", "created": START} for number in range(50)], 0)
    up = [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]

    rows = found(connect(crm), is_("lastmodifieddate", "GTE", "0"), sorts=up)

    assert sorted(rows, key=int) == made
    assert rows != made


def test_search_shows_the_old_version_until_the_index_has_caught_up_while_reads_are_fresh(lagging, clock, connect):
    client = connect(lagging)
    lead = lagging.add_lead({"name": "Ada Lovelace", "status": "NEW"})
    assert found(client, is_("hs_lead_status", "EQ", "NEW")) == []
    assert client.crm.contacts.basic_api.get_by_id(lead).id == lead
    clock.move_by(timedelta(seconds=31))
    assert found(client, is_("hs_lead_status", "EQ", "NEW")) == [lead]

    lagging.set_fields(lead, {"status": "OPEN"})

    assert found(client, is_("hs_lead_status", "EQ", "NEW")) == [lead]
    read = client.crm.contacts.batch_api.read({"inputs": [{"id": lead}], "properties": ["hs_lead_status"]})
    assert read.results[0].properties["hs_lead_status"] == "OPEN"
    clock.move_by(timedelta(seconds=31))
    assert found(client, is_("hs_lead_status", "EQ", "NEW")) == []
    assert found(client, is_("hs_lead_status", "EQ", "OPEN")) == [lead]


def test_a_clock_that_stepped_back_does_not_bring_an_older_version_back(lagging, clock, connect):
    lead = lagging.add_lead({"name": "Ada", "status": "NEW"})
    clock.move_by(timedelta(seconds=20))
    lagging.set_fields(lead, {"status": "OPEN"})
    clock.move_by(timedelta(seconds=-10))
    lagging.set_fields(lead, {"status": "CONNECTED"})
    clock.move_by(timedelta(minutes=5))

    assert found(connect(lagging), is_("hs_lead_status", "EQ", "CONNECTED")) == [lead]


def test_one_row_can_be_later_than_the_rest_and_then_stands_behind_rows_already_seen(crm, clock, connect):
    client = connect(crm)
    late = crm.add_lead({"name": "Late"})
    crm.late("contacts", late, timedelta(minutes=10))
    clock.move_by(timedelta(minutes=1))
    other = crm.add_lead({"name": "Other"})
    up = [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]

    assert found(client, is_("lastmodifieddate", "GTE", "0"), sorts=up) == [other]
    clock.move_by(timedelta(minutes=9))
    assert found(client, is_("lastmodifieddate", "GTE", "0"), sorts=up) == [late, other]

    crm.set_fields(late, {"status": "OPEN"})
    assert found(client, is_("hs_lead_status", "EQ", "OPEN")) == []
    clock.move_by(timedelta(minutes=10))
    assert found(client, is_("hs_lead_status", "EQ", "OPEN")) == [late]


def test_a_row_already_indexed_can_be_taken_back_to_its_older_version(crm, clock, connect):
    client = connect(crm)
    lead = crm.add_lead({"name": "Ada", "status": "NEW"})
    clock.move_by(timedelta(minutes=1))
    crm.set_fields(lead, {"status": "OPEN"})

    crm.late("contacts", lead, timedelta(minutes=5))

    assert found(client, is_("hs_lead_status", "EQ", "NEW")) == [lead]
    clock.move_by(timedelta(minutes=5))
    assert found(client, is_("hs_lead_status", "EQ", "NEW")) == []


def test_archived_rows_leave_search_at_once_even_with_a_lag(lagging, clock, connect):
    lead = lagging.add_lead({"name": "Ada"})
    clock.move_by(timedelta(minutes=1))
    client = connect(lagging)
    assert found(client, is_("lastmodifieddate", "GTE", "0")) == [lead]

    lagging.set_fields(lead, {"phone": "1"})
    lagging.delete(lead)
    clock.move_by(timedelta(minutes=1))

    assert found(client, is_("lastmodifieddate", "GTE", "0")) == []


def test_tasks_and_deals_are_found_by_their_contact(crm, connect):
    rep = crm.add_person("Rosa Rep", "rosa@example.test")
    ada, bob = crm.add_lead({"name": "Ada"}), crm.add_lead({"name": "Bob"})
    task = crm.add_task(ada, rep, "call", "Call", START)
    crm.add_task(bob, rep, "call", "Call", START)
    deal = crm.add_deal({"name": "Engine", "contact": ada})
    client = connect(crm)
    body = {"filterGroups": [{"filters": [is_("associations.contact", "EQ", ada)]}]}

    assert [row.id for row in client.crm.objects.tasks.search_api.do_search(body).results] == [task]
    assert [row.id for row in client.crm.deals.search_api.do_search(body).results] == [deal]


def test_the_index_agrees_with_the_rows_after_any_mixture_of_writes_once_it_has_caught_up(lagging, clock, connect):
    dice, made, client = random.Random(7), [], connect(lagging)
    for _ in range(400):
        act = dice.random()
        live = [one for one in made if one in lagging.leads()]
        if act < 0.4 or len(live) < 3:
            made.append(lagging.add_lead({"name": "Lead", "status": "NEW"}))
        elif act < 0.7:
            lagging.set_fields(dice.choice(live), {"status": dice.choice(["OPEN", "NEW", "CONNECTED"])})
        elif act < 0.8:
            lagging.late("contacts", dice.choice(live), timedelta(seconds=dice.randrange(60)))
        elif act < 0.85:
            made.append(lagging.merge(*dice.sample(live, 2)))
        elif act < 0.9:
            lagging.delete(dice.choice(live))
        else:
            clock.move_by(timedelta(seconds=dice.randrange(40)))
            found(client, is_("lastmodifieddate", "GTE", "0"))
    clock.move_by(timedelta(minutes=5))
    up = [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]
    rows = found(client, is_("lastmodifieddate", "GTE", "0"), sorts=up)

    assert sorted(rows) == sorted(lagging.leads())
    stamps = [client.crm.contacts.basic_api.get_by_id(one).properties["lastmodifieddate"] for one in rows[:40]]
    assert stamps == sorted(stamps)
    opened = {one for one in lagging.leads() if lagging.fields_of(one)["status"] == "OPEN"}
    assert set(found(client, is_("hs_lead_status", "EQ", "OPEN"))) == opened
