"""Secrets and prospects' data under every failure there is: never in output, logs, errors, or (secrets) in the state.

The company's secrets are canaries (tests/canaries.py), so every other test that uses it looks for them too.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import urllib3

import adapters.hubspot.client
import adapters.salesforce.client
from adapters.salesforce.errors import login_error
from adapters.sandbox.faults import Fault
from connector import run as run_module
from connector.cli import main as console
from connector.clock import SystemClock
from connector.domain import errors
from connector.domain.errors import FollowupError
from tests import canaries
from tests.company import START, Company

HOUR = timedelta(hours=1)

ECHO = " ".join(
    (
        f"Authorization: Basic {canaries.SECRETS[3]} Bearer {canaries.ACCESS_TOKEN} 00D{canaries.HANDED_OUT}000001",
        f"client_secret={canaries.CLIENT_SECRET} Mara Weber lead0@example.org",
        "SELECT Id FROM Lead",
    )
)
"""What a proxy, or the CRM itself, could repeat of a request."""

HTML = f"<html><body><h1>Blocked</h1><pre>{ECHO}</pre></body></html>"
REST = [{"errorCode": "INVALID_FIELD", "message": ECHO, "fields": [ECHO]}]
OAUTH = {"error": canaries.CLIENT_SECRET, "error_description": ECHO}
HUBSPOT = {
    "status": "error",
    "category": "VALIDATION_ERROR",
    "message": ECHO,
    "errors": [{"message": ECHO}],
    "context": {"ids": [ECHO]},
}
ROWS = [{"success": False, "errors": [{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": ECHO}]}]

FAULTS: dict[str, Fault] = {
    **{f"{status} as HTML": Fault("answer", status=status, body=HTML) for status in (200, 302, 400, 401, 403, 429, 503)},
    **{f"{status} as an array": Fault("answer", status=status, body=REST) for status in (200, 400, 401, 403)},
    **{f"{status} as an object": Fault("answer", status=status, body=HUBSPOT) for status in (207, 400, 401, 403, 409)},
    "an OAuth refusal": Fault("answer", status=400, body=OAUTH),
    "rows refused": Fault("answer", status=200, body=ROWS),
    "done, then HTML": Fault("answer_after", status=502, body=HTML),
    "dropped before": Fault("drop_before"),
    "dropped after": Fault("drop_after"),
    "garbled": Fault("garble_after"),
    "silent": Fault("hang"),
}  # fmt: skip

PLACES: dict[str, dict[str, tuple[str, str]]] = {
    "salesforce": {
        "token": ("POST", "oauth2/token"),
        "describe": ("GET", "describe"),
        "query": ("GET", "query"),
        "write": ("POST|PATCH", "composite"),
    },
    "hubspot": {
        "people": ("GET", "owners"),
        "describe": ("GET", "properties"),
        "search": ("POST", "search"),
        "write": ("POST", "batch/(create|update)"),
    },
}


class Screen:
    """What a person, a log collector and a bug tracker would have seen."""

    def __init__(self, firm: Company, capture: pytest.CaptureFixture[str]) -> None:
        self.firm = firm
        self._capture = capture

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """A command in this process, from its arguments to its exit code, with what it printed."""
        self._capture.readouterr()
        code = console._outcome([*arguments])
        shown = self._capture.readouterr()
        assert not canaries.seen_in(shown.out + shown.err), f"{arguments}: {shown}"
        assert not canaries.seen_in(shown.err, (*canaries.PERSONAL, "SELECT ")), f"{arguments}: {shown.err}"
        assert "Traceback" not in shown.err
        assert "a fault of followup itself" not in shown.err, shown.err
        return code, shown.out, shown.err


@pytest.fixture
def screen(firm: Company, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setattr(SystemClock, "sleep", lambda self, seconds: None)
    monkeypatch.setattr(adapters.salesforce.client, "TIMEOUT", (0.2, 0.05))
    monkeypatch.setattr(adapters.hubspot.client, "TIME_OUT", urllib3.Timeout(connect=0.2, read=0.05))
    for name, value in firm.environment().items():
        if name.startswith("FOLLOWUP_"):
            monkeypatch.setenv(name, value)
    handlers = list(logging.getLogger("followup").handlers)
    yield Screen(firm, capsys)
    logging.getLogger("followup").handlers[:] = handlers
    logging.getLogger("followup").propagate = True


def _later(screen: Screen, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    now = screen.firm.at(step * HOUR)
    monkeypatch.setenv("FOLLOWUP_NOW", now.isoformat())


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_fault_of_the_crm_brings_a_secret_or_a_prospect_into_a_message(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    monkeypatch.setenv("FOLLOWUP_LOG", style)
    firm = screen.firm
    assert screen.command("run")[0] == 0
    failed = 0
    chosen = list(FAULTS.items())[0 if style == "text" else 1 :: 2]  # every other one in each style of the log
    for number, (_, fault) in enumerate(chosen, 1):
        firm.lead()
        _later(screen, monkeypatch, 3 * number)
        for place, (method, path) in list(PLACES[firm.crm].items())[number % 4 : number % 4 + 1]:
            firm.server.faults.clear()
            times = 2 if fault.kind == "hang" else 6
            firm.server.faults.add(
                Fault(
                    fault.kind, method, path, times=times, status=fault.status, body=fault.body, headers=fault.headers
                )
            )
            arguments = ("run", "--json") if place == "describe" else ("run",)
            code, out, _ = screen.command(*arguments)
            failed += code != 0
            if place == "describe" and code:
                assert not canaries.seen_in(out, canaries.PERSONAL), out
        firm.server.faults.clear()
    assert failed > len(chosen) / 3, "the faults do hurt"
    assert not canaries.seen_in_state(firm.folder)
    _, out, _ = screen.command("log", "--json")
    runs = json.loads(out)["runs"]
    assert not canaries.seen_in(json.dumps([run["message"] for run in runs]), (*canaries.PERSONAL, "SELECT "))


def test_no_command_shows_a_secret_while_all_goes_well_or_while_the_crm_echoes(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm = screen.firm
    screen.command("run")
    lead = str(firm.ref(firm.lead())).partition(":")[2]
    screen.command("run")
    _later(screen, monkeypatch, 2)
    folder = firm.folder
    for echoing in (False, True):
        if echoing:
            firm.server.faults.add(Fault("answer", method="POST|GET", times=None, status=400, body=REST))
        for arguments in (
            ("plan", "--out", str(folder / "plan.json")),
            ("plan", "--json"),
            ("doctor",),
            ("doctor", "--json"),
            ("doctor", "--permissions"),
            ("explain", lead),
            ("explain", lead, "--json"),
            ("apply", str(folder / "plan.json")),
            ("run", "--json"),
            ("log",),
            ("report", "--html", str(folder / "page.html")),
            ("report", "--json"),
            ("check",),
            ("release",),
        ):
            code, _, _ = screen.command(*arguments)
            assert code in (0, 1, 2, 3), arguments
    _, out, _ = screen.command("log", "--json")
    for run in json.loads(out)["runs"]:
        screen.command("show", run["run"])
    assert not canaries.seen_in((folder / "plan.json").read_text() + (folder / "page.html").read_text())


def _token(hubspot: str, salesforce: str | None = None) -> dict[str, str]:
    return {"FOLLOWUP_HUBSPOT__ACCESS_TOKEN": hubspot, "FOLLOWUP_SALESFORCE__CLIENT_SECRET": salesforce or hubspot}


def _sections(hubspot: str, salesforce: str) -> dict[str, str]:
    return {"FOLLOWUP_HUBSPOT": hubspot, "FOLLOWUP_SALESFORCE": salesforce}


SETTINGS: dict[str, dict[str, str]] = {
    "a password in a database's address": {"FOLLOWUP_STORE": "postgresql://me:canary-password@127.0.0.1:9/db"},
    "one that is malformed": {"FOLLOWUP_STORE": "postgresql://me:canary-password@[::/db"},
    "one with a port that is none": {"FOLLOWUP_STORE": "postgresql://me:canary-password@127.0.0.1:port/db"},
    "one of another database": {"FOLLOWUP_STORE": "mysql://me:canary-password@127.0.0.1:9/db"},
    "one that is no address": {"FOLLOWUP_STORE": "canary-password"},
    "half a JSON": _sections('{"access_token": "canary-token"', '{"client_secret": "canary-secret"'),
    "a token that is a list": _sections('{"access_token": ["canary-token"]}', '{"client_secret": ["canary-s"]}'),
    "an unknown secret": {"FOLLOWUP_HUBSPOT__TOKEN": "canary-token", "FOLLOWUP_SALESFORCE__SECRET": "canary-secret"},
    "credentials in the address": {
        "FOLLOWUP_HUBSPOT__BASE_URL": "https://me:canary-password@api.hubapi.com",
        "FOLLOWUP_SALESFORCE__LOGIN_URL": "https://me:canary-password@x.my.salesforce.com",
    },
    "a token with a line end inside": _token("canary-a\r\nX: canary-b"),
    "a token that no header can carry": _token("canary-\u2603"),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_no_wrong_setting_is_told_with_its_value(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for command in ("run", "doctor", "check"):
        screen.command(command)


KEYS: dict[str, bytes] = {
    "no key": b"canary-key",
    "half a key": b"-----BEGIN PRIVATE KEY-----\ncanary-key\n-----END PRIVATE KEY-----\n",
    "no text": b"\xff\xfecanary-key",
    "an encrypted key": b"-----BEGIN ENCRYPTED PRIVATE KEY-----\ncanary-key\n-----END ENCRYPTED PRIVATE KEY-----\n",
}


@pytest.mark.parametrize("content", KEYS.values(), ids=list(KEYS))
def test_no_unusable_key_or_secret_file_is_told_with_its_content(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    monkeypatch.setenv("FOLLOWUP_SALESFORCE__PRIVATE_KEY_FILE", str(tmp_path / "key.pem"))
    monkeypatch.setenv("FOLLOWUP_SALESFORCE__USERNAME", "me@example.com")
    monkeypatch.delenv("FOLLOWUP_SALESFORCE__CLIENT_SECRET")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "followup_limits").write_bytes(content)
    screen.command("run")
    monkeypatch.setenv("FOLLOWUP_SECRETS_DIR", str(secrets))
    screen.command("run")
    monkeypatch.setenv("FOLLOWUP_SECRETS_DIR", str(tmp_path / "key.pem"))
    screen.command("run")


def _errors() -> list[type[FollowupError]]:
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, FollowupError)]


def test_a_fault_of_our_own_is_told_by_its_place_and_not_by_its_words(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        try:
            raise ValueError(ECHO)
        except ValueError as error:
            raise RuntimeError(f"canary-{ECHO}") from error

    monkeypatch.setattr(run_module, "ingest", broken)
    for style in ("text", "json"):
        monkeypatch.setenv("FOLLOWUP_LOG", style)
        for arguments in (["run"], ["run", "--json"], ["plan", "--json"]):
            screen._capture.readouterr()
            assert console._outcome(arguments) == 1
            shown = screen._capture.readouterr()
            assert "a fault of followup itself (RuntimeError at " in shown.err
            assert not canaries.seen_in(shown.out + shown.err, (*canaries.SECRETS, *canaries.PERSONAL))
    assert len(_errors()) > 8
    assert not canaries.seen_in_state(screen.firm.folder)


@pytest.mark.parametrize("secret", ["canarysecretofletters", "Canary Secret", "invalid_canary", "CANARYSECRET"])
def test_a_token_endpoint_that_repeats_the_secret_as_its_error_is_not_repeated(secret: str) -> None:
    told = str(login_error(400, secret, f"bad {secret}", START))
    assert secret not in told
    assert "FOLLOWUP_SALESFORCE__CLIENT_ID" in told


def test_no_warning_of_a_library_shows_a_secret(screen: Screen) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        screen.command("run")
        screen.command("doctor")
    assert not canaries.seen_in(" ".join(str(each.message) for each in caught))


def test_the_most_talkative_logging_of_the_libraries_shows_no_secret(
    screen: Screen, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in ("urllib3", "requests", "hubspot", "simple_salesforce", "sqlalchemy"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        try:
            screen.command("run")
        finally:
            for name in ("urllib3", "requests", "hubspot", "simple_salesforce", "sqlalchemy"):
                logging.getLogger(name).setLevel(logging.NOTSET)
    assert not canaries.seen_in(caplog.text)


def test_the_canaries_would_be_seen(tmp_path: Path) -> None:
    assert canaries.seen_in(ECHO) == list(canaries.SECRETS[:4])
    assert canaries.seen_in(ECHO, canaries.PERSONAL) == list(canaries.PERSONAL)
    (tmp_path / ".followup").mkdir()
    (tmp_path / ".followup" / "state.db").write_text(ECHO)
    assert len(canaries.seen_in_state(tmp_path)) == 4
