"""Target `state_file`: a damaged state is refused in one line with its cure, or works, and nothing wrong is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz.stage import HOUR, nothing_wrong, one_pass, said, staged
from tests.fuzz.target import Case, Target

GARBAGE = (
    "",
    "null",
    "[]",
    "{}",
    "{",
    "0",
    '"x"',
    "NaN",
    '{"fields": 3}',
    "x" * 200,
    '{"t": "yesterday"}',
    "[" * 20_000,
    "\x00",
    "9" * 5_000,
    '{"fields": {"status": {"t": "0001-01-01T00:00:00+14:00"}}, "created": 1}',
)
_DAMAGE = st.one_of(
    st.fixed_dictionaries({"op": st.just("flip"), "at": st.integers(0, 10**6), "bit": st.integers(0, 7)}),
    st.fixed_dictionaries(
        {"op": st.just("zero"), "at": st.integers(0, 10**6), "length": st.sampled_from([1, 16, 512, 4096])}
    ),
    st.fixed_dictionaries({"op": st.just("cut"), "at": st.integers(0, 10**6)}),
    st.fixed_dictionaries({"op": st.just("page"), "at": st.integers(0, 10**6), "with": st.integers(0, 10**6)}),
    st.fixed_dictionaries({"op": st.just("drop"), "table": st.integers(0, 40)}),
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["garbage", "blob", "number", "swap", "none"]),
            "table": st.integers(0, 40),
            "column": st.integers(0, 20),
            "row": st.integers(0, 50),
            "with": st.sampled_from(GARBAGE),
        }
    ),
)
CASES = st.fixed_dictionaries(
    {
        "crm": st.sampled_from(["salesforce", "hubspot"]),
        "marker": st.just(True),
        "damage": st.lists(_DAMAGE, min_size=1, max_size=3),
    }
)
LOGICAL = ("drop", "garbage", "blob", "number", "swap", "none")


def check(case: Case) -> None:
    """Damage the state of a company in the middle of its work, then go on with it."""
    with staged(case) as (firm, _, leads):
        firm.run()
        path = firm.folder / ".followup" / "state.db"
        for damage in case["damage"]:
            (_logically if damage["op"] in LOGICAL else _physically)(path, damage)
        line = ""
        for hours in (7, 8):
            firm.at(hours * HOUR)
            line = one_pass(firm) or line
        for command in ("log", "report", "show latest", f"explain {leads['new']}", "plan"):
            said(firm, *command.split())
        nothing_wrong(firm, leads, set())


def _logically(path: Path, damage: Case) -> None:
    """What only a reader of the data would notice: rows, columns and tables that are not as they were written."""
    try:
        with closing(sqlite3.connect(path)) as state, state:
            tables = [
                name for (name,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            ]
            table = tables[damage["table"] % len(tables)]
            if damage["op"] == "drop":
                state.execute(f'DROP TABLE "{table}"')
                return
            columns = [row[1] for row in state.execute(f'PRAGMA table_info("{table}")')]
            column = columns[damage["column"] % len(columns)]
            rows = state.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - a name of our own table
            if rows:
                _change(state, table, columns, column, rows, damage)
    except sqlite3.Error:
        return  # the state is past that, or a constraint forbids it


def _change(
    state: sqlite3.Connection, table: str, columns: list[str], column: str, rows: list[tuple[object, ...]], damage: Case
) -> None:
    row, position = rows[damage["row"] % len(rows)], columns.index(column)
    other = rows[(damage["row"] + 1) % len(rows)]
    new = {"garbage": damage["with"], "blob": b"\xff\x00", "number": 2**62, "none": None, "swap": other[position]}[
        damage["op"]
    ]
    same = " AND ".join(f'"{name}" IS ?' for name in columns)
    text = f'UPDATE "{table}" SET "{column}" = ? WHERE {same}'  # noqa: S608 - names of our own table
    state.execute(text, (new, *row))
    if damage["op"] == "swap":
        state.execute(text, (row[position], *other))


def _physically(path: Path, damage: Case) -> None:
    data = bytearray(path.read_bytes())
    at = damage["at"] % max(1, len(data))
    if not data:
        return
    if damage["op"] == "flip":
        data[at] ^= 1 << damage["bit"]
    elif damage["op"] == "zero":
        start = at - at % damage["length"]
        data[start : start + damage["length"]] = bytes(len(data[start : start + damage["length"]]))
    elif damage["op"] == "cut":
        del data[at:]
    else:
        one, other = at - at % 4096, damage["with"] % len(data)
        other -= other % 4096
        data[one : one + 4096], data[other : other + 4096] = data[other : other + 4096], data[one : one + 4096]
    path.write_bytes(bytes(data))


TARGET = Target("state_file", "bits, pages, rows and tables of the state", CASES, check, share=2, quick=4)
