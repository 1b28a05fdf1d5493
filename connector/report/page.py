"""The report as one HTML file that needs nothing else: for the screen, light or dark, and for A4."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from connector.report.charts import attempts_chart, coverage_chart, speed_chart
from connector.report.markup import Html, join, tag
from connector.report.model import CLOCK, Figures, Listed, Report, Row
from connector.report.words import ATTEMPTS, FIGURES, Figure

SHOWN = 25
"""Leads of a list that the page shows; `--json` has all."""

HELP = 3
"""Owners whom the page names first."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for the page: nothing."""

CRM_NAMES = {"salesforce": "Salesforce", "hubspot": "HubSpot"}

DEFINITIONS: Sequence[tuple[str, str]] = (
    ("Open", "a lead that is neither converted nor deleted nor in a status that ends its way."),
    ("Without a next step", "open, without an open task and without a coming meeting."),
    ("Overdue", "open, with an open task whose due has passed."),
    ("Untouched", "open, and nobody has tried to reach it since its present owner got it."),
    ("Attempts", "since the lead came in, by anybody; what counts as one stands in team.yaml."),
    ("First touch", CLOCK),
    ("Offers accepted", "by the person who accepted; the month's figure stands against the person's minimum."),
    ("Recycled", "a rule took the lead from this owner."),
    ("Held", "open or not, with a write that waits for `followup release`."),
)


def page_of(report: Report, zone: ZoneInfo) -> str:
    """The whole page; clock times are the team's."""
    return _Page(report, zone).text()


class _Page:
    def __init__(self, report: Report, zone: ZoneInfo) -> None:
        self._report = report
        self._zone = zone

    def text(self) -> str:
        style = Html(files("connector.report").joinpath("page.css").read_text(encoding="utf-8"))
        head = tag(
            "head",
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
            Html('<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'),
            tag("title", f"Follow-up report, {self._day(self._report.period.until)}"),
            tag("style", style),
        )
        parts = (self._header(), self._headline(), self._help(), self._charts(), self._lists())
        body = tag("body", tag("main", *parts), self._footer())
        return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"

    def _header(self) -> Html:
        report, period = self._report, self._report.period
        crm = CRM_NAMES.get(report.crm, report.crm)
        read = f"read {self._when(report.read_at)}" if report.read_at else "not read to its end yet"
        return tag(
            "header",
            tag("h1", "Follow-up report"),
            tag("p", f"{self._when(period.since)} to {self._when(period.until)}", class_="period"),
            tag("p", f"{crm}, {read}. Changes are against the period from {self._when(period.before)} on."),
        )

    def _headline(self) -> Html:
        total = self._report.total
        cards = [
            tag(
                "div",
                tag("dt", _unbroken(figure.long)),
                tag("dd", figure.text(total.now), class_="value"),
                tag("dd", _change(figure, total, as_before="= as before") or "before not known"),
            )
            for figure in FIGURES
        ]
        return tag("section", tag("h2", "This period", id="headline"), tag("dl", *cards), class_="headline")

    def _help(self) -> Html:
        rows = sorted(self._report.rows, key=lambda row: (-_trouble(row.now), row.name.casefold()))
        first = [row for row in rows if _trouble(row.now)][:HELP]
        told = [tag("li", tag("strong", _name(row)), f": {_in_words(row.now)}") for row in first]
        named = tag("ol", *told, class_="first") if told else tag("p", "Nobody: every open lead is looked after.")
        return tag("section", tag("h2", "Who needs help", id="help"), named, self._owners(rows))

    def _owners(self, rows: Sequence[Row]) -> Html:
        monthly = self._report.total.minimum is not None
        heads = [tag("th", _unbroken(figure.heading), scope="col") for figure in FIGURES]
        heads += [tag("th", "Offers this month", scope="col")] if monthly else []
        lines = []
        for row in (*rows, self._report.total):
            cells = [
                tag("td", tag("span", figure.text(row.now)), _change(figure, row), class_=_mark(figure, row))
                for figure in FIGURES
            ]
            cells += [tag("td", _month(row), class_="short" if _short(row) else None)] if monthly else []
            total = row is self._report.total
            lines.append(tag("tr", tag("th", _name(row), scope="row"), *cells, class_="total" if total else None))
        head = tag("thead", tag("tr", tag("th", "Owner", scope="col"), *heads))
        table = tag("table", tag("caption", "Every figure per owner"), head, tag("tbody", *lines), class_="owners")
        return _scrolling(table, "Every figure per owner")

    def _charts(self) -> Html:
        pairs = (("now", "now"), ("before", "the period before"))
        steps = (("in-time", "in time"), ("overdue", "overdue"), ("without", "without a next step"))
        report = self._report
        charts = (
            _figure("Open leads by number of attempts", attempts_chart(report), pairs),
            _figure("Leads by time to first touch", speed_chart(report), pairs),
            _figure("Next steps per owner", coverage_chart(report), steps),
            self._attempts(),
        )
        return tag("section", tag("h2", "Charts", id="charts"), tag("div", *charts, class_="charts"))

    def _attempts(self) -> Html:
        rows = [row for row in self._report.rows if row.now.open]
        head = tag("tr", tag("th", "Owner", scope="col"), *(tag("th", each, scope="col") for each in ATTEMPTS))
        lines = [
            tag(
                "tr",
                tag("th", _name(row), scope="row"),
                *(tag("td", f"{count:,}", class_=None if count else "none") for count in row.now.attempts),
                class_="total" if row is self._report.total else None,
            )
            for row in (*rows, self._report.total)
        ]
        caption = "Open leads by number of attempts since they came in"
        table = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *lines), class_="attempts")
        title = tag("figcaption", tag("b", "Attempts per open lead, by owner"))
        return tag("figure", title, _scrolling(table, caption))

    def _lists(self) -> Html:
        report = self._report
        return join(
            self._list("Without a next step", "Since", report.without_next_step),
            self._list("Overdue", "Due", report.overdue),
            self._list("Untouched since assigned", "Assigned", report.untouched),
        )

    def _list(self, heading: str, since: str, leads: Sequence[Listed]) -> Html:
        title = tag("h2", f"{heading}: {len(leads):,}")
        if not leads:
            return tag("section", title, tag("p", "None."))
        lines = [
            tag("tr", tag("td", _linked(lead)), tag("td", lead.owner), tag("td", self._since(lead)))
            for lead in leads[:SHOWN]
        ]
        head = tag("tr", *(tag("th", each, scope="col") for each in ("Lead", "Owner", since)))
        caption = f"{heading}, the oldest first"
        table = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *lines), class_="leads")
        more = f"and {len(leads) - SHOWN:,} more: followup report --json has all" if len(leads) > SHOWN else None
        return tag("section", title, _scrolling(table, caption), tag("p", more, class_="more") if more else None)

    def _footer(self) -> Html:
        notes = tag("ul", *(tag("li", note) for note in self._report.notes)) if self._report.notes else None
        told = [join(tag("dt", word), tag("dd", text)) for word, text in DEFINITIONS]
        return tag(
            "footer",
            join(tag("h2", "What is not known"), notes) if notes else None,
            tag("h2", "How it is counted"),
            tag("dl", *told),
        )

    def _when(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%a %-d %b %Y, %H:%M}"

    def _since(self, lead: Listed) -> str:
        return self._when(lead.since) if lead.day is None else f"{lead.day:%a %-d %b %Y}"

    def _day(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%-d %b %Y}"


