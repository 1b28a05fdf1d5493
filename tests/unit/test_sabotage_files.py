"""Every broken variant of `make sabotage` is well formed and still applies to the tree as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

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
