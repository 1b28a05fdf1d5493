"""The words of team.yaml: people, pools, calendars, what counts, how often a record may be contacted."""

from __future__ import annotations

from rules.vocabulary.actions import HOW, MATCH
from rules.vocabulary.base import ATTEMPT_WORDS, REPLY_WORDS, Word, listed, table

TEAM_WORDS: tuple[Word, ...] = (
    *table(
        "team.yaml",
        ("people", "who works here, by the names rules use", "{ana: {crm: ana@example.com}}"),
        ("pools", "people who share records out among them", "{inbound: {members: [ana]}}"),
        ("calendars", "working hours, zones and holidays", '{office: {zone: UTC, hours: {mon-fri: "09:00-17:00"}}}'),
        ("counts", "what counts as an attempt and as a reply", "{attempt: [call], reply: [email_received]}"),
        ("contact", "how often a record may be contacted, over all rules", "{max_per_week: 3}"),
    ),
    *table(
        "a person",
        ("crm", "the e-mail address or id by which the CRM knows the person", "ana@example.com"),
        ("manager", "the person's manager, by name", "eva"),
        ("zone", "the person's time zone", "Europe/Berlin"),
        ("away", "absences, first and last day included", "[{from: 2026-07-01, to: 2026-07-14}]"),
        ("cover", "who does the person's tasks while they are away; the manager when not given", "ben"),
        ("skills", "what the person knows: industries, countries, products; for pools that match", "[software]"),
        ("daily", "records a day that pools may give the person, over all pools", "20"),
        ("weight", "the person's share of a weighted pool against the others'; 1 when not given", "2"),
        ("monthly_offers", "offers the person is expected to accept in a month; for the report", "10"),
    ),
    *table(
        "an absence",
        ("from", "the first day away", "2026-07-01"),
        ("to", "the last day away", "2026-07-14"),
    ),
    *table("a pool", ("members", "the people, by name, in the order of their first turns", "[ana, ben]"), HOW, MATCH),
    *table(
        "a calendar",
        ("zone", "the time zone of its hours", "Europe/Berlin"),
        ("hours", "the open hours per day: mon ... sun, or mon-thu", '{mon-thu: "09:00-18:00", fri: "09:00-16:00"}'),
        ("holidays", "a country, or country and region, whose public holidays are closed", "DE-BY"),
        ("closed", "other days that are closed", "[2026-12-24, 2026-12-31]"),
    ),
    *table(
        "counts",
        ("attempt", f"what counts as an attempt: {listed(ATTEMPT_WORDS)}", "[call, email_sent]"),
        ("reply", f"what counts as a reply: {listed(REPLY_WORDS)}", "[email_received, call_inbound]"),
    ),
    *table(
        "contact",
        ("min_gap", "the shortest time between two contacts", "1 business day"),
        ("max_per_week", "how many contacts within seven days", "3"),
    ),
)
