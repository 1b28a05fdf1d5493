"""Deliberately broken variants of the product: what each breaks, how, and the tests that ought to notice.

One YAML file per variant. Its keys:

| key | meaning |
|---|---|
| `what` | one sentence: what is broken, and which promise with it |
| `file` | the file of the product that is changed |
| `find` | the text that is replaced; it occurs there exactly once |
| `replace` | what stands there instead |
| `tests` | the tests that ought to notice, as pytest names them, the quickest first |
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).with_name("variants")
PRODUCT = ("connector", "rules", "adapters")
KEYS = ("what", "file", "find", "replace", "tests")


class VariantError(Exception):
    """The variant is not well formed, or does not apply to the tree any more."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One broken variant."""

    name: str
    what: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]

    def applied(self, tree: Path) -> str:
        """The text of its file with the fault in it; VariantError when it does not apply to this tree."""
        path = tree / self.file
        if not path.is_file():
            raise VariantError(f"{self.file} is not there")
        text = path.read_text(encoding="utf-8")
        times = text.count(self.find)
        if times != 1:
            raise VariantError(f"its text occurs {times} times in {self.file}, not once")
        broken = text.replace(self.find, self.replace)
        if self.file.endswith(".py"):
            try:
                before, after = ast.dump(ast.parse(text)), ast.dump(ast.parse(broken))
            except SyntaxError as error:
                raise VariantError(f"{self.file} is no Python any more: {error.msg}") from None
            if before == after:
                raise VariantError(f"it changes nothing that {self.file} does")
        return broken


def load(path: Path) -> Variant:
    """The variant of a file; VariantError says what is wrong with the file."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict) or set(raw) != set(KEYS):
        raise VariantError(f"{path.name} needs exactly the keys {', '.join(KEYS)}")
    tests = raw["tests"]
    if not isinstance(tests, list) or not tests or not all(isinstance(one, str) and "::" in one for one in tests):
        raise VariantError(f"{path.name}: `tests` is a list of FILE::TEST")
    texts = {name: raw[name] for name in KEYS if name != "tests"}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["what"].strip() or not texts["find"]:
        raise VariantError(f"{path.name}: `what`, `file`, `find` and `replace` are texts")
    if Path(texts["file"]).parts[0] not in PRODUCT:
        raise VariantError(f"{path.name}: `file` lies in none of {', '.join(PRODUCT)}")
    return Variant(path.stem, tests=tuple(tests), **texts)


def every() -> Sequence[Variant]:
    """All variants, by name."""
    return [load(path) for path in sorted(FOLDER.glob("*.yaml"))]
