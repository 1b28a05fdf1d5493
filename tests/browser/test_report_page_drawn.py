"""The report's page as Chromium draws it: the bars, the text, the colours, what it asks of the network, and on paper."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.domain.model import RecordRef
from connector.report.model import Figures, Listed, Period, Report, Row, Speed
from connector.report.page import page_of
from tests.browser.chromium import Browser, chromium, missing

NOW = datetime(2026, 3, 20, 17, tzinfo=UTC)
HOSTILE = "<img src=https://evil.example/x onerror=\"document.title='owned'\"> & Söhne"
ATTEMPTS = [4, 2, 8, 1, 0, 3, 6, 5, 11]


def figures(scale: int, attempts: list[int] | None = None) -> Figures:
    touched = [timedelta(minutes=20)] * 3 + [timedelta(hours=5)] * 6 + [timedelta(days=2)] * 2
    return Figures(
        open=20 * scale,
        without_next_step=5 * scale,
        overdue=3 * scale,
        untouched=2 * scale,
        attempts=attempts or [0] * 9,
        speed=Speed(touched=touched, waiting=[timedelta(days=3)] * 4),
        accepted=scale,
        recycled=1,
        held=2,
    )


def a_report(times: int = 1) -> Report:
    many = [count * times for count in ATTEMPTS]
    report = Report(
        "salesforce",
        Period(NOW - timedelta(days=7), NOW),
        NOW,
        datetime(2026, 3, 1, tzinfo=UTC),
        Row("", "All", "person", figures(2 * times, many), figures(times, list(reversed(many))), 3, 12),
        notes=["Of 3 leads the CRM has not told when a task was made."],
    )
    names = ["Ana Ferreira", HOSTILE, "Maximiliane von und zu Hohenlohe-Langenburg", "Inbound"]
    report.rows = [
        Row(
            str(number),
            name,
            "queue" if name == "Inbound" else "person",
            figures(number * number * times + 1),
            figures(1),
            1,
            4,
        )
        for number, name in enumerate(names)
    ]
    leads = [
        Listed(
            RecordRef("salesforce", "lead", f"00Q{number}"),
            f"{HOSTILE} {number}",
            HOSTILE,
            NOW - timedelta(days=number),
            f"https://acme.my.salesforce.com/00Q{number}",
        )
        for number in range(40)
    ]
    report.without_next_step, report.overdue, report.untouched = leads, leads[:7], []
    return report


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page of small figures and one of large ones."""
    folder = tmp_path_factory.mktemp("pages")
    for name, times in (("report", 1), ("many", 400)):
        page = page_of(a_report(times), ZoneInfo("Europe/Berlin"))
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser(pages: Path) -> Iterator[Browser]:
    lacking = missing()
    if lacking:
        told = f"{' and '.join(lacking)} not here: apt-get install chromium chromium-driver"
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(told)
        pytest.skip(told)
    with chromium() as window:
        window.resize(1280)
        window.requests()  # what the browser did before there was a page
        window.open(pages / "report.html")
        yield window


def heights(browser: Browser, chart: str, series: int, side: str = "height") -> list[float]:
    found = browser.run(
        f"return [...document.querySelectorAll('svg.{chart} .plot > .serie-{series} .rect')]"
        f".map(bar => bar.getBoundingClientRect().{side})"
    )
    return [float(each) for each in found]


def ratios(sizes: list[float]) -> list[float]:
    return [round(size / max(sizes), 2) for size in sizes]


def test_every_number_of_attempts_has_a_bar_of_its_height(browser: Browser) -> None:
    assert ratios(heights(browser, "attempts", 0)) == ratios([float(each) for each in ATTEMPTS])
    assert ratios(heights(browser, "attempts", 1)) == ratios([float(each) for each in reversed(ATTEMPTS)])


def test_every_time_to_the_first_touch_has_a_bar_of_its_height(browser: Browser) -> None:
    assert ratios(heights(browser, "speed", 0)) == ratios([3.0, 6.0, 2.0, 0.0, 4.0])


def test_every_owner_has_a_bar_of_three_parts_that_stand_end_to_end(browser: Browser) -> None:
    in_time, overdue, without = (heights(browser, "coverage", number, "width") for number in range(3))
    assert len(in_time) == len(overdue) == len(without) == 4
    for parts in zip(in_time, overdue, without, strict=True):
        assert ratios(list(parts)) == ratios([12.0, 3.0, 5.0])
    assert ratios(in_time) == ratios([1.0, 2.0, 5.0, 10.0])
    right = heights(browser, "coverage", 0, "right")
    assert right == pytest.approx(heights(browser, "coverage", 1, "left"), abs=0.1)


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_is_wider_than_the_screen_and_no_text_leaves_its_chart(browser: Browser, width: int) -> None:
    browser.resize(width)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    outside = browser.run(
        """
        return [...document.querySelectorAll('svg.chart')].flatMap(svg => {
          const frame = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text')].filter(text => {
            const box = text.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
          }).map(text => text.textContent);
        })"""
    )
    browser.resize(1280)
    assert outside == []


