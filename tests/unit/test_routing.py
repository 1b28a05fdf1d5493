"""Who gets a record: people as the CRM knows them, and turns in a pool."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from connector.domain.model import Assignment, Change, Owner, Record, RecordRef, RecordState
from rules.binding import bind
from rules.model import RuleSet
from rules.routing import Ledger, Staff, next_in_turn, owner_chain
from rules.team import Absence, Person, Pool, Team

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
REF = RecordRef("salesforce", "lead", "00Q1")

ANA = Owner("005A", "Ana Alvarez", "ana@example.com", manager="005E")
BEN = Owner("005B", "Ben Bauer", "ben@example.com")
CLEO = Owner("005C", "Cleo Costa", "cleo@example.com")
EVA = Owner("005E", "Eva Ek", "eva@example.com")
GONE = Owner("005G", "Gus Gone", "gus@example.com", active=False)
QUEUE = Owner("00GQ", "Inbound Queue", queue=True)
OWNERS = (ANA, BEN, CLEO, EVA, GONE, QUEUE)

POOL = Pool("inbound", ("ana", "ben", "cleo"))


def person(name: str, crm: str = "", **more: object) -> Person:
    return Person(name, crm or f"{name}@example.com", **more)  # type: ignore[arg-type]


def team(*people: Person) -> Team:
    names = people or (person("ana"), person("ben"), person("cleo"), person("eva"), person("gus"))
    return Team(people={each.name: each for each in names}, pools={"inbound": POOL})


def staff(*people: Person, now: datetime = NOW, owners: tuple[Owner, ...] = OWNERS) -> Staff:
    return Staff(bind(RuleSet((), team(*people)), None, owners)[0], now)


def state(owner: str | None, *moves: tuple[str | None, str | None]) -> RecordState:
    record = Record(REF, {"owner": owner}, NOW - timedelta(days=30), NOW, "1")
    changes = [
        Change(f"c{n}", REF, "owner", old, new, NOW - timedelta(days=20 - n)) for n, (old, new) in enumerate(moves)
    ]
    return RecordState(record, NOW, changes=tuple(changes))


def given(person: str, pool: str = "inbound") -> Assignment:
    return Assignment(pool, person, REF, "recycle", NOW - timedelta(days=1), "a turn")


def turn(ledger: Ledger, who: Staff, *barred: str, pool: Pool = POOL) -> str | None:
    found = next_in_turn(pool, ledger, who, frozenset(barred))
    return found[0] if found else None


def test_a_person_is_found_by_address_whatever_its_case_or_by_id() -> None:
    who = staff(person("ana", "ANA@Example.com"), person("ben", "005B"))
    assert who.named("ana") == ANA
    assert who.named("ben") == BEN
    assert who.named("nobody") is None


def test_an_active_user_is_preferred_to_an_inactive_one_with_the_same_address() -> None:
    old = Owner("0050", "Ana (old)", "ana@example.com", active=False)
    assert staff(owners=(old, ANA)).named("ana") == ANA


def test_the_manager_of_the_team_file_goes_before_the_one_of_the_crm() -> None:
    assert staff().manager("005A") == EVA
    assert staff(person("ana", manager="ben"), person("ben")).manager("005A") == BEN
    assert staff().manager("005B") is None


def test_the_first_member_starts_an_empty_ledger_and_the_turn_goes_round() -> None:
    ledger, got = Ledger(), []
    for _ in range(7):
        name = turn(ledger, staff())
        assert name is not None
        ledger.add(given(name))
        got.append(name)
    assert got == ["ana", "ben", "cleo", "ana", "ben", "cleo", "ana"]


def test_the_turn_goes_on_after_the_last_member_of_that_pool_alone() -> None:
    ledger = Ledger([given("ana"), given("ben"), given("ana", pool="other")])
    assert turn(ledger, staff()) == "cleo"


def test_somebody_who_left_the_pool_takes_no_turn_with_them() -> None:
    ledger = Ledger([given("ana"), given("ben"), given("left")])
    assert turn(ledger, staff()) == "cleo"


def test_a_new_member_resets_nobodys_turn() -> None:
    larger = Pool("inbound", ("ana", "ben", "dora", "cleo"))
    people = (person("ana"), person("ben"), person("cleo"), person("dora", "eva@example.com"))
    assert turn(Ledger([given("ana"), given("ben")]), staff(*people), pool=larger) == "dora"


def test_inactive_unknown_and_barred_members_are_passed_over() -> None:
    people = (person("ana", "gus@example.com"), person("ben", "nobody@example.com"), person("cleo"))
    assert turn(Ledger(), staff(*people)) == "cleo"
    assert turn(Ledger(), staff(), "005A") == "ben"
    assert turn(Ledger(), staff(), "005A", "005B", "005C") is None


def test_a_member_who_is_a_queue_of_the_crm_gets_nothing() -> None:
    assert turn(Ledger(), staff(person("ana", "00GQ"), person("ben"))) == "ben"


def test_an_absent_member_is_passed_over_from_the_first_to_the_last_day() -> None:
    away = person("ana", away=(Absence(date(2026, 3, 10), date(2026, 3, 11)),), zone="Europe/Berlin")
    people = (away, person("ben"), person("cleo"))
    before = datetime(2026, 3, 9, 22, 59, tzinfo=UTC)
    last = datetime(2026, 3, 11, 22, 59, tzinfo=UTC)
    assert turn(Ledger(), staff(*people, now=before)) == "ana"
    assert turn(Ledger(), staff(*people, now=before + timedelta(minutes=1))) == "ben"
    assert turn(Ledger(), staff(*people, now=last)) == "ben"
    assert turn(Ledger(), staff(*people, now=last + timedelta(minutes=1))) == "ana"


def test_everybody_who_ever_owned_the_record_is_in_its_chain() -> None:
    chain = owner_chain(state("005C", ("00GQ", "005A"), ("005A", "005B"), ("005B", "005C")))
    assert tuple(chain) == ("00GQ", "005A", "005B", "005C")


def test_the_source_rep_is_the_first_person_who_owned_the_record() -> None:
    who = staff()
    assert who.source_rep(state("005B", ("005A", "005B"))) == ANA
    assert who.source_rep(state("005B", ("00GQ", "005B"))) == BEN
    assert who.source_rep(state("005C")) == CLEO
    assert who.source_rep(state(None)) is None
