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
