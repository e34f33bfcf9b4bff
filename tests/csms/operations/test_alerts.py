"""Rules over a real store; deliveries to a real SMTP server and a real HTTP server."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from email import message_from_bytes
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP

from csms.operations.alerts import AlertWatch
from csms.operations.delivery import Deliverer, Refused, check_url, is_allowed
from csms.operations.settings import OperationsSettings
from domain.events import (
    ChargerConnected,
    ChargerDisconnected,
    ConnectorStatusReported,
    Entry,
    encode_entry,
)
from storage.journal_reader import Row
from storage.relational import alerts as store
from storage.relational.projector import Projector
from supervisor.clock import Clock
from tests.csms.api.node import Api, project, running_api

LOCAL = ("127.0.0.0/8",)
DELIVERING = Path(__file__).parent / "delivering.py"


class Letters:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.bodies.append(envelope.content)
        return "250 OK"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with running_api(**{"operations.webhook_private": LOCAL}) as running:
        yield running


@contextlib.asynccontextmanager
async def receiver(statuses: list[int]) -> AsyncIterator[tuple[str, list[Any]]]:
    """A web server that keeps what comes and answers with these, then with 200."""
    came: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        came.append((dict(request.headers), await request.read()))
        return web.Response(status=statuses.pop(0) if statuses else 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", came
    finally:
        await runner.cleanup()


async def deliver(api: Api, **settings: Any) -> None:
    """One look at the deliveries, by a process that has just begun."""
    made = OperationsSettings(webhook_private=LOCAL, **settings)
    deliverer = Deliverer(api.engine, made, Clock())
    async with aiohttp.ClientSession() as session:
        while await deliverer.step(session):
            pass


def watch(api: Api) -> AlertWatch:
    return AlertWatch(api.engine, None, OperationsSettings(), Clock(), lambda _change: None)  # type: ignore[arg-type]


async def faulted(api: Api) -> None:
    now_us = Clock().now_us()
    report = ConnectorStatusReported(
        1, "Faulted", now_us, "GroundFailure", "x\r\nBcc: evil@example.org"
    )
    await project(api, Entry("CP1", 1, now_us, (report,)))


async def test_a_fault_is_told_by_mail_and_by_signed_webhook_and_so_is_its_end(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1", "site": ""})
    letters = Letters()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(letters), "127.0.0.1", 0)
    async with receiver([500]) as (url, came):
        try:
            _, mail = await api.ask(
                "POST", "/api/v1/alert-channels", {"kind": "email", "target": "ops@example.org"}
            )
            _, hook = await api.ask(
                "POST", "/api/v1/alert-channels", {"kind": "webhook", "target": url}
            )
            rule = {"kind": "fault", "name": "Faults", "channels": [mail["id"], hook["id"]]}
            status, made = await api.ask("POST", "/api/v1/alert-rules", rule)
            assert status == 201, made
            await faulted(api)
            await watch(api).step()
            await watch(api).step()
            (alert,) = (await api.get("/api/v1/alerts?state=active"))["items"]
            assert (alert["subject"], alert["state"]) == ("CP1/1", "open")
            port = server.sockets[0].getsockname()[1]
            smtp = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none"}
            await deliver(api, **smtp, delivery_backoff_s=0.01)
            await asyncio.sleep(0.05)
            await deliver(api, **smtp)
            (letter,) = letters.bodies
            assert b"CP1/1" in letter
            assert b"\r\nBcc:" not in letter.partition(b"\r\n\r\n")[0]
            # The first attempt failed, the second has the same id and body.
            assert len(came) == 2
            assert came[0][1] == came[1][1]
            headers, body = came[1]
            signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
            right = hmac.new(hook["secret"].encode(), signed, hashlib.sha256).hexdigest()
            assert headers["Webhook-Signature"] == f"v1={right}"
            assert json.loads(body)["event"] == "alert.opened"
            log = (await api.get(f"/api/v1/deliveries?channel={hook['id']}"))["items"]
            assert [(row["state"], row["attempts"], row["last_status"]) for row in log] == [
                ("delivered", 2, 200)
            ]
            status, _ = await api.ask("POST", f"/api/v1/deliveries/{log[0]['id']}/replay")
            assert status == 202
            await deliver(api, **smtp)
            assert came[2][1] == body
            await faulted_is_over(api)
            await watch(api).step()
            await deliver(api, **smtp)
            assert json.loads(came[3][1])["event"] == "alert.resolved"
            assert len(letters.bodies) == 2
            assert (await api.get("/api/v1/alerts?state=active"))["items"] == []
        finally:
            server.close()


async def faulted_is_over(api: Api) -> None:
    now_us = Clock().now_us()
    entry = Entry("CP1", 1, now_us, (ConnectorStatusReported(1, "Available", now_us),))

    await Projector(api.engine, Clock().now_us).apply("other", [Row(1, 1, encode_entry(entry))])


async def test_who_is_killed_while_he_delivers_delivers_again_and_the_log_tells_both(
    api: Api,
) -> None:
    came: list[str] = []
    both, held = asyncio.Event(), [asyncio.Event()]

    async def arrived(identity: str) -> None:
        came.append(identity)
        if len(came) == 2:
            both.set()
        await held[0].wait()

    async def hook(request: web.Request) -> web.Response:
        await arrived(request.headers["Webhook-Id"])
        return web.Response()

    class Slow(Letters):
        async def handle_DATA(  # noqa: N802 - aiosmtpd's
            self, _server: Any, _session: Any, envelope: Any
        ) -> str:
            await arrived(message_from_bytes(envelope.content)["Message-ID"])
            return "250 OK"

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Slow()), "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        for kind, target in (("webhook", url), ("email", "ops@example.org")):
            body = {"kind": kind, "target": target}
            _, channel = await api.ask("POST", "/api/v1/alert-channels", body)
            await api.ask("POST", f"/api/v1/alert-channels/{channel['id']}/test")
        settings = OperationsSettings(
            webhook_private=LOCAL,
            smtp_host="127.0.0.1",
            smtp_port=server.sockets[0].getsockname()[1],
            smtp_tls="none",
        ).model_dump_json()
        command = (sys.executable, str(DELIVERING), api.config.database_url, settings)
        first = await asyncio.create_subprocess_exec(*command)
        async with asyncio.timeout(20):
            await both.wait()
        first.kill()
        await first.wait()
        log = (await api.get("/api/v1/deliveries"))["items"]
        assert [(row["state"], row["attempts"], row["last_error"]) for row in log] == [
            ("pending", 1, store.NOT_ENDED)
        ] * 2
        held[0].set()
        second = await asyncio.create_subprocess_exec(*command)
        async with asyncio.timeout(20):
            while any(row["state"] == "pending" for row in log):
                await asyncio.sleep(0.05)
                log = (await api.get("/api/v1/deliveries"))["items"]
        second.kill()
        await second.wait()
        assert [(row["state"], row["attempts"], row["last_error"]) for row in log] == [
            ("delivered", 2, "")
        ] * 2
        # Each came twice, with an id by which its receiver knows that.
        assert sorted(Counter(came).values()) == [2, 2]
        assert {row["id"] for row in log} == {one.strip("<>").partition("@")[0] for one in came}
    finally:
        server.close()
        await runner.cleanup()


async def test_an_alert_is_acknowledged_once_and_shown_to_its_tenant_only(api: Api) -> None:
    await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
    await api.ask("POST", "/api/v1/alert-rules", {"kind": "offline", "params": {"longer_s": 0}})
    gone = (ChargerConnected("r", "ocpp1.6", 0, "gw0"), ChargerDisconnected(1006, "cable"))
    await project(api, Entry("CP1", 1, 1_000, gone))
    await watch(api).step()
    (alert,) = (await api.get("/api/v1/alerts"))["items"]
    assert (alert["charger"], alert["detail"]) == ("CP1", "cable")
    path = f"/api/v1/alerts/{alert['id']}"
    assert (await api.ask("GET", path, role="other"))[0] == 404
    assert (await api.ask("POST", f"{path}/acknowledge", role="viewer"))[0] == 403
    status, view = await api.ask("POST", f"{path}/acknowledge", role="operator")
    assert (status, view["state"]) == (200, "acknowledged")
    assert (await api.ask("POST", f"{path}/acknowledge"))[0] == 409


async def test_a_delivery_that_nobody_takes_is_given_up_and_says_why(api: Api) -> None:
    async with receiver([500] * 9) as (url, came):
        _, hook = await api.ask(
            "POST", "/api/v1/alert-channels", {"kind": "webhook", "target": url}
        )
        _, sent = await api.ask("POST", f"/api/v1/alert-channels/{hook['id']}/test")
        for _ in range(3):
            await deliver(api, delivery_attempts_max=2, delivery_backoff_s=0.001)
            await asyncio.sleep(0.01)
        row = await store.get(api.engine, "delivery", sent["id"])
        assert (row["state"], row["last_error"], len(came)) == ("failed", "HTTP 500", 2)


def test_webhooks_reach_public_addresses_only() -> None:
    for address in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", "0.0.0.0",
                    "::ffff:10.0.0.1", "224.0.0.1", "100.64.0.1", "nonsense"):  # fmt: skip
        assert not is_allowed(address, [])
    assert is_allowed("93.184.216.34", [])
    assert is_allowed("10.1.2.3", [ip_network("10.0.0.0/8")])
    for url in ("http://127.0.0.1/x", "http://[::1]/x", "ftp://example.org", "file:///etc/passwd",
                "http://user:pw@example.org", "http://"):  # fmt: skip
        with pytest.raises(Refused):
            check_url(url, [])
    check_url("https://example.org/hook", [])


async def test_a_name_cannot_lead_inside(api: Api) -> None:
    row = {"id": "x", "name": "", "kind": "webhook", "target": "http://localhost:9/hook",
           "secret": "s", "enabled": True, "tenant": "default", "created_us": 1}  # fmt: skip
    await store.put(api.engine, "channel", row)
    _, sent = await api.ask("POST", "/api/v1/alert-channels/x/test")
    deliverer = Deliverer(api.engine, OperationsSettings(delivery_attempts_max=1), Clock())
    task = asyncio.create_task(deliverer.run())
    async with asyncio.timeout(20):
        while (await store.get(api.engine, "delivery", sent["id"]))["state"] == "pending":
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    found = await store.get(api.engine, "delivery", sent["id"])
    assert "no public address" in found["last_error"]


async def test_wrong_rules_are_named(api: Api) -> None:
    for body, field in (
        ({"kind": "offline", "params": {"hours": 1}}, "params.hours"),
        ({"kind": "fault", "params": {"codes": 1}}, "params.codes"),
    ):
        status, problem = await api.ask("POST", "/api/v1/alert-rules", body)
        assert (status, problem["errors"][0]["field"]) == (422, field)
