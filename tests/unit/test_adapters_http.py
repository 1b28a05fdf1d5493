"""What both CRMs' HTTP has in common."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.http import RateBudget, TimedOutError, Usage, checked_base_url, is_loopback, with_retries
from connector.domain.errors import ConfigError, OutcomeUnknownError, PermanentError, RetryableError, ThrottledError

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)


class Clock:
    """Stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.slept))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Failing:
    """Raises these errors one after the other, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_a_read_is_repeated_after_an_outage_with_growing_pauses() -> None:
    clock, send = Clock(), Failing(RetryableError("down"), RetryableError("down"), OutcomeUnknownError("cut"))
    assert with_retries(send, write=False, clock=clock) == "answer"
    assert send.calls == 4
    assert 0.5 <= clock.slept[0] <= 1.0
    assert 1.0 <= clock.slept[1] <= 1.5
    assert 2.0 <= clock.slept[2] <= 2.5


def test_a_write_of_unknown_outcome_is_never_repeated() -> None:
    clock, send = Clock(), Failing(OutcomeUnknownError("cut"))
    with pytest.raises(OutcomeUnknownError):
        with_retries(send, write=True, clock=clock)
    assert (send.calls, clock.slept) == (1, [])


def test_a_write_that_changed_nothing_is_repeated() -> None:
    send = Failing(RetryableError("locked"))
    assert with_retries(send, write=True, clock=Clock()) == "answer"


def test_what_will_never_succeed_is_not_repeated() -> None:
    send = Failing(PermanentError("no"))
    with pytest.raises(PermanentError):
        with_retries(send, write=False, clock=Clock())
    assert send.calls == 1


def test_attempts_come_to_an_end_with_the_last_error() -> None:
    send = Failing(*[RetryableError(str(n)) for n in range(9)])
    with pytest.raises(RetryableError, match="3"):
        with_retries(send, write=False, clock=Clock())
    assert send.calls == 4


@pytest.mark.parametrize("error", [TimedOutError, OutcomeUnknownError])
def test_a_read_that_times_out_is_tried_twice_at_most(error: type[Exception]) -> None:
    send = Failing(*[error("silent") for _ in range(9)])
    with pytest.raises(error):
        with_retries(send, write=False, clock=Clock())
    assert send.calls == 2


def test_two_time_outs_are_the_most_of_a_read_whatever_failed_between_them() -> None:
    send = Failing(TimedOutError("silent"), RetryableError("down"), TimedOutError("silent"), RetryableError("down"))
    with pytest.raises(TimedOutError):
        with_retries(send, write=False, clock=Clock())
    assert send.calls == 3


def test_a_throttled_call_waits_until_the_moment_the_crm_named() -> None:
    clock, send = Clock(), Failing(ThrottledError("slow", NOW + timedelta(seconds=20)))
    assert with_retries(send, write=True, clock=clock) == "answer"
    assert clock.slept == [20.0]


def test_what_earlier_passes_called_on_this_day_counts_towards_our_share() -> None:
    usage = Usage(before=19)
    usage.saw_quota(10, 100)
    assert not usage.spent(0.2)
    usage.count()
    assert (usage.spent(0.2), usage.calls) == (True, 1)


def test_a_throttled_call_does_not_wait_longer_than_thirty_seconds() -> None:
    clock, send = Clock(), Failing(ThrottledError("slow", NOW + timedelta(seconds=31)))
    with pytest.raises(ThrottledError):
        with_retries(send, write=True, clock=clock)
    assert clock.slept == []


def test_usage_counts_from_many_threads() -> None:
    usage = Usage()
    threads = [threading.Thread(target=lambda: [usage.count() for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert usage.calls == 4000


@pytest.mark.parametrize(
    ("used", "allowed", "calls", "spent"), [(10, 100, 19, False), (10, 100, 20, True), (100, 100, 0, True)]
)
def test_the_day_is_spent_when_the_account_or_our_share_is(used: int, allowed: int, calls: int, spent: bool) -> None:
    usage = Usage()
    assert not usage.spent(0.2)
    usage.saw_quota(used, allowed)
    for _ in range(calls):
        usage.count()
    assert usage.spent(0.2) is spent


def test_a_rate_is_never_exceeded_in_any_period() -> None:
    budget = RateBudget(3, 0.15)
    starts = []
    for _ in range(9):
        budget.take()
        starts.append(time.monotonic())
    assert all(later - earlier > 0.149 for earlier, later in zip(starts, starts[3:], strict=False))


def test_budgets_with_one_lock_file_share_one_rate(tmp_path: Path) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    first, second = (RateBudget(2, 0.2, tmp_path / "rate", sleep) for _ in range(2))
    assert first.take() + second.take() == 0.0
    assert first.take() > 0.1
    assert len(pauses) >= 1


def test_a_damaged_lock_file_does_not_stop_the_work(tmp_path: Path) -> None:
    (tmp_path / "rate").write_text("[1.0, ")
    assert RateBudget(1, 0.1, tmp_path / "rate").take() == 0.0


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:9", "http://127.8.8.8/x"])
def test_loopback_hosts_are_known(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1.example.com", "https://example.com", "localhost", "http://10.0.0.1"])
def test_other_hosts_are_not_loopback(url: str) -> None:
    assert not is_loopback(url)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://acme.my.salesforce.com/", "https://acme.my.salesforce.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_a_base_url_loses_its_trailing_slash(url: str, clean: str) -> None:
    assert checked_base_url(url, "LOGIN_URL") == clean


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "ftp://127.0.0.1",
        "acme.my.salesforce.com",
        "https://user:hunter2@example.com",
        "https://example.com/path",
        "https://example.com?x=1",
        "https://example.com:port",
        "",
    ],
)
def test_any_other_base_url_is_refused_by_the_setting_s_name(url: str) -> None:
    with pytest.raises(ConfigError, match="LOGIN_URL") as caught:
        checked_base_url(url, "LOGIN_URL")
    assert "hunter2" not in str(caught.value)
