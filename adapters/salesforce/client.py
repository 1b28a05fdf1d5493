"""Talks to Salesforce through simple-salesforce: the only module that knows that library. Every call has a time-out,
is counted, follows no redirect, gets one new token when its own is gone, and fails with an error of the domain."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError, SalesforceExpiredSession
from urllib3 import BaseHTTPResponse

from adapters.answers import decoded
from adapters.http import Usage, checked_host, is_loopback, is_trusted, with_retries
from adapters.salesforce.errors import error_of, line_error, login_error, outage
from adapters.salesforce.json_values import switch
from connector.domain.errors import ConfigError, PermanentError, QuotaSpentError, RetryableError
from connector.domain.ports import AdapterConfig

TIMEOUT = (3.0, 20.0)
"""Seconds to connect and to wait for an answer; calls over 20 s count against the org's limit of long calls."""

DEFAULT_API_VERSION = "62.0"
TRUSTED = (".salesforce.com", ".force.com", ".salesforce.mil")
"""Salesforce's own domains; anything else is for FOLLOWUP_ALLOWED_HOSTS."""

LOOPBACK_INSTANCE = "instance-on-this-machine.my.salesforce.com"
"""simple-salesforce insists on https://HOST; for a loopback login this name stands for the loopback origin."""

LOST_CODES = frozenset({"INVALID_QUERY_LOCATOR", "NOT_FOUND", "HTTP_404"})
"""What Salesforce says when a query's server-side cursor is gone."""

Row = Mapping[str, object]


class CursorLostError(RetryableError):
    """The server-side cursor of a query is gone: the rest can only be read by a new query."""


@dataclass(frozen=True)
class Batch:
    """One answer to a query: its rows, and the address of the next ones unless these are the last."""

    rows: tuple[Row, ...]
    more: str | None


@dataclass(frozen=True, repr=False)
class Credentials:
    """How to log in, checked: client credentials, or JWT bearer when there is a private key."""

    origin: str
    client_id: str
    client_secret: str | None
    username: str | None
    private_key: str | None
    version: str

    @classmethod
    def of(cls, connection: Mapping[str, str], allowed: Set[str] = frozenset()) -> Credentials:
        """Check the settings; ConfigError names the one that is missing or wrong."""
        given = {name: value for name, value in connection.items() if value}
        for name in ("login_url", "client_id"):
            if name not in given:
                raise ConfigError(f"FOLLOWUP_SALESFORCE__{name.upper()} is not set: {_PURPOSE[name]}")
        key_file = given.get("private_key_file")
        if key_file and "username" not in given:
            raise ConfigError("FOLLOWUP_SALESFORCE__USERNAME is not set: the private key needs the user it stands for")
        if not key_file and "client_secret" not in given:
            raise ConfigError("FOLLOWUP_SALESFORCE__CLIENT_SECRET is not set (nor __PRIVATE_KEY_FILE with __USERNAME)")
        version = given.get("api_version", DEFAULT_API_VERSION).removeprefix("v")
        if not re.fullmatch(r"\d{2,3}\.0", version):
            raise ConfigError(f"FOLLOWUP_SALESFORCE__API_VERSION must look like {DEFAULT_API_VERSION}")
        return cls(
            origin=checked_host(given["login_url"], TRUSTED, allowed, "FOLLOWUP_SALESFORCE__LOGIN_URL"),
            client_id=given["client_id"],
            client_secret=given.get("client_secret"),
            username=given.get("username"),
            private_key=_private_key(key_file) if key_file else None,
            version=version,
        )

    @property
    def host_word(self) -> str:
        """The login host as the library wants it, without `.salesforce.com`; a placeholder for any other host."""
        host = urlsplit(self.origin).hostname or ""
        return host.removesuffix(".salesforce.com") if host.endswith(".salesforce.com") else "login-of-followup.my"

    def arguments(self) -> dict[str, str | None]:
        """What the library's login wants for this flow. A JWT is made out to login or test.salesforce.com, whatever
        the org's own name is; the client-credentials flow knows the org's own name only."""
        if self.private_key is None:
            return {"consumer_key": self.client_id, "consumer_secret": self.client_secret, "domain": self.host_word}
        audience = "test" if ".sandbox." in self.origin or self.host_word == "test" else "login"
        return {
            "username": self.username,
            "consumer_key": self.client_id,
            "privatekey": self.private_key,
            "domain": audience,
            "instance_url": self.host_word,
        }


