"""`make sabotage`: puts one fault after another into a copy of the tree and sees whether the suite notices.

Each worker has a copy of the work tree, uncommitted edits included. First the copies as they are have to pass every test
that a variant names; then each variant is applied, its tests are run, and the file is put back. Options: `--all` runs the
whole suite on each instead of the named tests; other words choose the variants whose names contain one of them.
"""

from __future__ import annotations

import compileall
import gc
import json
import multiprocessing
import os
import py_compile
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path

# Loaded once, before the forks: what the product and its tests import of others. Nothing of ours may be loaded here.
import holidays  # noqa: F401
import hubspot  # noqa: F401
import hypothesis.strategies  # noqa: F401
import pydantic_settings  # noqa: F401
import simple_salesforce  # noqa: F401
import sqlalchemy.dialects.sqlite  # noqa: F401
import sqlglot  # noqa: F401

from tests.sabotage import trial
from tests.sabotage.tally import Answer, Tally
from tests.sabotage.variants import PRODUCT, Variant, VariantError, every

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
LONGEST = 120.0
"""Seconds for the tests of one variant; what takes longer does not end."""
LONGEST_OF_ALL = 3600.0

WHOLE_SUITE = ("tests", "--ignore=tests/unit/test_sabotage_files.py")
"""Without the test that sees every variant for what it is."""


@dataclass(eq=False)
class Worker:
    """A copy of the tree, and the process that is at work on it."""

    tree: Path
    variant: Variant | None = None
    text: str = ""
    process: ForkProcess | None = None
    until: float = 0.0
    again: bool = False
    """Whether it is the second time that the tests run on this variant."""

    @property
    def answer(self) -> Path:
        return self.tree.with_suffix(".json")

    def start(self, tests: Sequence[str], options: Sequence[str], seconds: float) -> None:
        """Fork a process that runs these tests on the copy as it stands."""
        self.answer.unlink(missing_ok=True)
        arguments = (self.tree, tests, options, self.answer)
        self.process = multiprocessing.get_context("fork").Process(target=trial.run, args=arguments)
        self.process.start()
        self.until = time.monotonic() + seconds

    def ended(self) -> Answer | None:
        """What the process told; None when it told nothing or had to be ended."""
        assert self.process is not None
        self.process.join(max(0.0, min(5.0, self.until - time.monotonic())))  # its end may be told before it is over
        self.end()
        return json.loads(self.answer.read_text(encoding="utf-8")) if self.answer.is_file() else None

    def end(self) -> None:
        """End the process if there is one, with all that its tests have started."""
        if self.process is None:
            return
        if self.process.is_alive():
            assert self.process.pid
            with suppress(ProcessLookupError):  # it has not come to have a group of its own
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
        self.process.join()
        self.process = None

    def spoil(self, variant: Variant) -> None:
        """Put the fault into the copy; VariantError when it does not apply."""
        broken = variant.applied(self.tree)
        path = self.tree / variant.file
        self.variant, self.text = variant, path.read_text(encoding="utf-8")
        path.write_text(broken, encoding="utf-8")

    def restore(self) -> Variant:
        """Put the file back."""
        assert self.variant is not None
        variant, self.variant = self.variant, None
        (self.tree / variant.file).write_text(self.text, encoding="utf-8")
        return variant


def main(words: Sequence[str]) -> int:
    """Run the variants; 0 when every one was killed."""
    whole = "--all" in words
    wanted = [word for word in words if word != "--all"]
    chosen = [one for one in every() if not wanted or any(word in one.name for word in wanted)]
    if not chosen:
        print("no variant has such a name")
        return 1
    tally = Tally()
    gc.freeze()  # what is loaded by now is nobody's garbage: the processes forked from here need not look at it
    with copies() as workers:
        seconds, failed = control(workers, chosen, whole)
        for variant in chosen:
            bad = sorted(failed if whole else failed.intersection(variant.tests))
            if bad:
                tally.unfit(variant, f"cannot be judged: without any fault {bad[0]} does not pass")
        # The longest first, so that none is left to one worker at the end.
        fit = [one for one in chosen if one.name not in tally.unusable]
        fit.sort(key=lambda one: -sum(seconds.get(test, 0.0) for test in one.tests))
        work(workers, fit, tally, whole)
    print(tally.line)
    return 0 if tally.killed == len(chosen) else 1


