"""Target `rule_files`: whatever stands in followup.yaml, team.yaml and rules/*.yaml, it is told or it loads, and soon.

What loads can be checked, bound to a CRM, asked of a lead and played in its tests.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path
from time import monotonic

from hypothesis import strategies as st

from connector.bootstrap import Workspace, findings, load_workspace
from connector.domain.errors import ConfigError
from rules.cases.reader import read_cases
from rules.playbooks import playbook_files
from rules.vocabulary import WORDS
from tests import builders
from tests.fuzz.target import Case, Target, told_in_one_line

EVERY = Path(__file__).parents[1] / "data" / "every-word"
PLAYBOOKS = Path(__file__).parents[2] / "rules" / "playbooks"
LONGEST = 10.0
"""Seconds that one case may take, on a machine that does other things as well."""


@cache
def _bases() -> dict[str, dict[str, str]]:
    """Sound workspaces to begin with."""
    every = {str(path.relative_to(EVERY)): path.read_text(encoding="utf-8") for path in sorted(EVERY.rglob("*.yaml"))}
    first = {
        name: text for name, text in playbook_files("first-follow-up", "salesforce").items() if name.endswith("yaml")
    }
    found = {"every word": every, "first-follow-up": first}
    for path in sorted(PLAYBOOKS.glob("*.yaml")):
        found[path.stem] = {**first, f"rules/{path.name}": path.read_text(encoding="utf-8")}
    return found


CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What would steer a terminal, or turn a line's order round."""

HOSTILE = (
    "",
    "\x00",
    "\ud800",
    "\u202e",
    "\u2028",
    "\ufeff",
    "\x1b[2J",
    "{",
    "}",
    "{lead.name}",
    "{{lead.name}}",
    "{lead.custom.x}",
    "[",
    "]",
    "'",
    '"',
    "\\",
    "\t",
    "\r",
    "\n",
    ": ",
    "- ",
    "? ",
    "!!python/object/apply:os.system [x]",
    "&a ",
    "*a",
    "<<: *a",
    "|",
    ">",
    "%YAML 9.9",
    "---\n",
    "...\n",
    "#",
    "9" * 5_000,
    "1e999",
    ".nan",
    ".inf",
    "0x10",
    "1_000",
    "-1",
    "0",
    "null",
    "~",
    "true",
    "none",
    "2026-02-30",
    "9999-12-31",
    "0001-01-01",
    "99999999999 days",
    "1 business day",
    "1000000 business days",
    "-5 minutes",
    "25:00",
    "mon-sun",
    "Europe/Nowhere",
    "../../etc/passwd",
    "x" * 300,
    "${HOME}",
    "%s%n",
    "$(id)",
    "{a: " * 60,
    "[" * 3_000,
    "- " * 60,
    "💥",
    "é",
    "(a+)+$",
)
_EDIT = st.fixed_dictionaries(
    {
        "file": st.integers(0, 9),
        "op": st.sampled_from(
            ["cut", "repeat", "move", "indent", "token", "token", "value", "value", "insert", "hostile", "key"]
        ),
        "at": st.integers(0, 100_000),
        "with": st.integers(0, 100_000),
        "text": st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12)),
    }
)
_RAW = st.binary(max_size=200).map(lambda data: data.decode("latin-1"))
CASES = st.one_of(
    st.fixed_dictionaries(
        {"base": st.sampled_from(sorted(_bases())), "edits": st.lists(_EDIT, min_size=1, max_size=4)}
    ),
    st.fixed_dictionaries({"file": st.sampled_from(["followup.yaml", "team.yaml", "rules/a.yaml"]), "raw": _RAW}),
)
_TOKEN = re.compile(r"[\w.-]+")
_KEY = re.compile(r"[A-Za-z_-]+(?=:)")
_VALUE = re.compile(r"(?<=: )[^\s{},\[\]]+")


def _edited(text: str, edit: Case, tokens: list[str]) -> str:
    """The text after one edit of its lines or words."""
    lines = text.splitlines(keepends=True) or ["\n"]
    at, other, op = edit["at"] % len(lines), edit["with"] % len(lines), edit["op"]
    if op == "cut":
        del lines[at : at + 1 + other % 3]
    elif op == "repeat":
        lines[at:at] = lines[at : at + 1 + other % 5]
    elif op == "move":
        lines.insert(other, lines.pop(at))
    elif op == "indent":
        lines[at] = " " * (other % 7) + lines[at].lstrip()
    elif op in ("token", "value", "key", "hostile"):
        pattern = {"value": _VALUE, "key": _KEY}.get(op, _TOKEN)
        new = edit["text"] if op in ("hostile", "value") else tokens[edit["with"] % len(tokens)]
        spots = list(pattern.finditer(text))
        if not spots:
            return text
        spot = spots[edit["at"] % len(spots)]
        return text[: spot.start()] + new + text[spot.end() :]
    else:
        place = edit["at"] % (len(text) + 1)
        return text[:place] + edit["text"] + text[place:]
    return "".join(lines)


@cache
def _tokens() -> list[str]:
    found = {token for files in _bases().values() for text in files.values() for token in _TOKEN.findall(text)}
    return sorted(found | {word.name for word in WORDS})


def files_of(case: Case) -> dict[str, bytes]:
    """The files of a case."""
    if "raw" in case:
        return {
            **{name: text.encode() for name, text in _bases()["every word"].items()},
            case["file"]: case["raw"].encode("latin-1"),
        }
    files = dict(_bases()[case["base"]])
    for edit in case["edits"]:
        name = sorted(files)[edit["file"] % len(files)]
        files[name] = _edited(files[name], edit, _tokens())
    return {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}


def check(case: Case) -> None:
    """Load the files as a command would, and go on with whatever rules there are."""
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="followup-fuzz-") as name:
        folder = Path(name)
        for path, data in files_of(case).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        try:
            workspace = load_workspace(folder, crm="salesforce")
        except ConfigError as error:
            told_in_one_line(error)
        else:
            _used(workspace)
    assert monotonic() - began < LONGEST, "this took too long"


def _used(workspace: Workspace) -> None:
    """Everything that a rule set that was loaded is good for."""
    told = [*workspace.problems, *read_cases(workspace.loaded).problems, *findings(workspace)]
    for problem in told:
        assert problem.message
        assert "\n" not in str(problem), "a problem is one line"
        assert not CONTROL.search(problem.message), f"control characters: {problem.message!r}"
    rulebook = workspace.rulebook()
    rulebook.bind(builders.schema(), builders.OWNERS)
    needs = rulebook.needs()
    assert needs.kinds or not rulebook.rules
    state = builders.state(builders.lead(company="Weber"), builders.call("2026-03-02 10:00"))
    moment = builders.moment("2026-03-09 09:00")
    rulebook.plan(rulebook.evaluate([state], moment), moment)
    rulebook.explain(state, moment)


TARGET = Target("rule_files", "followup.yaml, team.yaml and rules/*.yaml", CASES, check, share=2, quick=25)
