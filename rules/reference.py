"""The list of all words in docs/rules.md, made from the vocabulary so that it cannot drift from it."""

from __future__ import annotations

from collections.abc import Iterator

from rules.vocabulary import WORDS, Word

BEGIN = "<!-- The list below is made by `followup schema --reference`; edit rules/vocabulary, not this page. -->"
END = "<!-- End of the list of words. -->"

_HEADINGS = {
    "when": "`when` of a rule, `start` of a cadence",
    "a condition": "a condition: `if`, `unless`, `stop`",
    "an action": "an action: `then`",
}


def reference() -> str:
    """Every word of rule files and team.yaml, place by place, between the lines that mark the list on the page."""
    places = dict.fromkeys(word.where for word in WORDS)
    sections = "\n".join("\n".join(_section(place)) for place in places)
    return f"{BEGIN}\n\n{sections}\n{END}\n"


def _section(place: str) -> Iterator[str]:
    yield f"### {_HEADINGS.get(place, place)}\n"
    yield "| word | means | for example |"
    yield "|---|---|---|"
    yield from (_row(word) for word in WORDS if word.where == place)
    yield ""


def _row(word: Word) -> str:
    return f"| `{word.name}` | {_cell(word.meaning)} | `{_cell(word.example)}` |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_reference(page: str) -> str:
    """The page with the list of words as it is now."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(f"{END}\n")[2]
    return before + reference() + after
