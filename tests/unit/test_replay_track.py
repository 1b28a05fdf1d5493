"""A record on its way through the past: what people did stays, what followup wrote then is taken away."""

from __future__ import annotations

from dataclasses import replace

from connector.domain.actions import action_key
from connector.domain.decision import PlannedAction, RecordPlan
from connector.domain.model import Activity, Enrollment, RecordState, Value
from connector.domain.replay import OurWrites
from rules.replay.track import Track
from tests.builders import ANA, BEN, REF, assigned, at, call, change, email, lead, mark, meeting, state, task

ENTRY = "2026-03-02 09:00"
KEY = action_key("r", REF, "created", 0)


def track(of: RecordState, **ours: object) -> Track:
    return Track(of, at(ENTRY), OurWrites(**ours))  # type: ignore[arg-type]


def action(kind: str, key: str = KEY, **fields: Value) -> PlannedAction:
    return PlannedAction(key, "r", REF, kind, fields, {}, "why", "created", 0)  # type: ignore[arg-type]


def task_action(key: str = KEY) -> PlannedAction:
    return action("task", key, type="call", subject="Call", due=at("2026-03-04 09:00"), owner=ANA.id)


def done(one: Track, *actions: PlannedAction, when: str = "2026-03-03 09:00") -> None:
    one.carry_out(RecordPlan(REF, actions), at(when))


def kinds(one: Track, when: str) -> list[tuple[str, bool]]:
    return [(each.type, each.done) for each in one.at(at(when)).activities]


def ours(done_at: str | None = None, **more: object) -> Activity:
    made = task("2026-03-04 09:00", due="2026-03-04 09:00", key=KEY, created=at("2026-03-03 09:00"), task_type="call")
    made = replace(made, **more)  # type: ignore[arg-type]
    return made if done_at is None else replace(made, type="call", done=True, at=at(done_at), ended=at(done_at))


def test_fields_go_forward_with_what_people_changed() -> None:
    moved = change("status", "Open - Not Contacted", "Interested", "2026-03-05 10:00")
    one = track(state(lead(status="Interested", score=70), moved))
    assert one.at(at("2026-03-05 09:59")).record.status == "Open - Not Contacted"
    assert one.at(at("2026-03-05 10:00")).record.status == "Interested"
    assert [each.id for each in one.at(at("2026-03-06 10:00")).changes] == [moved.id]


def test_what_we_changed_did_not_happen_until_the_rules_write_it_again() -> None:
    one = track(state(lead(owner=BEN.id), assigned(BEN, "2026-03-05 10:00", ANA, origin="us")))
    assert one.at(at("2026-03-06 10:00")).record.owner == ANA.id
    done(one, action("reassign", owner=BEN.id, owner_name="Ben"), when="2026-03-07 10:00")
    then = one.at(at("2026-03-07 10:00"))
    assert then.record.owner == BEN.id
    assert [(each.origin, each.old, each.new) for each in then.changes] == [("us", ANA.id, BEN.id)]


def test_a_write_of_the_first_pass_itself_did_not_happen_either() -> None:
    one = track(state(lead(owner=BEN.id), assigned(BEN, ENTRY, ANA, origin="us"), ours(created=at(ENTRY))))
    then = one.at(at(ENTRY))
    assert (then.record.owner, then.activities) == (ANA.id, ())


def test_what_somebody_set_again_is_no_change() -> None:
    later = change("status", "Recycled", "Working - Contacted", "2026-03-06 10:00")
    one = track(state(lead(status="Working - Contacted"), later))
    one._fields["status"] = "Working - Contacted"
    assert one.at(at("2026-03-07 10:00")).changes == ()


def test_a_task_of_ours_is_there_only_when_the_rules_make_it() -> None:
    one = track(state(lead(), ours()), made={KEY: at("2026-03-03 09:00")})
    assert kinds(one, "2026-03-03 10:00") == []
    done(one, task_action())
    [made] = one.at(at("2026-03-03 10:00")).activities
    assert (made.key, made.done, made.task_type, made.actor) == (KEY, False, "call", ANA.id)


