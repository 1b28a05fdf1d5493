"""Fixtures that every kind of test shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.company import Company, company

# The suite says the same of the same code every time; FOLLOWUP_EXPLORE=1 looks at examples that nobody has seen yet.
settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile("explore" if os.environ.get("FOLLOWUP_EXPLORE") else "same")


@pytest.fixture(params=["salesforce", "hubspot"])
def firm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    """A company, once on each CRM."""
    with company(request.param, tmp_path) as made:
        yield made