def _change(figure: Figure, row: Row, as_before: str = "=") -> Html | None:
    """What became of the figure, None when that is not known; whether it is better is said in words, too."""
    change = figure.change(row.now, row.before)
    if change is None:
        return None
    verdict = tag("span", f" ({change.verdict})", class_="aside") if change.verdict in ("better", "worse") else None
    return tag("span", change.told if change.amount else as_before, verdict, class_=f"change {change.verdict}")


def _unbroken(heading: str) -> str:
    """A heading in which a number and its unit stay together."""
    return heading.replace(" h", "\N{NO-BREAK SPACE}h").replace(" %", "\N{NO-BREAK SPACE}%")


def _trouble(figures: Figures) -> int:
    return figures.without_next_step + figures.overdue + figures.untouched


def _in_words(figures: Figures) -> str:
    parts = (
        (figures.without_next_step, "without a next step"),
        (figures.overdue, "overdue"),
        (figures.untouched, "untouched since assigned"),
    )
    return f"{', '.join(f'{count:,} {what}' for count, what in parts if count)}, of {figures.open:,} open leads"


def _name(row: Row) -> str:
    told = {"queue": "queue", "inactive": "inactive", "unknown": "not listed"}.get(row.kind)
    return f"{row.name} ({told})" if told else row.name


def _mark(figure: Figure, row: Row) -> str | None:
    """Marks the cells that ask for something."""
    asks = figure.id in ("without_next_step", "overdue", "untouched") and bool(figure.measure(row.now))
    return "asks" if asks else None


def _short(row: Row) -> bool:
    return row.minimum is not None and row.month < row.minimum


def _month(row: Row) -> str:
    return f"{row.month:,}" if row.minimum is None else f"{row.month:,} of {row.minimum:,}"


def _linked(lead: Listed) -> Html:
    name = lead.name or lead.ref.id
    return tag("a", name, href=lead.url, rel="noreferrer") if lead.url else join(name)


def _figure(title: str, chart: str, legend: Sequence[tuple[str, str]]) -> Html:
    keys = [tag("span", tag("i", class_=f"key {key}"), text) for key, text in legend]
    return tag("figure", tag("figcaption", tag("b", title), *keys), Html(chart))


def _scrolling(table: Html, label: str) -> Html:
    """A table that is wider than the screen scrolls by itself, with the keyboard, too."""
    return tag("div", table, class_="scroll", role="region", tabindex="0", aria_label=label)
