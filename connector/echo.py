"""Telling our own writes from news: what we stored when a write was confirmed, and how it looks when it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connector.domain.model import Activity, Record, Value

OURS = "ours"
"""The version of an activity that we stored ourselves when its write was confirmed, before the CRM told it back."""


def is_echo(activity: Activity, stored: str | None) -> bool:
    """One of our own that comes back as we wrote it: a task nobody has finished, a note. A finished one is a person's work."""
    if activity.key is None:
        return False
    return activity.type == "note" or (not activity.done and not activity.deleted and stored in (None, OURS))


def after_our_write(record: Record, values: Mapping[str, Value]) -> Record:
    """The stored record as it is once our own write has landed, so that reading it back is no news."""
    fields = {**record.fields, **{name: value for name, value in values.items() if name in record.fields}}
    return replace(record, fields=fields)