def test_a_task_that_is_made_again_is_completed_when_it_really_was() -> None:
    one = track(state(lead(), ours("2026-03-04 11:00")), made={KEY: at("2026-03-03 09:00")})
    done(one, task_action())
    assert kinds(one, "2026-03-04 10:59") == [("task", False)]
    assert kinds(one, "2026-03-04 11:00") == [("call", True)]
    assert at("2026-03-04 11:00") in set(one.news())


def test_what_a_person_made_of_a_task_that_is_not_made_again_stays_their_deed() -> None:
    one = track(state(lead(), ours("2026-03-04 11:00")), made={KEY: at("2026-03-03 09:00")})
    assert kinds(one, "2026-03-04 10:59") == []
    assert kinds(one, "2026-03-04 11:00") == [("call", True)]


def test_a_task_of_ours_from_before_the_replay_stays_and_is_still_the_rules_own() -> None:
    before = ours(created=at("2026-02-20 09:00"))
    one = track(state(lead("2026-02-01 09:00"), before))
    assert kinds(one, ENTRY) == [("task", False)]
    done(one, action("amend", task=before.id, done=True, subject="Not taken in time: Call"))
    [closed] = one.at(at("2026-03-03 10:00")).activities
    assert (closed.done, closed.subject) == (True, "Not taken in time: Call")


def test_enrolments_of_ours_are_made_again_and_those_of_others_begin_in_their_time() -> None:
    members = (Enrollment(REF, "brochure", at("2026-03-05 09:00")), Enrollment(REF, "list", at("2026-03-06 09:00")))
    one = track(state(lead(), *members), enrolled={"brochure": at("2026-03-05 09:00")})
    assert one.at(at("2026-03-05 12:00")).enrollments == ()
    done(one, action("enroll", **{"in": "brochure"}), when="2026-03-06 08:00")
    assert [each.name for each in one.at(at("2026-03-06 12:00")).enrollments] == ["list", "brochure"]


def test_an_enrolment_that_we_ended_goes_on_until_the_rules_end_it() -> None:
    over = Enrollment(REF, "brochure", at("2026-02-05 09:00"), active=False)
    one = track(state(lead("2026-02-01 09:00"), over), unenrolled={"brochure": at("2026-03-05 09:00")})
    assert [each.active for each in one.at(at("2026-03-06 12:00")).enrollments] == [True]
    done(one, action("unenroll", **{"from": "brochure"}), when="2026-03-07 08:00")
    assert [each.active for each in one.at(at("2026-03-07 12:00")).enrollments] == [False]


def test_marks_are_the_replays_own() -> None:
    one = track(state(lead(), mark("fired", "created", "2026-03-01 09:00")))
    assert one.at(at(ENTRY)).marks == ()
    mine = mark("fired", "created", "2026-03-03 09:00")
    one.carry_out(RecordPlan(REF, marks=(mine,)), at("2026-03-03 09:00"))
    assert one.at(at("2026-03-03 10:00")).marks == (mine,)


def test_a_record_is_live_until_its_last_modification() -> None:
    gone = replace(lead(converted=True), modified=at("2026-03-10 09:00"))
    one = track(state(gone))
    assert not one.at(at("2026-03-10 08:59")).record.converted
    assert one.at(at("2026-03-10 09:00")).record.converted
    assert at("2026-03-10 09:00") in set(one.news())


def test_news_are_what_a_reading_would_have_brought_and_when() -> None:
    mail = email("2026-03-03 09:00", opened=at("2026-03-04 09:00"), created=at("2026-03-03 09:00"))
    booked = meeting("2026-03-09 09:00", "2026-03-09 10:00", created=at("2026-03-05 09:00"))
    logged_late = call("2026-03-06 09:00", created=at("2026-03-07 09:00"))
    one = track(state(lead(), mail, booked, logged_late))
    days = sorted({each.day for each in one.news()})
    assert days == [3, 4, 5, 7]
    assert [each.type for each in one.at(at("2026-03-06 12:00")).activities] == ["email", "meeting"]
    assert [each.type for each in one.at(at("2026-03-07 12:00")).activities] == ["email", "call", "meeting"]
