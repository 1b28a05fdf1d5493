"""Where credentials may go: the CRM's own hosts over verified TLS, and nowhere a redirect, a file or an answer points to."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
import responses
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from responses.registries import OrderedRegistry

from adapters.http import way_out
from adapters.hubspot.client import _pool
from adapters.registry import open_adapter
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.faults import Fault
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import App, SandboxServer
from connector.clock import FixedClock
from connector.domain.errors import ConfigError, FollowupError
from connector.domain.model import Needs
from connector.domain.ports import Adapter, AdapterConfig
from connector.settings import HubSpotSettings

ROOT = Path(__file__).parent.parent.parent
START = datetime(2026, 5, 4, 9, tzinfo=UTC)
NEEDS = Needs(activities=frozenset())
CRMS = ("salesforce", "hubspot")


class Impatient(FixedClock):
    """A clock that never waits."""

    def sleep(self, seconds: float) -> None:
        """Nothing."""


class Seen(ThreadingHTTPServer):
    """A server that notes what reaches it and answers nothing useful."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Noting)
        self.got: list[tuple[str, str, dict[str, str]]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up in the middle of a handshake is what is tested here."""


class _Noting(BaseHTTPRequestHandler):
    server: Seen

    def _note(self) -> None:
        self.server.got.append((self.command, self.path, dict(self.headers.items())))
        self.send_response(502)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_CONNECT = _note  # noqa: N815 - the names http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def listening(server: Seen) -> Iterator[str]:
    """The server's address while it runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def sandbox(crm: str) -> App:
    clock = SandboxClock(START)
    return SandboxSalesforce(clock) if crm == "salesforce" else SandboxHubSpot(clock)


def opened(crm: str, url: str, allowed: frozenset[str] = frozenset()) -> Adapter:
    """The adapter of a CRM at an address, with credentials that a sandbox takes."""
    connection = {
        "salesforce": {"login_url": url, "client_id": "sandbox", "client_secret": "sandbox-secret"},
        "hubspot": {"base_url": url, "access_token": "sandbox-token"},
    }[crm]
    return open_adapter(AdapterConfig(crm, connection, Impatient(START), allowed_hosts=allowed))


# -- hosts ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com",
        "https://api.hubapi.com.example.com",
        "https://api.hubapi.com:8443",
        "https://api-eu1.hubapi.com:8443",
        "https://hubapi.com.evil.example",
        "https://api-eu1.hubapi.com.evil.example",
        "https://evil-hubapi.com",
        "https://api.evilhubapi.com",
        "https://hubapi.com",
        "https://hubapi.com@evil.example",
        "https://acme.my.salesforce.com.example.com",
        "https://evilsalesforce.com",
        "https://acme.my.salesforce.com:8443",
        "https://salesforce.com@example.com",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "http://acme.my.salesforce.com",
        "http://api.hubapi.com",
        "http://api-eu1.hubapi.com",
    ],
)
@pytest.mark.parametrize("crm", CRMS)
def test_credentials_are_refused_to_a_host_that_is_not_the_crms_own(crm: str, url: str) -> None:
    with pytest.raises(ConfigError, match="FOLLOWUP_"):
        opened(crm, url)


@pytest.mark.parametrize(
    ("crm", "url"),
    [
        ("hubspot", "https://api.hubapi.com"),
        ("hubspot", "https://api-eu1.hubapi.com"),
        ("hubspot", "https://API-na2.hubapi.com/"),
        ("salesforce", "https://acme.my.salesforce.com"),
        ("salesforce", "https://acme--dev.sandbox.my.salesforce.com/"),
        ("salesforce", "https://login.salesforce.com"),
        ("salesforce", "https://acme.my.salesforce.mil"),
    ],
)
def test_the_crms_own_hosts_are_allowed(crm: str, url: str) -> None:
    opened(crm, url).close()


@pytest.mark.parametrize("crm", CRMS)
def test_another_host_needs_the_admins_word(crm: str) -> None:
    opened(crm, "https://crm.example.gov", frozenset({"crm.example.gov"})).close()
    with pytest.raises(ConfigError, match="FOLLOWUP_ALLOWED_HOSTS"):
        opened(crm, "https://other.example.gov", frozenset({"crm.example.gov"}))


def test_the_default_address_of_hubspot_is_one_of_its_own_hosts() -> None:
    opened("hubspot", HubSpotSettings().base_url).close()


@responses.activate
def test_a_token_answer_may_name_an_allowed_host_and_no_other() -> None:
    login = "https://login.example.gov/services/oauth2/token"
    token = {"access_token": "t", "token_type": "Bearer"}
    responses.post(login, json={**token, "instance_url": "https://org.example.gov"})
    responses.get("https://org.example.gov/services/data/v62.0/sobjects/Lead/describe", json={"fields": []})
    opened(
        "salesforce", "https://login.example.gov", frozenset({"login.example.gov", "org.example.gov"})
    ).source.describe(NEEDS)
    with pytest.raises(ConfigError, match="not Salesforce's"):
        opened("salesforce", "https://login.example.gov", frozenset({"login.example.gov"})).source.describe(NEEDS)
    assert len(responses.calls) == 3


@responses.activate(registry=OrderedRegistry)
def test_the_rest_of_a_query_is_read_from_the_same_host_whatever_address_it_is_given() -> None:
    host = "https://acme.my.salesforce.com"
    responses.post(f"{host}/services/oauth2/token", json={"access_token": "t", "instance_url": host})
    first = {
        "totalSize": 2,
        "done": False,
        "nextRecordsUrl": "https://evil.example.com/services/data/v62.0/query/01g-1",
    }
    responses.get(f"{host}/services/data/v62.0/query/", json={**first, "records": [{"Id": "005000000000001AAA"}]})
    rest = {"totalSize": 2, "done": True, "records": [{"Id": "005000000000002AAA"}]}
    responses.get(f"{host}/services/data/v62.0/query/01g-1", json=rest)
    responses.get(f"{host}/services/data/v62.0/query/", json={"totalSize": 0, "done": True, "records": []})
    assert len(opened("salesforce", host).source.owners()) == 2
    assert {str(call.request.url).split("/")[2] for call in responses.calls} == {"acme.my.salesforce.com"}


