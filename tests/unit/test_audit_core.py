"""An audit's own arithmetic, on a CRM of dictionaries: what counts as newer, what fits into the calls, what is drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connector.audit.bench import Bench
from connector.audit.counting import count
from connector.audit.model import Audit
from connector.audit.perform import Request, audit
from connector.audit.windows import windows
from connector.domain.errors import FollowupError
from connector.domain.model import Record
from connector.run import run_pass
from tests.core import DAY, HOUR, NEEDS, NOW, World, call, lead, page, ref

UTC = ZoneInfo("UTC")


def made(id_: str, days: float, **fields: object) -> Record:
    """A lead that was made so many days ago and not touched since."""
    at = NOW - timedelta(days=days)
    return replace(lead(id_, **fields), created=at, modified=at)  # type: ignore[arg-type]


def world(*records: Record) -> World:
    """A world in which these were read by a pass."""
    here = World().adopted()
    for record in records:
        here.source.now[record.ref] = record
    here.source.pages.append(page(*records, stream="lead"))
    run_pass(here.connection())
    here.source.streams = lambda needs: ["lead"]  # type: ignore[method-assign]
    return here


def look(here: World, **more: object) -> Audit:
    request = Request(UTC, **more)  # type: ignore[arg-type]
    return audit(here.store, here.adapter, here.rulebook, NOW, request)


def test_a_row_changed_behind_the_stamp_is_drift_and_one_changed_later_is_not() -> None:
    here = world(made("1", 9), made("2", 8), made("3", 7))
    one, two = here.source.now[ref("1")], here.source.now[ref("2")]
    here.source.now[ref("1")] = replace(one, fields={**one.fields, "score": 7, "status": "lost"})
    here.source.now[ref("2")] = replace(two, fields={**two.fields, "status": "won"}, modified=NOW, version="2")
    found = look(here)
    assert [(drift.what, drift.field, drift.stored, drift.crm) for drift in found.drift] == [
        ("lead:1", "status", "new", "lost")
    ], "a field that was never asked for is no drift either"
    assert found.newer == 1


def test_calls_are_bounded_and_the_newest_windows_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(*(made(str(day), day) for day in range(1, 9)))
    monkeypatch.setattr("connector.audit.perform.Bench", lambda *given: Bench(*given, most_calls=5))
    found = look(here)
    assert [one.store for one in found.windows] == [1, 1, 1, 1]
    assert found.windows[0].window.since == _midnight(NOW - 4 * DAY)
    assert found.left_out >= 4
    assert here.adapter.census.calls == 5
    assert found.clean


def test_windows_in_which_nothing_is_stored_cost_no_call_while_the_total_agrees() -> None:
    here = world(made("1", 400), made("2", 3))
    assert len(look(here).windows) > 25
    assert here.adapter.census.calls == 1 + 2
    here.source.now[ref("lost")] = made("lost", 100)
    assert [one.missing for one in look(here).windows if one.differs] == [("lost",)]


def test_nothing_younger_than_the_margin_is_counted() -> None:
    here = world(made("1", 2))
    here.source.now[ref("new")] = made("new", 0.5 / 24)
    assert look(here).clean
    here.source.now[ref("lost")] = made("lost", 2)
    assert [one.missing for one in look(here).windows if one.differs] == [("lost",)]


def test_a_sample_is_drawn_from_every_window_and_first_from_what_differs() -> None:
    here = world(*(made(f"{day}-{number}", day) for day in range(1, 9) for number in range(20)))
    here.source.now[ref("lost")] = made("lost", 3)
    with here.store.begin() as uow:
        bench = Bench(here.adapter, here.store, NEEDS, NOW, NOW, {"lead": "1"}, uow.tombstones())
        bench.records = {"lead": list(uow.record_stock("lead", "")[0])}
    stretches = windows(NOW - 8 * DAY, NOW - HOUR, UTC)
    assert [one.missing for one in count(bench, ["lead"], stretches).windows if one.differs] == [("lost",)]
    found = look(here, sample=24)
    assert found.records == 24
    assert [one.missing for one in found.windows if one.differs] == [("lost",)]


def test_repair_takes_out_what_the_crm_does_not_have_and_reads_again_from_where_rows_are_missing() -> None:
    here = world(made("1", 5), made("2", 4))
    del here.source.now[ref("1")]
    here.source.now[ref("lost")] = made("lost", 4)
    found = look(here, repair=True)
    assert found.repaired is not None
    assert (found.repaired.records, list(found.repaired.streams)) == (2, ["lead"])
    with here.store.begin() as uow:
        stored = uow.records([ref("1"), ref("lost")])
        assert uow.cursor("lead") == f"from {_midnight(NOW - 4 * DAY).isoformat()}"
    assert (stored[ref("1")].deleted, stored[ref("lost")].deleted) == (True, False)
    assert set(here.due()) >= {"1", "lost"}, "the rules look at them"
    assert look(here).clean


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def test_a_write_of_ours_on_top_of_a_version_is_healed_although_the_version_is_the_same() -> None:
    here = world(made("1", 5))
    with here.store.begin() as uow:
        stored = uow.records([ref("1")])[ref("1")]
        ours = replace(stored, version=f"ours:{stored.version}", fields={**stored.fields, "owner": "005B"})
        uow.save_records([ours], NOW)
    [drift] = look(here, repair=True).drift
    assert (drift.field, drift.stored, drift.crm) == ("owner", "005B", "005A")
    assert here.state("1").record.owner == "005A"
    assert look(here).clean


def test_before_anything_was_read_there_is_nothing_to_audit() -> None:
    with pytest.raises(FollowupError, match="nothing was read yet"):
        look(World())


def test_a_large_stock_is_read_in_slices_so_that_a_person_can_pause_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.store.stock.SLICE", 2)
    here = world(*(made(str(number), 9) for number in range(1, 6)))
    with here.store.begin() as uow:
        uow.save_records([replace(made("5", 9), deleted=True)], NOW)
        uow.save_activities([replace(call(f"c{number}", str(number)), created=NOW) for number in range(1, 6)])
        uow.save_activities([replace(call("far", "nobody"), created=NOW)])
    slices: list[int] = []
    found: dict[str, frozenset[str]] = {}
    after: str | None = ""
    while after is not None:
        with here.store.begin() as uow:
            some, after = uow.activity_stock(after)
        slices.append(len(some))
        found |= {one.id: one.lives for one in some}
    assert slices == [2, 2, 2, 0]
    assert found == {
        **{f"c{n}": frozenset({"live"}) for n in range(1, 5)},
        "c5": frozenset({"gone"}),
        "far": frozenset(),
    }
    begins = 0
    begin = here.store.begin

    def counted() -> object:
        nonlocal begins
        begins += 1
        return begin()

    monkeypatch.setattr(here.store, "begin", counted)
    assert look(here).records == 4
    assert begins >= 3 + 4, "a transaction for each slice of records and of activities"
