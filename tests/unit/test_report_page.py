"""The report as text: escaping, colours one can read, changes that read without colour, the terminal's tables."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from connector.cli.report_tables import ReportTeller
from connector.domain.model import RecordRef
from connector.report.markup import Html, join, tag
from connector.report.model import Figures, Listed, Period, Report, Row, Speed
from connector.report.page import page_of
from connector.report.words import FIGURE, readable, time_text

NOW = datetime(2026, 3, 20, 17, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
HOSTILE = "</td><script>alert(1)</script>\"'&\x00\x1b[31m[link=https://evil.example]x"


def listed(number: int, name: str = "Pat Prospect", url: str | None = None, day: date | None = None) -> Listed:
    ref = RecordRef("salesforce", "lead", f"00Q{number}")
    return Listed(ref, name, "Ana", NOW - timedelta(days=number), url, day)


def report(*rows: Row, leads: int = 3, name: str = "Pat Prospect", **more: object) -> Report:
    total = Row("", "All", "person", Figures(open=5, without_next_step=2), Figures(open=4, without_next_step=4))
    made = Report("salesforce", Period(NOW - timedelta(days=7), NOW), NOW, NOW, total, list(rows), **more)  # type: ignore[arg-type]
    made.without_next_step = [listed(number, name) for number in range(leads)]
    return made


def printed(of: Report, width: int = 120, *, terminal: bool = False) -> str:
    out = io.StringIO()
    ReportTeller(Console(file=out, width=width, force_terminal=terminal), ZONE).report(of)
    return out.getvalue()


def test_what_the_crm_calls_people_and_leads_cannot_become_markup() -> None:
    page = page_of(report(Row("1", HOSTILE, "person", Figures(open=3)), name=HOSTILE, notes=[HOSTILE]), ZONE)
    assert "<script" not in page
    assert page.count("&lt;/td&gt;&lt;script&gt;") >= 4


def test_markup_escapes_text_and_attributes_and_keeps_html() -> None:
    assert tag("a", "<b>", Html("<i>x</i>"), None, href='"><x', aria_label=None) == (
        '<a href="&quot;&gt;&lt;x">&lt;b&gt;<i>x</i></a>'
    )
    assert join("&", Html("&amp;")) == "&amp;&amp;"


def test_a_lead_without_a_name_is_called_by_its_id_and_one_without_a_page_is_no_link() -> None:
    made = report()
    made.without_next_step = [listed(1, ""), listed(2, "Mia", "https://acme.example/00Q2")]
    page = page_of(made, ZONE)
    assert "<td>00Q1</td>" in page
    assert '<a href="https://acme.example/00Q2" rel="noreferrer">Mia</a>' in page


def test_long_lists_say_how_many_more_there_are() -> None:
    made = report(leads=40)
    assert "and 15 more" in page_of(made, ZONE)
    assert "and 30 more" in printed(made)


def test_a_due_day_is_shown_as_a_day_and_an_instant_in_the_teams_zone() -> None:
    made = report(leads=0)
    made.overdue = [listed(1, day=date(2026, 3, 18)), listed(2)]
    assert "<td>Wed 18 Mar 2026</td>" in page_of(made, ZONE)
    assert "<td>Wed 18 Mar 2026, 18:00</td>" in page_of(made, ZONE)
    told = printed(made)
    assert re.search(r"due Wed 2026-03-18 *\n", told)
    assert "due Wed 2026-03-18 18:00 CET" in told


def test_an_empty_state_makes_a_whole_page() -> None:
    empty = Report("hubspot", Period(NOW - timedelta(days=7), NOW), None, NOW, Row("", "All"))
    page = page_of(empty, ZONE)
    assert "Nobody: every open lead is looked after." in page
    assert page.count("<svg") == 3
    assert "none" in printed(empty)


def test_a_change_tells_its_direction_without_colour() -> None:
    told = printed(report())
    assert re.search(r"All\s+5\s+2\s", told)
    assert re.search(r"▲\+1\s+▼−2", told)
    page = page_of(report(), ZONE)
    assert '▼ −2<span class="aside"> (better)</span>' in page


@pytest.mark.parametrize(
    ("now", "before", "arrow", "amount", "verdict"),
    [
        (Speed([timedelta(hours=5)]), Speed([timedelta(hours=2)]), "▲", "+3.0 h", "worse"),
        (Speed([timedelta(hours=2)]), Speed([timedelta(hours=5)]), "▼", "−3.0 h", "better"),
        (Speed([timedelta(hours=2)]), Speed([], [timedelta(days=5)]), "▼", "was not yet", "better"),
        (Speed([], [timedelta(days=5)]), Speed([timedelta(hours=2)]), "▲", "was 2.0 h", "worse"),
        (Speed([], [timedelta(days=5)]), Speed([], [timedelta(days=2)]), "=", "", "same"),
    ],
)
def test_a_time_that_was_not_reached_compares_with_one_that_was(
    now: Speed, before: Speed, arrow: str, amount: str, verdict: str
) -> None:
    change = FIGURE["median"].change(Figures(speed=now), Figures(speed=before))
    assert change is not None
    assert (change.arrow, change.amount, change.verdict) == (arrow, amount, verdict)


def test_without_a_figure_of_before_no_change_is_made_up() -> None:
    assert FIGURE["held"].change(Figures(held=3), Figures(held=None)) is None
    assert FIGURE["median"].change(Figures(speed=Speed([timedelta(hours=1)])), Figures()) is None
    assert "before not known" in page_of(report(), ZONE)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=20), "< 1 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=2), "2.0 h"),
        (timedelta(hours=36), "1.5 d"),
        (timedelta(days=12), "12.0 d"),
    ],
)
def test_times_are_short(time: timedelta, text: str) -> None:
    assert time_text(time) == text


@pytest.mark.parametrize("width", [80, 112, 160])
def test_the_tables_fit_the_terminal(width: int) -> None:
    rows = [Row(str(n), f"{n} {readable(HOSTILE)}", "person", Figures(open=1200 + n), minimum=12) for n in range(3)]
    made = report(*rows)
    made.total.minimum = 36
    made.total.now.speed = Speed([], [timedelta(days=1)])
    told = printed(made, width)
    tables = told[: told.index("Small figures")].splitlines()
    assert max(map(len, tables[2:])) <= width
    for figure in ("1,202", "0/12", "not yet"):
        assert figure in "\n".join(tables)


def test_names_are_links_where_the_terminal_shows_them() -> None:
    made = report()
    made.without_next_step = [listed(1, "Mia", "https://acme.example/00Q1")]
    assert "https://acme.example/00Q1" in printed(made, terminal=True)
    assert "https://acme.example" not in printed(made)


def test_a_hostile_name_commands_no_terminal() -> None:
    assert readable("Mia\x1b]8;;https://evil.example\x07\x00 \u202eevil\u202c Ö\u200dx ") == (
        "Mia ]8;;https://evil.example   evil Ö\u200dx"
    )
    told = printed(report(name="[link=https://evil.example]x"), terminal=True)
    assert "\x1b]8;" not in told
    assert "[link=https://evil.example]x" in told


PAIRS = (
    *((ink, paper) for ink in ("ink", "soft", "link", "better", "worse") for paper in ("paper", "card")),
    ("ink", "asks"), ("better", "asks"), ("worse", "asks"), ("soft", "asks"),
    ("on-in-time", "in-time"), ("on-overdue", "overdue"), ("on-without", "without"),
)  # fmt: skip


def themes() -> dict[str, dict[str, str]]:
    css = files("connector.report").joinpath("page.css").read_text(encoding="utf-8")
    blocks = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)]
    light, dark, paper = blocks
    return {"light": light, "dark": light | dark, "print": light | {**paper, "asks": paper["paper"]}}


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_every_text_stands_out_from_what_is_behind_it(theme: str) -> None:
    colours = themes()[theme]
    poor = {pair: ratio for pair in PAIRS if (ratio := contrast(colours[pair[0]], colours[pair[1]])) < 4.5}
    assert poor == {}
    bars = ("now", "before", "in-time", "without")
    assert all(contrast(colours[bar], colours["paper"]) >= 2.9 for bar in bars)


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
