"""What every store must do when all of its records are walked through."""

from __future__ import annotations

from dataclasses import replace

from connector.domain.storage import UnitOfWork
from tests.contract.store_bench import ANN, BEN, DEAL, NOW, record, store, unit

__all__ = ["store", "unit"]


def test_the_records_of_a_kind_come_page_by_page_without_those_that_are_gone(unit: UnitOfWork) -> None:
    unit.save_records([record(), replace(record(BEN), deleted=True), record(DEAL)], NOW)
    assert unit.refs("lead", 9) == [ANN]
    assert unit.refs("lead", 9, gone=True) == sorted([ANN, BEN])
    first = unit.refs("lead", 1, gone=True)
    assert unit.refs("lead", 9, first[-1], gone=True) == sorted([ANN, BEN])[1:]
    assert unit.refs("deal", 9) == [DEAL]