def test_hubspots_link_to_the_next_page_is_never_followed() -> None:
    crm = sandbox("hubspot")
    with listening(elsewhere := Seen()) as other, SandboxServer(crm) as server:
        page = {
            "results": [{"id": "1", "email": "a@example.com", "archived": False}],
            "paging": {"next": {"after": "1", "link": f"http://{other}/crm/v3/owners/?after=1"}},
        }
        server.faults.add(Fault("answer", path="/crm/v3/owners", status=200, body=page))
        opened("hubspot", server.url).source.owners()
        assert len(server.requests) > 1
    assert elsewhere.got == []


# -- redirects --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("crm", "path"), [("salesforce", "oauth2/token"), ("salesforce", "describe"), ("hubspot", ".*")]
)
def test_no_redirect_is_followed_so_no_credential_is_sent_on(crm: str, path: str, status: int) -> None:
    with listening(elsewhere := Seen()) as other, SandboxServer(sandbox(crm)) as server:
        to = {"Location": f"http://{other}/services/oauth2/token"}
        server.faults.add(Fault("answer", path=path, times=None, status=status, headers=to))
        with pytest.raises(ConfigError, match="redirect"):
            opened(crm, server.url).source.describe(NEEDS)
    assert elsewhere.got == []


# -- TLS --------------------------------------------------------------------------------------------------------------
def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context


@pytest.mark.parametrize("crm", CRMS)
def test_a_server_whose_certificate_nobody_vouches_for_gets_no_request(crm: str, tmp_path: Path) -> None:
    server = Seen()
    server.socket = self_signed(tmp_path).wrap_socket(server.socket, server_side=True)
    with listening(server) as address:
        with pytest.raises(FollowupError, match=r"certificate|secure connection"):
            opened(crm, f"https://{address}").source.describe(NEEDS)
        assert server.got == []
        with urllib3.PoolManager(ca_certs=str(tmp_path / "ca.pem")) as trusting:
            assert trusting.request("GET", f"https://{address}/", retries=False).status == 502
    assert len(server.got) == 1, "the server itself works: only the trust was missing"


def test_no_line_of_the_product_switches_verification_off() -> None:
    off = re.compile(r"verify\s*=\s*False|CERT_NONE|_create_unverified|check_hostname\s*=\s*False|assert_hostname\s*=")
    files = [file for package in ("connector", "rules", "adapters") for file in (ROOT / package).rglob("*.py")]
    assert [file for file in files if off.search(file.read_text(encoding="utf-8"))] == []


# -- the environment: proxies, certificates, netrc ----------------------------------------------------------------------
def test_a_proxy_gets_a_tunnel_and_no_credential_of_the_crm(monkeypatch: pytest.MonkeyPatch) -> None:
    for crm, url in (("salesforce", "https://acme.my.salesforce.com"), ("hubspot", "https://api.hubapi.com")):
        with listening(proxy := Seen()) as address:
            monkeypatch.setenv("HTTPS_PROXY", f"http://proxyuser:proxy%21pass@{address}")
            monkeypatch.delenv("https_proxy", raising=False)
            with pytest.raises(FollowupError) as raised:
                opened(crm, url).source.describe(NEEDS)
        assert proxy.got, crm
        assert {method for method, _, _ in proxy.got} == {"CONNECT"}
        told = base64.b64encode(b"proxyuser:proxy!pass").decode()
        for _, target, headers in proxy.got:
            assert target == f"{url.removeprefix('https://')}:443"
            assert {name.lower(): value for name, value in headers.items()}["proxy-authorization"] == f"Basic {told}"
            assert "authorization" not in {name.lower() for name in headers}
        assert "proxy%21pass" not in str(raised.value)
        assert "proxy!pass" not in str(raised.value)


def test_loopback_goes_round_every_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(proxy := Seen()) as address:
        monkeypatch.setenv("HTTP_PROXY", f"http://{address}")
        monkeypatch.setenv("http_proxy", f"http://{address}")
        for crm in CRMS:
            with SandboxServer(sandbox(crm)) as server:
                assert opened(crm, server.url).source.describe(NEEDS).fields["lead"]
    assert proxy.got == []


def test_an_odd_proxy_is_a_clear_error_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:hunter2@127.0.0.1:9")
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as raised:
        _pool("https://api.hubapi.com")
    assert "hunter2" not in str(raised.value)


def test_an_own_authority_replaces_the_usual_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    assert way_out("https://api.hubapi.com").ca_bundle == str(tmp_path / "ca.pem")
    assert way_out("http://127.0.0.1:1").ca_bundle.endswith("cacert.pem")


@responses.activate
def test_a_netrc_file_never_replaces_our_authorization(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    host = "https://acme.my.salesforce.com"
    responses.post(f"{host}/services/oauth2/token", json={"access_token": "t", "instance_url": host})
    responses.get(f"{host}/services/data/v62.0/sobjects/Lead/describe", json={"fields": []})
    opened("salesforce", host).source.describe(NEEDS)
    ours = base64.b64encode(b"sandbox:sandbox-secret").decode()
    assert [call.request.headers["Authorization"] for call in responses.calls] == [f"Basic {ours}", "Bearer t"]
    assert "hunter2" not in json.dumps([str(call.request.body) for call in responses.calls])
