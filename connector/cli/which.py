"""Which record is meant on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlsplit

import click

from connector.domain.model import KINDS, RecordRef
from connector.domain.storage import UnitOfWork


def find_records(uow: UnitOfWork, text: str) -> Sequence[RecordRef]:
    """The stored records meant by an id, by `kind:id`, or by the parts of a page's address, the last one first."""
    return next((found for part in _parts(text) if (found := uow.find(part))), ())


def when_forgotten(uow: UnitOfWork, text: str) -> datetime | None:
    """When the record of this id, `kind:id` or address was forgotten; None when it was not."""
    graves = uow.tombstones()
    for part in _parts(text) if graves else ():
        kind, _, id_ = part.rpartition(":")
        found = [graves.when(RecordRef("", each, id_)) for each in ((kind,) if kind else KINDS)]
        at = next((each for each in found if each is not None), None)
        if at is not None:
            return at
    return None


def _parts(text: str) -> Iterator[str]:
    yield text
    yield from (part for part in reversed(urlsplit(text).path.split("/")) if part and part != text)


def not_one(uow: UnitOfWork, text: str, refs: Sequence[RecordRef]) -> int:
    """Say why the text means no record, or more than one; the exit code."""
    at = None if refs else when_forgotten(uow, text)
    if refs:
        click.echo(f"followup: {text} is several records: name one of {', '.join(map(str, refs))}", err=True)
    elif at is not None:
        click.echo(
            f"followup: this record was forgotten on {at:%Y-%m-%d}, on request: nothing is known of it", err=True
        )
    else:
        click.echo("followup: no such record in the state; a pass or plan reads what is new in the CRM", err=True)
    return 1
