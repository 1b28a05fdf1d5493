"""What every store must do with what was forgotten on request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event

from connector.domain.decision import Assignment, RecordPlan, RunSummary
from connector.domain.model import Activity, Change, Enrollment, Needs, Offer, Page, RecordRef
from connector.domain.storage import Store, UnitOfWork
from connector.ingest import take_page
from tests.contract.store_bench import ANN, BEN, DEAL, NOW, action, mark, record, store, unit

__all__ = ["store", "unit"]

LOSER = RecordRef("salesforce", "lead", "00Q000000000009AAA")


def _told(unit: UnitOfWork, ref: RecordRef, name: str) -> None:
    """Something of every sort about a record."""
    unit.save_records([record(ref, name=name, email=f"{name}@secret.example")], NOW)
    unit.save_activities([Activity(f"own-{ref.id}", "call", (ref,), NOW, "1", subject=f"{name} rang")])
    unit.save_changes([Change("c", ref, "status", "New", name, NOW)])
    unit.save_enrollments([Enrollment(ref, "welcome", NOW)])
    unit.mark_due([ref], NOW)
    planned = action(ref)
    payload = replace(planned, fields={"subject": f"Call {name}"})
    offer = Offer(ref, "call", "created", 1, "inbound", "ana", "005A", NOW, NOW, planned.key)
    unit.commit_plan(RecordPlan(ref, (payload,), marks=(mark(),), next_at=NOW, offers=(offer,)), "r1", NOW)
    unit.save_assignments([Assignment("inbound", "ana", ref, "call", NOW, f"knows {name}")])


def _rows(unit: UnitOfWork, ref: RecordRef) -> list[object]:
    return [
        *unit.records([ref]), *unit.states([ref]), *unit.our_writes(ref), *unit.due(NOW, 10),
        *(one for one in unit.assignments() if one.ref == ref), *(one for one in unit.offers() if one.ref == ref),
    ]  # fmt: skip


def test_everything_about_a_record_goes_and_nothing_of_another(unit: UnitOfWork) -> None:
    _told(unit, ANN, "Ann")
    _told(unit, BEN, "Ben")
    before = unit.states([BEN]), unit.our_writes(BEN)
    assert unit.footprint([ANN]) == {
        "records": 1, "activities": 1, "changes": 1, "enrolments": 1, "marks": 1, "offers": 1, "assignments": 1,
        "deadlines": 1, "writes": 1,
    }  # fmt: skip
    unit.forget([ANN], NOW)
    assert unit.footprint([ANN]) == {}
    assert [one for one in _rows(unit, ANN) if one != BEN] == []
    assert (unit.states([BEN]), unit.our_writes(BEN)) == before
    assert unit.activity_versions([f"own-{ANN.id}", f"own-{BEN.id}"]) == {f"own-{BEN.id}": "1"}


def test_a_shared_activity_stays_with_the_others_without_its_words(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    shared = Activity("s", "call", (ANN, BEN), NOW, "1", "outbound", "005A", "Ann was out", "Ann and Ben")
    unit.save_activities([shared])
    assert unit.footprint([ANN]) == {"records": 1, "shared activities": 1}
    unit.forget([ANN], NOW)
    [ben] = unit.states([BEN])
    assert ben.activities == (replace(shared, refs=(BEN,), subject="", outcome=None),)
    assert not unit.tombstones().knows("activity", "s")


def test_a_tombstone_knows_the_id_again_and_does_not_carry_it(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    unit.save_activities([Activity("a1", "call", (ANN,), NOW, "1")])
    assert not unit.tombstones()
    unit.forget([ANN], NOW)
    graves = unit.tombstones()
    assert (graves.when(ANN), graves.when(BEN), graves.knows("activity", "a1")) == (NOW, None, True)
    assert not graves.has(replace(ANN, kind="contact"))
    assert unit.forgotten_counts() == {"lead": 1, "activity": 1}
    assert ANN.id not in repr(graves)
    unit.forget([ANN], NOW + timedelta(days=1))
    assert unit.tombstones().when(ANN) == NOW, "the first day counts"


def test_a_page_reads_what_was_forgotten_once_and_what_is_forgotten_meanwhile_counts(unit: UnitOfWork) -> None:
    unit.save_records([record(), record(BEN)], NOW)
    unit.forget([ANN], NOW)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    connection = unit._connection  # type: ignore[attr-defined]
    event.listen(connection, "before_cursor_execute", note)
    for name in ("Ann", "Anna"):
        told = Page("lead", name, records=(record(name=name), record(BEN, name=name)))
        take_page(unit, told, Needs(), NOW)
    assert sum("FROM forgotten" in one for one in asked) <= 1
    assert (unit.records([ANN]), unit.records([BEN])[BEN].fields["name"]) == ({}, "Anna")
    unit.forget([BEN], NOW)
    assert (unit.tombstones().has(ANN), unit.tombstones().has(BEN)) == (True, True)


def test_the_merged_are_found_from_either_end(unit: UnitOfWork) -> None:
    loser = replace(record(LOSER), deleted=True, merged_into=BEN)
    middle = replace(record(BEN), deleted=True, merged_into=ANN)
    unit.save_records([record(), middle, loser, record(DEAL)], NOW)
    assert unit.merged_with(ANN) == unit.merged_with(LOSER) == [ANN, BEN, LOSER]
    assert unit.merged_with(DEAL) == [DEAL]


def test_a_merge_in_a_circle_ends(unit: UnitOfWork) -> None:
    unit.save_records([replace(record(), merged_into=BEN), replace(record(BEN), merged_into=ANN)], NOW)
    assert set(unit.merged_with(ANN)) == {ANN, BEN}


def test_no_cursor_and_no_message_of_a_pass_names_it(unit: UnitOfWork) -> None:
    unit.save_records([record()], NOW)
    unit.save_cursor("lead", f'{{"stamp": "2026-03-02", "id": "{ANN.id}", "columns": ["Id"]}}')
    unit.save_cursor("members:x", f'["{BEN.id}", "{ANN.id}"]')
    unit.start_run(RunSummary("r1", "salesforce", NOW, "run", None, 1, {}, f"odd: lead:{ANN.id}"))
    unit.forget([ANN], NOW)
    assert unit.cursor("lead") == '{"stamp": "2026-03-02", "id": "", "columns": ["Id"]}'
    assert unit.cursor("members:x") == f'["{BEN.id}"]'
    [run] = unit.runs(1)
    assert run.message == "odd: a forgotten record"


def test_another_record_whose_id_begins_with_its_id_keeps_its_name_in_the_log(unit: UnitOfWork) -> None:
    ann = RecordRef("hubspot", "lead", "123")
    unit.save_records([record(ann)], NOW)
    told = "lead:123: odd\nlead:1234 as well\nhubspot/lead/123, hubspot/lead/1234, lead:123a, contact:123, lead:123"
    unit.start_run(RunSummary("r1", "hubspot", NOW, "run", None, 1, {}, told))
    unit.start_run(RunSummary("r2", "hubspot", NOW, "run", None, 1, {}, "lead:1234"))
    unit.forget([ann], NOW)
    gone = "a forgotten record"
    expected = f"{gone}: odd\nlead:1234 as well\n{gone}, hubspot/lead/1234, lead:123a, contact:123, {gone}"
    assert {run.id: run.message for run in unit.runs(2)} == {"r1": expected, "r2": "lead:1234"}


def test_after_the_rewrite_no_byte_of_it_is_in_the_file(store: Store, tmp_path: Path) -> None:
    with store.begin() as unit:
        if tmp_path.joinpath("state.db").exists():  # some builds of SQLite overwrite by themselves: not here
            unit._connection.exec_driver_sql("PRAGMA secure_delete=OFF")  # type: ignore[attr-defined]
        for number in range(200):  # pages full of others before and behind
            unit.save_records([record(RecordRef("salesforce", "lead", f"00Q{number:012d}AAA"), note="x" * 300)], NOW)
        _told(unit, LOSER, "Zebulon")
        unit.save_cursor("lead", f'{{"id": "{LOSER.id}"}}')
    with store.begin() as unit:  # an older version of the row leaves its bytes behind
        unit.save_records([record(LOSER, name="Zebulon the Elder", note="y" * 2000)], NOW)
    with store.begin() as unit:
        unit.forget([LOSER], NOW)
    file = tmp_path / "state.db"
    words = [b"Zebulon", b"secret.example", LOSER.id.encode()]
    if file.exists():
        held = file.read_bytes()
        assert any(word in held for word in words), "what is deleted is still there"
    rewritten = store.scrub()
    if file.exists():  # else in memory, or in a database whose admin sees to that
        assert rewritten
        assert {file.name for file in tmp_path.iterdir()} == {"state.db"}
        assert [word for word in words if word in file.read_bytes()] == []