@contextmanager
def copies() -> Iterator[list[Worker]]:
    """A copy of the work tree for each worker, compiled so that a changed file is never taken for the one before it."""
    with tempfile.TemporaryDirectory(prefix="followup-sabotage-") as folder:
        first = Path(folder) / "tree-0"
        asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (first / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, first / name)
        # By hash, not by time and size: a fault and its removal may leave both alike.
        by_hash = py_compile.PycInvalidationMode.CHECKED_HASH
        for name in PRODUCT:
            compileall.compile_dir(first / name, quiet=1, workers=WORKERS, invalidation_mode=by_hash)
        workers = [Worker(first)]
        for number in range(1, WORKERS):
            workers.append(Worker(shutil.copytree(first, first.with_name(f"tree-{number}"), symlinks=True)))
        with ExitStack() as stack:
            for worker in workers:
                stack.callback(worker.end)
            yield workers


def control(workers: Sequence[Worker], chosen: Sequence[Variant], whole: bool) -> tuple[dict[str, float], set[str]]:
    """The tests on the copies without any fault: the seconds each takes, and those that do not pass or do not run."""
    named = list(dict.fromkeys(test for one in chosen for test in one.tests))
    shares = [WHOLE_SUITE] if whole else [named[number :: len(workers)] for number in range(len(workers))]
    busy = [(worker, share) for worker, share in zip(workers, shares, strict=False) if share]
    for worker, share in busy:
        worker.start(share, (), LONGEST_OF_ALL)
    seconds: dict[str, float] = {}
    failed: set[str] = set()
    for worker, _ in busy:
        assert worker.process is not None
        worker.process.join(LONGEST_OF_ALL)
        answer = worker.ended()
        if answer is None or answer["elsewhere"]:
            log = worker.answer.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
            raise SystemExit(
                f"the copy without any fault cannot be tested, so that nothing can be said:\n{log[-3000:]}"
            )
        failed |= {name for test in answer["all_failed"] for name in (test, _unnumbered(test))}
        for test in answer["passed"]:
            for name in {test, _unnumbered(test)}:
                seconds[name] = seconds.get(name, 0.0) + answer["seconds"][test]
    return seconds, failed | {test for test in named if test not in seconds}


def _unnumbered(test: str) -> str:
    """A test's name without which of its examples it was."""
    return test.partition("[")[0]


def work(workers: Sequence[Worker], chosen: Sequence[Variant], tally: Tally, whole: bool) -> None:
    """Give each worker one variant after another."""
    left = list(chosen)
    seconds = LONGEST_OF_ALL if whole else LONGEST
    while left or any(worker.process for worker in workers):
        for worker in workers:
            while left and worker.process is None:
                variant = left.pop(0)
                try:
                    worker.spoil(variant)
                except VariantError as error:
                    tally.unfit(variant, f"does not apply: {error}")
                    continue
                worker.start(WHOLE_SUITE if whole else variant.tests, ("-x",), seconds)
        busy = {worker.process.sentinel: worker for worker in workers if worker.process}
        if not busy:
            continue
        over = min(worker.until for worker in busy.values()) - time.monotonic()
        ended = {busy[one] for one in wait(list(busy), max(0.0, over)) if isinstance(one, int)}
        for worker in busy.values():
            if worker in ended or worker.until <= time.monotonic():
                answer = worker.ended()
                if answer is None and worker in ended and not worker.again:
                    # A process that died without a word, by a signal perhaps: that is no verdict yet.
                    assert worker.variant is not None
                    worker.start(WHOLE_SUITE if whole else worker.variant.tests, ("-x",), seconds)
                    worker.again = True
                    continue
                worker.again = False
                tally.tell(worker.restore(), answer)


if __name__ == "__main__":
    os.environ.pop("FOLLOWUP_EXPLORE", None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that copies and processes go, as after Ctrl-C
    sys.exit(main(sys.argv[1:]))