@pytest.mark.parametrize("file", ["report.html", "many.html"])
def test_neither_labels_nor_figures_run_into_each_other(browser: Browser, pages: Path, file: str) -> None:
    browser.open(pages / file)
    for width in (1280, 390):
        browser.resize(width)
        touching = browser.run(
            """
            const found = [];
            for (const group of document.querySelectorAll('svg .axis, svg .text-overlay')) {
              const texts = [...group.querySelectorAll('text')]
                .filter(text => text.textContent && text.getClientRects().length);
              const boxes = texts.map(text => text.getBoundingClientRect());
              boxes.forEach((one, i) => boxes.slice(i + 1).forEach((other, j) => {
                if (one.left < other.right && other.left < one.right && one.top < other.bottom - 3
                    && other.top < one.bottom - 3) found.push([texts[i].textContent, texts[i + j + 1].textContent]);
              }));
            }
            return found"""
        )
        assert touching == [], width
    browser.resize(1280)
    browser.open(pages / "report.html")


def test_dark_screens_get_dark_paper_light_ink_and_bars_of_their_own(browser: Browser) -> None:
    def colours() -> list[str]:
        found = browser.run(
            """
            const style = (what, name) => getComputedStyle(document.querySelector(what))[name];
            return [style('body', 'backgroundColor'), style('body', 'color'),
                    style('svg.attempts .serie-0 .rect', 'fill'), style('svg.attempts .axis text', 'fill')]"""
        )
        return [str(each) for each in found]

    light = colours()
    browser.scheme("dark")
    dark = colours()
    browser.scheme("light")
    assert colours() == light
    assert [luminance(each) > 0.5 for each in light[:2]] == [True, False]
    assert [luminance(each) > 0.5 for each in dark[:2]] == [False, True]
    for paper, ink, _, label in (light, dark):
        assert contrast(paper, ink) >= 7
        assert contrast(paper, label) >= 4.5
    assert all(contrast(paper, bar) >= 3 for paper, _, bar, _ in (light, dark))
    assert light[2] != dark[2]


def luminance(colour: str) -> float:
    parts = [int(each) / 255 for each in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_page_asks_nobody_for_anything_and_runs_nothing(browser: Browser) -> None:
    asked = {Path(url).name for url in browser.requests()}
    assert asked <= {"report.html", "many.html"}
    assert "report.html" in asked
    assert browser.complaints() == []
    assert browser.run("return document.title").startswith("Follow-up report")
    assert browser.run("return document.querySelectorAll('script, img, iframe, link, object').length") == 0


def test_names_are_shown_as_they_are_and_link_into_the_crm(browser: Browser) -> None:
    link = browser.run(
        "const a = document.querySelector('.leads a'); return [a.textContent, a.href, a.rel, a.getClientRects().length > 0]"
    )
    assert link == [f"{HOSTILE} 0", "https://acme.my.salesforce.com/00Q0", "noreferrer", True]


def test_what_a_screen_reader_needs_is_there(browser: Browser) -> None:
    told = browser.run(
        """
        return [...document.querySelectorAll('svg')].map(svg => [svg.getAttribute('role'),
          svg.getAttribute('aria-labelledby').split(' ').map(id => document.getElementById(id).textContent.length > 5)])"""
    )
    assert told == [["img", [True, True]]] * 3
    assert browser.run("return [...document.querySelectorAll('th')].every(th => th.scope)")
    assert browser.run("return [...document.querySelectorAll('table')].every(table => table.caption)")
    ids = browser.run("return [...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))
    assert browser.run("return document.documentElement.lang") == "en"


def test_on_a4_it_takes_few_pages_and_nothing_is_cut_off(browser: Browser, tmp_path: Path) -> None:
    paper = browser.printed()
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", paper)) <= 4
    assert re.search(rb"/MediaBox\s*\[\s*0 0 59[45][.\d]* 84[12]", paper)
    browser.command("Emulation.setEmulatedMedia", media="print")
    browser.resize(703)  # A4 without its margins, at 96 pixels an inch
    width = browser.run("return document.documentElement.scrollWidth")
    browser.command("Emulation.setEmulatedMedia", media="")
    browser.resize(1280)
    assert width <= 703
