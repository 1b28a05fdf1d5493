"""`python -m benchmarks replay`: how long 90 days of 10,000 leads take to replay, with a dozen rules and a state of its own."""

from __future__ import annotations

import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector.bootstrap import load_workspace
from connector.cli.replay import play, read_past, zone_of
from connector.clock import FixedClock
from connector.domain.model import Activity, Change, CrmSchema, FieldInfo, Owner, Record, RecordRef, Value
from connector.store import open_store

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PEOPLE = ("ana", "ben", "cleo", "eva")
STATUSES = ("Open - Not Contacted", "Working - Contacted", "Interested", "Qualified", "Recycled", "Unqualified")

CONFIG = """\
crm: salesforce
statuses: {new: Open - Not Contacted, working: Working - Contacted, interested: Interested, qualified: Qualified,
           recycled: Recycled, unqualified: Unqualified}
enrollments: {brochure: {campaign: "701000000000001"}, nurture: {campaign: "701000000000002"}}
"""

TEAM = """\
people: {ana: {crm: ana@example.com}, ben: {crm: ben@example.com}, cleo: {crm: cleo@example.com}, eva: {crm: eva@example.com}}
pools: {inbound: {members: [ana, ben, cleo]}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-18:00"}, holidays: DE}}
contact: {min_gap: 1 hour, max_per_week: 6}
"""

RULES = """\
version: 1
defaults:
  for: lead
  calendar: office
  unless: {any: [{status: [unqualified, qualified]}, {opted_out: true}]}
rules:
  - {id: first-call, why: Every new lead is called, when: {created: true}, wait: 1 business hour,
     unless: {attempts: {at_least: 1}}, then: [{task: {type: call, subject: "Call {lead.name}", due: 1 business day}}]}
  - {id: week-one, why: Every lead is called in its first week, when: {created: true}, wait: 5 business days,
     unless: {attempts: {type: call, at_least: 1}}, then: [{task: {type: call, subject: "Qualify", due: 1 business day}}]}
  - {id: month-one, why: A promotion call after a month, when: {created: true}, wait: 1 month,
     then: [{task: {type: call, subject: "Promotion for {lead.name}", due: 2 business days}}]}
  - {id: recycle, why: Six attempts are enough, when: {attempts: {reach: 6, since: assigned}}, wait: 2 business days,
     unless: {replied: {since: assigned}}, once: per owner, limit: {per_run: 25},
     then: [{set: {status: recycled}}, {reassign: {pool: inbound, except: previous_owners, if_nobody: hold}}]}
  - {id: brochure, why: Interested prospects get the brochure, when: {becomes: {status: interested}}, once: per 90 days,
     then: [{enroll: {in: brochure}}]}
  - {id: after-brochure, why: Ask a week after, when: {becomes: {status: interested}}, wait: 1 week,
     then: [{task: {type: todo, subject: "Ask {lead.name} about the brochure", due: 1 business day}}]}
  - {id: next-step, why: Every open lead has a next step, when: {next_step: none}, wait: 3 business days,
     then: [{task: {type: todo, subject: "Decide the next step", due: 1 business day}}]}
  - {id: quiet, why: Two quiet weeks are too many, when: {quiet: 2 weeks}, if: {status: [new, working]},
     then: [{task: {type: call, subject: "Silence", due: 1 business day}}]}
  - {id: answer, why: A reply is answered at once, when: {replied: true}, contact: always,
     then: [{task: {type: call, subject: "Answer {lead.name}", due: 2 business hours}}]}
  - {id: assigned, why: A new owner says hello, when: {assigned: true}, wait: 2 business days, if: {touched_by: owner},
     then: [{note: "the new owner has been in touch"}]}
  - {id: stale, why: Nobody stays in a status for ever, when: {changes: status}, wait: 20 business days,
     if: {in_status: {over: 20 days}}, then: [{task: {type: todo, subject: "Move it on", due: 3 business days}}]}
  - {id: big, why: Big companies go to nurture, when: {becomes: {status: recycled}}, if: {size: {over: 500}, country: [DE, AT]},
     once: per lead, then: [{enroll: {in: nurture}}]}
"""


