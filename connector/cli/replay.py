"""`followup replay`: what today's rules, or a draft's, would have done over the stored past."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from connector.bootstrap import Workspace, load_workspace
from connector.cli.console import Terminal
from connector.cli.options import instant, json_option, print_json, progress_shown, workspace_option
from connector.cli.replay_tables import ReplayTeller
from connector.cli.shards import Job, doors
from connector.cli.tables import Teller, names_of, zone_of
from connector.domain.decision import Assignment, OutboxEntry
from connector.domain.errors import ConfigError
from connector.domain.storage import Store
from connector.replay.compare import Replay, compare
from connector.replay.document import replay_document
from connector.store import open_store
from rules.replay.conduct import Conductor

Progress = Callable[[str, int], None]

HOUR = timedelta(hours=1)
RUNS = "runs"
ALL_RUNS = 1_000_000
MOST_PASSES = 100_000

NOTHING_READ = (
    "nothing has been read from the CRM yet: `followup run` reads it, or `followup plan`, which writes nothing"
)


@click.command("replay", epilog="Example: followup replay --since 2026-03-01 --rules my-draft")
@click.option("--since", required=True, help="The day, or instant, from which on; rules count as new then.")
@click.option("--until", help="Up to this day, or instant [default: now].")
@click.option(
    "--rules",
    "draft",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with a draft: *.yaml, or rules/*.yaml, and team.yaml if that is another one, too.",
)
@click.option("--every", default="1 hour", show_default=True, help="Time between passes, or `runs`: when they were.")
@click.option("--limit", type=click.IntRange(min=0), default=40, show_default=True, help="Show the last so many lines.")
@click.option(
    "--processes", type=click.IntRange(1, 8), default=1, show_default=True, help="More help where processors are idle."
)
@workspace_option
@json_option
def command(
    since: str,
    until: str | None,
    draft: Path | None,
    every: str,
    limit: int,
    processes: int,
    workspace: Path | None,
    as_json: bool,
) -> int:
    """Replay rules over the past that the state has: what they would have done, day by day, beside what was done.

    A summary first, then one line per write, the newest last. Nothing is written anywhere, and the CRM is not asked. What
    already matched at the beginning is baseline, as for any new rule. History that is missing is named, not guessed.
    """
    loaded = load_workspace(workspace, draft)
    zone = zone_of(loaded)
    now = loaded.clock().now()
    start, end = instant(since, zone, "--since"), now if until is None else instant(until, zone, "--until", end=True)
    if not start < min(end, now):
        raise ConfigError("--since must lie before --until and before now")
    past = read_past(loaded, start, min(end, now), every)
    if past is None:
        click.echo(f"followup: {NOTHING_READ}", err=True)
        return 1
    with progress_shown(as_json) as progress:
        replay = play(past, processes, zone, progress)
    if as_json:
        print_json(replay_document(replay, zone))
    else:
        ReplayTeller(Teller(Terminal(), zone, names_of(past.job.owners))).replay(replay, limit)
    Teller(Terminal(stderr=True), zone).notes((*loaded.problems, *past.job.rulebook().problems), replay.alarms)
    return 0


@dataclass(frozen=True, slots=True)
class Past:
    """What a replay reads from the state before it begins."""

    job: Job
    ledger: tuple[Assignment, ...]
    done: tuple[OutboxEntry, ...]
    every: str


def read_past(workspace: Workspace, since: datetime, until: datetime, every: str) -> Past | None:
    """All but the records; None when no pass has read anything yet."""
    settings = workspace.settings
    store = open_store(settings.store_url, clock=workspace.clock())
    try:
        with store.begin() as uow:
            schema, owners, population = uow.schema(), tuple(uow.owners()), uow.population()
            ledger = tuple(line for line in uow.assignments() if line.at < since)
            done = tuple(uow.outbox(("confirmed",)))
        passes = _runs(store, since, until) if every == RUNS else grid(since, until, step_of(every))
    finally:
        store.close()
    if not population:
        return None
    job = Job(settings.store_url, workspace.loaded.ruleset, settings.crm_name, owners, schema, passes)
    return Past(job, ledger, done, every)


def play(past: Past, processes: int, zone: ZoneInfo, progress: Progress = lambda _s, _n: None) -> Replay:
    """The replay itself, beside what was done."""
    job = past.job
    rulebook = job.rulebook()
    with doors(job, processes) as found:
        conductor = Conductor(rulebook, found, job.passes, job.crm, job.owners, past.ledger)
        played = conductor.play(progress)
    rules = [rule.id for rule in rulebook.rules]
    return compare(played, past.done, rules, (job.passes[0], job.passes[-1]), zone, past.every)


def step_of(text: str) -> timedelta:
    """The time between two passes."""
    found = re.fullmatch(r"(\d+) ?(minute|hour|day)s?", text.strip())
    if found is None or not int(found[1]):
        raise ConfigError(f"--every {text} is no time between passes; write `15 minutes`, `1 hour`, `1 day` or `runs`")
    return int(found[1]) * {"minute": timedelta(minutes=1), "hour": HOUR, "day": timedelta(days=1)}[found[2]]


def grid(since: datetime, until: datetime, step: timedelta) -> tuple[datetime, ...]:
    """The passes from a beginning to an end, both included as far as the step allows; never none."""
    count = (until - since) // step + 1
    if count > MOST_PASSES:
        raise ConfigError(f"these are {count:,} passes; take a later --since or a longer --every")
    return tuple(since + number * step for number in range(count))


def _runs(store: Store, since: datetime, until: datetime) -> tuple[datetime, ...]:
    """When passes were really made; the first of them stands for the beginning."""
    with store.begin() as uow:
        runs = uow.runs(ALL_RUNS)
    found = sorted({run.now for run in runs if run.command in ("run", "apply") and since <= run.now <= until})
    if not found:
        raise ConfigError("no pass was made in this time: leave out `--every runs`")
    return tuple(found)
