"""Tokens: the client-credentials and JWT-bearer flows, and tokens that die by command or after some requests."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from adapters.sandbox.salesforce.errors import CrmError
from adapters.sandbox.server import Request, Response

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class OAuthError(Exception):
    """The token endpoint refuses: an object with error and error_description, not the array of the other resources."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


class Tokens:
    """The one connected app of the org, its integration user, and the access tokens given out so far."""

    def __init__(
        self,
        client: tuple[str, str],
        username: str,
        token_requests: int | None,
        public_key_pem: bytes | None,
        jwt_clock: Callable[[], datetime] | None,
    ) -> None:
        self._client = client
        self._username = username
        self._token_requests = token_requests
        self._jwt_clock = jwt_clock
        self._live: dict[str, int] = {}
        self.logins = 0
        self._key: RSAPublicKey | None = None
        if public_key_pem is not None:
            key = load_pem_public_key(public_key_pem)
            if not isinstance(key, RSAPublicKey):
                raise ValueError("the sandbox checks JWTs with an RSA public key")
            self._key = key

    def answer(self, request: Request, user: str, now: datetime) -> Response:
        """Answer POST /services/oauth2/token."""
        form = {name: values[0] for name, values in parse_qs(request.text()).items()}
        try:
            grant = form.get("grant_type", "")
            if grant == "client_credentials":
                self._check_client(request, form)
            elif grant == JWT_BEARER:
                self._check_jwt(form.get("assertion", ""))
            else:
                raise OAuthError("unsupported_grant_type", "grant type not supported")
        except OAuthError as refusal:
            return Response(400, {"error": refusal.error, "error_description": str(refusal)})
        self.logins += 1
        token = f"00DHs0000000001!sandbox.{self.logins:06d}"
        self._live[token] = 0
        base = f"http://{request.headers.get('host', '127.0.0.1')}"
        body = {
            "access_token": token,
            "instance_url": base,
            "id": f"{base}/id/00DHs0000000001MAE/{user}",
            "token_type": "Bearer",
            "scope": "api",
            "signature": "sandbox",
            "issued_at": str(int(now.timestamp() * 1000)),
        }
        return Response(200, body)

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse a request whose token is missing, unknown or spent."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        used = self._live.get(token.strip()) if scheme in ("Bearer", "OAuth") else None
        if used is None or (self._token_requests is not None and used >= self._token_requests):
            self._live.pop(token.strip(), None)
            raise CrmError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        self._live[token.strip()] = used + 1

    def expire(self) -> None:
        """End every token given out so far."""
        self._live.clear()

    def _check_client(self, request: Request, form: Mapping[str, str]) -> None:
        pair = (form.get("client_id", ""), form.get("client_secret", ""))
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            try:
                name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as problem:
                raise OAuthError("invalid_client", "invalid client credentials") from problem
            pair = (name, secret)
        if pair[0] != self._client[0]:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if pair != self._client:
            raise OAuthError("invalid_client", "invalid client credentials")

    def _check_jwt(self, assertion: str) -> None:
        try:
            head, body, signature = assertion.split(".")
            claims = json.loads(_decode(body))
            algorithm = json.loads(_decode(head)).get("alg")
            signed = _decode(signature)
        except (ValueError, AttributeError) as problem:
            raise OAuthError("invalid_grant", "invalid assertion") from problem
        if algorithm != "RS256" or not isinstance(claims, dict):
            raise OAuthError("invalid_grant", "invalid assertion")
        if self._key is not None:
            try:
                self._key.verify(signed, f"{head}.{body}".encode(), PKCS1v15(), SHA256())
            except InvalidSignature as problem:
                raise OAuthError("invalid_grant", "invalid assertion") from problem
        if claims.get("iss") != self._client[0]:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != self._username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        self._check_expiry(claims.get("exp"))

    def _check_expiry(self, expires: object) -> None:
        """Clients sign with the clock on the wall, not with the sandbox's: the instant is compared only to a given clock."""
        try:
            seconds = float(expires) if isinstance(expires, int | float | str) else 0.0
        except ValueError:
            seconds = 0.0
        if seconds <= (self._jwt_clock().timestamp() if self._jwt_clock else 0.0):
            raise OAuthError("invalid_grant", "expired authorization code")


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