def replay(leads: int, days: int, processes: int) -> None:
    """Make the state, replay it, say how long it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules").mkdir()
        (folder / "followup.yaml").write_text(CONFIG)
        (folder / "team.yaml").write_text(TEAM)
        (folder / "rules" / "rules.yaml").write_text(RULES)
        workspace = load_workspace(folder)
        made = fill(workspace.settings.store_url, leads, days)
        began, used = time.perf_counter(), cpu()
        past = read_past(workspace, START, START + days * DAY, "1 hour")
        assert past is not None
        found = play(past, processes, zone_of(workspace))
        seconds, worked = time.perf_counter() - began, cpu() - used
    writes = sum(tally.would + tally.held for tally in found.rules.values())
    print(
        f"replay: {leads:,} leads x {days} days, {made:,} activities, {len(found.rules)} rules, {processes} processes"
    )
    print(
        f"  {seconds:7.2f} s  cpu {worked:6.2f} s  passes {found.passes:,}  evaluated {found.evaluated:,}  "
        f"writes {writes:,}  {1e3 * seconds / max(1, found.evaluated):.3f} ms per evaluation"
    )
    for rule, tally in found.rules.items():
        print(f"    {rule:16} matches {tally.matches:6,}  records {tally.records:6,}  held {tally.held:5,}")


def cpu() -> float:
    """Processor seconds of this process and of those it waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def fill(url: str, leads: int, days: int) -> int:
    """A state as passes would have left it: leads that come in over the time, calls, mails, answers, changes of status."""
    dice = random.Random(7)
    end = START + days * DAY
    owners = [Owner(f"005{name}", name.title(), f"{name}@example.com") for name in PEOPLE]
    names = ("status", "name", "owner", "opted_out", "do_not_call", "country", "size", "email")
    kinds = {"status": "picklist", "opted_out": "boolean", "do_not_call": "boolean", "size": "number"}
    fields = {
        each: FieldInfo(each, each, kinds.get(each, "text"), True, STATUSES if each == "status" else ())  # type: ignore[arg-type]
        for each in names
    }
    words = dict(zip(("new", "working", "interested", "qualified", "recycled", "unqualified"), STATUSES, strict=True))
    made = 0
    store = open_store(url, clock=FixedClock(end))
    with store.begin() as uow:
        uow.save_owners(owners)
        uow.save_schema(CrmSchema("salesforce", {"lead": fields}, words, ("brochure", "nurture")))
    for first in range(0, leads, 500):
        with store.begin() as uow:
            found = [_lead(number, dice, end) for number in range(first, min(leads, first + 500))]
            uow.save_records([record for record, _, _ in found], START)
            uow.save_activities([each for _, activities, _ in found for each in activities])
            uow.save_changes([each for _, _, changes in found for each in changes])
            made += sum(len(activities) for _, activities, _ in found)
    store.close()
    return made


def _lead(number: int, dice: random.Random, end: datetime) -> tuple[Record, list[Activity], list[Change]]:
    ref = RecordRef("salesforce", "lead", f"00Q{number:012}AAA")
    created = START - 30 * DAY + (end - START + 30 * DAY) * dice.random()
    owner = f"005{PEOPLE[number % 3]}"
    activities = list(_activities(ref, created, end, owner, dice))
    changes: list[Change] = []
    status, at = STATUSES[0], created
    for new in STATUSES[1 : 1 + dice.choice((0, 1, 1, 2, 3, 4))]:
        at += 12 * DAY * dice.random()
        if at < end:
            changes.append(Change(f"h{number}-{len(changes)}", ref, "status", status, new, at, actor=owner))
            status = new
    values: dict[str, Value] = {
        "status": status,
        "name": f"Lead {number}",
        "owner": owner,
        "opted_out": number % 25 == 0,
        "do_not_call": number % 40 == 0,
        "country": ("DE", "AT", "FR")[number % 3],
        "size": number % 1000,
        "email": f"lead{number}@example.org",
    }
    return Record(ref, values, created, max(at, created), "1"), activities, changes


def _activities(
    ref: RecordRef, created: datetime, end: datetime, owner: str, dice: random.Random
) -> Iterator[Activity]:
    at = created
    for count in range(dice.choice((0, 2, 4, 6, 8, 10))):
        at += 5 * DAY * dice.random() + HOUR
        if at >= end:
            return
        kind = dice.choice(("call", "call", "call", "email", "email", "reply", "task"))
        id_ = f"{ref.id}-{count}"
        if kind == "reply":
            yield Activity(id_, "email", (ref,), at, "1", "inbound", None, created=at)
        elif kind == "task":
            over = at + 3 * DAY * dice.random()
            yield Activity(id_, "task", (ref,), over, "1", None, owner, ended=over, task_type="todo", created=at)
        else:
            type_ = "call" if kind == "call" else "email"
            yield Activity(id_, type_, (ref,), at, "1", "outbound", owner, created=at)
