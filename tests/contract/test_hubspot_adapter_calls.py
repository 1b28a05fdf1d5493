"""The HubSpot adapter as a caller: one host, one pool, bounded waiting, budgets, and errors that say what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from hubspot_portal import NEEDS, Reader, World, task, world

import adapters.hubspot.client as client_module
import adapters.hubspot.paths as paths
from adapters.hubspot import open_adapter
from adapters.hubspot.client import HubSpotClient
from adapters.sandbox.faults import Fault
from connector.domain.errors import ConfigError, OutcomeUnknownError, QuotaSpentError, RetryableError, ThrottledError


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def test_a_whole_pass_uses_one_connection_and_talks_to_one_host(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[object] = []
    connect = urllib3.util.connection.create_connection

    def noted(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        dialled.append(address[0])
        return connect(address, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib3.util.connection, "create_connection", noted)
    lead, adapter = w.lead(), w.adapter()
    adapter.source.describe(NEEDS)
    adapter.source.owners()
    Reader(w).read(adapter=adapter)
    adapter.sink.apply([task(lead, "a", w.ana)])
    list(adapter.doctor(NEEDS))
    assert w.server.connections == 1
    assert dialled == ["127.0.0.1"]


def test_every_request_is_counted(w: World) -> None:
    w.lead()
    adapter = w.adapter()
    adapter.source.describe(NEEDS)
    Reader(w).read(adapter=adapter)
    assert adapter.api_calls == len(w.server.requests)


def test_a_renewed_token_reaches_objects_that_were_made_before(w: World) -> None:
    connection = dict(w.config.connection)
    adapter = w.adapter(connection=connection)
    adapter.source.owners()
    w.crm.gate.token = "renewed"
    with pytest.raises(ConfigError, match="FOLLOWUP_HUBSPOT__ACCESS_TOKEN"):
        adapter.source.owners()
    connection["access_token"] = "renewed"
    assert len(adapter.source.owners()) == 2


def test_no_token_appears_in_an_error(w: World) -> None:
    w.crm.revoke()
    with pytest.raises(ConfigError) as raised:
        w.adapter().source.describe(NEEDS)
    assert "sandbox-token" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://api.example.com", "https://user:pw@api.example.com", "https://api.example.com/x", "x"]
)
def test_an_address_that_is_not_a_safe_one_is_refused(w: World, url: str) -> None:
    with pytest.raises(ConfigError, match="FOLLOWUP_HUBSPOT__BASE_URL"):
        open_adapter(replace(w.config, connection={"access_token": "t", "base_url": url}))


def test_no_token_is_a_clear_error(w: World) -> None:
    with pytest.raises(ConfigError, match="FOLLOWUP_HUBSPOT__ACCESS_TOKEN"):
        open_adapter(replace(w.config, connection={"base_url": w.server.url}))


def test_a_redirect_is_not_followed(w: World) -> None:
    w.server.faults.add(Fault("answer", status=302, times=None, headers={"Location": "http://127.0.0.1:9/elsewhere"}))
    with pytest.raises(ConfigError, match="redirect"):
        w.adapter().source.owners()
    assert len(w.server.requests) == 1


def test_a_server_that_does_not_listen_is_an_outage(w: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    adapter = w.adapter(connection={"access_token": "t", "base_url": url})
    with pytest.raises(RetryableError, match="cannot be reached"):
        adapter.source.owners()


def test_a_silent_server_holds_no_call_beyond_the_time_out(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TIME_OUT", urllib3.Timeout(connect=0.2, read=0.3))
    lead, adapter = w.lead(), w.adapter()
    w.server.faults.add(Fault("hang", times=2))
    begun = time.monotonic()
    assert [one.state for one in adapter.sink.apply([task(lead, "a", w.ana)])] == ["unknown"]
    assert len(adapter.source.owners()) == 2
    assert time.monotonic() - begun < 3
    w.server.faults.clear()
    w.server.faults.add(Fault("hang", times=None))
    before = w.calls()
    with pytest.raises(RetryableError, match="did not answer in time"):
        Reader(w).read("lead", "call", adapter=w.adapter())
    assert w.calls() - before == 2, "one call, once more, and nothing of the next stream"
    assert client_module.SEARCHES_PER_SECOND < 5


def test_the_time_out_is_three_seconds_to_connect_and_twenty_to_read() -> None:
    assert (client_module.TIME_OUT.connect_timeout, client_module.TIME_OUT._read) == (3, 20)


DAILY = {"status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY"}
TEN = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "policyName": "TEN_SECONDLY_ROLLING",
}
SECONDLY = {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}


def test_the_daily_limit_is_not_looped_on(w: World) -> None:
    w.crm.spend_day()
    with pytest.raises(QuotaSpentError):
        w.adapter().source.owners()
    assert len(w.server.requests) == 1
    assert w.clock.slept == []


@pytest.mark.parametrize(("body", "seconds"), [(TEN, 10), (SECONDLY, 1)])
def test_the_other_throttles_are_waited_for_and_then_go_up(w: World, body: dict[str, str], seconds: int) -> None:
    w.server.faults.add(Fault("answer", status=429, body=body, times=1))
    assert len(w.adapter().source.owners()) == 2
    assert seconds <= w.clock.slept[0] < seconds + 2
    w.server.faults.add(Fault("answer", status=429, body=body, times=None))
    with pytest.raises(ThrottledError):
        w.adapter().source.owners()


def test_a_throttled_write_is_sent_again_since_nothing_was_written(w: World) -> None:
    lead = w.lead()
    w.server.faults.add(Fault("answer", path="/batch/create", status=429, body=TEN))
    assert [one.state for one in w.adapter().sink.apply([task(lead, "a", w.ana)])] == ["confirmed"]
    assert len(w.crm.tasks_of(lead)) == 1


def test_our_share_of_the_day_is_kept(w: World) -> None:
    adapter = w.adapter(api_calls_share=0.00001)
    w.crm.gate.daily = 300_000
    adapter.source.owners()
    adapter.source.describe(NEEDS)
    with pytest.raises(QuotaSpentError, match="our share"):
        adapter.source.owners()
    assert adapter.api_calls == 3


def test_all_adapters_of_a_machine_share_one_search_budget(w: World) -> None:
    connection = {**w.config.connection, "search_per_second": "3"}
    w.crm.gate.searches = (
        8  # each with a budget of its own would be 12; two shared ones may arrive as one on a busy machine
    )
    begun = time.monotonic()
    threads = [
        threading.Thread(
            target=lambda: [Reader(w).read("lead", adapter=w.adapter(connection=connection)) for _ in range(3)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun >= 3
    assert w.clock.slept == [], "none was refused"


def test_a_search_budget_that_is_no_number_is_refused(w: World) -> None:
    with pytest.raises(ConfigError, match="search_per_second"):
        w.adapter(connection={**w.config.connection, "search_per_second": "many"})


def test_answers_that_lack_what_is_optional_are_read_all_the_same(w: World) -> None:
    row = {"id": 7, "properties": {"lastmodifieddate": "2026-05-04T08:00:00Z"}}
    w.server.faults.add(Fault("answer", path="contacts/search", status=200, body={"results": [row], "paging": None}))
    reader = Reader(w, replace(NEEDS, history={}))
    reader.read("lead")
    assert [record.id for record in reader.records] == ["7"]


def test_every_path_can_move_to_a_dated_version_in_the_table(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, old, new in (
        ("SEARCH", "/crm/v3/objects", "/crm/objects/2026-03"),
        ("BATCH_READ", "/crm/v3/objects", "/crm/objects/2026-03"),
        ("OWNER_LIST", "/crm/v3/owners", "/crm/owners/2026-03"),
    ):
        endpoint = getattr(paths, name)
        moved = replace(endpoint, template=endpoint.template.replace(old, new))
        assert endpoint.through_sdk
        assert not moved.through_sdk
        client = HubSpotClient(w.config)
        args = ("contacts",) if "{object}" in moved.template else ()
        body = {"inputs": [], "filterGroups": []} if moved.method == "POST" else None
        assert "results" in client.call(moved, *args, body=body)
        client.close()
    assert [target.split("?")[0] for _, target in w.server.requests] == [
        "/crm/objects/2026-03/contacts/search",
        "/crm/objects/2026-03/contacts/batch/read",
        "/crm/owners/2026-03/",
    ]


def test_a_garbled_answer_to_a_write_is_unknown_and_to_a_read_an_outage(w: World) -> None:
    lead = w.lead()
    client = HubSpotClient(w.config)
    w.server.faults.add(Fault("garble_after", path="/batch/create"))
    with pytest.raises(OutcomeUnknownError):
        client.call(
            paths.BATCH_CREATE, "notes", body={"inputs": [{"properties": {"hs_timestamp": "1", "hs_note_body": lead}}]}
        )
    w.server.faults.add(Fault("answer", path="/owners", status=502, body=b"\xff\xfe\xfa", times=None))
    with pytest.raises(RetryableError):
        client.call(paths.OWNER_LIST)
    client.close()


def test_the_doctor_finds_a_portal_that_is_ready_and_says_what_is_not(w: World) -> None:
    bound = {"brochure": w.crm.add_enrollment_target("B"), "auto": w.crm.add_dynamic_list("D"), "none": {}}
    findings = {one.subject: one for one in w.adapter(enrollments=bound).doctor(NEEDS)}
    assert findings["connection"].level == "ok"
    assert findings["lead opt-out"].level == "ok"
    assert findings["enrolment brochure"].level == "ok"
    assert findings["enrolment auto"].level == findings["enrolment none"].level == "fail"
    assert findings["quota"].level == "ok"
    assert "Europe/Berlin" in findings["time zone"].text
    w.crm.hide_property("contacts", "hs_email_optout")
    w.crm.remove_scope("crm.objects.deals.read")
    needs = replace(NEEDS, kinds=frozenset({"lead", "deal"}))
    findings = {one.subject: one for one in w.adapter().doctor(needs)}
    assert findings["lead opt-out"].level == "fail"
    assert findings["read deals"].level == "fail"
    assert "crm.objects.deals.read" in findings["read deals"].text + findings["read deals"].cure
    assert all(one.cure for one in findings.values() if one.level == "fail")


@pytest.mark.parametrize(
    ("apart", "told"), [(timedelta(hours=3), None), (timedelta(days=40, hours=1), "replaced: 40 days")]
)
def test_the_doctor_takes_a_replaced_clock_for_no_clock_that_runs_wrong(
    w: World, apart: timedelta, told: str | None
) -> None:
    w.time.move_by(datetime.now(UTC) + apart - w.time.peek())
    findings = {one.subject: one for one in w.adapter().doctor(NEEDS)}
    if told is None:
        assert "clock" not in findings
    else:
        assert findings["clock"].level == "ok"
        assert told in findings["clock"].text


def test_the_doctor_stops_at_a_refused_token(w: World) -> None:
    w.crm.revoke()
    (finding,) = w.adapter().doctor(NEEDS)
    assert (finding.level, finding.subject) == ("fail", "connection")


def test_the_sdk_is_not_loaded_by_naming_the_adapter() -> None:
    program = "import sys, adapters.hubspot; sys.exit('hubspot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
