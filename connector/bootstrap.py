"""The composition root: the only place that knows every concrete class. Commands and tests both start here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from adapters.registry import open_adapter
from connector import limits
from connector.clock import FixedClock, SystemClock
from connector.domain.errors import ConfigError, Problem, StoreError
from connector.domain.storage import Store
from connector.run import Connection
from connector.settings import Settings, adapter_config, load_settings, workspace_folder
from connector.store import open_store
from connector.store.described import last_description
from rules import checks
from rules.basics import Place
from rules.loader import Loaded, load_rules
from rules.model import Breaker, Limit, Threshold
from rules.rulebook import FileRulebook
from rules.yamlfile import load_mapping

CONFIG_FILE = "followup.yaml"

CALLS = "calls_today"
"""The setting of the store that counts our calls of a day, as `2026-03-02 117`."""


@dataclass(slots=True)
class Workspace:
    """A loaded workspace: its settings, its rules, and everything that is wrong with them."""

    folder: Path
    settings: Settings
    loaded: Loaded
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where followup.yaml has each status word."""
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong in the rule and team files."""
        return self.loaded.problems

    def rulebook(self) -> FileRulebook:
        """The rules, not yet bound to a CRM."""
        return FileRulebook(self.loaded.ruleset, self.loaded.problems, self.settings.engine)

    def clock(self) -> SystemClock:
        """The machine's clock, or the instant of `FOLLOWUP_NOW`."""
        now = self.settings.now
        return SystemClock(self.stop) if now is None else FixedClock(now, self.stop)


def load_workspace(folder: Path | None = None, draft: Path | None = None, /, **flags: object) -> Workspace:
    """Read followup.yaml, team.yaml and rules/*.yaml; ConfigError when the settings themselves are wrong.

    `draft` is a folder whose rules, and team.yaml where it has one, stand in for the workspace's.
    """
    folder = workspace_folder(folder)
    config = folder / CONFIG_FILE
    places: dict[str, Place] = {}
    if config.exists():
        values, problems, place_of = load_mapping(config)
        if problems:
            raise ConfigError(str(problems[0]), problems)
        settings = load_settings(values, place_of, workspace=folder, **flags)
        for word in settings.statuses:
            places[word] = Place(CONFIG_FILE, *place_of(("statuses", word), key=True))
    else:
        settings = load_settings({}, None, workspace=folder, **flags)
    default = Limit(per_run=settings.limits.per_rule_per_run)
    breaker = _breaker(settings.limits.breaker)
    named = frozenset(settings.enrollments)
    loaded = load_rules(folder, default_limit=default, breaker=breaker, enrollments=named, draft=draft)
    return Workspace(folder, settings, loaded, places)


def _breaker(wanted: limits.Breaker) -> Breaker:
    """The breaker of followup.yaml as the rules know it."""
    rule, whole = wanted.per_rule, wanted.per_pass
    return Breaker(Threshold(rule.records, rule.percent), Threshold(whole.records, whole.percent))


def findings(workspace: Workspace) -> tuple[Problem, ...]:
    """What `check` has to say of the rules that are written correctly; offline, and nothing is written anywhere."""
    settings = workspace.settings
    last = last_description(settings.store_url)
    config = checks.Config(
        crm=settings.crm or "",
        statuses=settings.statuses,
        places=workspace.places,
        fields=settings.fields,
        enrollments=tuple(settings.enrollments),
        described=None if last is None else checks.Described(last.schema, last.owners, last.at.date()),
    )
    return checks.look(workspace.loaded.ruleset, config)


@contextmanager
def connect(workspace: Workspace) -> Iterator[Connection]:
    """Everything one pass works with: store, rules and the CRM's adapter, given back at the end."""
    settings, clock = workspace.settings, workspace.clock()
    config = adapter_config(settings, clock, workspace.stop.is_set)
    store = open_store(settings.store_url, clock=clock)
    try:
        adapter = open_adapter(replace(config, calls_before=_calls_today(store, clock.now())))
        try:
            yield Connection(
                crm=settings.crm_name,
                clock=clock,
                store=store,
                rulebook=workspace.rulebook(),
                adapter=adapter,
                stop=workspace.stop,
                keep_traces=settings.keep.traces,
                keep_snapshots=settings.keep.snapshots,
            )
        finally:
            adapter.close()
            with suppress(StoreError):  # what ended the pass is the error to tell
                _note_calls(store, clock.now(), adapter.api_calls)
    finally:
        store.close()


def _calls_today(store: Store, now: datetime) -> int:
    """The calls that earlier processes made on this day (UTC), as far as this state file knows."""
    with store.begin() as uow:
        day, _, count = str(uow.setting(CALLS) or "").partition(" ")
    return int(count) if day == now.date().isoformat() and count.isdecimal() else 0


def _note_calls(store: Store, now: datetime, calls: int) -> None:
    if calls:
        count = _calls_today(store, now) + calls
        with store.begin() as uow:
            uow.save_setting(CALLS, f"{now.date().isoformat()} {count}")
