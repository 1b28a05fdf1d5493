"""Every call of the Salesforce adapter: tokens, time-outs, limits, outages, hosts, and what error messages may hold."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from salesforce_org import ALL_NEEDS, World, action, pages, task, world

from adapters.registry import open_adapter
from adapters.sandbox.faults import Fault
from adapters.sandbox.salesforce import SandboxSalesforce
from connector.domain.decision import Finding
from connector.domain.errors import (
    ConfigError,
    FollowupError,
    PermanentError,
    QuotaSpentError,
    RetryableError,
    ThrottledError,
)
from connector.domain.model import Needs, RecordRef
from connector.domain.ports import Adapter

LEADS = Needs(kinds=frozenset({"lead"}), activities=frozenset())
QUERY = r"/query"


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def _limit(message: str) -> list[dict[str, str]]:
    return [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}]


def _until_spent(adapter: Adapter) -> int:
    """How often the leads can be read before the quota is spent."""
    for passes in range(20):
        try:
            pages(adapter, "lead", None, LEADS)
        except QuotaSpentError:
            return passes
    raise AssertionError("the quota never ends")


# -- tokens ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lives_for", [1, 2, 3])
def test_a_token_that_lives_for_a_few_requests_loses_nothing(lives_for: int) -> None:
    with world(token_requests=lives_for) as w:
        leads = [w.lead(f"Lead {n}") for n in range(5)]
        w.org.set_page_size(2)
        adapter = w.adapter()
        assert [r.ref for page in pages(adapter, "lead") for r in page.records] == leads
        receipts = adapter.sink.apply([task(lead, w.ana, f"rule.{n}") for n, lead in enumerate(leads)])
        assert {receipt.state for receipt in receipts} == {"confirmed"}
        assert len(w.org.rows("Task")) == 5


@pytest.mark.parametrize("body", [[{"errorCode": "INVALID_SESSION_ID", "message": "x"}], {"error": "x"}, "<html/>"])
def test_endless_refusals_of_the_token_cost_one_new_login_and_end_in_our_error(w: World, body: object) -> None:
    w.lead()
    adapter = w.adapter()
    adapter.source.describe(LEADS)
    before = w.org.logins
    w.server.faults.add(Fault("answer", path=QUERY, times=None, status=401, body=body))
    with pytest.raises(ConfigError, match="refuses the session"):
        pages(adapter, "lead", None, LEADS)
    assert w.org.logins - before == 1


def test_wrong_credentials_name_the_settings_and_hold_no_secret(w: World) -> None:
    connection = {**w.config.connection, "client_secret": "hunter2"}
    with pytest.raises(ConfigError, match="check FOLLOWUP_SALESFORCE__CLIENT_ID") as caught:
        w.adapter(connection=connection).source.describe(LEADS)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(w.adapter(connection=connection)._config)  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", ["<html>busy</html>", {"error": "unavailable"}, [{"errorCode": "SERVER_UNAVAILABLE"}]])
def test_an_outage_of_the_token_endpoint_is_not_a_wrong_password(w: World, body: object) -> None:
    w.server.faults.add(Fault("answer", path="oauth2/token", times=None, status=503, body=body))
    with pytest.raises(RetryableError, match="login had an outage"):
        w.adapter().source.describe(LEADS)
    assert len(w.clock.slept) == 3


def test_a_short_outage_of_the_token_endpoint_is_waited_out(w: World) -> None:
    w.server.faults.add(Fault("answer", path="oauth2/token", times=2, status=503, body="<html>busy</html>"))
    assert w.adapter().source.describe(LEADS).crm == "salesforce"


@pytest.mark.parametrize("body", [{"access_token": "x"}, {"instance_url": "http://127.0.0.1"}, [], 5, "<html/>"])
def test_a_token_answer_that_makes_no_sense_is_an_error_of_ours(w: World, body: object) -> None:
    w.server.faults.add(Fault("answer", path="oauth2/token", times=None, status=200, body=body))
    with pytest.raises(FollowupError):
        w.adapter().source.describe(LEADS)


def test_too_many_logins_stop_for_an_hour(w: World) -> None:
    body = {"error": "invalid_grant", "error_description": "login_rate_exceeded"}
    w.server.faults.add(Fault("answer", path="oauth2/token", times=None, status=400, body=body))
    with pytest.raises(ThrottledError) as caught:
        w.adapter().source.describe(LEADS)
    assert caught.value.retry_at is not None
    assert (caught.value.retry_at - w.clock.now()).total_seconds() == 3600
    assert w.clock.slept == []


def test_a_private_key_logs_in_as_its_user(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with world(public_key_pem=public) as w:
        connection = {
            "login_url": w.server.url,
            "client_id": "sandbox",
            "username": "followup@example.com",
            "private_key_file": str(tmp_path / "key.pem"),
        }
        assert w.adapter(connection=connection).source.describe(LEADS).fields["lead"]


@pytest.mark.parametrize(
    ("host", "audience"),
    [("acme.my.salesforce.com", "login"), ("acme--dev.sandbox.my.salesforce.com", "test")],
)
@responses.activate
def test_a_signed_login_goes_to_the_org_and_is_made_out_to_salesforce(
    w: World, tmp_path: Path, host: str, audience: str
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    responses.post(f"https://{host}/services/oauth2/token", json=_token(f"https://{host}"))
    _describe_answers(host)
    connection = {"client_id": "c", "username": "u@x.y", "private_key_file": str(tmp_path / "key.pem")}
    open_adapter(replace(w.config, connection={"login_url": f"https://{host}", **connection})).source.describe(LEADS)
    form = parse_qs(str(responses.calls[0].request.body))
    claims = json.loads(base64.urlsafe_b64decode(form["assertion"][0].split(".")[1] + "=="))
    assert (claims["aud"], claims["sub"]) == (f"https://{audience}.salesforce.com", "u@x.y")


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ({"login_url": ""}, "LOGIN_URL is not set"),
        ({"client_id": ""}, "CLIENT_ID is not set"),
        ({"client_secret": ""}, "CLIENT_SECRET is not set"),
        ({"private_key_file": "/nowhere/key.pem"}, "USERNAME is not set"),
        ({"private_key_file": "/nowhere/key.pem", "username": "a@b.c"}, "PRIVATE_KEY_FILE cannot be read"),
        ({"private_key_file": __file__, "username": "a@b.c"}, "no unencrypted PEM private key"),
        ({"api_version": "latest"}, "API_VERSION must look like"),
        ({"login_url": "http://example.com"}, "must begin with https"),
    ],
)
def test_a_missing_or_wrong_setting_is_named_before_any_request(w: World, missing: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        w.adapter(connection={**w.config.connection, **missing})
    assert w.server.requests == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"enrollments": {"x": {"list": "42"}}}, "enrollments.x"),
        ({"enrollments": {"x": {"campaign": "Brochure 2026"}}}, "enrollments.x.campaign"),
        ({"fields": {"status": "Status FROM User"}}, "fields.status"),
        ({"task_key_field": "Key__c, Id"}, "task_key_field"),
        ({"records": {"lead": "Contact"}}, "records.lead"),
    ],
)
def test_a_wrong_word_in_the_workspace_is_named(w: World, changes: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        w.adapter(**changes)


# -- time-outs, outages, limits --------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["oauth2/token", "describe", QUERY])
def test_a_server_that_never_answers_holds_no_call_past_the_time_out(
    w: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.salesforce.client.TIMEOUT", (0.2, 0.2))
    w.server.faults.add(Fault("hang", path=path, times=None))
    started = time.monotonic()
    with pytest.raises(RetryableError, match="did not answer in time"):
        pages(w.adapter(), "lead", None, LEADS)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer", path=QUERY, status=503, body="<html>busy</html>", times=2),
        Fault("answer", path=QUERY, status=403, body="<html>gateway</html>", times=2),
        Fault("answer", path=QUERY, status=500, body=[{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}], times=2),
        Fault("answer", path=QUERY, status=200, body="<html>maintenance</html>", times=2),
        Fault(
            "answer", path=QUERY, status=403, body=_limit("ConcurrentRequests (Concurrent API Requests) Limit"), times=2
        ),
        Fault("drop_before", path=QUERY, times=2),
        Fault("drop_after", path=QUERY, times=2),
        Fault("garble_after", path=QUERY, times=2),
    ],
)
def test_a_read_survives_two_failures(w: World, fault: Fault) -> None:
    lead = w.lead()
    w.server.faults.add(fault)
    assert [r.ref for page in pages(w.adapter(), "lead", None, LEADS) for r in page.records] == [lead]
    assert len(w.clock.slept) == 2


@pytest.mark.parametrize(
    ("message", "error", "calls"),
    [
        ("TotalRequests Limit exceeded.", QuotaSpentError, 1),
        ("ConcurrentPerOrgLongTxn Limit exceeded.", ThrottledError, 4),
    ],
)
def test_the_daily_and_the_concurrent_limit_go_two_ways(
    w: World, message: str, error: type[Exception], calls: int
) -> None:
    w.server.faults.add(Fault("answer", path=QUERY, times=None, status=403, body=_limit(message)))
    with pytest.raises(error):
        pages(w.adapter(), "lead", None, LEADS)
    assert len(w.server.faults.struck) == calls


def test_not_permitted_is_final(w: World) -> None:
    body = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]
    w.server.faults.add(Fault("answer", path=QUERY, times=None, status=403, body=body))
    with pytest.raises(PermanentError, match="INSUFFICIENT_ACCESS"):
        pages(w.adapter(), "lead", None, LEADS)
    assert len(w.server.faults.struck) == 1


def test_a_spent_day_stops_before_the_next_call() -> None:
    with world(daily_limit=3) as w:
        w.lead()
        adapter = w.adapter(api_calls_share=1.0)
        assert _until_spent(adapter) == 1
        assert adapter.api_calls == 3  # token, describe, query: the fourth call is not made


def test_our_share_of_the_day_is_not_exceeded() -> None:
    with world(daily_limit=100) as w:
        w.lead()
        adapter = w.adapter(api_calls_share=0.1)
        assert _until_spent(adapter) == 8
        assert adapter.api_calls == 10


def test_every_request_is_counted_also_those_for_tokens(w: World) -> None:
    adapter = w.adapter()
    adapter.source.describe(ALL_NEEDS)
    w.org.expire_tokens()
    adapter.source.owners()
    assert adapter.api_calls == len(w.server.requests)


def test_a_crm_that_is_down_is_an_outage_with_a_clear_line(w: World) -> None:
    w.server.stop()
    with pytest.raises(RetryableError, match="Salesforce cannot be reached"):
        w.adapter().source.describe(LEADS)


# -- what leaks ------------------------------------------------------------------------------------------------------
def test_no_error_and_no_log_holds_a_query_or_an_address(w: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "followup")
    lead = w.lead()
    text = "SELECT Email FROM Lead WHERE Email = 'lea@example.com'"
    for status, code in (
        (400, "MALFORMED_QUERY"),
        (400, "INVALID_FIELD"),
        (500, "UNKNOWN_EXCEPTION"),
        (404, "NOT_FOUND"),
    ):
        body = [{"errorCode": code, "message": f"{text} No such column 'Email' on entity 'Lead'"}]
        w.server.faults.add(Fault("answer", path=QUERY, times=None, status=status, body=body))
        with pytest.raises(FollowupError) as caught:
            w.adapter().source.reread([lead], ALL_NEEDS)
        w.server.faults.clear()
        shown = f"{caught.value} {caught.value.__cause__} {caplog.text}"
        assert "SELECT" not in shown
        assert "example.com" not in shown
        assert caught.value.__suppress_context__


# -- hosts -----------------------------------------------------------------------------------------------------------
def _token(instance: str) -> dict[str, str]:
    return {"access_token": "t", "instance_url": instance}


def _real(w: World) -> dict[str, str]:
    return {**w.config.connection, "login_url": "https://acme.my.salesforce.com"}


def _describe_answers(host: str, status: int = 200) -> None:
    body = {"fields": [{"name": "Id", "type": "id"}]} if status == 200 else [{"errorCode": "INVALID_SESSION_ID"}]
    responses.get(f"https://{host}/services/data/v62.0/sobjects/Lead/describe", json=body, status=status)


@responses.activate
def test_after_a_new_token_every_call_goes_to_the_new_instance(w: World) -> None:
    login = "https://acme.my.salesforce.com/services/oauth2/token"
    responses.post(login, json=_token("https://one.my.salesforce.com"))
    responses.post(login, json=_token("https://two.my.salesforce.com/"))
    _describe_answers("one.my.salesforce.com", 401)
    _describe_answers("two.my.salesforce.com")
    rows = {"totalSize": 0, "done": True, "records": []}
    responses.get("https://two.my.salesforce.com/services/data/v62.0/queryAll/", json=rows)
    adapter = open_adapter(replace(w.config, connection=_real(w)))
    pages(adapter, "lead", None, LEADS)
    hosts = [str(call.request.url).split("/")[2].split(".")[0] for call in responses.calls]
    assert hosts == ["acme", "one", "acme", "two", "two"]
    assert responses.calls[0].request.headers["Authorization"].startswith("Basic ")
    assert responses.calls[4].request.headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize(
    "instance",
    [
        "https://evil.example.com",
        "https://salesforce.com.example.com",
        "https://evilsalesforce.com",
        "https://one.my.salesforce.com@example.com",
        "https://example.com/.salesforce.com",
        "https://one.my.salesforce.com:8443",
        "http://127.0.0.1:9",
    ],
)
@responses.activate
def test_a_token_answer_that_names_a_foreign_host_is_refused(w: World, instance: str) -> None:
    responses.post("https://acme.my.salesforce.com/services/oauth2/token", json=_token(instance))
    with pytest.raises(ConfigError, match="not Salesforce's"):
        open_adapter(replace(w.config, connection=_real(w))).source.describe(LEADS)
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    "instance",
    ["http://127.0.0.1", "https://127.0.0.1", "http://localhost", "https://acme.my.salesforce.com", "{url}/"],
)
def test_a_login_on_this_machine_never_leaves_it_whatever_the_instance_is_called(w: World, instance: str) -> None:
    named = instance.format(url=w.server.url)
    original = SandboxSalesforce.handle

    def handle(org: SandboxSalesforce, request: object) -> object:
        answer = original(org, request)  # type: ignore[arg-type]
        if isinstance(answer.body, dict) and "instance_url" in answer.body:
            answer.body["instance_url"] = named
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxSalesforce, "handle", handle)
        assert w.adapter().source.describe(LEADS).fields["lead"]


def test_a_redirect_is_refused_not_followed(w: World) -> None:
    for path in (QUERY, "oauth2/token"):
        w.server.faults.add(
            Fault("answer", path=path, times=None, status=302, headers={"Location": "https://example.com/"})
        )
        with pytest.raises(ConfigError, match="redirects"):
            pages(w.adapter(), "lead", None, LEADS)
        w.server.faults.clear()


def test_credentials_in_a_netrc_file_are_not_used(w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert w.adapter().source.describe(LEADS).fields["lead"]


def test_a_misspelt_method_of_the_client_fails_loudly() -> None:
    with world() as w:
        client = w.adapter()._client  # type: ignore[attr-defined]
        with pytest.raises(AttributeError):
            _ = client.qurey


# -- doctor ----------------------------------------------------------------------------------------------------------
def _levels(findings: list[Finding]) -> dict[str, str]:
    return {finding.subject: finding.level for finding in findings}


def test_doctor_finds_a_healthy_org_healthy(w: World) -> None:
    findings = list(w.adapter().doctor(ALL_NEEDS))
    assert {finding.level for finding in findings if finding.subject != "clock"} == {"ok"}
    assert {"connection", "quota", "clock", "Lead", "Task", "LeadHistory", "enrollments.brochure"} <= set(
        _levels(findings)
    )


def test_doctor_names_each_fault_with_its_cure() -> None:
    with world(task_key_unique=False) as w:
        w.org.hide_field("Lead", "HasOptedOutOfEmail")
        w.org.remove_permission("Lead", "write")
        w.org.remove_permission("LeadHistory")
        w.org.remove_permission("EmailMessage")
        w.org.update_row(w.brochure["campaign"], {"IsDeleted": True})
        findings = list(w.adapter().doctor(ALL_NEEDS))
    levels = _levels(findings)
    assert levels["Lead.HasOptedOutOfEmail"] == "fail"
    assert levels["Lead"] == "fail"
    assert levels["LeadHistory"] == "warn"
    assert levels["EmailMessage"] == "warn"
    assert levels["Task.FollowupKey__c"] == "warn"
    assert levels["enrollments.brochure"] == "fail"
    assert all(finding.cure for finding in findings if finding.level != "ok")
    cure = next(finding.cure for finding in findings if finding.subject == "Lead.HasOptedOutOfEmail")
    assert "Email Opt Out > Set Field-Level Security" in cure


def test_doctor_without_a_connection_says_only_that(w: World) -> None:
    w.server.stop()
    (finding,) = w.adapter().doctor(ALL_NEEDS)
    assert (finding.level, finding.subject) == ("fail", "connection")


def test_doctor_names_a_retired_api_version(w: World) -> None:
    (finding,) = w.adapter(connection={**w.config.connection, "api_version": "20.0"}).doctor(ALL_NEEDS)
    assert finding.level == "fail"
    assert "API_VERSION" in finding.text + finding.cure


def test_doctor_warns_of_a_clock_that_differs(w: World) -> None:
    headers = {"Date": "Mon, 04 May 2026 08:00:00 GMT"}
    adapter = w.adapter()
    adapter.source.describe(LEADS)
    w.server.faults.add(Fault("answer", path="limits", status=200, body={"x": 1}, headers=headers))
    levels = _levels(list(adapter.doctor(LEADS)))
    assert levels["clock"] == "warn"
    assert levels["quota"] == "warn"


@pytest.mark.parametrize("hours", [-240, 240])
def test_doctor_says_that_the_clock_is_replaced_where_it_can_only_be_that(w: World, hours: int) -> None:
    date = format_datetime(w.clock.now().replace(microsecond=0) - timedelta(hours=hours), usegmt=True)
    w.server.faults.add(Fault("answer", path="limits", status=200, body={"x": 1}, headers={"Date": date}))
    (clock,) = [finding for finding in w.adapter().doctor(LEADS) if finding.subject == "clock"]
    assert clock.level == "ok"
    assert "replaced by FOLLOWUP_NOW" in clock.text
    assert "10 days" in clock.text
    assert "synchronisation" not in clock.text + clock.cure


@responses.activate
def test_doctor_has_the_clock_set_right_when_the_org_is_a_real_one(w: World) -> None:
    host = "https://acme.my.salesforce.com"
    responses.post(f"{host}/services/oauth2/token", json=_token(host))
    headers = {"Date": format_datetime(w.clock.now() + timedelta(days=9), usegmt=True)}
    responses.get(f"{host}/services/data/v62.0/limits", json={}, headers=headers)
    _describe_answers("acme.my.salesforce.com")
    adapter = open_adapter(replace(w.config, connection=_real(w), task_key_field=None))
    (clock,) = [finding for finding in adapter.doctor(LEADS) if finding.subject == "clock"]
    assert (clock.level, clock.cure) == ("warn", "switch on time synchronisation")


def test_the_look_up_of_many_tasks_stays_below_the_length_of_an_address(w: World) -> None:
    leads = [RecordRef("salesforce", "lead", f"00QHs000000{n:04d}MAA") for n in range(200)]
    batch = [task(lead, w.ana, f"{'a-rule-with-a-long-name' * 3}.{n:016x}") for n, lead in enumerate(leads)]
    for adapter in (w.adapter(), w.adapter(task_key_field=None)):
        assert {receipt.state for receipt in adapter.sink.look_up(batch)} == {"retry"}
    adapter.sink.look_up([action("set", lead, f"rule.{n}", status="x") for n, lead in enumerate(leads)])
    assert max(len(target) for _, target in w.server.requests) < 15_000
    assert json.dumps(w.server.requests).count("IN") > 0
