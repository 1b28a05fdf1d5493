"""Files with prospects' names are for one user alone, whatever the umask, and nobody plants another in their place."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.http import RateBudget
from connector.clock import SystemClock
from connector.domain.errors import StoreError
from connector.store import open_store
from connector.store.locking import file_lock
from tests.company import START, Company, company

OPEN_TO_ALL = 0o777


@pytest.fixture(params=[0o000, 0o022, 0o377], ids=lambda mask: f"umask {mask:03o}")
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder where everybody may write."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(OPEN_TO_ALL)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(path: Path) -> None:
    open_store(f"sqlite:///{path}", clock=SystemClock()).close()


@pytest.mark.usefixtures("_umask")
def test_the_state_and_its_lock_are_private_under_every_umask(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir(mode=0o700)
    (tmp_path / "w").chmod(0o700)
    folder = tmp_path / "w" / ".followup"
    folder.mkdir()
    folder.chmod(0o755)
    store = open_store(f"sqlite:///{folder / 'state.db'}", clock=SystemClock())
    with store.lock(), store.begin() as unit:
        unit.save_cursor("leads", "1")
        journal = folder / "state.db-journal"
        assert {mode(journal), mode(folder / "state.db.lock")} <= {0o600, 0o400}
    store.close()
    assert (mode(folder / "state.db"), mode(folder)) == (0o600, 0o700)


def test_a_plan_and_a_page_are_private_and_a_plan_that_was_not_is_made_so(tmp_path: Path) -> None:
    with company("hubspot", tmp_path) as firm:
        firm.run()
        firm.lead()
        firm.at(timedelta(hours=2))
        before = os.umask(0)
        try:
            (tmp_path / "old.json").write_text("{" + " " * 100_000)
            (tmp_path / "published.html").write_text("")
            assert mode(tmp_path / "old.json") == 0o666
            for arguments in (
                ("plan", "--out", "plan.json"),
                ("plan", "--out", "old.json"),
                ("report", "--html", "page.html"),
                ("report", "--html", "published.html"),
            ):
                done = firm.cli(*arguments)
                assert done.returncode == 0, done.stderr
        finally:
            os.umask(before)
        assert json.loads((tmp_path / "old.json").read_text())["crm"] == "hubspot", "nothing of the old file is left"
        found = {name: mode(tmp_path / name) for name in ("plan.json", "old.json", "page.html", "published.html")}
        assert found == {"plan.json": 0o600, "old.json": 0o600, "page.html": 0o600, "published.html": 0o666}
        assert firm.cli("plan", "--out", "/dev/stdout").returncode == 0


def test_init_keeps_the_folder_of_the_state_to_its_user(firm: Company) -> None:
    made = firm.cli("init", "fresh", "--crm", firm.crm)
    assert made.returncode == 0, made.stderr
    assert mode(firm.folder / "fresh" / ".followup") == 0o700


def test_a_link_planted_where_everybody_may_write_is_not_opened(shared: Path, tmp_path: Path) -> None:
    target = tmp_path / "somebody.db"
    opened(target)
    before = target.read_bytes()
    (shared / "state.db").symlink_to(target)
    with pytest.raises(StoreError, match="everybody may write"):
        opened(shared / "state.db")
    assert target.read_bytes() == before


def test_a_file_of_somebody_elses_planted_where_everybody_may_write_is_not_opened(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = shared / "state.db"
    if os.geteuid() == 0:
        planted.touch()
        os.chown(planted, 12345, 12345)
    else:  # only root can make a file of somebody else's: here somebody else looks at ours
        planted.touch()
        monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(StoreError, match="everybody may write"):
        opened(planted)


def test_a_link_in_a_folder_of_ones_own_is_ones_own_affair(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    opened(tmp_path / "volume" / "state.db")
    (tmp_path / "state.db").symlink_to(tmp_path / "volume" / "state.db")
    opened(tmp_path / "state.db")


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").symlink_to(tmp_path / "nowhere.db")
    with pytest.raises(StoreError, match="cannot be made or opened"):
        opened(tmp_path / "state.db")
    assert not (tmp_path / "nowhere.db").exists()


def test_locks_follow_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("keep me")
    for name in ("state.db.lock", "search.lock"):
        (tmp_path / name).symlink_to(precious)
    with pytest.raises(StoreError, match="cannot be made"), file_lock(tmp_path / "state.db.lock", START):
        pass
    budget = RateBudget(1, 0.05, tmp_path / "search.lock")
    assert budget.take() == 0.0
    assert budget.take() > 0.0, "the rate holds within the process all the same"
    assert precious.read_text() == "keep me"


def test_no_text_of_a_mail_is_in_the_state(firm: Company) -> None:
    lead = firm.lead()
    firm.org.log_email(lead, firm.people["ana"], "inbound", "Your offer")
    firm.run(timedelta(hours=1))
    with firm.connected() as connection, connection.store.begin() as unit:
        [state] = unit.states([firm.ref(lead)])
        assert [each.subject for each in state.activities] == ["Your offer"]
    stored = (firm.folder / ".followup" / "state.db").read_bytes()
    assert b"Your offer" in stored
    assert b"Thank you" not in stored
