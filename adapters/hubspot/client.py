"""The HTTP side of the adapter and the only importer of the HubSpot SDK.

The SDK builds a request (path, parameters, body); one transport sends it, the same that sends what the SDK lacks. So
there is one connection pool, one time-out, one count and one place for the token, and an answer is judged on what came
over the wire: the SDK's own models turn HTML or cut-off JSON into objects full of None. The SDK never sees an answer,
hence none of its per-module exceptions can arise; it never retries, and it never follows a redirect.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import reduce
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlencode

import urllib3
from hubspot import HubSpot
from hubspot.discovery.discovery_base import DiscoveryBase

from adapters.http import RateBudget, Usage, checked_host, is_loopback, way_out, with_retries
from adapters.hubspot import errors
from adapters.hubspot.errors import Call, Reply
from adapters.hubspot.paths import SEARCH, Endpoint, scope_of
from connector.domain.errors import ConfigError, QuotaSpentError
from connector.domain.ports import AdapterConfig

PUBLIC_API = "https://api.hubapi.com"

OWN_HOSTS = (".hubapi.com",)
"""The domain of HubSpot's API: `api` for every account, by whose token it finds the data centre, and those of one data
centre, such as `api-eu1`. Anything else is for FOLLOWUP_ALLOWED_HOSTS."""

TIME_OUT = urllib3.Timeout(connect=3, read=20)
"""Seconds; a silent server holds a call no longer than this."""

SEARCHES_PER_SECOND = 4
"""HubSpot allows 5 per second over all searches of an account; one is left to others."""

SEARCHES_PER_SECOND_LOOPBACK = 50

Json = Mapping[str, object]
Query = str | int | bool | list[str] | None


class HubSpotClient:
    """Sends requests to one portal and turns every failure into one of our errors. Safe to share between threads."""

    def __init__(self, config: AdapterConfig) -> None:
        self._config = config
        base = config.connection.get("base_url") or PUBLIC_API
        self._base = checked_host(base, OWN_HOSTS, config.allowed_hosts, errors.BASE_URL)
        if not config.connection.get("access_token"):
            raise ConfigError(f"there is no HubSpot access token: set {errors.TOKEN}")
        self.usage = Usage(config.calls_before)
        self.server_time: datetime | None = None
        self._pool = _pool(self._base)
        self._apis: dict[tuple[str, str], object] = {}
        self._sdk = HubSpot(access_token="", host=self._base, base_url=self._base, api_factory=self._api)
        self._searches = _search_budget(config, self._base)

    def call(self, endpoint: Endpoint, *args: str, body: object = None, **query: Query) -> Json:
        """Do one operation, repeating it where that is safe, and return the JSON object it answers.

        A 404 goes up as PermanentError. An answer without a body is an empty object, for writes only.
        """
        call = Call(endpoint.name, endpoint.effect == "write", scope_of(endpoint, args))

        def send() -> Json:
            if self.usage.spent(self._config.api_calls_share):
                raise QuotaSpentError("our share of HubSpot's calls for today is used up: the next pass goes on")
            if endpoint is SEARCH:
                self._searches.take()
            return self._judged(self._sent(endpoint, args, body, query, call), call, endpoint)

        return with_retries(send, write=endpoint.effect == "write", clock=self._config.clock)

    @property
    def loopback(self) -> bool:
        """Whether this is a stand-in on this machine and not HubSpot."""
        return is_loopback(self._base)

    def close(self) -> None:
        """Give back the connections."""
        self._pool.clear()

    def _judged(self, reply: Reply, call: Call, endpoint: Endpoint) -> Json:
        self._note(reply)
        error = errors.error_for(reply, call, self._config.clock.now())
        if error is not None:
            raise error
        if not reply.body.strip() and endpoint.effect != "read" and reply.status == 204:
            return {}
        try:
            answer = reply.json()
        except ValueError:
            raise errors.garbled(reply, call) from None
        if not isinstance(answer, dict):
            raise errors.garbled(reply, call)
        return answer

    def _sent(
        self, endpoint: Endpoint, args: tuple[str, ...], body: object, query: Mapping[str, Query], call: Call
    ) -> Reply:
        given = {name: value for name, value in query.items() if value is not None}
        try:
            if endpoint.through_sdk and endpoint.sdk is not None:
                method = reduce(getattr, endpoint.sdk[1].split("."), self._sdk)
                positional = args if body is None else (*args, body)
                response = method(*positional, _preload_content=False, **given)
            else:
                response = self._exchange(endpoint.method, self._base + endpoint.path(args), _pairs(given), body=body)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(int(response.status), bytes(response.data), headers)
        except urllib3.exceptions.HTTPError as failure:
            raise errors.error_of(failure, call) from None

    def _exchange(
        self,
        method: str,
        url: str,
        query_params: Sequence[tuple[str, object]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        **_ignored: object,
    ) -> urllib3.BaseHTTPResponse:
        """Send one request and read its answer whole. The SDK calls this in the place of its own REST client."""
        self.usage.count()
        return self._pool.request(
            method,
            f"{url}?{urlencode([(name, _text(value)) for name, value in query_params])}" if query_params else url,
            body=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": self._config.client_name,
                **{name: value for name, value in (headers or {}).items() if name.lower() == "accept"},
                # Read at every request: a renewed token reaches everything, and no cached object keeps an old one.
                "Authorization": f"Bearer {self._config.connection['access_token']}",
            },
            timeout=TIME_OUT,
            retries=False,
            redirect=False,
        )

    def _api(self, package: ModuleType, name: str, config: dict[str, object]) -> object:
        """One API object of the SDK per kind, on our transport; without this each attribute access opens a pool."""
        key = (package.__name__, name)
        if key not in self._apis:
            api = DiscoveryBase._default_api_factory(package, name, config)
            api.api_client.rest_client.request = self._exchange
            api.api_client.rest_client.pool_manager = self._pool
            self._apis[key] = api
        return self._apis[key]

    def _note(self, reply: Reply) -> None:
        """Keep what the headers tell: the day's quota and HubSpot's own time."""
        allowed = reply.headers.get("x-hubspot-ratelimit-daily", "")
        left = reply.headers.get("x-hubspot-ratelimit-daily-remaining", "")
        if allowed.isdecimal() and left.isdecimal():
            self.usage.saw_quota(int(allowed) - int(left), int(allowed))
        try:
            stamp = parsedate_to_datetime(reply.headers.get("date", ""))
        except ValueError:
            return
        self.server_time = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _pool(base: str) -> urllib3.PoolManager:
    """Connections to HubSpot, through the proxy the environment names; certificates are verified, redirects not followed."""
    way = way_out(base)
    if way.proxy is None:
        return urllib3.PoolManager(maxsize=16, retries=False, cert_reqs="CERT_REQUIRED", ca_certs=way.ca_bundle)
    try:
        proxy = urllib3.util.parse_url(way.proxy if "://" in way.proxy else f"http://{way.proxy}")
        return urllib3.ProxyManager(
            proxy._replace(auth=None).url,
            maxsize=16,
            retries=False,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else None,
            cert_reqs="CERT_REQUIRED",
            ca_certs=way.ca_bundle,
        )
    except (ValueError, urllib3.exceptions.HTTPError):
        raise ConfigError("HTTPS_PROXY is not the URL of a proxy: write it as http://HOST:PORT") from None


def _pairs(query: Mapping[str, Query]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        pairs += [(name, item) for item in (value if isinstance(value, list) else [_text(value)])]
    return pairs


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _search_budget(config: AdapterConfig, base: str) -> RateBudget:
    """The searches of all processes on this machine that use the same token, told apart by a digest of it."""
    default = SEARCHES_PER_SECOND_LOOPBACK if is_loopback(base) else SEARCHES_PER_SECOND
    text = config.connection.get("search_per_second") or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError("search_per_second is not a whole number of searches: give 1 to 5")
    account = hashlib.blake2b(f"{base}\0{config.connection['access_token']}".encode(), digest_size=8).hexdigest()
    try:
        file = Path(tempfile.gettempdir()) / f"followup-hubspot-search-{os.getuid()}-{account}.lock"
    except FileNotFoundError:
        file = None  # no folder to write to: then no second process of ours runs here either
    return RateBudget(int(text), 1.0, file)
