"""How the report's figures read: times, shares, and what has changed since the period before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from connector.report.model import DAY, HOUR, MOST_ATTEMPTS, Figures

Good = Literal["more", "less", "neither"]
"""Which way a figure is better."""

Measure = Callable[[Figures], float | None]

MINUTE = timedelta(minutes=1)

_UNREADABLE = {
    **dict.fromkeys((*range(32), *range(127, 160)), " "),  # control characters: a terminal would obey them
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A))),  # marks that turn the text around them
}


def readable(name: str) -> str:
    """A name from the CRM as it can be shown anywhere: without characters that command instead of being read."""
    return name.translate(_UNREADABLE).strip()


def time_text(time: timedelta) -> str:
    """A time as short as it is useful: `45 min`, `3.4 h`, `2.1 d`."""
    if time < MINUTE:
        return "< 1 min"
    if time < 2 * HOUR:
        return f"{time // MINUTE} min"
    return f"{time / HOUR:.1f} h" if time < 1.5 * DAY else f"{time / DAY:.1f} d"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _share(value: float) -> str:
    return f"{value:.0%}"


def _time(value: float) -> str:
    return time_text(timedelta(seconds=value))


def _seconds(part: float) -> Measure:
    def of(figures: Figures) -> float | None:
        time = figures.speed.quantile(part)
        return None if time is None else time.total_seconds()

    return of


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the report: its heading, how it is taken and written, and which way it is better."""

    id: str
    heading: str
    measure: Measure
    good: Good
    write: Callable[[float], str] = _count
    long: str = ""

    def text(self, figures: Figures) -> str:
        """The figure as people read it; a dash when it is not known or there is nothing to measure."""
        value = self.measure(figures)
        if value is not None:
            return self.write(value)
        return "not yet" if self.write is _time and figures.speed.leads else "–"

    def change(self, now: Figures, before: Figures) -> Change | None:
        """What has changed; None when one of both is not known."""
        here, there = self.measure(now), self.measure(before)
        if here is None or there is None:
            return self._reached(here, there) if now.speed.leads and before.speed.leads else None
        step = round(here - there, 6)
        if self.write(abs(step)) == self.write(0):
            return Change("=", "", "same")
        amount = f"{abs(step) * 100:.0f}" if self.write is _share else self.write(abs(step))
        sign, arrow = ("+", "▲") if step > 0 else ("−", "▼")
        return Change(arrow, sign + amount, self._verdict(step), " pts" if self.write is _share else "")

    def _reached(self, here: float | None, there: float | None) -> Change | None:
        """A time that was not reached before and is now, or the other way round."""
        if self.write is not _time:
            return None
        if here is None:
            return Change("=", "", "same") if there is None else Change("▲", f"was {self.write(there)}", "worse")
        return Change("▼", "was not yet", "better")

    def _verdict(self, step: float) -> Verdict:
        if self.good == "neither":
            return "neither"
        return "better" if (step > 0) == (self.good == "more") else "worse"


Verdict = Literal["better", "worse", "same", "neither"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a figure: an arrow, the difference with its sign and unit, and whether that is better."""

    arrow: str
    amount: str
    verdict: Verdict
    unit: str = ""

    def __str__(self) -> str:
        """As short as a narrow column wants it."""
        return self.arrow if self.amount.startswith("was") else f"{self.arrow}{self.amount}"

    @property
    def told(self) -> str:
        """In full."""
        return f"{self.arrow} {self.amount}{self.unit}".rstrip()


FIGURES: Sequence[Figure] = (
    Figure("open", "Open", lambda f: f.open, "neither", long="Open leads"),
    Figure("without_next_step", "No next step", lambda f: f.without_next_step, "less", long="Without a next step"),
    Figure("overdue", "Overdue", lambda f: f.overdue, "less", long="Overdue"),
    Figure("untouched", "Untouched", lambda f: f.untouched, "less", long="Untouched"),
    Figure("median", "First touch, median", _seconds(0.5), "less", _time, long="First touch, median"),
    Figure("p90", "First touch, 90 %", _seconds(0.9), "less", _time, long="First touch, 90 %"),
    Figure("within_1h", "Within 1 h", lambda f: f.speed.within(HOUR), "more", _share, long="Touched within 1 h"),
    Figure("within_24h", "Within 24 h", lambda f: f.speed.within(DAY), "more", _share, long="Touched within 24 h"),
    Figure("accepted", "Offers accepted", lambda f: f.accepted, "more", long="Offers accepted"),
    Figure("recycled", "Recycled", lambda f: f.recycled, "neither", long="Recycled by rules"),
    Figure("held", "Held", lambda f: f.held, "less", long="Held for release"),
)
"""The figures in the order in which they are told."""

FIGURE: Mapping[str, Figure] = {figure.id: figure for figure in FIGURES}

ATTEMPTS: Sequence[str] = (*map(str, range(MOST_ATTEMPTS)), f"{MOST_ATTEMPTS}+")
"""Headings of the numbers of attempts."""

SPEEDS: Sequence[str] = ("within 1 h", "1 to 24 h", "1 to 3 days", "later", "not yet")
"""Headings of the times to the first touch, as `Speed.shape` counts them."""
