"""What HTTP towards either CRM has in common: requests counted, rates kept, hosts checked, and retries that never
repeat a write which may have landed. Nothing here follows a redirect."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH
from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_exponential, wait_random

from connector.domain.errors import ConfigError, OutcomeUnknownError, RetryableError, ThrottledError
from connector.domain.ports import Clock

T = TypeVar("T")

LONGEST_WAIT = timedelta(seconds=30)
"""How long a pass waits for a throttled CRM; beyond that the error goes up and the next pass continues."""

LONGEST_BACK_OFF = 10.0
"""Seconds that one back-off between attempts takes at most."""


MOST_TIME_OUTS = 2
"""How often one read may run into the time-out: a server that takes calls and is silent is not met by asking again."""


class TimedOutError(RetryableError):
    """The CRM took a request that only reads and did not answer in time."""


class Usage:
    """Counts the requests of one adapter and remembers what the CRM says of the day's quota. Thread safe.

    `before` are the calls that earlier processes of ours made on this day: they count towards our share.
    """

    def __init__(self, before: int = 0) -> None:
        self._lock = threading.Lock()
        self._before = before
        self._calls = 0
        self._used: int | None = None
        self._allowed: int | None = None

    @property
    def calls(self) -> int:
        """Requests sent so far, those for tokens included."""
        return self._calls

    @property
    def used(self) -> int | None:
        """Calls of the whole account in the current day as last reported by the CRM; None when it never said."""
        return self._used

    @property
    def allowed(self) -> int | None:
        """Calls the account may make in a day as last reported by the CRM; None when it never said."""
        return self._allowed

    def count(self) -> None:
        """Note one request, just before it is sent."""
        with self._lock:
            self._calls += 1

    def saw_quota(self, used: int, allowed: int) -> None:
        """Note the day's quota as a response told it."""
        with self._lock:
            self._used, self._allowed = used, allowed

    def spent(self, share: float) -> bool:
        """True when the account's day is used up, or our share of it is; False while the quota is unknown."""
        with self._lock:
            if self._used is None or self._allowed is None:
                return False
            return self._used >= self._allowed or self._before + self._calls >= int(self._allowed * share)


