"""A replay from pass to pass: baseline, caps over all shards, history that is missing, and rules that may sleep."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from connector.cli.shards import InlineDoor
from connector.domain.decision import Decision, Moment, Outcome, Verdict
from connector.domain.model import Activity, Change, Record, RecordRef, RecordState
from connector.domain.replay import OurWrites, Played
from rules.actions import ReassignAction
from rules.basics import Duration
from rules.model import (
    Assigned,
    AttemptsReach,
    AttemptsTest,
    Created,
    FieldChange,
    Limit,
    NoNextStep,
    Once,
    QuietFor,
    Replied,
    Rule,
)
from rules.replay import shard as sharding
from rules.replay.conduct import Conductor
from rules.replay.shard import Shard, entry_of
from rules.rulebook import FileRulebook
from tests.builders import ANA, BEN, EVA, OWNERS, PLACE, REF, at, enroll, field_is, lead, rule, ruleset, state
from tests.builders import change as changed

SINCE = at("2026-03-02 08:00")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PASSES = tuple(SINCE + number * HOUR for number in range(24 * 14))


def replay(
    rules: Sequence[Rule], states: Iterable[RecordState], shards: int = 1, ours: OurWrites | None = None
) -> Played:
    rulebook = FileRulebook(ruleset(*rules), engine="plain")
    rulebook.bind(None, OWNERS)
    every = list(states)
    made = []
    for share in range(shards):
        one = Shard(rulebook, PASSES, "salesforce", OWNERS, None)
        mine = every[share::shards]
        one.add(mine, {} if ours is None else {each.record.ref: ours for each in mine})
        made.append(InlineDoor(one))
    return Conductor(rulebook, made, PASSES, "salesforce", OWNERS).play()


def numbered(count: int, created: str = "2026-03-03 09:00", **fields: object) -> list[RecordState]:
    found = []
    for number in range(count):
        ref = RecordRef("salesforce", "lead", f"00Q{number:011}XAAA")
        found.append(state(lead(created, ref=ref, **fields)))  # type: ignore[arg-type]
    return found


def done(played: Played) -> list[tuple[str, str, str]]:
    return [(f"{deed.at:%d %H:%M}", deed.action.rule, deed.action.kind) for deed in played.deeds if not deed.held]


def test_what_already_matched_is_baseline_and_what_comes_later_acts_at_the_next_pass() -> None:
    states = [*numbered(2, "2026-02-20 09:00"), state(lead("2026-03-03 09:30"))]
    played = replay([rule(wait=Duration(2, "hours"))], states)
    assert done(played) == [("03 12:00", "r", "task")]
    assert played.baseline == {"r": 2}
    assert played.records == 3


@pytest.mark.parametrize("shards", [1, 3])
def test_a_cap_holds_over_all_shards(shards: int) -> None:
    played = replay([rule(limit=Limit(per_run=4))], numbered(9), shards)
    assert len(done(played)) == 4
    assert {deed.held for deed in played.deeds if deed.held} == {
        "limit of 4 per run of r is reached; `followup release` lets the rest go"
    }
    assert [deed.action.record.id[-5] for deed in played.deeds if not deed.held] == ["0", "1", "2", "3"]


def test_a_pool_hands_out_in_turn_over_all_shards() -> None:
    reassign = ReassignAction(None, "inbound", False, "hold", None, PLACE)
    loads = replace(reassign, how="least_loaded")
    for action in (reassign, loads):
        hand_out = rule(then=(action,), once=Once("lead"))
        one, two = (replay([hand_out], numbered(8, owner=EVA.id), shards) for shards in (1, 2))
        takers = [deed.action.fields["owner"] for deed in one.deeds]
        assert sorted(takers, key=str) == [ANA.id] * 4 + [BEN.id] * 4
        assert [deed.action for deed in two.deeds] == [deed.action for deed in one.deeds]
        assert len(one.assignments) == 8


def test_nobody_to_act_is_told_once_and_tried_again() -> None:
    played = replay([rule()], [state(lead("2026-03-03 09:00", owner="005?"))])
    assert (played.deeds, len(played.stays)) == ([], 1)
    assert "the owner is nobody the CRM knows" in played.stays[0].why


def test_a_record_without_older_history_is_looked_at_from_its_first_reading_on() -> None:
    read_late = replace(
        state(replace(lead("2026-02-01 09:00"), modified=at("2026-03-08 09:00"))), first_seen=at("2026-03-05 09:00")
    )
    played = replay([rule(when=FieldChange("becomes", "status", ("Open - Not Contacted",)))], [read_late])
    assert (played.deeds, played.baseline) == ([], {"r": 1})
    unknown = [gap for gap in played.gaps if gap.what == "unknown"]
    assert [(gap.field, gap.records, gap.until) for gap in unknown] == [
        ("owner", 1, at("2026-03-05 09:00")),
        ("status", 1, at("2026-03-05 09:00")),
    ]


def test_history_that_the_crm_itself_told_reaches_back() -> None:
    told = [
        changed("status", "Open - Not Contacted", "Interested", "2026-03-04 09:00"),
        changed("owner", BEN.id, ANA.id, "2026-03-04 09:00"),
    ]
    of = state(replace(lead("2026-02-01 09:00", status="Interested"), modified=at("2026-03-08 09:00")), *told)
    played = replay(
        [rule(when=FieldChange("becomes", "status", ("Interested",)))], [replace(of, first_seen=at("2026-03-05 09:00"))]
    )
    assert done(played) == [("04 09:00", "r", "task")]
    assert [gap for gap in played.gaps if gap.what == "unknown"] == []


@pytest.mark.parametrize(
    ("created", "modified", "first_seen", "missing", "entry"),
    [
        ("2026-02-01 09:00", "2026-03-08 09:00", "2026-03-05 09:00", ["status"], "2026-03-05 09:00"),
        ("2026-02-01 09:00", "2026-03-08 09:00", "2026-03-05 09:00", [], "2026-03-02 08:00"),
        ("2026-02-01 09:00", "2026-02-08 09:00", "2026-03-05 09:00", ["status"], "2026-03-02 08:00"),
        ("2026-02-01 09:00", "2026-03-08 09:00", "2026-03-01 09:00", ["status"], "2026-03-02 08:00"),
        ("2026-03-04 20:00", "2026-03-08 09:00", "2026-03-05 09:00", ["status"], "2026-03-04 20:00"),
        ("2026-03-03 20:00", "2026-03-08 09:00", "2026-03-05 09:00", ["status"], "2026-03-05 09:00"),
    ],
)
def test_from_when_on_a_records_past_is_known(
    created: str, modified: str, first_seen: str, missing: list[str], entry: str
) -> None:
    of = replace(state(replace(lead(created), modified=at(modified))), first_seen=at(first_seen))
    assert entry_of(of, SINCE, missing) == at(entry)


def test_fields_without_stored_changes_and_enrolments_that_ended_are_named() -> None:
    of = state(replace(lead("2026-02-01 09:00"), modified=at("2026-03-08 09:00")))
    played = replay([rule()], [of])
    assert ("assumed", "opted_out") in [(gap.what, gap.field) for gap in played.gaps]


# -- rules that may sleep ----------------------------------------------------------------------------------------------

RULES = [
    rule(id="first", wait=Duration(1, "business days"), unless=AttemptsTest(1, None, (), "anyone", "created", "u", PLACE)),
    rule(
        id="again",
        when=FieldChange("becomes", "status", ("Interested",)),
        then=(enroll(),),
        once=Once("period", Duration(5, "days")),
    ),
    rule(id="left", when=FieldChange("leaves", "status", ("Interested",)), once=Once("occasion")),
    rule(id="given", when=Assigned(), wait=Duration(3, "hours"), once=Once("owner")),
    rule(id="silent", when=QuietFor(Duration(2, "days"), ("call", "email"), "anyone"), once=Once("occasion")),
    rule(id="gap", when=NoNextStep(), wait=Duration(1, "days"), once=Once("occasion")),
    rule(id="tries", when=AttemptsReach(2, (), "anyone", "assigned"), once=Once("owner")),
    rule(id="reply", when=Replied(), once=Once("occasion")),
]  # fmt: skip


def lives(seed: int, count: int = 12) -> list[RecordState]:
    """Records to which random things happen within two weeks."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        ref = RecordRef("salesforce", "lead", f"00Q{number:011}XAAA")
        created = SINCE + DAY * dice.uniform(-5, 5)
        record = replace(lead(created.isoformat(), ref=ref), modified=SINCE + 13 * DAY)
        activities, changes, now = [], [], created
        fields = dict(record.fields)
        for at_ in range(dice.randrange(12)):
            now += DAY * dice.uniform(0.01, 1.5)
            what = dice.choice(("call", "call", "email", "reply", "status", "status", "owner", "task"))
            if what in ("status", "owner"):
                new = dice.choice(("Interested", "Working - Contacted") if what == "status" else (ANA.id, BEN.id))
                changes.append(Change(f"c{at_}", ref, what, fields[what], new, now))
                fields[what] = new
            elif what == "task":
                over = now + DAY * dice.random()
                activities.append(
                    Activity(f"{number}-{at_}", "task", (ref,), over, "1", ended=over, created=now, actor=ANA.id)
                )
            else:
                inbound = what == "reply"
                activities.append(
                    Activity(f"{number}-{at_}", "call" if what == "call" else "email", (ref,), now, "1",
                             "inbound" if inbound else "outbound", None if inbound else ANA.id, created=now)
                )  # fmt: skip
        last = Record(ref, fields, record.created, record.modified, "1")
        found.append(RecordState(last, created, tuple(activities), tuple(changes)))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_rules_that_sleep_miss_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = replay(RULES, lives(seed))
    monkeypatch.setattr(sharding._Mind, "_awake", lambda self, _state, _now, _news: list(self._next))
    thorough = replay(RULES, lives(seed))
    assert quick.deeds == thorough.deeds
    assert quick.deeds
    assert quick.evaluated == thorough.evaluated