_PURPOSE = {
    "login_url": "give your My Domain, https://NAME.my.salesforce.com",
    "client_id": "give the connected app's consumer key",
}


def _private_key(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="ascii")
        load_pem_private_key(text.encode(), password=None)
    except OSError as error:
        raise ConfigError(f"FOLLOWUP_SALESFORCE__PRIVATE_KEY_FILE cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            "FOLLOWUP_SALESFORCE__PRIVATE_KEY_FILE holds no unencrypted PEM private key: export it as one"
        ) from None
    return text


class _Answer(requests.Response):
    """An answer whose JSON is safe to keep."""

    def json(self, **_: object) -> object:
        """The body as JSON; what is none is told as a line that broke."""
        try:
            return decoded(self.content)
        except ValueError:
            raise requests.exceptions.JSONDecodeError("no JSON", "", 0) from None


class _Wire(HTTPAdapter):
    """The only way out: known hosts, time-outs, counted; notes what each answer says of the time and of the quota."""

    def __init__(self, usage: Usage) -> None:
        super().__init__(pool_connections=4, pool_maxsize=4, max_retries=0)
        self.usage = usage
        self.origins: dict[str, str] = {}
        self.status = 0
        self.date: datetime | None = None

    def build_response(self, req: requests.PreparedRequest, resp: BaseHTTPResponse) -> requests.Response:
        """The answer, read our way and not the library's."""
        response = super().build_response(req, resp)
        response.__class__ = _Answer
        return response

    def send(  # type: ignore[no-untyped-def]  # passes on what requests hands over, whatever its version
        self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None
    ) -> requests.Response:
        origin = self.origins.get(urlsplit(request.url).netloc.lower())
        if origin is None:
            raise ConfigError(
                "Salesforce named a host that is not its own; nothing was sent there: check the login URL"
            )
        request.url = origin + request.path_url
        self.usage.count()
        self.status = 0
        response = super().send(
            request, stream=stream, timeout=timeout or TIMEOUT, verify=verify, cert=cert, proxies=proxies
        )
        self.status = response.status_code
        self.date = _http_date(response.headers.get("Date"))
        quota = re.search(r"(?<!per-app-)api-usage=(\d+)/(\d+)", response.headers.get("Sforce-Limit-Info") or "")
        if quota:
            self.usage.saw_quota(int(quota[1]), int(quota[2]))
        return response


class _Session(requests.Session):
    """A session that never follows a redirect."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _http_date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError):
        return None
    return date if date is not None and date.tzinfo is not None else None


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """In place of requests' habit of taking credentials from ~/.netrc."""
    return request


class _TokenGoneError(Exception):
    """Salesforce answered 401."""


