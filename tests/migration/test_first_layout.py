"""A state that the first release wrote is opened by this one with all that was in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from connector.domain.decision import Assignment
from connector.domain.model import RecordRef
from connector.store import open_store
from connector.store.codec import micros, record_text
from connector.store.migrate import migrate, migrations
from tests.contract.store_bench import FixedClock
from tests.contract.store_bench import record as lead

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEAD = RecordRef("salesforce", "lead", "00Q000000000001AAA")


def _first_release(url: str, monkeypatch: pytest.MonkeyPatch, leads: int) -> None:
    monkeypatch.setattr("connector.store.migrate.migrations", lambda: {1: MIGRATIONS[1]})
    engine = create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "here")
        for number in range(leads):
            ref = RecordRef("salesforce", "lead", f"00Q{number:015}")
            row = {
                "ref": f"salesforce/lead/{ref.id}",
                "id": ref.id,
                "data": record_text(lead(ref, company="Müller AG")),
            }
            connection.execute(
                text("INSERT INTO records VALUES (:ref, 'lead', :id, '005A', 1, NULL, :at, :data)"),
                {**row, "at": micros(AT)},
            )
        connection.execute(
            text("INSERT INTO assignments VALUES (1, 'inbound', 'ana', :ref, 'share', :at, 'in turn')"),
            {"ref": f"salesforce/lead/{LEAD.id}", "at": micros(AT)},
        )
    engine.dispose()
    monkeypatch.undo()


MIGRATIONS = migrations()


def test_the_first_layout_keeps_its_records_and_ledger_and_learns_what_turns_are_weighed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    _first_release(url, monkeypatch, leads=901)
    store = open_store(url, clock=FixedClock())
    with store.begin() as unit:
        assert unit.population() == {"lead": 901}
        assert unit.loads() == {"005A": 901}
        assert unit.company_owners(["MÜLLER AG"]) == {"müller ag": ("005A",)}
        assert unit.assignments() == [Assignment("inbound", "ana", LEAD, "share", AT, "in turn")]
        assert unit.offers() == []
    store.close()
