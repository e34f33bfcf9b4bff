"""The certificate desk of a ledger process: which authority, and how chargers are reached."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from csms.config import Config
from csms.pki.authority import CertificateAuthority
from csms.pki.desk import CertificateDesk, Parts
from csms.pki.est import EstAuthority
from csms.pki.local import LocalAuthority, renew_server
from csms.pki.v2g_authority import V2gAuthority
from domain.commands import Command, CommandResult
from domain.errors import ConfigError
from supervisor.links import LinkClient

log = logging.getLogger(__name__)

PRESENCE_S = 2.0
"""How long a gateway may take to say whom it has."""
GRACE_S = 5.0
"""Beyond a command's own deadline."""
SERVER_LOOK_S = 3_600.0


def authority(config: Config, now_us: int) -> CertificateAuthority | None:
    """Return the authority that is set; None: there is none.

    Raises:
        ConfigError: its files cannot be used.
    """
    if config.pki.authority == "local":
        return LocalAuthority.open(config.paths.pki, config.pki, now_us)
    if config.pki.authority == "est":
        return EstAuthority(config.pki)
    return None


def v2g_authority(config: Config) -> CertificateAuthority | None:
    """Return who signs what chargers show to cars; None: nobody.

    Raises:
        ConfigError: the files cannot be used.
    """
    chain, key = config.pki.v2g_chain, config.pki.v2g_key
    return V2gAuthority(chain, key, config.pki) if chain is not None and key is not None else None


def build_desk(
    config: Config,
    engine: AsyncEngine,
    gateways: Mapping[str, LinkClient],
    now_us: Callable[[], int],
) -> CertificateDesk | None:
    """Return the desk, or None when nobody signs."""
    signs = authority(config, now_us())
    if signs is None:
        return None

    async def presence(charger: str) -> tuple[str, str] | None:
        asked = (
            link.ask("presence", {"chargers": [charger]}, PRESENCE_S) for link in gateways.values()
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for name, answer in zip(gateways, answers, strict=True):
            if isinstance(answer, dict) and charger in answer:
                return name, str(answer[charger]["subprotocol"])
        return None

    async def command(gateway: str, wanted: Command) -> CommandResult | None:
        body = {"command": msgspec.msgpack.encode(wanted), "wait": True}
        answer = await gateways[gateway].ask("command", body, config.pki.send_s + GRACE_S)
        told = msgspec.convert(answer, dict[str, Any])
        return msgspec.msgpack.decode(told["result"], type=CommandResult) if told["here"] else None

    return CertificateDesk(
        Parts(
            engine,
            signs,
            config.pki,
            now_us,
            lambda: str(uuid.uuid4()),
            presence,
            command,
            v2g_authority(config),
        )
    )


async def keep_server_certificates(config: Config, now_us: Callable[[], int]) -> None:
    """Renew our own certificates by the built-in authority in time; gateways see the files."""
    while config.listen.encrypted and not config.tls.certificates:
        await asyncio.sleep(SERVER_LOOK_S)
        try:
            await asyncio.to_thread(
                renew_server, config.paths.pki, config.pki, config.tls.names, now_us()
            )
        except (ConfigError, OSError) as error:
            log.error("our own certificates cannot be renewed: %s", error)  # noqa: TRY400