class Client:
    """One org, one user. `usage` counts its requests; `server_time` is what the last answer's Date header said."""

    def __init__(self, config: AdapterConfig) -> None:
        self.usage = Usage(config.calls_before)
        self._clock = config.clock
        self._share = config.api_calls_share
        self._allowed = config.allowed_hosts
        self._credentials = Credentials.of(config.connection, config.allowed_hosts)
        self._wire = _Wire(self.usage)
        self._session = _Session()
        self._session.trust_env = not is_loopback(self._credentials.origin)
        self._session.auth = _unchanged
        self._session.mount("https://", self._wire)
        self._session.mount("http://", self._wire)
        self._session.headers["Sforce-Auto-Assign"] = "FALSE"
        self._session.headers["Sforce-Call-Options"] = f"client={config.client_name}"
        self._lock = threading.Lock()
        self._salesforce: Salesforce | None = None

    @property
    def server_time(self) -> datetime | None:
        """The instant of the last answer by Salesforce's own clock; None when it did not say."""
        return self._wire.date

    @property
    def is_on_this_machine(self) -> bool:
        """True when the login host is loopback: a stand-in for Salesforce, never Salesforce itself."""
        return is_loopback(self._credentials.origin)

    @property
    def version(self) -> str:
        """The API version in use, such as `62.0`."""
        return self._credentials.version

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    # -- reading ---------------------------------------------------------------------------------------------------
    def query(self, soql: str, *, deleted: bool = False) -> Batch:
        """The first rows of a query; with `deleted` also those in the bin and the archive."""
        return _batch(self._call(lambda sf: sf.query(soql, include_deleted=deleted), write=False))

    def count(self, soql: str) -> int:
        """What a COUNT() query says, rows in the bin and the archive included as far as it asks for them."""
        answer = self._call(lambda sf: sf.query(soql, include_deleted=True), write=False)
        total = answer.get("totalSize") if isinstance(answer, Mapping) else None
        if not isinstance(total, int) or isinstance(total, bool):
            raise RetryableError("Salesforce's answer to a count was unreadable; it is tried again later")
        return total

    def more(self, address: str) -> Batch:
        """The next rows, by the address a Batch gave; CursorLostError when Salesforce has forgotten them."""
        path = f"/{urlsplit(address).path.lstrip('/')}"
        if not path.startswith("/services/data/"):
            raise RetryableError("Salesforce named an odd address for the next rows; the query is started again later")
        try:
            return _batch(self._call(lambda sf: sf.query_more(path, identifier_is_url=True), write=False))
        except PermanentError as error:
            if error.code not in LOST_CODES:
                raise
            raise CursorLostError("Salesforce lost its place in a query; it is read again by the next pass") from None

    def rows(self, soql: str, *, deleted: bool = False) -> Sequence[Row]:
        """Every row of a query; one whose cursor is lost is read once more from its beginning."""
        try:
            return self._all_rows(soql, deleted)
        except CursorLostError:
            return self._all_rows(soql, deleted)

    def _all_rows(self, soql: str, deleted: bool) -> Sequence[Row]:
        batch = self.query(soql, deleted=deleted)
        found = list(batch.rows)
        while batch.more:
            before, batch = batch.more, self.more(batch.more)
            if batch.more == before:
                raise RetryableError("Salesforce sent the same page of a query again; it is read by the next pass")
            found += batch.rows
        return found

    def get(self, path: str) -> object:
        """What stands under a path below /services/data/vXX.0/; None for an empty answer."""
        return self._call(lambda sf: sf.restful(path), write=False)

    # -- writing ---------------------------------------------------------------------------------------------------
    def write(
        self, method: str, path: str, body: Mapping[str, object] | None = None, query: Mapping[str, str] | None = None
    ) -> object:
        """Send one write. OutcomeUnknownError when it may have landed; every other error means that it did not."""
        arguments = {"json": body} if body is not None else {}
        params = dict(query) if query else None
        return self._call(lambda sf: sf.restful(path, params=params, method=method, **arguments), write=True)

    # -- one call --------------------------------------------------------------------------------------------------
    def _call(self, send: Callable[[Salesforce], object], *, write: bool) -> object:
        return with_retries(lambda: self._once(send, write), write=write, clock=self._clock)

    def _once(self, send: Callable[[Salesforce], object], write: bool) -> object:
        self._check_quota()
        salesforce = self._connected(None)
        try:
            return self._translated(send, salesforce, write)
        except _TokenGoneError:
            salesforce = self._connected(salesforce)
        try:
            return self._translated(send, salesforce, write)
        except _TokenGoneError:
            raise error_of(401, None, write=write) from None

    def _check_quota(self) -> None:
        if self.usage.spent(self._share):
            raise QuotaSpentError(
                "this day's Salesforce API calls, or our share of them (limits.api_calls_share), are used up; "
                "the next pass goes on from here"
            )

    def _translated(self, send: Callable[[Salesforce], object], salesforce: Salesforce, write: bool) -> object:
        """The errors carry neither the library's text nor its cause: both hold the URL, so query text."""
        try:
            return send(salesforce)
        except SalesforceExpiredSession:
            raise _TokenGoneError from None
        except SalesforceError as error:
            raise error_of(error.status, error.content, write=write) from None
        except requests.RequestException as error:
            raise line_error(error, write=write) from None
        except TypeError:  # the library takes the length of any JSON answer; a bare number or null has none
            raise outage("Salesforce's answer was unreadable", write=write) from None

    # -- the token -------------------------------------------------------------------------------------------------
    def _connected(self, stale: Salesforce | None) -> Salesforce:
        """A client with a token other than the stale one; whoever comes second takes the first one's."""
        with self._lock:
            if self._salesforce is None or self._salesforce is stale:
                self._salesforce = self._log_in()
            return self._salesforce

    def _log_in(self) -> Salesforce:
        self._wire.origins[f"{self._credentials.host_word}.salesforce.com"] = self._credentials.origin
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the library warns with a text that holds the client id
                token, instance = SalesforceLogin(session=self._session, **self._credentials.arguments())
        except SalesforceAuthenticationFailed as error:
            code = error.code if isinstance(error.code, str) else ""
            raise login_error(self._wire.status, code, error.auth_message, self._clock.now()) from None
        except requests.RequestException as error:
            raise line_error(error, write=False) from None
        except (AttributeError, TypeError):  # an answer that is no object, or without an instance_url
            raise login_error(self._wire.status, "", "", self._clock.now()) from None
        if not isinstance(token, str) or not token:
            raise login_error(self._wire.status, "", "", self._clock.now())
        host = self._admit(str(instance))
        salesforce = Salesforce(
            session_id=token,
            instance_url=f"https://{host}",
            version=self.version,
            session=self._session,
            object_pairs_hook=None,
        )
        salesforce.headers.pop("X-PrettyPrint", None)
        return salesforce

    def _admit(self, instance: str) -> str:
        """Allow the token answer's host if it is Salesforce's own or, for a loopback login, loopback; and return it."""
        parts = urlsplit(f"https://{instance}")
        host = (parts.hostname or "").lower()
        login = urlsplit(self._credentials.origin)
        try:
            named_port = parts.port
        except ValueError:
            named_port = -1
        trusted = named_port in (None, 443) and is_trusted(parts.geturl(), TRUSTED, self._allowed)
        if is_loopback(self._credentials.origin) and (trusted or is_loopback(parts.geturl())):
            port = login.port if trusted else named_port or login.port
            at = login.hostname if trusted else host
            at = f"[{at}]" if ":" in (at or "") else at
            self._wire.origins[LOOPBACK_INSTANCE] = f"{login.scheme}://{at}" + (f":{port}" if port else "")
            return LOOPBACK_INSTANCE
        if not trusted:
            raise ConfigError("the login answered with a host that is not Salesforce's: check the login URL")
        self._wire.origins[host] = f"https://{host}"
        return host


def _batch(answer: object) -> Batch:
    """The rows of a query's answer; one that is no query result, or does not say where its rest is, is an outage."""
    raw: Row = answer if isinstance(answer, Mapping) else {}
    rows = raw.get("records")
    if rows is None and raw.get("totalSize") == 0:
        rows = []
    more = raw.get("nextRecordsUrl") or None
    done = switch(raw.get("done"))
    if not isinstance(rows, list) or (done is False and more is None):
        raise RetryableError("Salesforce's answer to a query was unreadable; it is tried again later")
    return Batch(tuple(row for row in rows if isinstance(row, Mapping)), str(more) if more and not done else None)
