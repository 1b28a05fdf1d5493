"""Settings: which source wins, and one line that says what to do for everything that can be wrong in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from connector.clock import SystemClock
from connector.domain.errors import ConfigError
from connector.settings import Settings, adapter_config, is_loopback, load_settings, workspace_folder

HUBSPOT = {"crm": "hubspot"}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOLLOWUP_SECRETS_DIR", str(tmp_path / "secrets"))


def _load(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], file: Mapping[str, object] | None = None
) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(HUBSPOT if file is None else file)


def _token(settings: Settings) -> str:
    config = adapter_config(settings, SystemClock(), lambda: False)
    return config.connection["access_token"]


# -- which source wins -------------------------------------------------------------------------------------------------


def test_flags_win_over_environment_over_secret_files_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = {"crm": "hubspot", "log": "text", "engine": "plain", "store": "sqlite:///a", "task_key_field": "from_file"}
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("log", "engine", "store"):
        value = {"log": "json", "engine": "durable", "store": "sqlite:///b"}[name]
        (secrets / f"followup_{name}").write_text(value)
    monkeypatch.setenv("FOLLOWUP_ENGINE", "auto")
    monkeypatch.setenv("FOLLOWUP_STORE", "sqlite:///c")
    found = load_settings(file, store="sqlite:///d")
    assert (found.store, found.engine, found.log, found.task_key_field) == ("sqlite:///d", "auto", "json", "from_file")


BREAKER = "FOLLOWUP_LIMITS__BREAKER"
TIGHT: Mapping[str, object] = {"crm": "hubspot", "limits": {"breaker": {"per_rule": {"records": "7", "percent": "1"}}}}


@pytest.mark.parametrize("off", ["off", "OFF", " off "])
def test_the_breaker_is_switched_off_by_a_variable_as_in_the_file(monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    found = _load(monkeypatch, {f"{BREAKER}__PER_RULE": off}, TIGHT).limits.breaker
    assert (found.per_rule.records, found.per_rule.percent, found.per_pass.records) == (None, None, 1000)
    monkeypatch.delenv(f"{BREAKER}__PER_RULE")
    found = _load(monkeypatch, {BREAKER: off}, TIGHT).limits.breaker
    assert (found.per_rule.records, found.per_pass.percent) == (None, None)
    monkeypatch.delenv(BREAKER)
    found = _load(monkeypatch, {f"{BREAKER}__PER_RULE__RECORDS": off}, TIGHT).limits.breaker
    assert (found.per_rule.records, found.per_rule.percent) == (None, 1.0)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({f"{BREAKER}__PER_RULE": "of"}, f"{BREAKER}__PER_RULE: write `off`, or numbers such as {{records: 500"),
        ({BREAKER: "none"}, f"{BREAKER}: write `off`, or numbers such as {{per_rule:"),
        ({"FOLLOWUP_LIMITS": "off"}, "FOLLOWUP_LIMITS holds several values"),
        (
            {f"{BREAKER}__PER_RULE": "off", f"{BREAKER}__PER_RULE__RECORDS": "7"},
            f"{BREAKER}__PER_RULE is off, and {BREAKER}__PER_RULE__RECORDS is set: say one of them",
        ),
        ({f"{BREAKER}__PER_PASS__PERCENT": "7", BREAKER: "off"}, f"{BREAKER} is off, and {BREAKER}__PER_PASS__PERCENT"),
    ],
)
def test_a_variable_for_a_section_that_says_nothing_or_two_things_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as told:
        _load(monkeypatch, environment)
    assert "\n" not in str(told.value)


def test_a_variable_without_a_value_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _load(
        monkeypatch,
        {"FOLLOWUP_CRM": "", "FOLLOWUP_STORE": "", "FOLLOWUP_NOW": "", "FOLLOWUP_HUBSPOT__ACCESS_TOKEN": ""},
    )
    assert (found.crm, found.store, found.now, found.hubspot.access_token) == ("hubspot", None, None, None)
    with pytest.raises(ConfigError, match="FOLLOWUP_HUBSPOT__ACCESS_TOKEN is not set"):
        _token(found)


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_secret_loses_the_line_end_that_came_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    if where == "file":
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "followup_hubspot__access_token").write_text(" token-1\n")
        found = load_settings(HUBSPOT)
    else:
        found = _load(monkeypatch, {"FOLLOWUP_HUBSPOT__ACCESS_TOKEN": " token-1\n"})
    assert _token(found) == "token-1"


def test_other_secrets_in_the_folder_are_none_of_our_business(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "database_password").write_text("x")
    assert load_settings(HUBSPOT).crm == "hubspot"


# -- what can be wrong -------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no json": ({"FOLLOWUP_STATUSES": "sekrit"}, "FOLLOWUP_STATUSES"),
    "a section as text": ({"FOLLOWUP_HUBSPOT": "sekrit"}, "FOLLOWUP_HUBSPOT"),
    "a section as a number": ({"FOLLOWUP_LIMITS": "5"}, "FOLLOWUP_LIMITS"),
    "a misspelt name": ({"FOLLOWUP_HUBSPOT__TOKEN": "sekrit"}, "access_token"),
    "no number": ({"FOLLOWUP_LIMITS__PER_RULE_PER_RUN": "sekrit"}, "FOLLOWUP_LIMITS__PER_RULE_PER_RUN"),
    "no share": ({"FOLLOWUP_LIMITS__API_CALLS_SHARE": "1.5"}, "FOLLOWUP_LIMITS__API_CALLS_SHARE"),
    "no days": ({"FOLLOWUP_KEEP__TRACES": "sekrit"}, "90 days"),
    "no instant": ({"FOLLOWUP_NOW": "sekrit"}, "FOLLOWUP_NOW"),
    "an instant without a zone": ({"FOLLOWUP_NOW": "2026-03-02T09:00:00"}, "time zone"),
    "another clock for the real CRM": ({"FOLLOWUP_NOW": "2026-03-02T09:00:00Z"}, "refused"),
    "no log": ({"FOLLOWUP_LOG": "sekrit"}, "FOLLOWUP_LOG"),
    "no address": ({"FOLLOWUP_HUBSPOT__BASE_URL": "https://[sekrit"}, "https://HOST"),
    "no host": ({"FOLLOWUP_HUBSPOT__BASE_URL": "https://"}, "https://HOST"),
    "plain http": ({"FOLLOWUP_HUBSPOT__BASE_URL": "http://sekrit.example.com"}, "https://"),
    "another scheme": ({"FOLLOWUP_HUBSPOT__BASE_URL": "ftp://127.0.0.1"}, "https://"),
    "two targets": ({"FOLLOWUP_ENROLLMENTS": '{"a": {"list": "1", "workflow": "2"}}'}, "exactly one of"),
    "the other CRM's target": ({"FOLLOWUP_ENROLLMENTS": '{"a": {"campaign": "1"}}'}, "exactly one of"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_one_line_without_the_value(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    environment, said = WRONG[what]
    with pytest.raises(ConfigError) as error:
        _load(monkeypatch, environment)
    assert said in str(error.value)
    assert "sekrit" not in str(error.value)
    assert "\n" not in str(error.value)


def test_secrets_that_cannot_be_read_name_their_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("a file, not a folder")
    with pytest.raises(ConfigError, match="FOLLOWUP_SECRETS_DIR"):
        load_settings(HUBSPOT)
    secrets.unlink()
    secrets.mkdir()
    (secrets / "followup_hubspot__access_token").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=str(secrets)):
        load_settings(HUBSPOT)


def test_no_repr_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _load(
        monkeypatch, {"FOLLOWUP_HUBSPOT__ACCESS_TOKEN": "sekrit", "FOLLOWUP_SALESFORCE__CLIENT_SECRET": "sekrit"}
    )
    config = adapter_config(found, SystemClock(), lambda: False)
    assert "sekrit" not in f"{found!r} {found} {config!r}"


def test_an_empty_client_secret_in_a_file_leaves_the_key_file_to_log_in_with() -> None:
    salesforce = {
        "login_url": "https://x.my.salesforce.com",
        "client_id": "c",
        "client_secret": " ",
        "username": "u",
        "private_key_file": "k.pem",
    }
    found = load_settings({"crm": "salesforce", "salesforce": salesforce})
    config = adapter_config(found, SystemClock(), lambda: False)
    assert config.connection["username"] == "u"
    assert "client_secret" not in config.connection


@pytest.mark.parametrize("missing", ["login_url", "client_id", "client_secret"])
def test_a_missing_salesforce_setting_names_its_variable(missing: str) -> None:
    given = {"login_url": "https://x.my.salesforce.com", "client_id": "c", "client_secret": "s"}
    del given[missing]
    found = load_settings({"crm": "salesforce"}, salesforce=given)
    with pytest.raises(ConfigError, match=f"__{missing.upper()}"):
        adapter_config(found, SystemClock(), lambda: False)


# -- small things ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://127.8.9.1", True),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://10.0.0.1", False),
        ("http://[bad", False),
        ("", False),
        (None, False),
    ],
)
def test_only_this_machine_is_loopback(url: str | None, is_here: bool) -> None:
    assert is_loopback(url) is is_here


def test_the_state_is_in_the_workspace_unless_it_is_said_where(tmp_path: Path) -> None:
    found = load_settings(HUBSPOT, workspace=tmp_path)
    assert found.store_url == f"sqlite:///{tmp_path.resolve()}/.followup/state.db"
    assert found.keep.traces == timedelta(days=90)
    assert load_settings(HUBSPOT, store="sqlite:////x/y.db").store_url == "sqlite:////x/y.db"


def test_a_workspace_that_is_no_folder_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOLLOWUP_WORKSPACE", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="followup init"):
        workspace_folder(None)
    assert workspace_folder(tmp_path) == tmp_path


def test_without_a_crm_it_is_said_where_to_name_it() -> None:
    with pytest.raises(ConfigError, match="crm: salesforce"):
        _ = load_settings({}).crm_name
