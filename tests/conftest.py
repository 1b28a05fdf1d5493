"""Fixtures that every kind of test shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import canaries
from tests.company import Company, company

# The suite says the same of the same code every time; FOLLOWUP_EXPLORE=1 looks at examples that nobody has seen yet.
settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile("explore" if os.environ.get("FOLLOWUP_EXPLORE") else "same")


MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own there, for this user only
ENOUGH_BYTES = 2_000_000_000
"""Far more than the tests leave lying at a time; the largest folder is the virtual environment of the image, 0.4 GB."""


def pytest_configure() -> None:
    """The tests' folders lie in memory where there is room: of a pass on the disk, half is waiting for the disk.

    What a power cut leaves is tested by tests/crash, which sees every sync and needs no disk for it.
    """
    if not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if found.f_bavail * found.f_frsize >= ENOUGH_BYTES and not found.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, no log line of ours or of a library shows a secret, nor a prospect's address."""
    yield
    for phase in ("setup", "call"):
        for record in caplog.get_records(phase):
            line = record.getMessage()
            assert not canaries.seen_in(line, (*canaries.SECRETS, "@example.org")), record.name


@pytest.fixture(params=["salesforce", "hubspot"])
def firm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    """A company, once on each CRM."""
    with company(request.param, tmp_path) as made:
        yield made
