"""What a workspace's file may not say: secrets, and where else credentials may be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.clock import SystemClock
from connector.domain.errors import ConfigError
from connector.settings import adapter_config, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOLLOWUP_SECRETS_DIR", str(tmp_path / "secrets"))


@pytest.mark.parametrize(
    ("section", "name"), [("salesforce", "client_secret"), ("hubspot", "access_token")]
)  # fmt: skip
def test_a_secret_in_followup_yaml_is_refused_with_its_place_and_not_repeated(section: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"FOLLOWUP_{section.upper()}__{name.upper()}") as raised:
        load_settings({"crm": section, section: {name: "sekrit"}}, lambda _: (3, 5))
    assert str(raised.value).startswith("followup.yaml:3:5: ")
    assert "sekrit" not in str(raised.value)


def test_followup_yaml_cannot_allow_hosts_only_the_environment_can(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="FOLLOWUP_ALLOWED_HOSTS"):
        load_settings({"crm": "hubspot", "allowed_hosts": "evil.example.com"})
    monkeypatch.setenv("FOLLOWUP_ALLOWED_HOSTS", "API.example.gov, my.example.gov")
    monkeypatch.setenv("FOLLOWUP_HUBSPOT__ACCESS_TOKEN", "t")
    config = adapter_config(load_settings({"crm": "hubspot"}), SystemClock(), lambda: False)
    assert config.allowed_hosts == {"api.example.gov", "my.example.gov"}


@pytest.mark.parametrize("value", ["https://api.example.gov", "*.example.gov", ".example.gov", "com", "a b.example"])
def test_an_allowed_host_is_one_bare_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FOLLOWUP_ALLOWED_HOSTS", value)
    with pytest.raises(ConfigError, match="bare host names"):
        load_settings({"crm": "hubspot"})
