"""The Salesforce adapter in trouble that passes: lost cursors, locked rows, and effects of which only half landed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from salesforce_org import World, world

from adapters.sandbox.faults import Fault
from connector.domain.errors import RetryableError

NEXT_PAGE = r"/query/01g"


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


# -- a query's cursor is lost ----------------------------------------------------------------------------------------
def _lost(code: str, status: int, times: int | None) -> Fault:
    body = [{"errorCode": code, "message": "invalid query locator"}]
    return Fault("answer", path=NEXT_PAGE, times=times, status=status, body=body)


@pytest.mark.parametrize(("code", "status"), [("INVALID_QUERY_LOCATOR", 400), ("NOT_FOUND", 404)])
def test_owners_whose_cursor_is_lost_are_read_again_and_each_comes_once(w: World, code: str, status: int) -> None:
    people = [w.org.add_person(f"Person {n}", f"p{n}@example.com") for n in range(5)]
    queues = [w.org.add_queue(f"Queue {n}") for n in range(5)]
    w.org.set_page_size(2)
    w.server.faults.add(_lost(code, status, 1))
    owners = [owner.id for owner in w.adapter().source.owners()]
    assert len(w.server.faults.struck) == 1
    assert {*people, *queues} <= set(owners)
    assert len(owners) == len(set(owners))


def test_a_cursor_that_is_lost_again_and_again_leaves_the_query_to_the_next_pass(w: World) -> None:
    for n in range(5):
        w.org.add_person(f"Person {n}", f"p{n}@example.com")
    w.org.set_page_size(2)
    w.server.faults.add(_lost("INVALID_QUERY_LOCATOR", 400, None))
    with pytest.raises(RetryableError, match="lost its place"):
        w.adapter().source.owners()
    assert len(w.server.faults.struck) == 2


def test_queues_whose_cursor_is_lost_are_not_taken_for_hidden(w: World) -> None:
    for n in range(5):
        w.org.add_queue(f"Queue {n}")
    w.org.set_page_size(4)
    w.server.faults.add(_lost("NOT_FOUND", 404, None))
    with pytest.raises(RetryableError, match="lost its place"):
        w.adapter().source.owners()
