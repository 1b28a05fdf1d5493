"""Every store that the contract is tried on. FOLLOWUP_TEST_POSTGRES names a PostgreSQL to run it on, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from connector.domain.actions import action_key
from connector.domain.decision import PlannedAction, RecordPlan
from connector.domain.model import Mark, Record, RecordRef
from connector.domain.storage import Store, UnitOfWork
from connector.store import open_store

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ANN = RecordRef("salesforce", "lead", "00Q000000000001AAA")
BEN = RecordRef("salesforce", "lead", "00Q000000000002AAA")
DEAL = RecordRef("salesforce", "deal", "006000000000001AAA")
POSTGRES = os.environ.get("FOLLOWUP_TEST_POSTGRES")


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a store does not wait")


@pytest.fixture(params=["file", "memory", *(["postgres"] if POSTGRES else [])])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgres":
        assert POSTGRES is not None
        schema = f"followup_test_{uuid4().hex[:12]}"
        admin = create_engine(POSTGRES)
        with admin.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
        opened = open_store(url.render_as_string(hide_password=False), clock=FixedClock())
        yield opened
        opened.close()
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        admin.dispose()
        return
    opened = open_store(
        "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/state.db", clock=FixedClock()
    )
    yield opened
    opened.close()


@pytest.fixture
def unit(store: Store) -> Iterator[UnitOfWork]:
    with store.begin() as opened:
        yield opened


def record(ref: RecordRef = ANN, **fields: object) -> Record:
    return Record(ref, {"owner": "005A", "status": "Open", **fields}, NOW, NOW, "v1")  # type: ignore[dict-item]


def action(ref: RecordRef = ANN, position: int = 0, rule: str = "call", occasion: str = "created") -> PlannedAction:
    return PlannedAction(
        key=action_key(rule, ref, occasion, position),
        rule=rule,
        record=ref,
        kind="task",
        fields={"subject": "Call", "due": NOW, "day": date(2026, 3, 3)},
        old={"status": None},
        why="Somebody should call",
        occasion=occasion,
        position=position,
        saw={"owner": "005A", "opted_out": False},
    )


def mark(rule: str = "call", occasion: str = "created", kind: str = "fired", at: datetime = NOW) -> Mark:
    return Mark(rule, occasion, "", at, kind)  # type: ignore[arg-type]


def planned(unit: UnitOfWork, *actions: PlannedAction, held: tuple[PlannedAction, ...] = ()) -> None:
    ref = (*actions, *held)[0].record
    unit.commit_plan(RecordPlan(ref, actions, held), "run-1", NOW)


def _save_then_fail(unit: UnitOfWork) -> None:
    unit.save_cursor("leads", "1")
    unit.save_records([record(called=NOW.replace(tzinfo=None))], NOW)


def states(unit: UnitOfWork) -> dict[str, str]:
    return {entry.action.key: entry.state for entry in unit.outbox()}
