"""What a person stopped: kept apart from the pass's lock, so that a running pass sees it before its next batch."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, delete, exists, func, or_, select

from connector.domain.decision import EVERYTHING, PAUSES_CHANGED, Pause
from connector.store.codec import instant, micros
from connector.store.runs import Runs
from connector.store.statements import put
from connector.store.tables import outbox, pauses


class Pauses(Runs):
    """Rules, cadences or everything that stand still until somebody lets them go on."""

    def pauses(self) -> Mapping[str, Pause]:
        """What is paused, by rule or cadence; `EVERYTHING` stands for all of them."""
        rows = self._connection.execute(select(pauses).order_by(pauses.c.rule))
        return {row.rule: Pause(row.rule, instant(row.at), row.why) for row in rows}

    def pause(self, pause: Pause) -> bool:
        """Stop a rule, or everything; False when it was paused already, which then stays as it is."""
        if pause.rule in self.pauses():
            return False
        put(self._connection, pauses, [{"rule": pause.rule, "at": micros(pause.at), "why": pause.why}])
        self._count_change()
        return True

    def resume(self, rule: str) -> bool:
        """Let a rule, or everything, go on; False when it was not paused."""
        if not self._connection.execute(delete(pauses).where(pauses.c.rule == rule)).rowcount:
            return False
        self._count_change()
        return True

    def _count_change(self) -> None:
        before = self.setting(PAUSES_CHANGED)
        self.save_setting(PAUSES_CHANGED, (before if isinstance(before, int) else 0) + 1)


def is_paused() -> ColumnElement[bool]:
    """Whether an entry of the outbox is one of a paused rule, of a paused cadence's step, or everything is paused."""
    step = func.substr(outbox.c.rule, 1, func.length(pauses.c.rule) + 1) == pauses.c.rule + "/"
    return exists().where(or_(pauses.c.rule == EVERYTHING, pauses.c.rule == outbox.c.rule, step))
