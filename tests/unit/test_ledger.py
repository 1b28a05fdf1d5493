"""The fairness ledger: what counts for a person's day and for a pass, and who fits best before whose turn it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from connector.domain.decision import Assignment, Moment
from connector.domain.model import Owner, Record, RecordRef, RecordState
from rules.binding import bind
from rules.calendar import calendars_of
from rules.desk import Desk
from rules.ledger import Ledger
from rules.model import RuleSet
from rules.routing import choose
from rules.staff import Staff
from rules.team import Criterion, Person, Pool, Team

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
REF = RecordRef("salesforce", "lead", "00Q1")
OWNERS = (Owner("005A", "Ana", "ana@example.com"), Owner("005B", "Ben", "ben@example.com"))
BERLIN = ZoneInfo("Europe/Berlin")


def line(person: str, at: datetime) -> Assignment:
    return Assignment("inbound", person, REF, "r", at, "a turn", {"ana": 0.5, "ben": 0.5})


def test_a_day_is_the_persons_own_and_later_lines_do_not_hide_it() -> None:
    late = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    ledger = Ledger([line("ana", late - timedelta(days=1)), line("ana", late), line("ana", NOW + timedelta(days=1))])
    assert ledger.on_day("ana", date(2026, 3, 10), BERLIN) == 1
    assert ledger.on_day("ana", date(2026, 3, 9), UTC) == 1
    assert ledger.on_day("ana", date(2026, 3, 10), UTC) == 0


def test_only_what_was_handed_out_since_the_reading_is_of_this_pass() -> None:
    ledger = Ledger([line("ana", NOW), line("ana", NOW)])
    assert (ledger.in_this_pass("ana"), ledger.in_this_pass("ben")) == (0, 0)
    ledger.add(line("ana", NOW))
    assert (ledger.in_this_pass("ana"), ledger.in_this_pass("ben")) == (1, 0)


def test_two_later_criteria_count_for_more_than_the_first_alone() -> None:
    people = {
        "ana": Person("ana", "ana@example.com", skills=("software",)),
        "ben": Person("ben", "ben@example.com", skills=("dach",)),
    }
    criteria: tuple[Criterion, ...] = ("industry", "history", "skill")
    pool = Pool("inbound", ("ana", "ben"), how="match", match=criteria)
    team = Team(people=people, pools={"inbound": pool})
    fields = {"owner": "00GQ", "industry": "Software", "custom.region": "DACH", "company": "Acme"}
    of = RecordState(Record(REF, fields, NOW, NOW, "1"), NOW)
    moment = Moment(NOW, "salesforce", OWNERS, company_owners={"acme": ("005B",)})
    staff = Staff(bind(RuleSet((), team), None, OWNERS)[0], NOW)
    chosen = choose(pool, of, Desk(moment, team, staff, Ledger(), calendars_of(team)))
    assert chosen is not None
    assert (chosen.person, chosen.why) == ("ben", "fits: knows the company from another record, region DACH")
