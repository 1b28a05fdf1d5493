"""The log tells passes in the order in which they began, also those that began at one instant."""

from __future__ import annotations

from tests.company import Company


def test_of_passes_at_one_instant_the_latest_is_the_last_that_began(firm: Company) -> None:
    began = [firm.run().summary.id for _ in range(6)]
    with firm.connected() as connection, connection.store.begin() as uow:
        assert [run.id for run in uow.runs(6)] == began[::-1]
