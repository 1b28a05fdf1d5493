"""Reading: what is news, what is an echo, what becomes due, and what a broken page leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from connector.domain.decision import PlannedAction, Receipt, RecordPlan
from connector.domain.errors import RetryableError, StoreError
from connector.domain.model import Activity, Enrollment
from connector.echo import OURS, remember
from connector.ingest import ReadCounts, ingest
from tests.core import ANA, BEN, DAY, HOUR, MINUTE, NEEDS, NOW, World, call, change, lead, page, ref


@pytest.fixture
def world() -> World:
    return World()


def _read(world: World, *pages: object, at: datetime = NOW) -> ReadCounts:
    world.source.pages += pages  # type: ignore[arg-type]
    return ingest(world.source, world.store, NEEDS, at)


def _known(world: World, *found: object) -> None:
    _read(world, page(*found))  # type: ignore[arg-type]
    world.evaluated()


def _wrote(world: World, kind: str = "set", **fields: object) -> PlannedAction:
    """Our own confirmed write on lead 1."""
    action = PlannedAction("go.1", "go", ref("1"), kind, fields, {}, "why", "o", 0)  # type: ignore[arg-type]
    with world.store.begin() as uow:
        remember(uow, action, Receipt("go.1", "confirmed", "T1"), NOW)
    return action


def _claimed(world: World, kind: str = "set", **fields: object) -> None:
    """Our own write on lead 1 whose answer was lost."""
    action = PlannedAction("go.1", "go", ref("1"), kind, fields, {}, "why", "o", 0)  # type: ignore[arg-type]
    with world.store.begin() as uow:
        uow.commit_plan(RecordPlan(ref("1"), actions=(action,)), "r", NOW)
        uow.claim("r", 10, NOW, NOW + HOUR)
        uow.settle([Receipt("go.1", "unknown")], NOW)


# -- one page, one commit ----------------------------------------------------------------------------------------------


def test_a_page_is_stored_with_its_cursor_and_makes_its_records_due(world: World) -> None:
    counts = _read(world, page(lead("1"), call("c", "1"), change("h", "x"), cursor="7"))
    assert (counts.records, counts.activities, counts.changes) == (1, 1, 1)
    assert world.due() == ["1"]
    _read(world)
    assert world.source.cursors == [None, "7"]


def test_an_error_between_two_pages_keeps_the_first_and_the_next_reading_starts_behind_it(world: World) -> None:
    counts = ReadCounts()
    world.source.pages = [page(lead("1"), cursor="1"), RetryableError("down"), page(lead("2"), cursor="2")]
    with pytest.raises(RetryableError):
        ingest(world.source, world.store, NEEDS, NOW, counts=counts)
    assert counts.records == 1, "what was read before the error is counted"
    assert world.due() == ["1"]
    ingest(world.source, world.store, NEEDS, NOW)
    assert world.source.cursors[-1] == "1"
    assert world.due() == ["1", "2"]


def test_a_page_that_cannot_be_stored_leaves_nothing_and_moves_no_cursor(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.store.begin() as uow:
        kind = type(uow)

    def full(*_: object) -> None:
        raise StoreError("no room")

    counts = ReadCounts()
    with monkeypatch.context() as patched:
        patched.setattr(kind, "save_activities", full)
        world.source.pages = [page(lead("1"), call("c", "1"), cursor="9")]
        with pytest.raises(StoreError):
            ingest(world.source, world.store, NEEDS, NOW, counts=counts)
    with world.store.begin() as uow:
        assert uow.cursor("all") is None
        assert uow.records([ref("1")]) == {}
    assert (counts.records, counts.activities) == (0, 0), "nothing is counted that was not stored"


def test_asked_to_stop_reading_ends_behind_the_page_in_hand(world: World) -> None:
    world.source.pages = [page(lead("1"), cursor="1"), page(lead("2"), cursor="2")]
    ingest(world.source, world.store, NEEDS, NOW, should_stop=lambda: True)
    assert world.due() == ["1"]
    with world.store.begin() as uow:
        assert uow.cursor("all") == "1"


# -- records -----------------------------------------------------------------------------------------------------------


def test_a_record_read_again_unchanged_is_no_news(world: World) -> None:
    _known(world, lead("1"))
    counts = _read(world, page(lead("1")), page(lead("1", 2)))
    assert counts.records == 0, "a new stamp alone is no news"
    assert world.due() == []


def test_of_a_record_twice_on_a_page_the_later_version_counts_whatever_the_order(world: World) -> None:
    _known(world, lead("1"))
    _read(world, page(lead("1", 3, status="working"), lead("1", 2, status="odd")))
    assert world.state().record.status == "working"


def test_a_row_older_than_what_is_stored_changes_nothing(world: World) -> None:
    _known(world, lead("1", 5, status="working"))
    counts = _read(world, page(lead("1", 2, status="new")))
    assert world.state().record.status == "working"
    assert (counts.records, world.due(), world.state().changes) == (0, [], ())


def test_a_record_that_comes_back_after_its_deletion_is_alive_and_due(world: World) -> None:
    _known(world, lead("1"), call("c", "1"))
    _read(world, page(replace(lead("1", 2), deleted=True)))
    assert world.state().record.deleted
    assert world.due() == ["1"]
    world.evaluated()
    _read(world, page(lead("1", 1)))
    assert not world.state().record.deleted
    assert world.due() == ["1"]
    assert len(world.state().activities) == 1


def test_two_readings_that_differ_tell_a_change_and_the_history_only_refines_it(world: World) -> None:
    _known(world, lead("1"))
    counts = _read(world, page(lead("1", 2, status="working")))
    assert counts.changes == 1
    [told] = world.state().changes
    assert (told.old, told.new, told.exact, told.origin) == ("new", "working", False, "crm")
    counts = _read(world, page(change("h1", "working")))
    assert counts.changes == 0
    [told] = world.state().changes
    assert told.exact


def test_a_change_that_the_page_tells_itself_is_told_once(world: World) -> None:
    _known(world, lead("1"))
    counts = _read(world, page(lead("1", 2, status="working"), change("h1", "working")))
    assert counts.changes == 1
    assert [one.id for one in world.state().changes] == ["h1"]


# -- what is not known yet ---------------------------------------------------------------------------------------------


def test_what_happened_to_a_record_before_it_was_read_counts_once_it_is(world: World) -> None:
    _read(world, page(call("c", "1"), change("h", "working"), enrollments=(Enrollment(ref("1"), "list", NOW),)))
    assert world.due() == [], "what is not known cannot be evaluated"
    _read(world, page(lead("1", status="working")))
    state = world.state()
    assert world.due() == ["1"]
    assert (len(state.activities), len(state.changes), len(state.enrollments)) == (1, 1, 1)


# -- activities --------------------------------------------------------------------------------------------------------


def test_an_activity_in_the_same_version_is_no_news_and_in_another_it_is(world: World) -> None:
    _known(world, lead("1"), call("c", "1"))
    assert _read(world, page(call("c", "1"))).activities == 0
    assert world.due() == []
    assert _read(world, page(call("c", "1", version="2"))).activities == 1
    assert world.due() == ["1"]


def test_a_task_completed_in_the_second_in_which_it_was_read_is_news_though_its_version_is_the_same(
    world: World,
) -> None:
    task = replace(call("t", "1"), type="task", done=False, actor=ANA.id, created=NOW)
    _known(world, lead("1"), task)
    assert _read(world, page(task)).activities == 0
    assert _read(world, page(replace(task, done=True, outcome="connected"))).activities == 1
    assert world.due() == ["1"]
    [stored] = world.state().activities
    assert (stored.done, stored.outcome) == (True, "connected")
    assert _read(world, page(replace(task, done=True, outcome="connected"))).activities == 0


def test_a_deleted_activity_makes_the_record_due_that_it_was_on_though_its_row_names_none(world: World) -> None:
    _known(world, lead("1"), call("c", "1"))
    _read(world, page(call("c", version="gone", deleted=True)))
    assert world.due() == ["1"]
    assert world.state().activities == ()


def test_an_activity_hung_on_another_record_makes_both_due(world: World) -> None:
    _known(world, lead("1"), lead("2"), call("c", "1"))
    _read(world, page(call("c", "2", version="2")))
    assert world.due() == ["1", "2"]
    assert world.state("1").activities == ()
    assert len(world.state("2").activities) == 1


# -- merges ------------------------------------------------------------------------------------------------------------


def _merged(loser: str, survivor: str, version: int = 9) -> object:
    return replace(lead(loser, version), deleted=True, merged_into=ref(survivor))


def test_a_merge_gives_the_survivor_the_losers_activities_and_makes_it_due(world: World) -> None:
    _known(world, lead("1"), lead("2"), call("c", "1"))
    _read(world, page(_merged("1", "2")))  # type: ignore[arg-type]
    assert world.due() == ["2"]
    assert len(world.state("2").activities) == 1


def test_a_merge_into_a_record_that_is_read_later_loses_nothing(world: World) -> None:
    _known(world, lead("1"), call("c", "1"))
    _read(world, page(_merged("1", "2")))  # type: ignore[arg-type]
    assert world.due() == []
    _read(world, page(lead("2")))
    assert world.due() == ["2"]
    assert len(world.state("2").activities) == 1


@pytest.mark.parametrize("late_first", [False, True])
def test_a_chain_of_merges_ends_at_the_last_survivor_in_either_order(world: World, late_first: bool) -> None:
    _known(world, lead("1"), lead("2"), lead("3"), call("a", "1"), call("b", "2"))
    first, second = _merged("1", "2"), _merged("2", "3")
    for one in (second, first) if late_first else (first, second):
        _read(world, page(one))  # type: ignore[arg-type]
    assert {one.id for one in world.state("3").activities} == {"a", "b"}
    assert "3" in world.due()


def test_a_long_chain_of_merges_that_is_told_backwards_ends_at_its_last_survivor(world: World) -> None:
    _known(world, *(lead(str(n)) for n in range(1, 6)), call("a", "1"))
    for loser in (4, 3, 2, 1):
        _read(world, page(_merged(str(loser), str(loser + 1))))  # type: ignore[arg-type]
    assert [one.id for one in world.state("5").activities] == ["a"]


def test_records_that_name_each_other_as_survivor_are_stored_and_end_nothing(world: World) -> None:
    _known(world, lead("1"), lead("2"))
    _read(world, page(_merged("1", "2"), _merged("2", "1")))  # type: ignore[arg-type]
    assert world.state("1").record.merged_into == ref("2")


def test_what_comes_late_for_a_merged_record_belongs_to_its_survivor(world: World) -> None:
    _known(world, lead("1"), lead("2"))
    _known(world, _merged("1", "2"))
    _read(world, page(call("c", "1")))
    assert world.due() == ["2"]
    assert len(world.state("2").activities) == 1


def test_a_merged_record_that_is_then_only_told_as_deleted_still_names_its_survivor(world: World) -> None:
    _known(world, lead("1"), lead("2"))
    _known(world, _merged("1", "2"))
    _read(world, page(replace(lead("1", 10), fields={}, deleted=True)))
    assert world.state("1").record.merged_into == ref("2")


# -- our own writes ----------------------------------------------------------------------------------------------------


def test_our_own_write_read_back_is_no_news(world: World) -> None:
    _known(world, lead("1"))
    _wrote(world, status="working")
    counts = _read(world, page(lead("1", 2, status="working"), change("h", "working", at=NOW)))
    assert (counts.records, counts.changes, world.due()) == (0, 0, [])
    assert [one.origin for one in world.state().changes] == ["us"]


def test_a_row_from_before_our_write_does_not_undo_it(world: World) -> None:
    _known(world, lead("1", 4))
    _wrote(world, status="working")
    counts = _read(world, page(lead("1", 4, status="new")))
    assert (counts.records, counts.changes, world.due()) == (0, 0, [])
    assert world.state().record.status == "working"
    _read(world, page(lead("1", 5, status="working")))
    assert [one.origin for one in world.state().changes] == ["us"]
    assert world.due() == []


def test_a_row_from_before_our_write_still_brings_a_field_that_was_never_read(world: World) -> None:
    _known(world, lead("1", 4))
    _wrote(world, status="working")
    _read(world, page(lead("1", 4, status="new", tier="A")))
    assert world.state().record.fields["tier"] == "A"
    assert world.state().record.status == "working"


def test_a_person_who_changes_what_we_wrote_is_news(world: World) -> None:
    _known(world, lead("1"))
    _wrote(world, status="working")
    _read(world, page(lead("1", 63, status="interested")))
    assert [(one.new, one.origin) for one in world.state().changes] == [("working", "us"), ("interested", "crm")]
    assert world.due() == ["1"]


@pytest.mark.parametrize(
    ("wrote", "told"),
    [
        ("Working ", "working"),
        ("005000000000001AAA", "005000000000001"),
        ("A long status that is cut by the CRM", "A long status that is"),
    ],
)
def test_what_the_crm_makes_of_our_value_is_ours(world: World, wrote: str, told: str) -> None:
    _known(world, lead("1"))
    _wrote(world, status=wrote)
    _read(world, page(lead("1", 2, status=told)), page(change("h", told, old="new", at=NOW)))
    assert {one.origin for one in world.state().changes} == {"us"}
    assert world.state().record.status == told


def test_a_write_whose_answer_was_lost_is_ours_when_it_comes_back_before_it_was_looked_up(world: World) -> None:
    _known(world, lead("1"))
    _claimed(world, status="working")
    _read(world, page(lead("1", 60, status="working")), page(change("h", "working", at=NOW)))
    [told] = world.state().changes
    assert told.origin == "us"


def test_a_lost_reassignment_that_the_history_tells_first_is_ours_too(world: World) -> None:
    _known(world, lead("1"))
    _claimed(world, "reassign", owner=BEN.id, owner_name="Ben")
    _read(world, page(lead("1", 60, owner=BEN.id), change("h", BEN.id, name="owner", old=ANA.id, at=NOW)))
    assert [one.origin for one in world.state().changes] == ["us"]


def test_a_persons_change_to_the_same_value_long_before_our_lost_write_is_theirs(world: World) -> None:
    _known(world, lead("1"))
    _claimed(world, status="working")
    _read(world, page(change("h", "working", at=NOW - DAY)))
    assert [one.origin for one in world.state().changes] == ["crm"]


def _task(version: str = "1", **more: object) -> Activity:
    values: dict[str, object] = {"done": False, "key": "go.1", **more}
    return Activity("T1", "task", (ref("1"),), NOW, version, **values)  # type: ignore[arg-type]


def test_our_open_task_read_back_is_an_echo_and_a_finished_one_is_news(world: World) -> None:
    _known(world, lead("1"))
    _wrote(world, "task", subject="Call", owner=ANA.id)
    with world.store.begin() as uow:
        assert uow.activity_versions(["T1"]) == {"T1": OURS}
    counts = _read(world, page(_task()))
    assert (counts.echoes, counts.activities, world.due()) == (1, 0, [])
    assert [one.version for one in world.state().activities] == ["1"], "as the CRM has it from now on"
    counts = _read(world, page(_task("2", done=True)))
    assert (counts.echoes, counts.activities, world.due()) == (0, 1, ["1"])


def test_our_task_whose_answer_was_lost_is_an_echo_too_and_its_deletion_is_news(world: World) -> None:
    _known(world, lead("1"))
    assert _read(world, page(_task())).echoes == 1
    assert world.due() == []
    assert len(world.state().activities) == 1, "it is the lead's next step all the same"
    assert _read(world, page(_task("2", deleted=True))).activities == 1
    assert world.due() == ["1"]


def test_our_note_never_counts(world: World) -> None:
    _known(world, lead("1"))
    note = Activity("N1", "note", (ref("1"),), NOW, "1", key="go.1")
    assert _read(world, page(note), page(replace(note, version="2"))).echoes == 2
    assert world.due() == []


def test_an_enrolment_read_again_is_no_news(world: World) -> None:
    one = Enrollment(ref("1"), "list", NOW)
    _known(world, lead("1"))
    _read(world, page(enrollments=(one,)))
    assert world.due() == ["1"]
    world.evaluated()
    _read(world, page(enrollments=(one,)))
    assert world.due() == []
    _read(world, page(enrollments=(replace(one, active=False),)), at=NOW + MINUTE)
    assert world.due(NOW + HOUR) == ["1"]
