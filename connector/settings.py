"""What the admin sets: flags, environment, secret files and `followup.yaml`, in this order of weight.

This is the only reader of the environment. Secrets are `SecretStr` throughout, so that no repr, log or error shows one.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from connector.domain.errors import ConfigError, Problem
from connector.domain.ports import AdapterConfig, Clock
from connector.limits import OFF, Limits, Section

PREFIX = "FOLLOWUP_"
SECRETS_DIR = "/run/secrets"
"""Where a container finds its secret files; `FOLLOWUP_SECRETS_DIR` names another folder."""

ENROLLMENT_TARGETS: Mapping[str, tuple[str, ...]] = {
    "salesforce": ("campaign", "cadence"),
    "hubspot": ("list", "sequence", "workflow", "single_send"),
}


def _days(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"\s*(\d{1,5})\s+days?\s*", str(value))
    if not found:
        raise ValueError("write it as a number of days, such as `90 days`")
    return timedelta(days=int(found.group(1)))


Days = Annotated[timedelta, BeforeValidator(_days)]


def _stripped(value: object) -> object:
    """A secret without the line end that files and `echo` put behind it; a header carries ASCII alone."""
    if isinstance(value, str) and not (value.strip().isascii() and value.strip().isprintable()):
        raise ValueError("this holds a character that no secret of the CRM has, such as a line end: copy it anew")
    return value.strip() if isinstance(value, str) else value


Secret = Annotated[SecretStr, BeforeValidator(_stripped)]


def _hosts(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = [name.strip().lower() for name in value.split(",") if name.strip()]
    if not all(
        re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", name) for name in names
    ):
        raise ValueError("write bare host names with commas between them, such as api.example.gov")
    return frozenset(names)


Hosts = Annotated[frozenset[str], NoDecode, BeforeValidator(_hosts)]


PlaceOf = Callable[[tuple[str | int, ...]], tuple[int, int]]
"""From a path of keys in a file to its line and column."""


class SalesforceSettings(Section):
    """How to reach a Salesforce org: client credentials (id and secret) or JWT bearer (id, user name and key file)."""

    login_url: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    username: str | None = None
    private_key_file: Path | None = None
    api_version: str = "62.0"


class HubSpotSettings(Section):
    """How to reach a HubSpot portal: a private app's token or a service key."""

    access_token: Secret | None = None
    base_url: str = "https://api.hubapi.com"


class Keep(Section):
    """How long the state file remembers: deleted records and their changes, and why actions were planned."""

    snapshots: Days = timedelta(days=400)
    traces: Days = timedelta(days=90)


class _Environment(EnvSettingsSource):
    """The variables. What stands in place of a section within one, such as `off`, is told by the section what it may be."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """The JSON that stands in a variable, or its text where the section that it is for may have a word for it."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            if field is self.settings_cls.model_fields.get(field_name):
                raise
            return value


class Settings(BaseSettings):
    """Everything that can be set, checked once at the start."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # `NAME=` in a compose file or a manifest means: not set
        extra="forbid",
        hide_input_in_errors=True,
        case_sensitive=False,
    )

    workspace: Path = Path()
    crm: str | None = None
    store: str | None = None
    now: datetime | None = None
    log: Literal["text", "json"] | None = None
    engine: Literal["auto", "durable", "plain"] = "auto"
    secrets_dir: Path = Path(SECRETS_DIR)
    allowed_hosts: Hosts = frozenset()
    salesforce: SalesforceSettings = SalesforceSettings()
    hubspot: HubSpotSettings = HubSpotSettings()
    records: dict[Literal["lead", "contact", "deal"], str] = {}
    fields: dict[str, str] = {}
    statuses: dict[str, str] = {}
    enrollments: dict[str, dict[str, str]] = {}
    task_key_field: str | None = None
    limits: Limits = Limits()
    keep: Keep = Keep()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then secret files; `load_settings` adds the file below them."""
        secrets = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=_secrets_dir(),
            secrets_dir_missing="ok",
            secrets_prefix=PREFIX,
            secrets_nested_delimiter="__",
        )
        flags = dict(init_settings()) if isinstance(init_settings, InitSettingsSource) else {}
        below = flags.pop("_file", {})
        return (
            InitSettingsSource(settings_cls, flags),
            _Environment(settings_cls),
            secrets,
            InitSettingsSource(settings_cls, below),
        )

    @property
    def crm_name(self) -> str:
        """The CRM, or a ConfigError that says where to name it."""
        if not self.crm:
            raise ConfigError("no CRM is named: write `crm: salesforce` or `crm: hubspot` into followup.yaml")
        return self.crm

    @property
    def store_url(self) -> str:
        """Where the state is kept: by default a SQLite file in the workspace."""
        return self.store or f"sqlite:///{self.workspace.resolve() / '.followup' / 'state.db'}"

    @property
    def crm_url(self) -> str | None:
        """The CRM's address, as far as it is set."""
        return self.salesforce.login_url if self.crm == "salesforce" else self.hubspot.base_url


