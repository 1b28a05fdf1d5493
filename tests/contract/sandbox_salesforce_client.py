"""Opens the sandbox org with the real simple-salesforce client, over HTTP on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import SandboxServer

START = datetime(2026, 5, 1, 10, tzinfo=UTC)


class ToSandbox(HTTPAdapter):
    """Sends what is meant for https://anything to the sandbox instead."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request, **options):  # type: ignore[no-untyped-def]
        host = urlsplit(request.url).netloc
        request.url = self._base + request.url.split(host, 1)[1]
        return super().send(request, **options)


@dataclass
class Desk:
    """A running org: the people's side, the clock, the server, and a client that is logged in."""

    org: SandboxSalesforce
    clock: SandboxClock
    server: SandboxServer
    sf: Salesforce
    session: requests.Session

    def get(self, path: str, **options: object) -> requests.Response:
        """A plain GET under the data API, for what the client hides: status and headers."""
        return self.call("GET", path, **options)

    def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: object
    ) -> requests.Response:
        """A plain call under the data API."""
        token = {"Authorization": f"Bearer {self.sf.session_id}"}
        url = f"https://org/services/data/v62.0/{path}"
        return self.session.request(method, url, headers={**token, **(headers or {})}, **options)

    def rows(self, soql: str) -> list[dict[str, object]]:
        """All rows of a query, without their attributes."""
        found = self.sf.query_all(soql)["records"]
        return [{k: v for k, v in row.items() if k != "attributes"} for row in found]

    def ids(self, soql: str) -> list[str]:
        """The ids a query finds."""
        return [str(row["Id"]) for row in self.rows(soql)]


def log_in(server: SandboxServer, session: requests.Session) -> Salesforce:
    """A client with a token of its own."""
    token, host = SalesforceLogin(
        consumer_key="sandbox", consumer_secret="sandbox-secret", domain="acme.my", session=session
    )
    return Salesforce(session_id=token, instance_url="https://" + host, version="62.0", session=session)


@contextmanager
def open_desk(tick: timedelta = timedelta(seconds=1), **options: object) -> Iterator[Desk]:
    """A fresh org behind a server, and a client whose writes keep assignment rules off."""
    clock = SandboxClock(START, tick)
    org = SandboxSalesforce(clock, **options)  # type: ignore[arg-type]
    with SandboxServer(org) as server, requests.Session() as session:
        session.mount("https://", ToSandbox(server.url))
        session.headers["Sforce-Auto-Assign"] = "FALSE"
        yield Desk(org, clock, server, log_in(server, session), session)
