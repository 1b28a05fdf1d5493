"""Markers that must never be seen: the secrets the sandbox takes and hands out, and what its prospects are called."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

CLIENT_SECRET = "sandbox-secret"
ACCESS_TOKEN = "sandbox-token"
HANDED_OUT = "!sandbox."
"""Part of every access token that the Salesforce sandbox hands out."""

SECRETS = (
    CLIENT_SECRET,
    ACCESS_TOKEN,
    HANDED_OUT,
    base64.b64encode(f"sandbox:{CLIENT_SECRET}".encode()).decode(),
    "canary-",
)
"""Whatever else tests use as a secret begins with the last one."""

PERSONAL = ("@example.org", "Mara Weber")
"""The domain of every lead's address, and the name of the lead that most tests make."""


def seen_in(text: str, canaries: Iterable[str] = SECRETS) -> list[str]:
    """Which canaries a text shows."""
    return [canary for canary in canaries if canary in text]


def seen_in_state(folder: Path) -> list[str]:
    """Which secrets the files of a state hold, as `FILE: SECRET`."""
    files = [file for file in (folder / ".followup").glob("*") if file.is_file()] if folder.is_dir() else []
    return [f"{file.name}: {canary}" for file in files for canary in SECRETS if canary.encode() in file.read_bytes()]
