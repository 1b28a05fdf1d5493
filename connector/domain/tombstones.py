"""What is left of records that were forgotten: enough to know them again, too little to tell who they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b

from connector.domain.model import KINDS, Activity, Change, Enrollment, Page, Record, RecordRef

ACTIVITY = "activity"
"""The kind under which an activity of a forgotten record is buried."""

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def digest(salt: bytes, kind: str, id_: str) -> str:
    """A keyed digest of an id: 32 hex digits that lead nowhere without the state's salt."""
    return blake2b(f"{kind}/{id_}".encode("utf-8", "surrogatepass"), digest_size=16, key=salt).hexdigest()


@dataclass(frozen=True)
class Tombstones:
    """Which ids were forgotten, and when. False when nothing ever was."""

    salt: bytes = field(default=b"", repr=False)
    at: Mapping[str, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.at)

    def when(self, ref: RecordRef) -> datetime | None:
        """When a record was forgotten; None when it was not."""
        return self.at.get(digest(self.salt, ref.kind, ref.id)) if self.at else None

    def has(self, ref: RecordRef) -> bool:
        """Whether a record was forgotten."""
        return self.when(ref) is not None

    def knows(self, kind: str, id_: str) -> bool:
        """Whether a record of a kind, or an activity, with this id was forgotten."""
        return bool(self.at) and digest(self.salt, kind, id_) in self.at

    def records(self, read: Sequence[Record]) -> Sequence[Record]:
        """The records without those that were forgotten; one that was merged into such a one is only gone."""
        kept = [record for record in read if not self.has(record.ref)]
        return [
            replace(record, deleted=True, merged_into=None)
            if record.merged_into is not None and self.has(record.merged_into)
            else record
            for record in kept
        ]

    def changes(self, read: Sequence[Change]) -> Sequence[Change]:
        """The changes of records that were not forgotten."""
        return [change for change in read if not self.has(change.ref)]

    def enrollments(self, read: Sequence[Enrollment]) -> Sequence[Enrollment]:
        """The enrolments of records that were not forgotten."""
        return [enrollment for enrollment in read if not self.has(enrollment.ref)]

    def activities(self, read: Sequence[Activity]) -> tuple[Sequence[Activity], Sequence[str]]:
        """The activities as they may be stored, and the ids of those that may not.

        One that a forgotten record shares with others stays theirs, without its words.
        """
        kept: list[Activity] = []
        gone: list[str] = []
        for activity in read:
            refs = tuple(ref for ref in activity.refs if not self.has(ref))
            if len(refs) == len(activity.refs):
                kept.append(activity)
            elif refs:
                kept.append(without_words(activity, refs))
            else:
                gone.append(activity.id)
        return kept, gone

    def page(self, page: Page) -> tuple[Page, Sequence[str]]:
        """A page without what was forgotten, and the ids of activities that belonged to nobody else."""
        kept, gone = self.activities(page.activities)
        clean = replace(
            page,
            cursor=self.cursor(page.cursor, page.stream),
            records=tuple(self.records(page.records)),
            activities=tuple(self._known_again(kept)),
            changes=tuple(self.changes(page.changes)),
            enrollments=tuple(self.enrollments(page.enrollments)),
        )
        return clean, gone

    def _known_again(self, kept: Sequence[Activity]) -> Iterator[Activity]:
        """HubSpot tells an activity before it tells whose it is: one of a forgotten record is known by its own id."""
        for activity in kept:
            if not self.knows(ACTIVITY, activity.id):
                yield activity
            elif activity.refs:
                yield without_words(activity, activity.refs)

    def cursor(self, text: str, stream: str) -> str:
        """A cursor that names no forgotten id: it stands just before it, so that a row or two are read once more.

        Cursors are the adapters' own, and JSON in both of ours; what is not JSON carries no id.
        """
        try:
            read: Json = json.loads(text)
        except ValueError:
            return text
        clean = self._clean(read, stream.rpartition(":")[2])
        return text if clean == read else json.dumps(clean)

    def _clean(self, value: Json, stream: str) -> Json:
        if isinstance(value, dict):
            return {name: self._clean(inner, stream) for name, inner in value.items()}
        if isinstance(value, list):
            kept = [one for one in value if not (isinstance(one, str) and self._is_forgotten(one, stream))]
            return [self._clean(one, stream) for one in kept]
        if isinstance(value, bool) or not isinstance(value, str | int):
            return value
        if not self._is_forgotten(str(value), stream):
            return value
        if isinstance(value, int):
            return value - 1
        return str(int(value) - 1) if value.isdecimal() else ""

    def _is_forgotten(self, id_: str, stream: str) -> bool:
        named = ((kind, id_) for kind in (*KINDS, ACTIVITY))
        return any(self.knows(*name) for name in (*named, (ACTIVITY, f"{stream}:{id_}")))


def without_words(activity: Activity, refs: tuple[RecordRef, ...]) -> Activity:
    """An activity on these records only, without anything in it that a person wrote."""
    return replace(activity, refs=refs, subject="", outcome=None)
