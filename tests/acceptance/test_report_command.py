"""`followup report` as people meet it: from a real process, on both CRMs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cli.main import main
from tests.company import Company

DAY = timedelta(days=1)

Command = Callable[..., tuple[object, str, str]]


@pytest.fixture
def report(firm: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`followup report ...` in this process, as its exit code and what it wrote."""

    def called(*arguments: str) -> tuple[object, str, str]:
        for name, value in firm.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(firm.folder)
        with pytest.raises(SystemExit) as ended:
            main(["report", *arguments])
        written = capsys.readouterr()
        return ended.value.code, written.out, written.err

    return called


def week(firm: Company) -> tuple[str, str, str]:
    """Three leads: one called at once, one with a task that nobody did, one that nobody looked after."""
    firm.at(DAY)
    called, late, forgotten = (
        firm.lead(name, owner) for name, owner in (("Mia", "ana"), ("Leo", "ben"), ("Ida", "ben"))
    )
    firm.at(DAY + timedelta(minutes=30))
    firm.call(called, outcome="connected")
    firm.org.add_task(late, firm.people["ben"], "call", "Call Leo", firm.clock.peek() + DAY)
    firm.rules("  - {id: r, why: w, when: {becomes: {status: recycled}}, then: [{note: x}]}\n")
    firm.run(4 * DAY)
    return called, late, forgotten


def test_the_report_tells_who_needs_help_and_with_which_leads(firm: Company, report: Command) -> None:
    _, late, forgotten = week(firm)
    code, out, err = report("--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    total = document["total"]
    assert {name: total[name]["now"] for name in ("open", "without_next_step", "overdue", "untouched")} == {
        "open": 3,
        "without_next_step": 2,
        "overdue": 1,
        "untouched": 2,
    }
    assert total["attempts"]["now"] == [2, 1, 0, 0, 0, 0, 0, 0, 0]
    assert total["first_touch"]["now"]["within_1h"] == 0.3333
    ana, ben = document["owners"]
    assert (ana["name"], ana["untouched"]["now"]) == ("Ana Ferreira", 0)
    assert (ben["name"], ben["untouched"]["now"]) == ("Ben Okafor", 2)
    assert ana["first_touch"]["now"]["median_seconds"] == 1800
    [overdue] = document["lists"]["overdue"]
    assert (overdue["record"], overdue["name"]) == (f"lead:{late}", "Leo")
    assert {lead["record"] for lead in document["lists"]["untouched"]} == {f"lead:{late}", f"lead:{forgotten}"}
    page = {
        "salesforce": f"{firm.server.url}/{late}",
        "hubspot": rf"https://app\.hubspot\.com/contacts/\d+/record/0-1/{late}",
    }
    assert re.fullmatch(page[firm.crm], overdue["url"])
    assert document["notes"] == []


def test_the_table_and_the_page_are_made_in_one_go(firm: Company) -> None:
    week(firm)
    done = firm.cli("report", "--html", "friday.html")
    assert done.returncode == 0, done.stderr
    assert "Ben Okafor" in done.stdout
    assert "written: friday.html" in done.stdout
    page = (firm.folder / "friday.html").read_text(encoding="utf-8")
    assert "Ben Okafor" in page
    assert page.count("<svg") == 3


def test_a_period_can_begin_on_a_day_and_the_one_before_is_as_long(firm: Company, report: Command) -> None:
    week(firm)
    document = json.loads(report("--since", "2026-03-04", "--json")[1])
    assert document["since"] == "2026-03-03T23:00:00Z"
    assert document["before"] == "2026-03-01T14:00:00Z"
    assert document["total"]["open"]["before"] == 3
    assert document["total"]["first_touch"]["now"]["leads"] == 0
    assert document["total"]["first_touch"]["before"]["leads"] == 3


def test_what_cannot_be_reported_on_is_one_line_that_says_what_to_do(firm: Company, report: Command) -> None:
    code, out, err = report("--json")
    assert (code, json.loads(out)["error"]) == (1, err.removeprefix("followup: ").strip())
    assert err.startswith("followup: nothing has been read from the CRM yet; `followup run`")
    firm.run()
    for arguments, reason in (
        (("--since", "2026-04-01"), "that day has not begun yet"),
        (("--week", "--since", "2026-03-01"), "exclude each other"),
        (("--html", "no/such/folder/x.html"), "cannot be written"),
    ):
        code, out, err = report(*arguments)
        assert (code, out, reason in err, len(err.splitlines())) == (2, "", True, 1), err


def test_the_charts_are_loaded_for_the_page_only() -> None:
    script = "import connector.cli.report, sys; print('pygal' in sys.modules)"
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr
