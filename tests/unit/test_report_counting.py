"""The report from what is stored: rows, both periods, first touches, offers, recycled, held, the lists, and the gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from connector.domain.decision import PlannedAction, RecordPlan, RunSummary
from connector.domain.model import (
    Activity,
    Change,
    CrmSchema,
    Mark,
    Offer,
    OfferState,
    Owner,
    Record,
    RecordRef,
    RecordState,
)
from connector.report.build import Past, make_report
from connector.report.document import report_document
from connector.report.model import DAY, HOUR, Period, Report, Row, Speed
from connector.store import open_store
from rules.past import as_of, unknown_at
from rules.rulebook import FileRulebook
from tests.builders import ANA, BEN, EVA, OWNERS, QUEUE, at, call, lead, person, ruleset, schema, state, task, team

SINCE, NOW = at("2026-03-09 12:00"), at("2026-03-16 12:00")
PERIOD = Period(SINCE, NOW)
PAGES = {"lead": "https://acme.my.salesforce.com/{id}"}


class FixedClock:
    def now(self) -> object:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a report does not wait")


@dataclass
class Office:
    """A state in memory, filled lead by lead."""

    store: object
    schema: CrmSchema
    minimums: Mapping[str, int]

    def put(self, *states: RecordState, offers: Sequence[Offer] = ()) -> None:
        with self.store.begin() as uow:  # type: ignore[attr-defined]
            uow.save_schema(self.schema)
            uow.save_owners(OWNERS)
            for number, each in enumerate(states):
                uow.save_records([each.record], NOW)
                uow.save_activities(
                    [
                        replace(one, id=f"{each.record.ref.id}{one.id}", refs=(each.record.ref,))
                        for one in each.activities
                    ]
                )
                uow.save_changes([replace(one, ref=each.record.ref) for one in each.changes])
                assert number < 1000
            uow.save_offers(offers)

    def report(self, period: Period = PERIOD) -> Report:
        people = [person(name, monthly_offers=self.minimums.get(name)) for name in ("ana", "ben")]
        book = FileRulebook(ruleset(of=team(*people)), (), "plain")
        book.bind(self.schema, OWNERS)
        made = make_report(self.store, book, Past(as_of, unknown_at), period, at("2026-03-01 00:00"))  # type: ignore[arg-type]
        assert made is not None
        return made

    def row(self, owner: Owner) -> Row:
        return next(row for row in self.report().rows if row.id == owner.id)


@pytest.fixture
def office() -> Iterator[Office]:
    store = open_store("sqlite://", clock=FixedClock())  # type: ignore[arg-type]
    yield Office(store, schema(pages=PAGES), {})
    store.close()


def one(number: int, created: str, *parts: Activity | Change, **fields: object) -> RecordState:
    ref = RecordRef("salesforce", "lead", f"00Q{number:015d}")
    record: Record = lead(created, ref=ref, **{"name": f"Lead {number}", **fields})  # type: ignore[arg-type]
    return state(record, *parts)


def offer(number: int, settled: str, by: Owner = ANA, told: OfferState = "accepted") -> Offer:
    ref = RecordRef("salesforce", "lead", f"00Q{number:015d}")
    made = at(settled) - HOUR
    return Offer(
        ref, "offer", f"o{number}", 1, "inbound", "ana", by.id, made, at(settled) + DAY, f"k{number}", told, at(settled)
    )


def test_every_lead_stands_in_its_owners_row_and_in_the_total(office: Office) -> None:
    office.put(
        one(1, "2026-03-02 09:00"),
        one(2, "2026-03-02 09:00", task("2026-03-17 09:00", due="2026-03-17 09:00")),
        one(3, "2026-03-02 09:00", task("2026-03-13 09:00", due="2026-03-13 09:00"), owner=BEN.id),
        one(4, "2026-03-02 09:00", call("2026-03-03 09:00"), owner=QUEUE.id),
        one(5, "2026-03-02 09:00", owner=None),
    )
    report = office.report()
    assert [(row.name, row.kind, row.now.open) for row in report.rows] == [
        ("Ana Alvarez", "person", 2),
        ("Ben Bauer", "person", 1),
        ("Inbound Queue", "queue", 1),
        ("nobody", "nobody", 1),
    ]
    total = report.total.now
    assert (total.open, total.without_next_step, total.overdue, total.untouched) == (5, 3, 1, 4)
    assert total.attempts == [4, 1, 0, 0, 0, 0, 0, 0, 0]
    assert total.covered == 1


def test_what_is_counted_now_is_what_a_later_report_counts_before(office: Office) -> None:
    first = call("2026-03-04 09:00")
    planned = replace(task("2026-03-20 09:00", due="2026-03-20 09:00"), created=at("2026-03-05 09:00"))
    to_do = replace(task("2026-03-06 09:00", due="2026-03-06 09:00"), created=at("2026-03-05 09:00"))
    office.put(
        one(1, "2026-03-02 09:00", first),
        one(2, "2026-03-03 09:00", planned),
        one(3, "2026-03-03 09:00", owner=BEN.id),
        one(4, "2026-03-03 09:00", to_do),
        one(5, "2026-03-03 09:00"),
    )
    earlier = office.report(Period(at("2026-03-02 12:00"), SINCE))
    done = replace(call("2026-03-10 09:00", task_type="call", due=to_do.due), id=to_do.id, created=to_do.created)
    status = Change("s", RecordRef("salesforce", "lead", "x"), "status", "Working", "Junk", at("2026-03-12 09:00"))
    office.schema = schema(pages=PAGES, statuses={"unqualified": "Junk"})
    office.put(
        one(1, "2026-03-02 09:00", first, call("2026-03-12 09:00")),
        one(2, "2026-03-03 09:00", replace(planned, done=True, ended=at("2026-03-11 09:00"))),
        one(3, "2026-03-03 09:00", moved(BEN, ANA, "2026-03-11 09:00", "us")),
        one(4, "2026-03-03 09:00", done),
        one(5, "2026-03-03 09:00", status, status="Junk"),
        one(6, "2026-03-12 09:00"),
    )
    before = office.report().total.before
    assert replace(before, held=0) == earlier.total.now
    assert (before.open, before.without_next_step, before.overdue, before.untouched) == (5, 3, 1, 4)


def test_attempts_from_eight_on_are_counted_together(office: Office) -> None:
    calls = [call(f"2026-03-0{day} 1{hour}:00") for day in (3, 4, 5) for hour in (0, 1, 2)]
    office.put(one(1, "2026-03-02 09:00", *calls), one(2, "2026-03-02 09:00", *calls[:8]))
    assert office.report().total.now.attempts == [0] * 8 + [2]


def test_the_first_touch_is_timed_from_the_assignment_for_leads_of_the_period(office: Office) -> None:
    new = "2026-03-10 09:00"
    office.put(
        one(1, new, call("2026-03-10 09:30")),
        one(2, new, call("2026-03-10 19:00")),
        one(3, new, call("2026-03-13 10:00")),
        one(4, new),
        one(5, "2026-03-03 09:00", call("2026-03-03 09:10")),
    )
    told = office.row(ANA)
    assert (told.now.speed.leads, told.before.speed.leads) == (4, 1)
    assert told.now.speed.quantile(0.5) == 10 * HOUR
    assert told.now.speed.quantile(0.9) is None
    assert (told.now.speed.within(HOUR), told.now.speed.within(DAY)) == (0.25, 0.5)
    assert told.now.speed.shape() == (1, 1, 0, 1, 1)
    assert told.before.speed.quantile(0.9) == timedelta(minutes=10)


def test_a_lead_that_is_closed_since_counts_for_the_first_touch_all_the_same(office: Office) -> None:
    office.put(one(1, "2026-03-10 09:00", call("2026-03-10 09:30"), status="Do Not Contact"))
    assert office.report().total.now.speed.leads == 1


def test_a_converted_lead_without_activities_is_in_no_figure_and_said_to_be_missing(office: Office) -> None:
    ref = RecordRef("salesforce", "lead", "00Q000000000000009")
    office.put(state(lead("2026-03-10 09:00", ref=ref, converted=True)))
    report = office.report()
    assert report.total.now.speed.leads == 0
    assert any("1 lead converted" in note for note in report.notes)


@pytest.mark.parametrize(
    ("touched", "waiting", "hour", "median"),
    [
        ([], [], None, None),
        ([], [timedelta(minutes=5)], None, None),
        ([], [HOUR], 0.0, None),
        ([HOUR], [timedelta(minutes=5)], 1.0, HOUR),
        ([HOUR, 2 * HOUR], [5 * HOUR], 1 / 3, 2 * HOUR),
        ([HOUR, 2 * HOUR], [5 * HOUR, 5 * HOUR, 5 * HOUR], 0.2, None),
    ],
)
def test_a_lead_that_waits_still_counts_as_slower_than_all_others(
    touched: list[timedelta], waiting: list[timedelta], hour: float | None, median: timedelta | None
) -> None:
    speed = Speed(touched, waiting)
    assert (speed.within(HOUR), speed.quantile(0.5)) == (hour, median)


def test_accepted_offers_stand_against_the_months_minimum(office: Office) -> None:
    office.minimums = {"ana": 4, "ben": 2}
    office.put(
        one(1, "2026-03-01 09:00"),
        offers=[
            offer(1, "2026-03-10 09:00"),
            offer(2, "2026-03-04 09:00"),
            offer(3, "2026-02-20 09:00"),
            offer(4, "2026-03-10 09:00", told="rejected"),
            offer(5, "2026-03-11 09:00", by=EVA),
            offer(6, "2026-03-01 10:00", by=EVA),
        ],
    )
    ana, ben, eva = (office.row(owner) for owner in (ANA, BEN, EVA))
    assert (ana.now.accepted, ana.before.accepted, ana.month, ana.minimum) == (1, 1, 2, 4)
    assert (ben.now.accepted, ben.month, ben.minimum) == (0, 0, 2)
    assert (eva.now.accepted, eva.before.accepted, eva.month, eva.minimum) == (1, 0, 2, None)
    total = office.report().total
    assert (total.now.accepted, total.month, total.minimum) == (2, 4, 6)
    longer = office.report(Period(at("2026-02-23 12:00"), at("2026-03-09 12:00"))).total
    assert (longer.now.accepted, longer.before.accepted, longer.month) == (2, 1, 2)


def moved(old: Owner, new: Owner, when: str, origin: str) -> Change:
    ref = RecordRef("salesforce", "lead", "x")
    return Change(f"{old.id}{when}", ref, "owner", old.id, new.id, at(when), origin=origin)  # type: ignore[arg-type]


def test_recycled_is_what_a_rule_took_from_a_person(office: Office) -> None:
    office.put(
        one(1, "2026-03-02 09:00", moved(ANA, BEN, "2026-03-12 09:00", "us"), owner=BEN.id),
        one(2, "2026-03-02 09:00", moved(ANA, BEN, "2026-03-04 09:00", "us"), owner=BEN.id),
        one(3, "2026-03-02 09:00", moved(ANA, BEN, "2026-03-12 09:00", "crm"), owner=BEN.id),
        one(4, "2026-03-02 09:00", moved(QUEUE, BEN, "2026-03-12 09:00", "us"), owner=BEN.id),
    )
    report = office.report()
    assert (report.total.now.recycled, report.total.before.recycled) == (1, 1)
    assert office.row(ANA).now.recycled == 1
    assert office.row(BEN).now.recycled == 0


def test_held_counts_leads_and_has_no_figure_of_before(office: Office) -> None:
    office.put(one(1, "2026-03-02 09:00"), one(2, "2026-03-02 09:00"))
    ref = RecordRef("salesforce", "lead", f"00Q{1:015d}")
    writes = [
        PlannedAction(f"r.{position}", "r", ref, "set", {"status": "x"}, {}, "why", "o", position)
        for position in range(2)
    ]
    with office.store.begin() as uow:  # type: ignore[attr-defined]
        uow.commit_plan(RecordPlan(ref, held=tuple(writes), marks=(Mark("r", "o", "", NOW, "held"),)), "run", NOW)
    report = office.report()
    assert (report.total.now.held, report.total.before.held) == (1, None)
    assert any("held before" in note for note in report.notes)


def test_the_lists_have_the_oldest_first_with_links_into_the_crm(office: Office) -> None:
    office.put(
        one(1, "2026-03-05 09:00"),
        one(2, "2026-03-02 09:00"),
        one(3, "2026-03-03 09:00", task("2026-03-13 09:00", due="2026-03-13 09:00"), owner=BEN.id),
    )
    report = office.report()
    assert [listed.name for listed in report.without_next_step] == ["Lead 2", "Lead 1"]
    assert [(listed.owner, listed.since) for listed in report.overdue] == [("Ben Bauer", at("2026-03-13 09:00"))]
    assert [listed.name for listed in report.untouched] == ["Lead 2", "Lead 3", "Lead 1"]
    assert report.without_next_step[0].url == f"https://acme.my.salesforce.com/00Q{2:015d}"


def test_an_id_cannot_lead_anywhere_else_in_the_crm(office: Office) -> None:
    odd = state(lead("2026-03-05 09:00", ref=RecordRef("salesforce", "lead", "../a?b#c")))
    office.put(odd)
    assert office.report().untouched[0].url == "https://acme.my.salesforce.com/..%2Fa%3Fb%23c"


@pytest.mark.parametrize("pattern", ["", "javascript:alert('{id}')"])
def test_without_a_known_address_there_is_no_link(office: Office, pattern: str) -> None:
    office.schema = schema(pages={"lead": pattern} if pattern else {})
    office.put(one(1, "2026-03-05 09:00"))
    assert office.report().untouched[0].url is None


def test_gaps_are_told_instead_of_guessed(office: Office) -> None:
    office.schema = schema(hidden={"lead": ("status",)})
    edited = one(3, "2026-03-02 09:00")
    office.put(
        one(1, "2026-03-02 09:00", task("2026-03-20 09:00", due="2026-03-20 09:00")),
        one(2, "2026-03-02 09:00", converted=True, hidden=("status",)),
        replace(edited, record=replace(edited.record, modified=NOW)),
    )
    with office.store.begin() as uow:  # type: ignore[attr-defined]
        last = NOW - timedelta(hours=30)
        uow.start_run(RunSummary("r", "salesforce", last, "run", None, None))
        uow.finish_run(RunSummary("r", "salesforce", last, "run", last, 0, {"held": 0}))
    notes = " ".join(office.report().notes)
    assert "last read 30 hours ago" in notes
    assert "does not show the status" in notes
    assert "Of 1 lead the CRM has not told the owner or status at 2026-03-09" in notes
    assert "Of 1 lead the CRM has not told when a task or meeting was made" in notes
    assert "address of the CRM's pages is not known" in notes


def test_a_state_that_no_pass_has_filled_gives_no_report(office: Office) -> None:
    book = FileRulebook(ruleset(of=team()), (), "plain")
    assert make_report(office.store, book, Past(as_of, unknown_at), PERIOD, NOW) is None  # type: ignore[arg-type]


def test_the_document_has_every_figure_with_the_one_before(office: Office) -> None:
    office.minimums = {"ana": 4}
    office.put(one(1, "2026-03-10 09:00", call("2026-03-10 09:30")), offers=[offer(1, "2026-03-10 09:00")])
    document = report_document(office.report())
    assert document["since"] == "2026-03-09T12:00:00Z"
    assert document["before"] == "2026-03-02T12:00:00Z"
    total = document["total"]
    assert isinstance(total, dict)
    assert total["first_touch"]["now"] == {
        "leads": 1, "not_yet": 0, "median_seconds": 1800, "p90_seconds": 1800, "within_1h": 1.0, "within_24h": 1.0,
    }  # fmt: skip
    assert total["offers_accepted"] == {"now": 1, "before": 0, "month": 1, "minimum": 4}
    assert total["held"] == {"now": 0, "before": None}
    assert total["open"] == {"now": 1, "before": 0}
