"""A small provider whose ID tokens a test can forge."""

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

KEY = RSAKey.generate_key(2048, parameters={"kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, parameters={"kid": "one"})
NEW_KEY = RSAKey.generate_key(2048, parameters={"kid": "two"})


class Forger:
    """Answers as a provider does, but for what a test has put into it."""

    def __init__(self) -> None:
        self.issuer = ""
        self.nonce = ""
        self.challenge = ""
        self.claims: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.key = KEY
        self.published = [KEY]
        self.token = ""
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []

    def went(self, url: str) -> dict[str, str]:
        """Read the address that a browser was sent to; return its parameters."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.nonce, self.challenge = query["nonce"], query["code_challenge"]
        return query

    def made(self, now_s: int) -> str:
        claims = {
            "iss": self.issuer,
            "aud": "csms",
            "sub": "1",
            "iat": now_s,
            "exp": now_s + 60,
            "nonce": self.nonce,
            "preferred_username": "anna",
            "groups": ["ops"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    async def _configuration(self, request: web.Request) -> web.Response:
        self.asked.append("configuration")
        base = self.issuer
        document = {
            "issuer": base,
            "authorization_endpoint": f"{base}/auth",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "userinfo_endpoint": f"{base}/me",
        }
        return web.json_response(document | self.document)

    async def _keys(self, _request: web.Request) -> web.Response:
        keys = [key.as_dict(private=False) for key in self.published]
        return web.json_response({"keys": keys})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if _base64(digest) != self.challenge:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"id_token": self.token, "access_token": "a"})

    async def _userinfo(self, _request: web.Request) -> web.Response:
        return web.json_response({"sub": "1"} | self.userinfo)


@contextlib.asynccontextmanager
async def forging() -> AsyncIterator[Forger]:
    forger = Forger()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", forger._configuration)
    app.router.add_get("/jwks", forger._keys)
    app.router.add_post("/token", forger._token)
    app.router.add_get("/me", forger._userinfo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    forger.issuer = f"http://{host}:{port}"
    try:
        yield forger
    finally:
        await runner.cleanup()


def unsigned(token: str) -> str:
    """The same claims with `alg` none."""
    return f"{_header({'alg': 'none'})}.{token.split('.')[1]}."


def shared(token: str, secret: bytes) -> str:
    """The same claims, signed with what everybody knows: the public key as a shared secret."""
    signed = f"{_header({'alg': 'HS256', 'kid': 'one'})}.{token.split('.')[1]}"
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _header(header: dict[str, str]) -> str:
    return _base64(json.dumps(header).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
