"""The team's people as the CRM knows them: names, managers, absences, and who covers for whom."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from builders import at

from connector.domain.model import Change, Owner, Record, RecordRef, RecordState
from rules.binding import bind
from rules.model import RuleSet
from rules.staff import Staff, cover_for, owner_chain
from rules.team import Absence, Person, Team

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
REF = RecordRef("salesforce", "lead", "00Q1")

ANA = Owner("005A", "Ana Alvarez", "ana@example.com", manager="005E")
BEN = Owner("005B", "Ben Bauer", "ben@example.com")
CLEO = Owner("005C", "Cleo Costa", "cleo@example.com")
EVA = Owner("005E", "Eva Ek", "eva@example.com")
GONE = Owner("005G", "Gus Gone", "gus@example.com", active=False)
QUEUE = Owner("00GQ", "Inbound Queue", queue=True)
OWNERS = (ANA, BEN, CLEO, EVA, GONE, QUEUE)


def person(name: str, crm: str = "", **more: object) -> Person:
    return Person(name, crm or f"{name}@example.com", **more)  # type: ignore[arg-type]


def staff(*people: Person, now: datetime = NOW, owners: tuple[Owner, ...] = OWNERS) -> Staff:
    names = people or tuple(person(name) for name in ("ana", "ben", "cleo", "eva", "gus"))
    team = Team(people={each.name: each for each in names})
    return Staff(bind(RuleSet((), team), None, owners)[0], now)


def state(owner: str | None, *moves: tuple[str | None, str | None]) -> RecordState:
    record = Record(REF, {"owner": owner}, NOW - timedelta(days=30), NOW, "1")
    changes = [
        Change(f"c{n}", REF, "owner", old, new, NOW - timedelta(days=20 - n)) for n, (old, new) in enumerate(moves)
    ]
    return RecordState(record, NOW, changes=tuple(changes))


def away(*days: tuple[int, int]) -> tuple[Absence, ...]:
    """Absences in March 2026."""
    return tuple(Absence(date(2026, 3, first), date(2026, 3, last)) for first, last in days)


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


def test_everybody_who_ever_owned_the_record_is_in_its_chain() -> None:
    chain = owner_chain(state("005C", ("00GQ", "005A"), ("005A", "005B"), ("005B", "005C")))
    assert tuple(chain) == ("00GQ", "005A", "005B", "005C")


def test_the_source_rep_is_the_first_person_who_owned_the_record() -> None:
    who = staff()
    assert who.source_rep(state("005B", ("005A", "005B"))) == ANA
    assert who.source_rep(state("005B", ("00GQ", "005B"))) == BEN
    assert who.source_rep(state("005C")) == CLEO
    assert who.source_rep(state(None)) is None


# -- absences ------------------------------------------------------------------------------------------------------


def test_a_person_is_away_from_the_first_to_the_last_day_in_their_zone() -> None:
    ana = person("ana", away=away((10, 11)), zone="Europe/Berlin")
    before, last = at("2026-03-09 22:59"), at("2026-03-11 22:59")
    minute = timedelta(minutes=1)
    found = [staff(ana, now=when).absent(ANA) for when in (before, before + minute, last, last + minute)]
    assert found == [False, True, True, False]


def test_absences_without_a_day_between_are_one_and_the_return_is_the_morning_after_the_last() -> None:
    ana = person("ana", away=away((16, 17), (9, 12), (13, 14)), zone="Europe/Berlin")
    assert staff(ana).away(ANA) == Absence(date(2026, 3, 9), date(2026, 3, 14))
    assert staff(ana).back(ANA) == at("2026-03-14 23:00")
    assert staff(ana).leaves(ANA) == at("2026-03-12 23:00"), "the next first day that team.yaml names"
    assert staff(person("ana", away=away((10, 11), (20, 21)))).leaves(ANA) == at("2026-03-20 00:00")
    assert staff(person("ana")).back(ANA) is None
    assert staff(person("ana")).leaves(ANA) is None


def test_what_is_due_during_an_absence_goes_to_the_cover_else_to_the_manager() -> None:
    soon = at("2026-03-12 12:00")
    ana = person("ana", away=away((9, 13)), cover="ben", manager="eva")
    cover = cover_for(staff(ana, person("ben"), person("eva")), ANA, soon)
    assert cover is not None
    assert cover.owner == BEN
    assert cover.words == "For Ana Alvarez, who is away until 2026-03-13."
    both_away = staff(ana, person("ben", away=away((10, 10))), person("eva"))
    found = cover_for(both_away, ANA, soon)
    assert found is not None
    assert found.owner == EVA
    assert (
        cover_for(staff(ana, person("ben", away=away((10, 10))), person("eva", away=away((9, 10)))), ANA, soon) is None
    )


def test_what_is_due_after_the_return_stays() -> None:
    who = staff(person("ana", away=away((9, 13)), cover="ben"), person("ben"))
    assert cover_for(who, ANA, at("2026-03-13 23:59")) is not None
    assert cover_for(who, ANA, at("2026-03-14 00:00")) is None
    assert cover_for(who, BEN, at("2026-03-11 00:00")) is None, "who is there needs no cover"
