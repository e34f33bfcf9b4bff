"""Brings deliveries to where they belong: e-mail, and webhooks that are signed.

At least once: that an attempt begins is noted before it, and how it went when it has ended. So who
dies in between attempts it again with the same id, by which a receiver knows it, and the log says
that there were two; a delivery at which processes die is given up as any other. The signature is
HMAC-SHA256 over `id.timestamp.body`. A webhook reaches public addresses only, whatever its name
resolves to and at every attempt (OWASP: Server-Side Request Forgery Prevention); redirects are not
followed.
"""

import asyncio
import errno
import hashlib
import hmac
import ipaddress
import json
import logging
import socket
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import aiosmtplib
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.alerts.machine import pause_s
from csms.operations.letters import letter
from csms.operations.settings import OperationsSettings
from domain.errors import Unavailable
from storage.relational import alerts as store
from supervisor.clock import Clock

LOG = logging.getLogger(__name__)
IDLE_S: Final = 1.0
TRIM_EVERY: Final = 600
"""Looks between two times that the log is brought to its limit."""
OK, MULTIPLE_CHOICES = 200, 300
ERROR_MAX: Final = 500

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Refused(Exception):
    """The delivery must not be attempted; the text says why."""


def is_allowed(address: str, networks: Sequence[Network]) -> bool:
    """Return whether a webhook may reach an address: a public one, or one of `networks`."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if any(found.version == network.version and found in network for network in networks):
        return True
    return found.is_global and not found.is_multicast


def check_url(url: str, networks: Sequence[Network]) -> None:
    """Check what can be said of a URL without asking for its name.

    Raises:
        Refused: it is no http(s) URL, has a password, or names an address that is not allowed.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise Refused(f"is no URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise Refused("must be an http:// or https:// URL")
    if parts.username or parts.password:
        raise Refused("must have no user and password")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    if not is_allowed(host, networks):
        raise Refused(f"{host} is no public address (operations.webhook_private)")


class GuardedResolver(AbstractResolver):
    """Resolves names to allowed addresses only, so a name cannot lead inside."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._inner = ThreadedResolver()
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a name; OSError: there is none."""
        found = await self._inner.resolve(host, port, family)
        allowed = [row for row in found if is_allowed(row["host"], self._networks)]
        if not allowed:
            raise OSError(
                errno.EACCES, f"{host} has no public address (operations.webhook_private)"
            )
        return allowed

    async def close(self) -> None:
        """Release the inner one."""
        await self._inner.close()


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """Return the value of Webhook-Signature."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Deliverer:
    """Attempts deliveries whose time has come, for ever.

    Args:
        engine: the relational store.
        settings: limits, the server of e-mail.
        clock: time.
    """

    def __init__(self, engine: AsyncEngine, settings: OperationsSettings, clock: Clock) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._networks = [
            ipaddress.ip_network(text, strict=False) for text in settings.webhook_private
        ]

    async def run(self) -> None:
        """Attempt, for ever; a store that is away is waited for."""
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(self._networks), use_dns_cache=False, force_close=True
        )
        timeout = aiohttp.ClientTimeout(total=self._settings.delivery_s)
        looks = 0
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while True:
                count = 0
                try:
                    count = await self.step(session)
                    looks += 1
                    if looks % TRIM_EVERY == 0:
                        await store.trim(self._engine, self._settings.deliveries_kept_max)
                except Unavailable as error:
                    LOG.warning("deliveries wait: %s", error)
                except Exception:
                    LOG.exception("deliveries wait")
                if not count:
                    await asyncio.sleep(IDLE_S)

    async def step(self, session: aiohttp.ClientSession) -> int:
        """Attempt those whose time has come; return how many."""
        settings = self._settings
        rows = await store.due(self._engine, self._clock.now_us(), settings.delivery_tasks_max)
        if rows:
            await store.begun(self._engine, [row["id"] for row in rows])
        await asyncio.gather(*(self._attempt(session, row) for row in rows))
        return len(rows)

    async def _attempt(self, session: aiohttp.ClientSession, row: dict[str, Any]) -> None:
        status, error, give_up = 0, "", False
        try:
            async with asyncio.timeout(self._settings.delivery_s):
                if row["attempts"] >= self._settings.delivery_attempts_max:
                    raise Refused(store.NOT_ENDED)  # noqa: TRY301 - ends in one place
                if row["kind"] == "webhook":
                    status = await self._post(session, row)
                elif row["kind"] == "email":
                    await self._mail(row)
                else:
                    raise Refused("its channel is gone")  # noqa: TRY301 - ends in one place
        except Refused as refused:
            error, give_up = str(refused), True
        except (OSError, TimeoutError, aiohttp.ClientError, aiosmtplib.SMTPException) as failed:
            error = str(failed) or type(failed).__name__
        except ValueError as failed:
            error, give_up = str(failed), True
        if status and not OK <= status < MULTIPLE_CHOICES:
            error = f"HTTP {status}"
        now_us = self._clock.now_us()
        settings = self._settings
        attempts = row["attempts"] + 1
        values: dict[str, Any] = {"last_status": status, "last_error": error[:ERROR_MAX]}
        if not error:
            values |= {"state": "delivered", "delivered_us": now_us}
        elif give_up or attempts >= settings.delivery_attempts_max:
            values["state"] = "failed"
        else:
            pause = pause_s(attempts, settings.delivery_backoff_s, settings.delivery_backoff_s_max)
            values["next_us"] = now_us + int(pause * 1e6)
        await store.attempted(self._engine, row["id"], values)

    async def _post(self, session: aiohttp.ClientSession, row: dict[str, Any]) -> int:
        check_url(row["target"], self._networks)
        body = row["body"].encode()
        timestamp = self._clock.now_us() // 1_000_000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "csms",
            "Webhook-Id": row["id"],
            "Webhook-Timestamp": str(timestamp),
        }
        if row["secret"]:
            headers["Webhook-Signature"] = signature(row["secret"], row["id"], timestamp, body)
        async with session.post(
            row["target"], data=body, headers=headers, allow_redirects=False
        ) as response:
            return response.status

    async def _mail(self, row: dict[str, Any]) -> None:
        settings = self._settings
        if not settings.smtp_host:
            raise Refused("no server for e-mail is configured (operations.smtp_host)")
        await aiosmtplib.send(
            letter(
                settings.smtp_from,
                row["target"],
                json.loads(row["body"]),
                row["id"],
                settings.page_url,
            ),
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=settings.delivery_s,
        )
