"""The report's charts as SVG that stands in a page: no script, no style of its own; the page's CSS gives the colours.

Drawn by pygal, which knows scales, guides and labels; what it adds for its own viewer is taken out again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from xml.etree import ElementTree

import pygal
from pygal.style import Style

from connector.report.model import Report
from connector.report.words import ATTEMPTS, SPEEDS, readable

# pygal leaves a finder for its plug-ins on the import path, in a form that newer Pythons warn of. We use no plug-ins.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

SVG = "http://www.w3.org/2000/svg"
WIDTH, HEIGHT = 460, 230
"""In units of the drawing; the page scales it to its column."""

LETTERS = 22
"""Of an owner's name in a chart; the tables have all of it."""

MOST_OWNERS = 25
"""Owners in the chart of next steps, those with the most open leads; the tables have all of them."""

DENSE = 100
"""From this count on the figures above two neighbouring bars would touch: only those of now are written."""

LETTER = 7
"""Units of the drawing that a digit takes, generously."""

Series: TypeAlias = Mapping[str, Sequence[int]]

_STYLE = Style(label_font_size=11, major_label_font_size=11, value_font_size=11, no_data_font_size=14)
"""Sizes only, by which pygal makes room for text; they are the page's."""


def attempts_chart(report: Report) -> str:
    """How many open leads got how many attempts, now and before."""
    total = report.total
    series = {"now": total.now.attempts, "before": total.before.attempts}
    few = sum(total.now.attempts[:3])
    told = f"Of {total.now.open} open leads {total.now.attempts[0]} got no attempt, {few} got two or fewer."
    return _bars("attempts", "Open leads by number of attempts", told, ATTEMPTS, series)


def speed_chart(report: Report) -> str:
    """How soon the leads of the period, and of the one before, were first tried."""
    now, before = report.total.now.speed, report.total.before.speed
    told = f"Of {now.leads} leads {now.shape()[0]} were tried within an hour, {len(now.waiting)} not yet."
    return _bars("speed", "Leads by time to first touch", told, SPEEDS, {"now": now.shape(), "before": before.shape()})


def coverage_chart(report: Report) -> str:
    """Per owner the open leads with a next step in time, with a late one, and without."""
    rows = sorted((row for row in report.rows if row.now.open), key=lambda row: -row.now.open)[:MOST_OWNERS]
    rows.reverse()  # pygal begins at the bottom
    names = [_label(row.name) for row in rows]
    series = {
        "in time": [row.now.covered for row in rows],
        "overdue": [row.now.overdue for row in rows],
        "without": [row.now.without_next_step for row in rows],
    }
    chart = pygal.HorizontalStackedBar(**_options(46 + 26 * len(rows)), print_zeroes=False, value_formatter=_shown)
    covered, whole = report.total.now.covered, report.total.now.open
    told = f"{covered} of {whole} open leads have a next step that is not late."
    return _drawn(chart, "coverage", "Next steps per owner", told, names, series)


def _bars(id: str, title: str, told: str, labels: Sequence[str], series: Series) -> str:
    top = max(max(counts) for counts in series.values()) or 1
    room = (0, top * 1.1)  # for the figure above the highest bar
    kind = f"{id} dense" if top >= DENSE else id
    chart = pygal.Bar(**_options(HEIGHT), print_values_position="top", value_formatter=_shown, range=room)
    return _drawn(chart, kind, title, told, labels, series)


def _options(height: int) -> Mapping[str, object]:
    return {
        "width": WIDTH,
        "height": height,
        "style": _STYLE,
        "js": [],
        "css": [],
        "margin": 4,
        "spacing": 6,
        "show_legend": False,
        "print_values": True,
        "disable_xml_declaration": True,
        "max_scale": 6,
        "include_x_axis": True,
        "no_data_text": "no leads",
        "truncate_label": -1,
    }


def _shown(value: float) -> str:
    return f"{value:,.0f}"


def _label(name: str) -> str:
    """A name as the drawing can carry it: XML knows no control characters, and there is room for so much."""
    clean = readable(name)
    return clean if len(clean) <= LETTERS else clean[: LETTERS - 1] + "…"


def _drawn(chart: pygal.Graph, kind: str, title: str, told: str, labels: Sequence[str], series: Series) -> str:
    id = kind.partition(" ")[0]
    chart.x_labels = list(labels)
    for name, counts in series.items():
        chart.add(name, list(counts))
    root = ElementTree.fromstring(chart.render(is_unicode=True))  # noqa: S314 - drawn by us a line above
    _strip(root)
    for number, name in enumerate(series):
        _name_bars(root, number, name)
        if isinstance(chart, pygal.HorizontalStackedBar):
            _drop_cramped(root, number)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "class": f"chart {kind}",
        "role": "img",
        "aria-labelledby": f"{id}-title {id}-desc",
    }
    for position, (word, text) in enumerate((("title", title), ("desc", told))):
        element = ElementTree.Element(f"{{{SVG}}}{word}", {"id": f"{id}-{word}"})
        element.text = text
        root.insert(position, element)
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _strip(root: ElementTree.Element) -> None:
    """Leave out pygal's own title, definitions, tooltips and the second texts of its axes."""
    for parent in list(root.iter()):
        for child in list(parent):
            kind = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else "comment"
            tooltip = "tooltip-overlay" in child.attrib.get("class", "")
            if kind in ("defs", "title", "comment", "script", "style") or tooltip:
                parent.remove(child)


def _name_bars(root: ElementTree.Element, number: int, name: str) -> None:
    """Instead of the notes for its tooltips each bar of a series gets a title, which browsers show and read out."""
    for bar in _bars_of(root, number):
        notes = bar.findall(f"{{{SVG}}}desc")
        said = {note.attrib.get("class", ""): note.text or "" for note in notes}
        for note in notes:
            bar.remove(note)
        title = ElementTree.SubElement(bar, f"{{{SVG}}}title")
        title.text = f"{said.get('x_label', '')}, {name}: {said.get('value', '')}"


def _drop_cramped(root: ElementTree.Element, number: int) -> None:
    """Leave out the figures of a series that have no room inside their bars."""
    overlay = f".//{{{SVG}}}g[@class='plot text-overlay']/*[@class='series serie-{number} color-{number}']"
    for group in root.findall(overlay):
        for bar, text in zip(_bars_of(root, number), list(group), strict=True):
            if float(bar[0].attrib.get("width", "0")) < LETTER * len(text.text or ""):
                group.remove(text)


def _bars_of(root: ElementTree.Element, number: int) -> Sequence[ElementTree.Element]:
    return root.findall(f".//{{{SVG}}}g[@class='series serie-{number} color-{number}']//{{{SVG}}}g[@class='bar']")
