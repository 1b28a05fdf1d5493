"""Which member of a pool gets a record: whose turn it is, by weight, by load, by fit; and who cannot get one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connector.domain.decision import Assignment, Moment
from connector.domain.model import Activity, Change, Owner, Record, RecordRef, RecordState
from rules.binding import bind
from rules.calendar import calendars_of
from rules.desk import Desk
from rules.ledger import Ledger
from rules.model import RuleSet
from rules.routing import Chosen, choose
from rules.staff import Staff
from rules.team import Absence, Criterion, Person, Pool, Team, Turn

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
ANA, BEN, CLEO = (Owner(f"005{name[0]}", name, f"{name.lower()}@example.com") for name in ("Ana", "Ben", "Cleo"))
DORA = Owner("005D", "Dora", "dora@example.com")
GONE = Owner("005G", "Gus Gone", "gus@example.com", active=False)
QUEUE = Owner("00GQ", "Inbound Queue", queue=True)
OWNERS = (ANA, BEN, CLEO, DORA, GONE, QUEUE)
NAMES = ("ana", "ben", "cleo")


def person(name: str, **more: Any) -> Person:
    return Person(name, **{"crm": f"{name}@example.com", **more})


def record(number: int = 1, **fields: Any) -> RecordState:
    ref = RecordRef("salesforce", "lead", f"00Q{number}")
    made = NOW + timedelta(seconds=number)
    return RecordState(Record(ref, {"owner": QUEUE.id, **fields}, made, made, "1"), made)


class World:
    """A pool of three, what the ledger knows, and an instant."""

    def __init__(self, *people: Person, how: Turn = "round_robin", now: datetime = NOW, **outside: Any) -> None:
        known = {each.name: each for each in (*(person(name) for name in NAMES), *people)}
        self.pool = Pool("inbound", NAMES, how=how)
        self.team = Team(people=known, pools={"inbound": self.pool})
        self.lines: list[Assignment] = []
        self.now = now
        self.outside = outside

    def desk(self, ledger: Ledger | None = None) -> Desk:
        binding = bind(RuleSet((), self.team), None, OWNERS)[0]
        moment = Moment(self.now, "salesforce", OWNERS, **self.outside)
        staff = Staff(binding, self.now)
        return Desk(moment, self.team, staff, ledger or Ledger(self.lines), calendars_of(self.team))

    def chosen(self, of: RecordState, **more: Any) -> Chosen | None:
        return choose(self.pool, of, self.desk(), **more)

    def hand_out(self, count: int, first: int = 0, **more: Any) -> list[str]:
        """So many records in one pass; the ledger keeps them."""
        ledger = Ledger(self.lines)
        desk, got = self.desk(ledger), []
        for number in range(first, first + count):
            chosen = choose(self.pool, record(number), desk, **more)
            assert chosen is not None
            line = chosen.line("inbound", record(number), "r", desk)
            ledger.add(line)
            self.lines.append(line)
            got.append(chosen.person)
        return got


def who(world: World, **more: Any) -> str | None:
    chosen = world.chosen(more.pop("of", record()), **more)
    return chosen.person if chosen else None


def given(name: str, pool: str = "inbound", ago: timedelta = timedelta(hours=1), **shares: float) -> Assignment:
    return Assignment(pool, name, record(99).record.ref, "r", NOW - ago, "a turn", shares)


# -- in turn -------------------------------------------------------------------------------------------------------


def test_the_turn_goes_round_in_the_same_order_each_time() -> None:
    got = World().hand_out(9)
    assert sorted(got[:3]) == sorted(NAMES)
    assert got[3:6] == got[:3]
    assert got[6:] == got[:3]


def test_the_turn_goes_on_over_passes_and_other_pools_do_not_count() -> None:
    world = World()
    got = world.hand_out(2)
    world.lines += [given(got[0], "other", ben=1.0), given(got[1], "other", ben=1.0)]
    assert {*got, *world.hand_out(1, 2)} == set(NAMES)


def test_who_never_got_one_comes_in_the_pools_order() -> None:
    world = World()
    assert tuple(world.hand_out(len(NAMES))) == world.pool.members
    assert who(World(), of=record(7)) == who(World(), of=record(8)) == world.pool.members[0]


def test_lines_from_before_shares_were_kept_count_for_the_turn_and_not_for_the_credit() -> None:
    world = World()
    world.lines = [given("ana"), given("ana"), given("cleo"), given("ben")]
    assert world.hand_out(3) == ["ana", "cleo", "ben"]


def test_somebody_who_left_takes_nothing_with_them_and_a_new_member_resets_nobodys_count() -> None:
    world = World()
    ahead, leaves, behind = world.hand_out(10)[:3]
    world.pool = replace(world.pool, members=("dora", ahead, behind))
    world.team = replace(world.team, people={**world.team.people, "dora": person("dora", crm=DORA.id)})
    assert world.hand_out(3, 20) == [behind, "dora", ahead]
    world.pool = replace(world.pool, members=(*world.pool.members, leaves))
    assert sorted(world.hand_out(4, 30)) == sorted([ahead, behind, "dora", leaves]), "nor is anything made up for"


def test_a_line_says_who_could_have_got_it_and_why_this_person_did() -> None:
    world = World()
    world.hand_out(4)
    chosen = world.chosen(record(9), barred={ANA.id})
    assert chosen is not None
    assert chosen.shares == {"ben": 0.5, "cleo": 0.5}
    assert chosen.why == "whose turn it is: 1 of 4 so far, share 50 %"


# -- by weight -----------------------------------------------------------------------------------------------------


def test_weights_are_shares_of_the_whole() -> None:
    world = World(person("ana", weight=2.0), person("cleo", weight=0.5), how="weighted")
    assert Counter(world.hand_out(70)) == {"ana": 40, "ben": 20, "cleo": 10}
    assert Counter(World(person("ana", weight=2.0)).hand_out(30)) == {"ana": 10, "ben": 10, "cleo": 10}


def test_a_weight_of_nothing_gets_nothing_unless_nobody_else_can() -> None:
    world = World(person("ana", weight=0.0), how="weighted")
    assert Counter(world.hand_out(6)) == {"ben": 3, "cleo": 3}
    assert world.lines[0].shares == {"ben": 0.5, "cleo": 0.5}
    assert who(world, barred={BEN.id, CLEO.id}) == "ana"


# -- by load -------------------------------------------------------------------------------------------------------


def test_thirty_records_over_three_people_with_equal_loads_are_ten_each() -> None:
    for loads in ({}, {ANA.id: 7, BEN.id: 7, CLEO.id: 7}):
        assert Counter(World(how="least_loaded", loads=loads).hand_out(30)) == dict.fromkeys(NAMES, 10)


def test_the_smallest_load_is_filled_up_first_and_this_pass_counts() -> None:
    world = World(how="least_loaded", loads={ANA.id: 5, BEN.id: 2, CLEO.id: 4})
    got = world.hand_out(7)
    assert got[:2] == ["ben", "ben"]
    assert Counter(got) == {"ben": 4, "cleo": 2, "ana": 1}
    chosen = World(how="least_loaded", loads={ANA.id: 5, BEN.id: 2, CLEO.id: 4}).chosen(record())
    assert chosen is not None
    assert chosen.why == "who has the fewest open records, 2"
    assert chosen.shares == {"ben": 1.0}


# -- by fit --------------------------------------------------------------------------------------------------------

SKILLED = (person("ana", skills=("Software", "DE")), person("ben", skills=("finance",)), person("cleo", skills=("de",)))


@pytest.mark.parametrize(
    ("fields", "name", "why"),
    [
        ({"industry": "software", "country": "DE"}, "ana", "fits: industry software, country DE"),
        ({"industry": "Finance"}, "ben", "fits: industry Finance"),
        ({"industry": "finance", "country": "DE"}, "ben", "fits: industry finance"),
        ({"industry": "mining", "custom.region": "de", "industry2": None}, None, "region de"),
    ],
)
def test_who_meets_most_criteria_gets_it(fields: dict[str, Any], name: str | None, why: str) -> None:
    world = World(*SKILLED, how="match")
    chosen = world.chosen(record(**fields))
    assert chosen is not None
    assert chosen.person in ((name,) if name else ("ana", "cleo"))
    assert why in chosen.why


def test_criteria_that_are_listed_first_decide_between_equal_numbers() -> None:
    fields = {"industry": "finance", "country": "DE"}
    order: Sequence[tuple[Sequence[Criterion], set[str]]] = [
        (("industry", "skill"), {"ben"}),
        (("skill", "industry"), {"ana", "cleo"}),
    ]
    for criteria, names in order:
        assert who(World(*SKILLED), of=record(**fields), how="match", match=criteria) in names


def test_a_prospects_own_name_is_nobodys_skill() -> None:
    chosen = World(person("ana", skills=("Pat",)), how="match").chosen(record(name="Pat", company="Pat", status="Pat"))
    assert chosen is not None
    assert chosen.why.startswith("nobody fits; whose turn it is")


def test_who_had_to_do_with_the_record_or_its_company_fits() -> None:
    owned = Change("c", record().record.ref, "owner", BEN.id, QUEUE.id, NOW)
    rang = Activity("a", "call", (record().record.ref,), NOW, "1", "outbound", actor="9003")
    world = World(how="match", company_owners={"acme": (CLEO.id, ANA.id)})
    cases: Mapping[str, RecordState] = {
        "owned it before": replace(record(), changes=(owned,)),
        "was in touch before": replace(record(), activities=(replace(rang, actor=BEN.id),)),
        "knows the company from another record": record(company=" ACME"),
    }
    for words, of in cases.items():
        chosen = world.chosen(of)
        assert chosen is not None
        assert chosen.why.startswith(f"fits: {words}")
        assert chosen.person in (("cleo", "ana") if "company" in words else ("ben",))
    assert who(world, of=record(company="Acme"), barred={CLEO.id}) == "ana"


def test_among_those_who_fit_alike_it_goes_in_turn_and_with_nobody_fitting_among_all() -> None:
    world = World(*SKILLED, how="match")
    ledger = Ledger()
    desk, fitting, others = world.desk(ledger), [], []
    for number in range(12):
        of = record(number, country="DE") if number % 2 else record(number)
        chosen = choose(world.pool, of, desk)
        assert chosen is not None
        ledger.add(chosen.line("inbound", of, "r", desk))
        (fitting if number % 2 else others).append(chosen.person)
    assert set(fitting) == {"ana", "cleo"}
    assert Counter(fitting + others) == {"ana": 5, "cleo": 5, "ben": 2}, (
        "a half of six and a third of six, a third of six"
    )


# -- who cannot get one --------------------------------------------------------------------------------------------


def test_inactive_unknown_and_barred_members_and_queues_are_passed_over() -> None:
    world = World(person("ana", crm="gus@example.com"), person("ben", crm="nobody@example.com"))
    assert who(world) == "cleo"
    assert who(World(person("ana", crm=QUEUE.id)), barred={CLEO.id}) == "ben"
    assert who(World(), barred={ANA.id, BEN.id, CLEO.id}) is None


def test_an_absent_member_is_passed_over_and_gathers_no_credit() -> None:
    away = World(person("ana", away=(Absence(date(2026, 3, 10), date(2026, 3, 10)),)))
    assert Counter(away.hand_out(20)) == {"ben": 10, "cleo": 10}
    back = World(now=NOW + timedelta(days=1))
    back.lines = away.lines
    assert Counter(back.hand_out(6, 50)) == dict.fromkeys(NAMES, 2)


def test_nobody_gets_more_than_their_daily_over_all_pools_in_their_own_day() -> None:
    world = World(person("ana", daily=3, zone="Pacific/Auckland"))
    late = timedelta(hours=22, minutes=1)  # 23:59 of the day before in Auckland, 13 hours ahead of UTC
    world.lines = [given("ana", "other", late, ana=1.0)] * 5 + [given("ana", "other", ana=1.0)]
    assert Counter(world.hand_out(30))["ana"] == 2
    assert who(world, barred={BEN.id, CLEO.id}) is None
    tomorrow = World(person("ana", daily=3, zone="Pacific/Auckland"), now=NOW + timedelta(hours=2))
    tomorrow.lines = world.lines
    assert who(tomorrow, barred={BEN.id, CLEO.id}) == "ana"