class RateBudget:
    """Lets at most `calls` requests start in any `seconds`, in real time; further callers wait their turn.

    With a `lock_file` (a path whose folder exists) all processes that name it share one budget; where it cannot be
    opened, or is not this user's own, each process keeps the rate by itself. The file holds the recent starts on the
    monotonic clock, which processes of one machine share; after a reboot they are dropped.
    """

    def __init__(
        self, calls: int, seconds: float, lock_file: Path | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if calls < 1 or seconds <= 0:
            raise ValueError("a rate needs at least one call and a positive period")
        self._calls = calls
        self._seconds = seconds
        self._file = lock_file
        self._sleep = sleep
        self._lock = threading.Lock()
        self._starts: list[float] = []

    def take(self) -> float:
        """Wait until one more request may start, note it, and return the seconds waited."""
        waited = 0.0
        while (pause := self._try()) > 0:
            self._sleep(pause)
            waited += pause
        return waited

    def _try(self) -> float:
        """0 when a start was granted, else the seconds until one may be."""
        with self._lock, self._shared():
            now = time.monotonic()
            self._starts = [start for start in self._starts if now - self._seconds < start <= now]
            if len(self._starts) < self._calls:
                self._starts.append(now)
                return 0.0
            return max(self._starts[-self._calls] + self._seconds - now, 0.001)

    @contextmanager
    def _shared(self) -> Iterator[None]:
        """Hold the lock file, with its starts loaded before and saved after."""
        handle = _own_file(self._file) if self._file is not None else None
        if handle is None:
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._starts = _starts_in(os.pread(handle, 1 << 20, 0))
            yield
            payload = json.dumps(self._starts).encode()
            os.pwrite(handle, payload, 0)
            os.ftruncate(handle, len(payload))
        finally:
            os.close(handle)


def _own_file(path: Path) -> int | None:
    """The lock file, opened; None when it is a link or somebody else's, as anybody could plant in a shared folder."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(handle)
        return None
    return handle


def _starts_in(payload: bytes) -> list[float]:
    """The starts a lock file holds; none when it is new or was cut short by a crash."""
    try:
        values = json.loads(payload or b"[]")
    except (ValueError, RecursionError):
        return []
    return [value for value in values if isinstance(value, float)] if isinstance(values, list) else []


def with_retries(
    send: Callable[[], T], *, write: bool, clock: Clock, attempts: int = 4, base_seconds: float = 0.5
) -> T:
    """Call `send` until it succeeds, at most `attempts` times, with exponential back-off and jitter in between.

    A read is repeated after every RetryableError and OutcomeUnknownError, but once only after time-outs, among which an
    unknown outcome counts. A write is repeated only after RetryableError / ThrottledError, which are raised when
    nothing was changed; an unknown outcome goes up at once.
    A ThrottledError's `retry_at` is waited for up to 30 seconds; later than that, the error goes up.
    """
    repeatable = RetryableError if write else (RetryableError, OutcomeUnknownError)
    back_off = wait_exponential(multiplier=base_seconds, max=LONGEST_BACK_OFF) + wait_random(0, base_seconds)

    def asked_pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ThrottledError) and error.retry_at is not None:
            return max((error.retry_at - clock.now()).total_seconds(), 0.0)
        return 0.0

    silences = 0

    def worth_it(state: RetryCallState) -> bool:
        nonlocal silences
        error = state.outcome.exception() if state.outcome else None
        silences += isinstance(error, TimedOutError | OutcomeUnknownError)
        patient = silences < MOST_TIME_OUTS and asked_pause(state) <= LONGEST_WAIT.total_seconds()
        return patient and isinstance(error, repeatable)

    retrying = Retrying(
        retry=worth_it,
        wait=lambda state: max(asked_pause(state), back_off(state)),
        stop=stop_after_attempt(attempts),
        sleep=clock.sleep,
        reraise=True,
    )
    return retrying(send)


def is_loopback(url: str) -> bool:
    """True when the URL's host is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_host(url: str, own: Sequence[str], allowed: Set[str], name: str) -> str:
    """The URL as `checked_base_url` gives it, when credentials may be sent there; ConfigError otherwise.

    They may be sent to the CRM's own hosts (`own`: host names, and suffixes that begin with a dot), to those the admin
    allowed with FOLLOWUP_ALLOWED_HOSTS, and to this machine. Another port than 443 is nobody's own.
    """
    origin = checked_base_url(url, name)
    if is_loopback(origin) or is_trusted(origin, own, allowed):
        return origin
    raise ConfigError(
        f"{name} names a host that is not the CRM's own; nothing was sent there. Correct it; a host that must be "
        "used all the same, such as a government cloud's, is allowed by FOLLOWUP_ALLOWED_HOSTS"
    )


def is_trusted(origin: str, own: Sequence[str], allowed: Set[str]) -> bool:
    """Whether an https origin is one of the CRM's own hosts, on its usual port, or one the admin allowed."""
    parts = urlsplit(origin)
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" or parts.username is not None:
        return False
    its_own = any(host.endswith(name) if name.startswith(".") else host == name for name in own)
    return host in allowed or (its_own and parts.port in (None, 443))


@dataclass(frozen=True)
class WayOut:
    """How this machine reaches the internet, as its environment says: a proxy, perhaps with credentials, and the CAs."""

    proxy: str | None = field(repr=False)
    ca_bundle: str


def way_out(url: str) -> WayOut:
    """HTTPS_PROXY and NO_PROXY, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE as `requests` reads them; none of them on loopback.

    Certificates are always verified, by certifi's authorities where nothing else is said.
    """
    with requests.Session() as session:
        session.trust_env = not is_loopback(url)
        found = session.merge_environment_settings(url, {}, False, None, None)
    proxy = requests.utils.select_proxy(url, found["proxies"])
    verify = found["verify"]
    return WayOut(proxy, verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH)


def checked_base_url(url: str, name: str) -> str:
    """The URL as a bare origin without a trailing slash; `name` is the setting it came from.

    ConfigError unless it is https, or http to a loopback host, with a host and without credentials, path or query.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ConfigError(f"{name} is not a URL: give it as https://HOST") from None
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ConfigError(f"{name} is not a URL: give it as https://HOST")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{name} carries credentials: give the bare https://HOST and put secrets in their settings")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError(f"{name} has a path or a query: give the bare https://HOST")
    if parts.scheme == "http" and not is_loopback(url.strip()):
        raise ConfigError(f"{name} must begin with https:// (plain http is for loopback hosts only)")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