def is_loopback(url: str | None) -> bool:
    """Whether a URL points at this machine only."""
    try:
        host = urlsplit(url or "").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def workspace_folder(flag: Path | None) -> Path:
    """The workspace: the flag, else `FOLLOWUP_WORKSPACE`, else the current folder; ConfigError when it is none."""
    folder = flag or Path(os.environ.get(f"{PREFIX}WORKSPACE") or ".")
    if not folder.is_dir():
        raise ConfigError(
            f"{folder} is not a folder: name a workspace with --workspace, or make one with `followup init`"
        )
    return folder


def load_settings(
    file_values: Mapping[str, object] | None = None,
    place_of: PlaceOf | None = None,
    **flags: object,
) -> Settings:
    """The settings from every source; ConfigError lists all that is wrong, with file and line where it is in the file."""
    given = {name: value for name, value in flags.items() if value is not None}
    _refuse_in_file(file_values or {}, place_of)
    _refuse_off_and_on(os.environ)
    try:
        # A key whose items are all commented out is not set, as in team.yaml.
        written = {name: value for name, value in (file_values or {}).items() if value != ""}
        settings = Settings(**given, _file=written)  # type: ignore[arg-type,call-arg]
    except ValidationError as error:
        raise _config_error(error, file_values or {}, place_of) from None
    except SettingsError as error:
        raise _unread(error) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"the secret files in {_secrets_dir()} cannot be read: make each a text file that this user may read"
        ) from None
    _check(settings)
    return settings


NOT_BY_FILE: Mapping[tuple[str, ...], str] = {
    ("allowed_hosts",): "who may write this file must not be able to send credentials elsewhere",
    ("salesforce", "client_secret"): "a secret has no place in a file that is kept and shared",
    ("hubspot", "access_token"): "a secret has no place in a file that is kept and shared",
}
"""What followup.yaml may not say, and why; the environment and secret files may."""


def _refuse_in_file(values: Mapping[str, object], place_of: PlaceOf | None) -> None:
    problems = []
    for path, why in NOT_BY_FILE.items():
        found: object = values
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
        if str(found or "").strip():
            line, column = place_of(path) if place_of is not None else (0, 0)
            name = PREFIX + "__".join(path).upper()
            said = f"`{'.'.join(path)}`: {why}: set {name} in the environment or in a secret file"
            problems.append(Problem("followup.yaml", line, column, said))
    if problems:
        raise ConfigError(str(problems[0]), tuple(problems))


def _refuse_off_and_on(environ: Mapping[str, str]) -> None:
    """A section that one variable switches off while another one sets a number of it: one of them would do nothing."""
    names = sorted(name for name in environ if name.upper().startswith(PREFIX) and environ[name])
    for name in names:
        within = next((one for one in names if one.upper().startswith(f"{name.upper()}__")), None)
        if within is not None and environ[name].strip().lower() == OFF:
            raise ConfigError(f"{name} is off, and {within} is set: say one of them")


def _secrets_dir() -> str:
    return os.environ.get(f"{PREFIX}SECRETS_DIR") or SECRETS_DIR


def _unread(error: SettingsError) -> ConfigError:
    """A variable that holds several values and is no JSON, or a folder of secrets that is none."""
    found = re.search(r'field "(\w+)"', str(error))
    if found is None:
        return ConfigError(
            f"FOLLOWUP_SECRETS_DIR is {_secrets_dir()}: name a folder with one small text file per secret"
        )
    name = f"{PREFIX}{found.group(1).upper()}"
    return ConfigError(f"{name} holds several values: write them as a JSON object, or each as a variable {name}__NAME")


MOST_TOLD = 100
"""Mistakes of one file that are looked into; each takes a search for what was meant."""


