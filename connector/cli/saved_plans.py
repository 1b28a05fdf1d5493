"""Plan files: how the state vouches for those it made, and how `apply` takes them.

A plan file decides about owners and texts that are written to the CRM, and passes through hands and folders. So only a
file that `plan` made from this very state, unchanged, is applied: the state keeps a digest of each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from connector.cli.options import plain
from connector.domain.decision import PlannedAction
from connector.domain.errors import ConfigError
from connector.domain.model import Value
from connector.domain.storage import Store

MADE = "plans_made"
"""The setting of the store with the digests of the plans it vouches for, the newest last."""

MOST_PLANS = 100
MOST_BYTES = 256_000_000
"""A plan file is read whole; a pass over 100,000 records plans less than this."""


def vouch(store: Store, document: Mapping[str, object]) -> None:
    """Note that this state made the plan, so that `apply` takes it."""
    digest = _digest(json.loads(json.dumps(document, default=plain)))
    with store.begin() as uow:
        made = [each for each in str(uow.setting(MADE) or "").split() if each != digest]
        uow.save_setting(MADE, " ".join([*made, digest][-MOST_PLANS:]))


def _digest(document: object) -> str:
    """What a document says, whatever its spacing and the order of its keys."""
    return hashlib.blake2b(json.dumps(document, sort_keys=True).encode(), digest_size=16).hexdigest()


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
            self._digest = _digest(document)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}; `followup plan --out {file.name}` writes one") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigError(f"{file} is not a plan file; `followup plan --out {file.name}` writes one") from None

    def check(self, store: Store) -> None:
        """ConfigError unless this state made the plan and nobody has changed it since."""
        with store.begin() as uow:
            made = str(uow.setting(MADE) or "").split()
        if self._digest not in made:
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
