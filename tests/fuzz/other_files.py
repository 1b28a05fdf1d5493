"""Target `other_files`: a saved plan that somebody edited, and lock and budget files with anything in them.

A plan file writes nothing but what today's rules decide as well; the other two files stop no pass.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from adapters.http import RateBudget
from tests.company import Company
from tests.fuzz import lies
from tests.fuzz.stage import nothing_wrong, one_pass, said, staged, written_rightly
from tests.fuzz.target import Case, Target

_GARBAGE = st.one_of(
    st.binary(max_size=60).map(lambda data: data.decode("latin-1")),
    st.sampled_from(
        [
            "[1e999]",
            "[NaN]",
            "[" * 20_000,
            "[" + "9" * 5_000 + "]",
            "[true]",
            '[["x"]]',
            "{}",
            "[0.1, -5.0, 1e300]",
            "\x00" * 9,
        ]
    ),
    st.lists(st.floats(), max_size=30).map(json.dumps),
)
CASES = st.one_of(
    st.fixed_dictionaries({"what": st.just("budget"), "text": _GARBAGE}),
    st.fixed_dictionaries(
        {
            "what": st.just("plan"),
            "crm": st.sampled_from(["salesforce", "hubspot"]),
            "marker": st.just(True),
            "lock": _GARBAGE,
            "lies": st.lists(
                st.fixed_dictionaries(
                    {
                        "op": st.sampled_from([*lies.OPS, "nothing", "half", "deep", "page", "utf-16", "nan"]),
                        "place": st.integers(0, 400),
                    }
                ),
                min_size=1,
                max_size=3,
            ),
        }
    ),
)


def check(case: Case) -> None:
    """Write the file, then do what reads it."""
    {"budget": _budget, "plan": _plan}[case["what"]](case)


def _budget(case: Case) -> None:
    """Whatever the shared budget file holds, a search waits no longer than its period."""
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / "followup-fuzz-budget.lock"  # noqa: S108
    path.write_bytes(case["text"].encode("latin-1"))
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        assert len(pauses) < 3, "this never ends"
        path.unlink(missing_ok=True)

    try:
        RateBudget(2, 1.0, path, sleep).take()
    finally:
        path.unlink(missing_ok=True)
    assert all(0 < pause <= 1.0 for pause in pauses), pauses


def _plan(case: Case) -> None:
    with staged(case) as (firm, _, leads):
        said(firm, "plan", "--out", str(firm.folder / "plan.json"))
        file = firm.folder / "plan.json"
        before = json.loads(file.read_text(encoding="utf-8"))
        body = file.read_bytes()
        for lie in case["lies"]:
            body = lies.told(lies.Response(200, body), lie).payload()
        file.write_bytes(body)
        (firm.folder / ".followup" / "state.db.lock").write_bytes(case["lock"].encode("latin-1"))
        said(firm, "apply", "plan.json")
        shown = {action["key"] for action in before["actions"]}
        assert {entry.action.key for entry in firm.outbox()} <= shown, "what was not in the plan was written"
        _only_on_their_records(firm, before)
        nothing_wrong(firm, leads, set())
        firm.at(firm.clock.peek())
        assert one_pass(firm) == ""
        written_rightly(firm, leads, [{"op": "swap"}])


def _only_on_their_records(firm: Company, plan: dict[str, Any]) -> None:
    wanted = {action["key"]: action["record"] for action in plan["actions"]}
    for entry in firm.outbox():
        assert str(entry.action.record) == wanted[entry.action.key]


TARGET = Target("other_files", "saved plans, lock files, the shared search budget", CASES, check, share=1, quick=3)