def _config_error(
    error: ValidationError,
    file_values: Mapping[str, object],
    place_of: PlaceOf | None,
) -> ConfigError:
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:MOST_TOLD]:
        path = tuple(part for part in item["loc"] if part != "[key]")
        name = ".".join(str(part) for part in path)
        said = _said(item["type"], str(item["msg"]), path)
        if place_of is not None and path and path[0] in file_values:
            line, column = place_of(path)
            problems.append(Problem("followup.yaml", line, column, f"`{name}`: {said}"))
        else:
            problems.append(Problem(PREFIX + "__".join(str(part) for part in path).upper(), 0, 0, said))
    first = problems[0]
    where = str(first) if first.line else f"{first.file}: {first.message}"
    return ConfigError(where, tuple(problems))


def _said(kind: str, message: str, path: tuple[str | int, ...]) -> str:
    if kind != "extra_forbidden":
        return message.removeprefix("Value error, ")
    model: Any = Settings
    for part in path[:-1]:
        field = model.model_fields.get(str(part))
        model = field.annotation if field is not None and hasattr(field.annotation, "model_fields") else Settings
    known = sorted(model.model_fields)
    near = difflib.get_close_matches(str(path[-1]), known, 1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    return f"this is not a setting; {hint}allowed: {', '.join(known)}"


def _check(settings: Settings) -> None:
    if settings.now is not None:
        if settings.now.tzinfo is None:
            raise ConfigError("FOLLOWUP_NOW needs a time zone, such as 2026-03-02T09:00:00Z")
        if settings.crm and not is_loopback(settings.crm_url):
            raise ConfigError("FOLLOWUP_NOW is refused: the clock may be replaced only against a CRM on this machine")
    targets = ENROLLMENT_TARGETS.get(settings.crm or "")
    for name, target in settings.enrollments.items() if targets else ():
        named = [word for word in targets or () if word in target]
        if len(named) != 1:
            raise ConfigError(
                f"followup.yaml: `enrollments.{name}` needs exactly one of {', '.join(targets or ())} for {settings.crm}"
            )
    for url in (settings.salesforce.login_url, settings.hubspot.base_url):
        _check_host(url)
        if url and not url.startswith("https://") and not (url.startswith("http://") and is_loopback(url)):
            raise ConfigError("the CRM's address must begin with https:// (http:// is for this machine only)")


def _check_host(url: str | None) -> None:
    try:
        host = urlsplit(url or "https://-").hostname
    except ValueError:
        host = None
    if not host:
        raise ConfigError("the CRM's address names no host: write it as https://HOST")


def adapter_config(settings: Settings, clock: Clock, should_stop: Callable[[], bool]) -> AdapterConfig:
    """What the adapter of the chosen CRM is built from; ConfigError names the variable that is missing."""
    crm = settings.crm_name
    connection = {"salesforce": _salesforce, "hubspot": _hubspot}.get(crm, lambda _: {})(settings)
    return replace(offline_config(settings, clock), connection=connection, should_stop=should_stop)


def offline_config(settings: Settings, clock: Clock) -> AdapterConfig:
    """The same without credentials: enough to tell what rules would need, and to connect nowhere."""
    return AdapterConfig(
        crm=settings.crm_name,
        connection={},
        clock=clock,
        records={str(kind): name for kind, name in settings.records.items()},
        fields=settings.fields,
        statuses=settings.statuses,
        enrollments=settings.enrollments,
        task_key_field=settings.task_key_field,
        api_calls_share=settings.limits.api_calls_share,
        allowed_hosts=settings.allowed_hosts,
    )


def _salesforce(settings: Settings) -> dict[str, str]:
    given = settings.salesforce
    if not given.login_url:
        raise ConfigError(
            "FOLLOWUP_SALESFORCE__LOGIN_URL is not set: your org's address, https://NAME.my.salesforce.com"
        )
    if not given.client_id:
        raise ConfigError("FOLLOWUP_SALESFORCE__CLIENT_ID is not set: the consumer key of the connected app")
    values = {"login_url": given.login_url, "client_id": given.client_id, "api_version": given.api_version}
    if given.client_secret is not None and given.client_secret.get_secret_value():
        return {**values, "client_secret": given.client_secret.get_secret_value()}
    if given.username and given.private_key_file:
        return {**values, "username": given.username, "private_key_file": str(given.private_key_file)}
    raise ConfigError(
        "no Salesforce credentials: set FOLLOWUP_SALESFORCE__CLIENT_SECRET, or __USERNAME and __PRIVATE_KEY_FILE"
    )


def _hubspot(settings: Settings) -> dict[str, str]:
    given = settings.hubspot
    if given.access_token is None or not given.access_token.get_secret_value():
        raise ConfigError("FOLLOWUP_HUBSPOT__ACCESS_TOKEN is not set: the token of a private app or a service key")
    return {"access_token": given.access_token.get_secret_value(), "base_url": given.base_url}
