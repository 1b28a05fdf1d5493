"""Plan files: how the state seals the actions it planned, and how `apply` takes them.

A plan file decides about owners and texts that are written to the CRM, and passes through hands and folders. So each of
its actions carries a seal of the state that planned it. Actions may be taken out of a file; none can be added or changed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from connector.cli.options import plain
from connector.domain.decision import PlannedAction
from connector.domain.errors import ConfigError
from connector.domain.model import Value
from connector.domain.storage import Store

KEY = "plan_key"
"""The setting of the store with the key, in hex digits, that its seals are made with."""

SEAL = "seal"

MOST_BYTES = 256_000_000
"""A plan file is read whole; a pass over 100,000 records plans less than this."""


def sealed(store: Store, document: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's document with a seal on each action, by which `apply` knows it again."""
    with store.begin() as uow:
        key = str(uow.setting(KEY) or "")
        if not key:
            key = secrets.token_hex(32)
            uow.save_setting(KEY, key)
    rows = json.loads(json.dumps(document["actions"], default=plain))
    return {**document, "actions": [{**row, SEAL: _seal(key, row)} for row in rows]}


def _seal(key: str, row: Mapping[str, Any]) -> str:
    """The seal of an action: a keyed digest of all it says, whatever its spacing and the order of its words."""
    told = json.dumps({name: value for name, value in row.items() if name != SEAL}, sort_keys=True)
    return hmac.new(bytes.fromhex(key), told.encode(), hashlib.sha256).hexdigest()[:32]


class SavedPlan:
    """A plan file: which actions it allows, and the values they were shown with."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            if file.stat().st_size > MOST_BYTES:
                raise ConfigError(f"{file} is too large to be a plan file")
            document = json.loads(file.read_text(encoding="utf-8"))
            rows = document["actions"]
            self._fields: dict[str, Mapping[str, object]] = {str(row["key"]): dict(row["fields"]) for row in rows}
            self._old: dict[str, Mapping[str, object]] = {str(row["key"]): dict(row.get("old") or {}) for row in rows}
            self._rows: list[Mapping[str, Any]] = [dict(row) for row in rows]
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}; `followup plan --out {file.name}` writes one") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigError(f"{file} is not a plan file; `followup plan --out {file.name}` writes one") from None

    def check(self, store: Store) -> None:
        """ConfigError unless this state planned every action of the file, as it stands there."""
        with store.begin() as uow:
            key = str(uow.setting(KEY) or "")
        if not all(
            key and hmac.compare_digest(str(row.get(SEAL)).encode(), _seal(key, row).encode()) for row in self._rows
        ):
            raise ConfigError(
                f"{self._file} was not made by `followup plan` with this state, or was changed since; nothing was written: "
                f"make it anew with `followup plan --out {self._file.name}`"
            )

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its actions."""
        return frozenset(self._fields)

    def restore(self, action: PlannedAction) -> PlannedAction:
        """Today's action with the values of the file, typed as today's are."""
        fields = {name: _typed(value, action.fields.get(name)) for name, value in self._fields[action.key].items()}
        old = {name: _typed(value, action.old.get(name)) for name, value in self._old[action.key].items()}
        return replace(action, fields=fields, old=old)


def _typed(value: object, like: Value) -> Value:
    if isinstance(value, str) and isinstance(like, datetime):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and isinstance(like, date):
        return date.fromisoformat(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ConfigError("the plan file holds a value that is neither text, number, yes/no nor instant")
