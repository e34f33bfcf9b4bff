"""The REST interface as a process of the node.

It keeps nothing of its own. Whatever is away (database, ledger, warehouse, a gateway) makes the
routes that need it answer 503; the others go on.
"""

import asyncio
import contextlib
import logging
import secrets
import socket

import uvicorn

from csms.api.app import build_app
from csms.api.auth import Authenticator
from csms.api.backplane import Backplane
from csms.api.desk import SignInDesk
from csms.api.http import limited
from csms.api.hub import Hub
from csms.api.services import Services
from csms.api.sessions import Sessions
from csms.api.shared import Shared
from csms.api.whereabouts import Whereabouts
from csms.listen import ListenSettings
from csms.oidc.provider import Provider
from csms.opening import ANSWERS
from csms.settings import ProcessSettings
from storage.file_store import FileStore
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from supervisor.garbage import settle
from supervisor.process import ProcessContext

LOG = logging.getLogger(__name__)
ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened to
"""All addresses of this machine: nothing that a charger can be told."""
PROFILES = (0, 1, 2, 3)


class _Server(uvicorn.Server):
    """Reports when it accepts what comes."""

    def __init__(self, ctx: ProcessContext, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ctx = ctx

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        self._ctx.report(ANSWERS)


def charger_urls(listen: ListenSettings, host: str, port: int) -> dict[int, str]:
    """Return what comes before a charger's identity in its URL, by security profile.

    Args:
        listen: of the node; its `public_url` goes before everything.
        host: where the listener without TLS listens.
        port: the same.
    """
    if listen.public_url:
        return dict.fromkeys(PROFILES, listen.public_url.rstrip("/") + "/")
    plain = _base("ws", host, port)
    urls = dict.fromkeys(PROFILES, plain)
    if listen.tls_port:
        urls[2] = _base("wss", listen.tls_host, listen.tls_port)
    if listen.mtls_port:
        urls[3] = _base("wss", listen.mtls_host, listen.mtls_port)
    return urls


def api_url(host: str, port: int) -> str:
    """Return where this process is, as chargers of the same network see it."""
    return _base("http", host, port).removesuffix("/ocpp/")


def _base(scheme: str, host: str, port: int) -> str:
    if host in ANY:
        host = socket.gethostname()
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/ocpp/"


async def run(ctx: ProcessContext) -> None:
    """Serve in a process of its own."""
    settle()
    await serve(ctx)


async def serve(ctx: ProcessContext) -> None:
    """Serve until the node drains, then let open requests end."""
    node: ProcessSettings = ctx.settings
    config = node.config
    engine = open_engine(config.database_url, config.relational)
    others = ("operations", *(("planner",) if config.planner.enabled else ()))
    backplane = Backplane(ctx.run_dir, node.gateways, config.api, config.links, others)
    listen = ctx.sockets["chargers"].getsockname() if "chargers" in ctx.sockets else None
    host, port = listen[:2] if listen else (config.listen.host, config.listen.port)
    try:
        async with backplane:
            hub = Hub(config.api, secrets.token_hex(4), backplane.watch)
            backplane.hub = hub
            registry = Registry(engine, ctx.clock.now_us)
            services = Services(
                settings=config.api,
                clock=ctx.clock,
                engine=engine,
                registry=registry,
                backplane=backplane,
                run_dir=ctx.run_dir,
                hub=hub,
                whereabouts=Whereabouts(config.api.call_chargers_max),
                power=Shared(config.api.power_cache_s, config.api.power_cache_max, ctx.clock),
                authenticator=Authenticator(registry.api_keys.verify, config.api, ctx.clock),
                sessions=Sessions(registry, config.sign_in, ctx.clock),
                desk=SignInDesk(registry, config.sign_in, ctx.clock),
                sign_in=config.sign_in,
                oidc=Provider(config.oidc, ctx.clock) if config.oidc.is_on else None,
                webhook_private=config.operations.webhook_private,
                job_chargers_max=config.operations.job_chargers_max,
                follow_s=config.charger.follow_s,
                charger_urls=charger_urls(config.listen, host, port),
                security=config.security,
                files=config.files,
                file_store=FileStore(config.paths.files),
                api_url=api_url(*ctx.sockets["api"].getsockname()[:2]),
                pki=config.paths.pki,
            )
            backplane.forget = services.forget
            server = _Server(
                ctx,
                uvicorn.Config(
                    build_app(services),
                    http=limited(config.api.head_bytes_max),
                    lifespan="off",
                    ws="none",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=max(1, round(config.api.drain_s)),
                ),
            )
            # In a thread that is not the main one, uvicorn leaves signals alone.
            serving = asyncio.create_task(server.serve(sockets=[ctx.sockets["api"]]))
            draining = asyncio.create_task(ctx.draining.wait())
            telling = asyncio.create_task(hub.run())
            await asyncio.wait({serving, draining}, return_when=asyncio.FIRST_COMPLETED)
            hub.closed.set()
            hub.gap()  # wakes every stream, which then ends
            hub.flush()
            telling.cancel()
            server.should_exit = True
            draining.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await draining
            await serving
    finally:
        await engine.dispose()
