"""Speaks with an OpenID Connect provider: discovery, authorization code, PKCE, ID tokens.

OpenID Connect Core 1.0, section 3.1; Discovery 1.0, section 4; RFC 7636 (PKCE, S256); RFC 9207
(issuer in the answer). State, nonce and verifier of an attempt follow from one secret that the
browser keeps in a cookie, so nothing of an attempt is kept here, and an answer counts only in the
browser that has asked.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from csms.oidc.settings import OidcSettings
from domain.errors import CsmsError, Unavailable
from supervisor.clock import Clock

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
    "EdDSA",
)  # fmt: skip
"""Of ID tokens: public keys only. With `none` or a shared secret anybody could make one."""
OK: Final = 200
SERVER_FAILS: Final = 500
US_PER_S: Final = 1_000_000


class ProviderRefuses(CsmsError):
    """The answer of the provider is no proof of who somebody is."""


class _Known(NamedTuple):
    document: dict[str, Any]
    keys: KeySet
    read_us: int


class Provider:
    """One provider.

    Args:
        settings: where it is, and who we are there.
        clock: time.
    """

    def __init__(self, settings: OidcSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._known: _Known | None = None
        self._reading = asyncio.Lock()

    async def start_url(self, secret: str) -> str:
        """Return where a browser goes to sign in.

        Args:
            secret: at least 256 random bits, which the browser keeps.

        Raises:
            Unavailable: the provider is away.
            ProviderRefuses: its configuration is wrong.
        """
        known = await self._configuration()
        verifier = _derived(secret, "verifier")
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": self.settings.scopes,
            "state": _derived(secret, "state"),
            "nonce": _derived(secret, "nonce"),
            "code_challenge": _base64(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        endpoint = _endpoint(known.document, "authorization_endpoint")
        return endpoint + ("&" if urlsplit(endpoint).query else "?") + urlencode(query)

    async def claims(self, secret: str, code: str, state: str, issuer: str) -> dict[str, Any]:
        """Return what the provider says of who has signed in there.

        Args:
            secret: of the browser's cookie.
            code: as the provider sent it.
            state: the same.
            issuer: the same (RFC 9207); empty: it sent none.

        Raises:
            Unavailable: the provider is away.
            ProviderRefuses: anything does not fit.
        """
        if not hmac.compare_digest(state.encode(), _derived(secret, "state").encode()):
            raise ProviderRefuses("state: this sign-in was not begun by this browser")
        known = await self._configuration()
        is_said = known.document.get("authorization_response_iss_parameter_supported") is True
        if (issuer or is_said) and issuer != self.settings.issuer:
            raise ProviderRefuses("iss: the answer is of another provider")
        tokens = await self._tokens(known.document, code, _derived(secret, "verifier"))
        claims = await self._verified(str(tokens.get("id_token", "")), _derived(secret, "nonce"))
        return await self._with_userinfo(known.document, tokens, claims)

    async def _configuration(self, *, again: bool = False) -> _Known:
        """Return the provider's configuration and keys; read when they are old, or `again`."""
        async with self._reading:
            known, now_us = self._known, self._clock.monotonic_us()
            age_s = (now_us - known.read_us) / US_PER_S if known else 0.0
            limit_s = self.settings.keys_again_s if again else self.settings.keys_s
            if known is not None and age_s < limit_s:
                return known
            base = self.settings.issuer.rstrip("/")
            document = await self._get(f"{base}/.well-known/openid-configuration")
            if document.get("issuer") != self.settings.issuer:
                raise ProviderRefuses(f"issuer: the provider calls itself {document.get('issuer')}")
            try:
                keys = KeySet.import_key_set(await self._get(_endpoint(document, "jwks_uri")))  # type: ignore[arg-type]
            except (JoseError, KeyError, TypeError, ValueError) as error:
                raise ProviderRefuses(f"jwks_uri: {error}") from error
            self._known = _Known(document, keys, now_us)
            return self._known

    async def _tokens(self, document: dict[str, Any], code: str, verifier: str) -> dict[str, Any]:
        """Redeem a code (RFC 6749, section 4.1.3)."""
        settings = self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if settings.client_secret and "client_secret_basic" in methods:
            # RFC 6749, section 2.3.1: both are form-encoded first.
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = settings.client_id
            if settings.client_secret:
                form["client_secret"] = settings.client_secret
        endpoint = _endpoint(document, "token_endpoint")
        return await self._ask("POST", endpoint, data=form, headers=headers)

    async def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token (Core, section 3.1.3.7)."""
        known = await self._configuration()
        try:
            try:
                claims = jwt.decode(token, known.keys, algorithms=list(ALGORITHMS)).claims
            except (JoseError, ValueError):
                known = await self._configuration(again=True)  # Keys may have been exchanged.
                claims = jwt.decode(token, known.keys, algorithms=list(ALGORITHMS)).claims
            jwt.JWTClaimsRegistry(
                now=self._clock.now_us() // US_PER_S,
                leeway=self.settings.leeway_s,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderRefuses(f"id_token: {error}") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.settings.client_id:
            raise ProviderRefuses("azp: the token was made for another client")
        return dict(claims)

    async def _with_userinfo(
        self, document: dict[str, Any], tokens: dict[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """Add the claims that the provider has only at its userinfo endpoint (Core, 5.3)."""
        if "userinfo_endpoint" not in document or "access_token" not in tokens:
            return claims
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        more = await self._ask("GET", _endpoint(document, "userinfo_endpoint"), headers=headers)
        if more.get("sub") != claims["sub"]:
            raise ProviderRefuses("sub: userinfo is about somebody else")
        return more | claims

    async def _get(self, url: str) -> dict[str, Any]:
        return await self._ask("GET", url)

    async def _ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - of aiohttp
        """Return the JSON object of an answer."""
        timeout = aiohttp.ClientTimeout(total=self.settings.request_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.request(method, url, allow_redirects=False, **options) as response,
            ):
                body = await _limited(response, self.settings.answer_bytes_max)
                status = response.status
        except (OSError, TimeoutError, aiohttp.ClientError) as error:
            raise Unavailable(f"the OIDC provider is away: {error}") from error
        if status >= SERVER_FAILS:
            raise Unavailable(f"the OIDC provider is away: {urlsplit(url).path} answers {status}")
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status != OK or not isinstance(answer, dict):
            why = answer.get("error", "") if isinstance(answer, dict) else "no JSON object"
            raise ProviderRefuses(f"{urlsplit(url).path} answers {status}: {why}")
        return answer


async def _limited(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > bytes_max:
            raise ProviderRefuses(f"the answer has more than {bytes_max} bytes")
    return body


def _endpoint(document: dict[str, Any], name: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or urlsplit(url).scheme not in {"https", "http"}:
        raise ProviderRefuses(f"{name}: the provider says no URL for it")
    if document["issuer"].startswith("https:") and not url.startswith("https:"):
        raise ProviderRefuses(f"{name}: must be https, as the issuer is")
    return url


def _derived(secret: str, what: str) -> str:
    """Return 43 characters that nobody knows who has not the secret."""
    return _base64(hmac.digest(secret.encode(), what.encode(), "sha256"))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
