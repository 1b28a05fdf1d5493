"""The sandbox's HTTP server: loopback only, one thread per connection, faults applied round the CRM it serves."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.sandbox.faults import Fault, FaultPlan


@dataclass(frozen=True)
class Request:
    """What a client sent. `path` is percent-decoded, header names are lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    raw_target: str = ""

    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> object:
        """The body as JSON; None when it is empty, ValueError when it is not JSON."""
        return json.loads(self.body) if self.body.strip() else None

    def arg(self, name: str, default: str | None = None) -> str | None:
        """The first value of a query argument."""
        values = self.query.get(name)
        return values[0] if values else default


@dataclass(frozen=True)
class Response:
    """What the CRM answers: bytes and str go out as they are, None as an empty body, anything else as JSON."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        """The body's bytes."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body).encode()


class App(Protocol):
    """A CRM that answers requests."""

    def handle(self, request: Request) -> Response:
        """Answer one request; called from several threads at once."""
        ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, app: App, faults: FaultPlan) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.app = app
        self.faults = faults
        self.stopping = threading.Event()
        self.requests: list[tuple[str, str]] = []
        self.connections = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        self.server.connections += 1
        super().setup()

    def log_message(self, format: str, *args: object) -> None:
        """The sandbox is silent; `requests` keeps what was asked."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        target = urlsplit(self.path)
        request = Request(
            self.command,
            unquote(target.path),
            parse_qs(target.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            body,
            self.path,
        )
        self.server.requests.append((request.method, self.path))
        seen = unquote(request.text()) + "\n" + unquote(target.query.replace("+", " "))
        fault = self.server.faults.take(request.method, request.path, seen)
        if fault is None:
            self._reply(self.server.app.handle(request))
        else:
            self._strike(fault, request)

    def _strike(self, fault: Fault, request: Request) -> None:
        if fault.kind == "hang":
            self.server.stopping.wait(60)
            self._cut()
            return
        answer = None if fault.kind in ("answer", "drop_before") else self.server.app.handle(request)
        if fault.kind in ("answer", "answer_after"):
            self._reply(Response(fault.status, fault.body, fault.headers))
        elif fault.kind == "garble_after" and answer is not None:
            payload = answer.payload()
            self._reply(Response(answer.status, payload[: len(payload) // 2], answer.headers))
        else:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reply(self, response: Response) -> None:
        payload = response.payload()
        self.send_response_only(response.status)
        if "Date" not in response.headers:  # a CRM with a clock of its own says what time it is there
            self.send_header("Date", self.date_time_string())
        kind = "text/html" if isinstance(response.body, str) else "application/json;charset=UTF-8"
        headers = {"Content-Type": kind, **response.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if response.status != 204:
            self.wfile.write(payload)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - the names http.server calls


class SandboxServer:
    """Runs a CRM on a free loopback port, in threads of its own, until stopped. Use it in a `with` block."""

    def __init__(self, app: App, faults: FaultPlan | None = None) -> None:
        self.faults = faults or FaultPlan()
        self._server = _Server(app, self.faults)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:40123`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Every request so far: method and raw target."""
        return self._server.requests

    @property
    def connections(self) -> int:
        """How many connections were opened so far."""
        return self._server.connections

    def start(self) -> SandboxServer:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End every wait and the listening socket."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
