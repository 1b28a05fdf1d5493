"""A state from before there were pauses and releases on record is opened with its marks as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from connector.domain.decision import HeldCount
from connector.domain.model import Mark, RecordRef
from connector.store import open_store
from connector.store.codec import micros
from connector.store.migrate import migrate, migrations
from tests.contract.store_bench import FixedClock, record

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEAD = RecordRef("salesforce", "lead", "00Q000000000001AAA")
BEFORE = {number: statements for number, statements in migrations().items() if number < 5}


def test_marks_of_an_older_state_were_released_by_nobody_and_nothing_is_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    monkeypatch.setattr("connector.store.migrate.migrations", lambda: BEFORE)
    engine = create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "here")
        for rule, kind in (("call", "fired"), ("offer", "held")):
            connection.execute(
                text("INSERT INTO marks VALUES (:record, :rule, 'created', '', :at, :kind, '005A')"),
                {"record": f"salesforce/lead/{LEAD.id}", "rule": rule, "at": micros(AT), "kind": kind},
            )
    engine.dispose()
    monkeypatch.undo()
    store = open_store(url, clock=FixedClock())
    with store.begin() as unit:
        unit.save_records([record(LEAD)], AT)
        assert unit.states([LEAD])[0].marks == (
            Mark("call", "created", "", AT, "fired", released=False),
            Mark("offer", "created", "", AT, "held", released=False),
        )
        assert unit.pauses() == {}
        assert unit.held() == [HeldCount("offer", 1, 1, 1)]
    store.close()
