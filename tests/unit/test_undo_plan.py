"""How an undo is planned: in which order, from which values, and when it is better left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.actions import action_key
from connector.domain.decision import ActionKind, Moment, OutboxEntry, PlannedAction
from connector.domain.model import Activity, Change, Owner, Record, RecordRef, RecordState, Value
from connector.domain.undone import UNDO, is_undone, undo_key, without_undone
from connector.undo import Known, StillOurs, Undoing, plan_undo, same

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEAD = RecordRef("salesforce", "lead", "00Q000000000001AAA")
OWNERS = (Owner("ana", "Ana"), Owner("ben", "Ben"), Owner("old", "Olga", active=False), Owner("q", "Queue", queue=True))


def _write(kind: ActionKind, position: int, old: dict[str, Value] | None = None, **fields: Value) -> OutboxEntry:
    named = {name.rstrip("_"): value for name, value in fields.items()}
    key = action_key("rule", LEAD, "created", position)
    action = PlannedAction(key, "rule", LEAD, kind, named, old or {}, "why", "created", position)
    return OutboxEntry(action, "confirmed", "run-1", 1, "id-1", "", NOW, already=False)


def _plan(
    *entries: OutboxEntry,
    record: dict[str, Value] | None = None,
    changes: tuple[Change, ...] = (),
    done: tuple[OutboxEntry, ...] = (),
    lasting: str | None = None,
) -> Undoing:
    state = RecordState(Record(LEAD, record or {"owner": "ben", "status": "B"}, NOW, NOW, "1"), NOW, changes=changes)
    known = Known({LEAD: state}, {LEAD: (*entries, *done)}, Moment(NOW, "salesforce", OWNERS), lambda _name: lasting)
    return plan_undo(entries, known)


def _whys(plan: Undoing) -> list[str]:
    return [left.why for left in plan.left]


TO_BEN = _write("reassign", 2, {"owner": "ana"}, owner="ben", owner_name="Ben")


def test_the_last_write_of_a_record_is_the_first_to_be_taken_back() -> None:
    task = _write("task", 0, subject="Call", owner="ben")
    enrolled = _write("enroll", 1, in_="brochure")
    plan = _plan(task, enrolled, TO_BEN)
    assert [(action.position, action.kind) for action in plan.actions] == [
        (0, "reassign"),
        (1, "unenroll"),
        (2, "amend"),
    ]
    assert [action.key for action in plan.actions] == [undo_key(each.action) for each in (TO_BEN, enrolled, task)]
    assert {action.rule for action in plan.actions} == {UNDO}
    assert plan.actions[0].occasion == TO_BEN.action.key


def test_two_writes_of_one_field_are_taken_back_step_by_step() -> None:
    first, second = _write("set", 0, {"status": "A"}, status="B"), _write("set", 1, {"status": "B"}, status="C")
    plan = _plan(first, second, record={"status": "C"})
    assert [(action.old["status"], action.fields["status"]) for action in plan.actions] == [("C", "B"), ("B", "A")]
    assert plan.left == []
    assert _whys(_plan(first, second, record={"status": "D"})) == ["status was changed since"] * 2


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("ana", None),
        ("q", None),
        (None, None),
        ("old", "Olga, who had it before, is inactive"),
        ("gone", "the owner of before is no longer in the CRM"),
    ],
)
def test_a_record_goes_back_to_who_can_have_it(before: str | None, why: str | None) -> None:
    plan = _plan(_write("reassign", 0, {"owner": before}, owner="ben"))
    assert _whys(plan) == ([] if why is None else [why])
    assert [action.fields["owner"] for action in plan.actions] == ([before] if why is None else [])


@pytest.mark.parametrize("kind", ["set", "reassign"])
def test_what_stood_there_before_has_to_be_known(kind: ActionKind) -> None:
    plan = _plan(_write(kind, 0, {}, **{"status" if kind == "set" else "owner": "B" if kind == "set" else "ben"}))
    assert plan.actions == []
    assert "before is not known" in _whys(plan)[0] or "it was before is not known" in _whys(plan)[0]


def test_a_field_that_the_crm_hides_by_now_is_left() -> None:
    assert _whys(_plan(_write("set", 0, {"title": "A"}, title="B"))) == ["the CRM does not show title any more"]


@pytest.mark.parametrize(("already", "undone"), [(False, 1), (True, 0), (None, 0)])
def test_only_an_enrolment_that_a_receipt_calls_ours_is_ended(already: bool | None, undone: int) -> None:
    plan = _plan(replace(_write("enroll", 0, in_="brochure"), already=already))
    assert len(plan.actions) == undone
    assert [action.saw["member"] for action in plan.actions] == ["id-1"] * undone


def test_an_enrolment_that_cannot_be_left_says_why() -> None:
    plan = _plan(_write("enroll", 0, in_="welcome"), lasting="HubSpot cannot end a sequence enrolment by API")
    assert (_whys(plan), plan.actions) == (["HubSpot cannot end a sequence enrolment by API"], [])


def test_a_task_has_to_look_as_we_last_wrote_it() -> None:
    made = _write("task", 0, subject="Call", body="Text", due=NOW, due_date=NOW.date(), owner="ana", priority="high")
    moved = _write("amend", 1000, task="id-1", owner="ben", subject="Call (for Ana)")
    plan = _plan(made, done=(moved,))
    [back] = plan.actions
    assert back.fields == {"task": "id-1", "subject": "Undone: Call (for Ana)", "done": True}
    assert {name: value for name, value in back.saw.items() if name.startswith("task.")} == {
        "task.subject": "Call (for Ana)",
        "task.body": "Text",
        "task.due": NOW,
        "task.due_date": NOW.date(),
        "task.owner": "ben",
    }
    closed = _write("amend", 1001, task="id-1", done=True)
    assert _whys(_plan(made, done=(closed,))) == ["the task is closed already"]


def test_what_an_earlier_undo_did_is_not_done_again_and_what_it_could_not_is_tried_again() -> None:
    for state, before, left in (
        ("confirmed", 1, 0),
        ("pending", 0, 0),
        ("failed", 0, 0),
        ("dead", 0, 0),
        ("dropped", 0, 0),
        ("unknown", 0, 1),
    ):
        earlier = OutboxEntry(
            replace(TO_BEN.action, key=undo_key(TO_BEN.action), rule=UNDO, occasion=TO_BEN.action.key),
            state,  # type: ignore[arg-type]
            "undo-1",
        )
        plan = _plan(TO_BEN, done=(earlier,))
        assert (plan.before, len(plan.left)) == (before, left), state
        assert len(plan.actions) == (0 if state in ("confirmed", "unknown") else 1), state


@pytest.mark.parametrize("state", ["dropped", "failed", "dead"])
def test_what_was_never_written_has_nothing_to_take_back(state: str) -> None:
    plan = _plan(replace(TO_BEN, state=state))  # type: ignore[arg-type]
    assert (plan.actions, plan.left) == ([], [])


@pytest.mark.parametrize(
    ("ours", "told", "alike"),
    [
        ("Working", "working ", True),
        ("005000000000001", "005000000000001AAA", True),
        ("A text that we wrote into it", "A text that we wrote", False),
        ("A text that we wrote", "A text that we wrote, and a person went on", False),
        (None, "", True),
        ("", None, True),
        (False, None, False),
        (3, 3.0, True),
        (NOW, NOW + timedelta(milliseconds=300), True),
        (NOW, NOW + timedelta(seconds=2), False),
    ],
)
def test_a_value_is_ours_as_the_crm_keeps_it_and_not_when_it_is_another(ours: Value, told: Value, alike: bool) -> None:
    assert same(ours, told) is alike


@pytest.mark.parametrize("gone", ["deleted", "converted"])
def test_the_last_look_stops_at_a_record_that_is_gone(gone: str) -> None:
    [action] = _plan(TO_BEN).actions
    state = RecordState(Record(LEAD, {"owner": "ben"}, NOW, NOW, "1"), NOW)
    moment = Moment(NOW, "salesforce", OWNERS)
    assert StillOurs().recheck(action, state, moment) is None
    lost = replace(state, record=replace(state.record, **{gone: True}))  # type: ignore[arg-type]
    reason = StillOurs().recheck(action, lost, moment)
    assert reason is not None
    assert gone in reason.text


# -- what is left behind ---------------------------------------------------------------------------------------------


def _change(id_: str, old: Value, new: Value, hours: int, *, us: bool = True) -> Change:
    return Change(id_, LEAD, "status", old, new, NOW + hours * HOUR, origin="us" if us else "crm")


def test_a_change_and_its_undoing_count_as_none() -> None:
    person = _change("h1", "A", "B", 0, us=False)
    ours, back = _change("rule.1#status", "B", "C", 1), _change("undo.2#status", "C", "B", 2)
    assert without_undone([back, ours, person]) == [person]
    later = _change("rule.3#status", "B", "C", 3)
    assert without_undone([person, ours, back, later]) == [person, later]
    assert without_undone([person, back]) == [person]
    at_once = _change("undo.2#status", "C", "B", 1)
    assert without_undone([at_once, ours]) == []


def test_what_a_person_changed_is_never_forgotten() -> None:
    person, back = _change("h1", "B", "C", 1, us=False), _change("undo.2#status", "C", "B", 2)
    assert without_undone([person, back]) == [person]


def test_only_a_closed_task_of_ours_counts_as_undone() -> None:
    task = Activity("t", "task", (LEAD,), NOW, "1", subject="Undone: Call", done=True, key="rule.1")
    assert is_undone(task)
    assert not is_undone(replace(task, key=None))
    assert not is_undone(replace(task, done=False))
    assert not is_undone(replace(task, subject="Call"))
