"""Tells at the end of a run how many points a pass has at which it was killed."""

from __future__ import annotations

from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """One line for each CRM and flavour, also where the tests ran in other processes."""
    reports = [*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())]
    told = {value for report in reports for name, value in report.user_properties if name == "crash points"}
    for line in sorted(told):
        terminalreporter.write_line(f"crash points: {line}")
