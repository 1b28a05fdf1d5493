"""Every broken variant of `make sabotage` is well formed and still applies to the tree as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.tally import Tally
from tests.sabotage.variants import FOLDER, Variant, VariantError, load

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(FOLDER.glob("*.yaml"))


def test_there_are_as_many_variants_as_were_promised() -> None:
    assert len(FILES) >= 40
    assert {path.suffix for path in FOLDER.iterdir()} == {".yaml"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_variant_applies_and_names_tests_that_are_there(path: Path) -> None:
    variant = load(path)
    assert variant.applied(ROOT)
    for test in variant.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_a_variant_that_does_not_apply_once_or_changes_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "some.py").write_text("a = 1\nb = 1\nc = 2\n")

    def refused(find: str, replace: str) -> str:
        with pytest.raises(VariantError) as told:
            Variant("x", "what", "rules/some.py", find, replace, ("t.py::test",)).applied(tmp_path)
        return str(told.value)

    assert "0 times" in refused("d = 1", "d = 2")
    assert "2 times" in refused(" = 1", " = 2")
    assert "changes nothing" in refused("c = 2", "c  =  2  # two")
    assert "no Python" in refused("c = 2", "c = (2")


FINE = {"code": 0, "failed": "", "broken": "", "elsewhere": []}
SOME = Variant("some", "what", "rules/some.py", "a", "b", ("t.py::test",))


def test_only_a_test_that_fails_on_the_copy_kills_a_variant(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    tally.tell(SOME, {**FINE, "code": 1, "failed": "t.py::test"})
    assert (tally.killed, tally.survived, tally.unusable) == (1, 0, [])
    tally.tell(SOME, FINE)
    assert (tally.killed, tally.survived, tally.unusable) == (1, 1, [])
    for odd in (
        None,
        {**FINE, "code": 2, "broken": "t.py: ImportError: no"},
        {**FINE, "code": 5},
        {**FINE, "code": 1, "failed": "t.py::test", "elsewhere": ["rules"]},
    ):
        tally.tell(SOME, odd)
    assert (tally.killed, tally.survived, len(tally.unusable)) == (1, 1, 4)
    assert tally.line.startswith("1 killed, 1 survived, 4 unfit: some")
    told = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert told == ["killed", "SURVIVED", *["UNFIT"] * 4]