def test_owners_are_those_of_the_time() -> None:
    later = changed("owner", BEN.id, ANA.id, "2026-03-05 09:00")
    played = replay([rule(when=Created())], [state(lead("2026-03-03 09:00"), later)])
    [deed] = played.deeds
    assert (deed.owner, deed.action.fields["owner"]) == (BEN.id, BEN.id)
    assert deed.action.record == REF


def test_a_cap_of_the_day_begins_anew_each_day() -> None:
    second = [replace(each, record=replace(each.record, ref=_ref(50 + at_))) for at_, each in
              enumerate(numbered(3, "2026-03-04 09:00"))]  # fmt: skip
    played = replay([rule(limit=Limit(per_owner_day=2))], [*numbered(3), *second])
    assert [day for day, _, _ in done(played)] == ["03 09:00", "03 09:00", "04 09:00", "04 09:00"]


def test_a_share_is_one_of_those_that_were_there_just_then() -> None:
    gone = [replace(each, record=replace(each.record, deleted=True, modified=at("2026-03-04 09:00"))) for each in
            numbered(6)]  # fmt: skip
    left = [replace(each, record=replace(each.record, ref=_ref(50 + at_))) for at_, each in enumerate(numbered(4))]
    half = rule(wait=Duration(2, "days"), limit=Limit(percent=50))
    assert len(done(replay([half], [*gone, *left]))) == 2


