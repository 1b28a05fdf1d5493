"""A plan or a page that is written anew is exchanged whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from connector.cli.private_files import write_private


@pytest.fixture
def _disk_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


@pytest.mark.usefixtures("_disk_full")
def test_a_full_disk_leaves_the_plan_that_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    plan = tmp_path / "monday.json"
    plan.write_text("the plan that was agreed on")
    with pytest.raises(OSError, match="No space left"):
        write_private(plan, "another one")
    assert plan.read_text() == "the plan that was agreed on"
    assert list(tmp_path.iterdir()) == [plan]


def test_a_link_stays_a_link_and_its_file_is_exchanged(tmp_path: Path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    page.write_text("last week")
    link.symlink_to(page)
    write_private(link, "this week")
    assert link.is_symlink()
    assert page.read_text() == "this week"


def test_who_made_a_file_has_decided_who_reads_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("last week")
    page.chmod(0o640)
    write_private(page, "this week", keep_mode=True)
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    write_private(page, "next week")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_private(pipe, "a plan")
        assert os.read(reader, 100) == b"a plan"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
