"""What an audit asks of a CRM, over HTTP, on both: counts, names, what became of a task, and cursors set back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.sandbox.faults import Fault
from connector.domain.errors import RetryableError
from connector.domain.model import Needs
from connector.domain.ports import Census
from tests.company import START, Company, company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEEDS = Needs()
BOTH = Needs(kinds=frozenset({"lead", "contact"}))


@contextmanager
def census(firm: Company, needs: Needs = NEEDS) -> Iterator[Census]:
    """The census of an adapter that has described its CRM."""
    with firm.connected() as connection:
        connection.adapter.source.describe(needs)
        yield connection.adapter.census


def test_counts_and_ids_are_of_the_live_rows_made_in_the_window(firm: Company) -> None:
    made = []
    for day in range(4):
        firm.at(START + day * DAY)
        made.append(firm.lead(f"Lead {day}"))
    firm.org.delete(made[0])
    firm.org.convert(made[1])
    firm.at(START + 5 * DAY)
    with census(firm) as asked:
        windows: list[tuple[datetime | None, datetime]] = [
            (None, START), (None, START + DAY), (START + DAY, START + 2 * DAY), (START + DAY, START + 9 * DAY),
        ]  # fmt: skip
        assert [asked.count("lead", *window, NEEDS) for window in windows] == [0, 0, 1, 3]
        assert sorted(asked.ids("lead", *windows[3], NEEDS)) == sorted(made[1:])
        assert asked.count("lead", START + DAY, START + DAY, NEEDS) == 0
        assert asked.count("no_such_stream", None, START, NEEDS) is None
        assert list(asked.ids("no_such_stream", None, START, NEEDS)) == []


@pytest.mark.parametrize(("crm", "options"), [("salesforce", {"page_size": 200}), ("hubspot", {})])
def test_ids_go_on_beyond_a_page(crm: str, options: dict[str, object], tmp_path: Path) -> None:
    with company(crm, tmp_path, **options) as firm:
        made = firm.org.load([{"name": f"Lead {n}", "company": "Weber", "created": START - DAY} for n in range(450)], 0)
        with census(firm) as asked:
            ids = list(asked.ids("lead", START - DAY, START, NEEDS))
            assert (len(ids), set(ids)) == (450, set(made))
            assert asked.count("lead", START - DAY, START, NEEDS) == 450


def test_activities_are_counted_as_they_are_stored(firm: Company) -> None:
    lead = firm.lead()
    contact = firm.org.add_contact({"name": "Cora Contact", "email": "c@example.org", "owner": firm.people["ana"]})
    firm.call(lead)
    meeting = firm.org.book_meeting(lead, firm.people["ana"], START + DAY, HOUR, "Demo")
    task = firm.org.add_task(lead, firm.people["ana"], "todo", "Ask", START + DAY)
    firm.org.add_task(contact, firm.people["ana"], "todo", "Ask", START + DAY)
    firm.at(START + HOUR)
    streams = {"salesforce": ("task", "event"), "hubspot": ("task", "meeting", "call")}[firm.crm]
    with census(firm) as asked:
        counts = {stream: asked.count(stream, None, START + HOUR, NEEDS) for stream in streams}
        # Salesforce's tasks are those of the kinds that are read; HubSpot tells only of which type a row is.
        assert counts == ({"task": 2, "event": 1} if firm.crm == "salesforce" else {"task": 2, "meeting": 1, "call": 1})
        assert asked.count("task", None, START + HOUR, BOTH) == (3 if firm.crm == "salesforce" else 2)
        stored = {"salesforce": meeting, "hubspot": f"meeting:{meeting}"}[firm.crm]
        assert list(asked.ids(streams[1], None, START + HOUR, NEEDS)) == [stored]
        assert asked.stream_of(stored, frozenset(), NEEDS) == streams[1]
        assert asked.stream_of(task, frozenset({"live"}), NEEDS) == "task"


def test_a_cancelled_meeting_is_none(tmp_path: Path) -> None:
    with company("hubspot", tmp_path) as firm:
        lead = firm.lead()
        meetings = [firm.org.book_meeting(lead, firm.people["ana"], START + DAY, HOUR, "Demo") for _ in range(3)]
        table = firm.org.portal.tables["meetings"]
        for meeting, outcome in zip(meetings, ("CANCELED", "", "COMPLETED"), strict=True):
            firm.org.portal.update(
                table, table.rows[meeting], {"hs_meeting_outcome": outcome}, firm.org.portal.person(None)
            )
        firm.at(START + HOUR)
        with census(firm) as asked:
            assert asked.count("meeting", None, START + HOUR, NEEDS) == 2
            assert set(asked.ids("meeting", None, START + HOUR, NEEDS)) == {f"meeting:{id_}" for id_ in meetings[1:]}


def test_a_task_is_there_or_was_deleted_or_is_unheard_of(firm: Company) -> None:
    lead = firm.lead()
    kept, gone = (firm.org.add_task(lead, firm.people["ana"], "todo", "Ask", START + DAY) for _ in range(2))
    firm.at(START + HOUR)
    firm.org.delete_task(gone)
    unheard = kept[:-4] + "ZZZZ" if firm.crm == "salesforce" else "987654321"
    with census(firm) as asked:
        held = asked.held("task", [kept, gone, unheard])
    assert held.keys() == {kept, gone}
    assert (held[kept].at, held[kept].deleted) == (START, False)
    assert (held[gone].at, held[gone].deleted) == (START + HOUR, True)


def test_a_cursor_that_was_set_back_reads_again_from_there(firm: Company) -> None:
    for day in range(4):
        firm.at(START + day * DAY)
        firm.lead(f"Lead {day}")
    firm.at(START + 5 * DAY)
    firm.run()
    with firm.connected() as connection:
        source, asked = connection.adapter.source, connection.adapter.census
        source.describe(connection.rulebook.needs())
        needs = connection.rulebook.needs()
        with connection.store.begin() as uow:
            cursor = uow.cursor("lead")
        assert asked.reached("lead", cursor) == START + 3 * DAY
        assert asked.reached("lead", None) is None
        back = asked.rewound("lead", cursor, START + DAY)
        names = [record.fields["name"] for page in source.read("lead", back, needs) for record in page.records]
        assert names == ["Lead 1", "Lead 2", "Lead 3"]
        assert asked.reached("lead", back) == START + DAY
        assert asked.reached("lead", asked.rewound("lead", back, START + 2 * DAY)) == START + DAY, "never forwards"


def test_an_answer_without_a_count_is_an_outage(firm: Company) -> None:
    firm.lead()
    with census(firm) as asked:
        from_sandbox = {
            "salesforce": ("GET", "/query", {"records": []}),
            "hubspot": ("POST", "/search", {"results": []}),
        }
        method, path, body = from_sandbox[firm.crm]
        firm.server.faults.add(Fault("answer", method, path, status=200, body=body, times=None))
        with pytest.raises(RetryableError, match="again"):
            asked.count("lead", None, START + HOUR, NEEDS)