def test_loads_are_those_of_the_time() -> None:
    change = changed("owner", ANA.id, BEN.id, "2026-03-04 09:00")
    moved = [
        replace(each, changes=(replace(change, ref=each.record.ref),))
        for each in numbered(2, "2026-03-02 09:00", owner=BEN.id)
    ]
    stays = state(lead("2026-03-02 09:00", ref=_ref(50), owner=ANA.id))
    comes = state(lead("2026-03-05 09:00", ref=_ref(60), owner=EVA.id, country="DE"))
    least = ReassignAction(None, "inbound", False, "hold", None, PLACE, how="least_loaded")
    hand_out = rule(then=(least,), if_=field_is("country", "DE"), once=Once("lead"))
    [deed] = replay([hand_out], [*moved, stays, comes]).deeds
    assert deed.action.fields["owner"] == ANA.id, "Ben got two of hers meanwhile"


def test_a_rule_whose_time_comes_together_with_other_news_is_asked() -> None:
    later = SINCE + DAY
    asked: list[Sequence[str]] = []

    class Book:
        def evaluate(self, states: Sequence[RecordState], _moment: Moment) -> list[Decision]:
            return [self.said(states[0], "done", later)]

        def reconsider(self, of: RecordState, _moment: Moment, only: Sequence[str]) -> Decision:
            asked.append(list(only))
            return self.said(of, "done", None)

        def said(self, of: RecordState, outcome: Outcome, next_at: datetime | None) -> Decision:
            return Decision(of, (), (), next_at, (Verdict("r", "a.yaml", 3, outcome, (), next_at),))

    mind = sharding._Mind(Book(), frozenset(), frozenset({"r"}))  # type: ignore[arg-type]
    for now in (SINCE, later, later + DAY):
        mind.decide(state(), Moment(now, "salesforce"), news=True)
    assert asked == [["r"], []], "after that only another change of a field can wake it"


def _ref(number: int) -> RecordRef:
    return RecordRef("salesforce", "lead", f"00Q{number:011}XAAA")
