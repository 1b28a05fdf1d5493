"""A pass on Salesforce that dies, wherever it dies: nothing is lost, nothing is written twice, no cursor is ahead."""

from __future__ import annotations

from tests.crash.suite import the_suite_on

found, test_nothing_is_lost_and_nothing_written_twice = the_suite_on("salesforce")
