"""What comes in about a forgotten record is dropped, whatever it is and wherever it stands."""

from __future__ import annotations

import json
from dataclasses import replace

from connector.domain.model import Activity, Change, Enrollment, Page, Record, RecordRef
from connector.domain.tombstones import ACTIVITY, Tombstones, digest
from connector.run import run_pass
from tests.core import NOW, World, call, change, lead, page, ref

SALT = b"s" * 32
ONE, TWO = ref("765432101"), ref("765432102")


def graves(*named: tuple[str, str]) -> Tombstones:
    return Tombstones(SALT, {digest(SALT, *name): NOW for name in named or [("lead", ONE.id)]})


def _lead(which: RecordRef, **more: object) -> Record:
    return replace(lead(which.id), **more)  # type: ignore[arg-type]


def test_a_page_is_stored_without_what_was_forgotten() -> None:
    shared = replace(call("c1"), refs=(ONE, TWO), subject="with both", outcome="busy")
    own = replace(call("c2"), refs=(ONE,))
    told = Page(
        "lead", "{}", (_lead(ONE), _lead(TWO)), (shared, own), (change("h1", "x", ONE.id), change("h2", "x", TWO.id)),
        (Enrollment(ONE, "welcome", NOW), Enrollment(TWO, "welcome", NOW)),
    )  # fmt: skip
    clean, gone = graves().page(told)
    assert [record.ref for record in clean.records] == [TWO]
    assert clean.activities == (replace(shared, refs=(TWO,), subject="", outcome=None),)
    assert [one.ref for one in clean.changes] == [TWO]
    assert [one.ref for one in clean.enrollments] == [TWO]
    assert gone == ["c2"]


def test_an_activity_that_is_told_before_its_record_is_known_by_its_own_id() -> None:
    early = Activity("call:7", "call", (), NOW, "1", subject="about the flux")
    known = graves((ACTIVITY, "call:7"))
    assert known.page(Page("call", "{}", activities=(early,)))[0].activities == ()
    [kept] = known.page(Page("call", "{}", activities=(replace(early, refs=(TWO,)),)))[0].activities
    assert (kept.refs, kept.subject) == ((TWO,), "")


def test_who_is_merged_into_a_forgotten_record_is_only_gone() -> None:
    [kept] = graves().records([_lead(TWO, merged_into=ONE)])
    assert (kept.deleted, kept.merged_into) == (True, None)


def test_a_cursor_stands_just_before_a_forgotten_id_and_never_on_it() -> None:
    id_ = int(ONE.id)
    known = graves(("lead", ONE.id), ("lead", "00Q000000000001AAA"), (ACTIVITY, "call:9"))
    assert json.loads(known.cursor(json.dumps({"fast": 5, "last_id": id_, "sweep": {"last": id_}}), "lead")) == {
        "fast": 5, "last_id": id_ - 1, "sweep": {"last": id_ - 1},
    }  # fmt: skip
    assert json.loads(known.cursor('{"id": "00Q000000000001AAA", "trail": null}', "lead")) == {"id": "", "trail": None}
    assert known.cursor(json.dumps({"after": ONE.id}), "archived:lead") == json.dumps({"after": str(id_ - 1)})
    assert json.loads(known.cursor('{"last_id": 9}', "call")) == {"last_id": 8}
    assert known.cursor('{"last_id": 9}', "email") == '{"last_id": 9}'
    assert json.loads(known.cursor(json.dumps([ONE.id, TWO.id]), "members:x")) == [TWO.id]
    assert known.cursor("not JSON", "lead") == "not JSON"


def test_a_pass_reads_and_re_reads_past_a_forgotten_record() -> None:
    world = World().adopted()
    world.put(
        _lead(ONE, fields={"owner": "005A", "status": "go"}), _lead(TWO, fields={"owner": "005A", "status": "go"})
    )
    with world.store.begin() as uow:
        uow.forget([ONE], NOW)
    world.source.pages.append(page(replace(call("c1"), refs=(ONE,)), change("h1", "x", ONE.id), cursor="2"))
    run_pass(world.connection())
    with world.store.begin() as uow:
        assert uow.footprint([ONE]) == {}
        assert uow.footprint([TWO])["records"] == 1
        assert uow.tombstones().knows(ACTIVITY, "c1")
    assert {action.record for action in world.sink.sent} == {TWO}


def test_nothing_is_looked_up_where_nothing_was_forgotten() -> None:
    empty = Tombstones()
    assert not empty
    assert (empty.when(ONE), empty.knows("lead", ONE.id)) == (None, False)
    assert empty.records([_lead(ONE)]) == [_lead(ONE)]
    assert [one.id for one in empty.changes([Change("h", ONE, "status", 1, 2, NOW)])] == ["h"]
