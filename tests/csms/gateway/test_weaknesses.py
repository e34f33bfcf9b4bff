"""The four weaknesses that charging back ends were listed for in 2026, over all profiles.

CWE-306: no authentication. CWE-307: no limit on attempts. CWE-613: a second connection displaces
the first. CWE-522: identities can be found out.
"""

import asyncio
import shutil
import ssl

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from csms.gateway.listeners import MUTUAL_TLS, PLAIN, TLS
from csms.gateway.settings import GatewaySettings
from domain.events import ConnectionRefused
from protocol.versions import VERSIONS
from tests.csms.gateway.harness import KEY, call, gateway_running, keyed
from tests.csms.pki.kit import Pki

LISTENERS = {0: PLAIN, 1: PLAIN, 2: TLS, 3: MUTUAL_TLS}
WRONG = "ff" * 20
HOME, AWAY = ("127.0.0.2", 0), ("127.0.0.3", 0)
BROKEN_TLS = (ssl.SSLError, ConnectionError, InvalidMessage, EOFError)


@pytest.fixture(scope="module")
def shared_pki(tmp_path_factory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def pki(shared_pki, tmp_path) -> Pki:
    shutil.copytree(shared_pki.folder, tmp_path / "pki")
    return Pki(tmp_path / "pki")


def proof(pki: Pki, profile: int, name: str = "CP1", key: str | None = KEY) -> dict:
    """What a charger shows; `name` is whose certificate, `key` its password."""
    shown: dict[str, object] = {"listener": LISTENERS[profile]}
    if profile in {1, 2}:
        shown["password"] = key
    if profile == 2:
        shown["ssl"] = pki.client()
    if profile == 3:
        shown["ssl"] = pki.client(name)
    return shown


def known(profile: int, name: str = "CP1"):
    """A charger of a profile; one of profile 0 may come from 127.0.0.2 and 3 only."""
    networks = ("127.0.0.2/31",) if profile == 0 else ()
    return keyed(name, security_profile=profile, networks=networks)


async def beat(socket, uid: str) -> None:
    assert (await call(socket, "Heartbeat", {}, uid))[0] == 3


async def told(node, name: str, **shown) -> tuple[int, bytes]:
    """Return what a connection is refused with."""
    with pytest.raises(InvalidStatus) as caught:
        async with node.charger(name, **shown):
            pass
    return caught.value.response.status_code, bytes(caught.value.response.body)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_cwe_306_nobody_comes_in_without_his_proof(tmp_path, pki, profile, version) -> None:
    async with gateway_running(
        tmp_path,
        accept_unknown=(),
        chargers=(known(profile), known(profile, "CP2")),
        contexts=pki.contexts(),
        settings=GatewaySettings(refusal_delay_ms=0),
    ) as node:
        more = {"subprotocols": (version,)}
        tries = [{"listener": LISTENERS[profile], **({"ssl": pki.client()} if profile > 1 else {})}]
        if profile in {1, 2}:
            tries += [proof(pki, profile, key=wrong) for wrong in ("", WRONG)]
        if profile == 3:
            tries += [proof(pki, 3, "CP2"), proof(pki, 3, "*")]
        for shown in tries:
            with pytest.raises((InvalidStatus, *BROKEN_TLS)) as caught:
                async with node.charger("CP1", **shown, **more):
                    pass
            if isinstance(caught.value, InvalidStatus):
                assert caught.value.response.status_code == 401
            assert node.gateway.base.stats.actors == 0
            assert not node.gateway.lines
        await node.until(lambda: len(node.events(ConnectionRefused)) == len(tries))
        assert len(node.entries()) == len(tries)  # and nothing else was kept
        async with node.charger("CP1", **proof(pki, profile), **more, local_addr=HOME) as socket:
            await beat(socket, "1")


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_cwe_307_guessing_is_slowed_down_and_shuts_nobody_out(tmp_path, pki, profile) -> None:
    settings = GatewaySettings(failures_burst=3, refusal_delay_ms=0)
    wrong = proof(pki, profile, "CP2", WRONG)
    async with gateway_running(
        tmp_path,
        accept_unknown=(),
        chargers=(known(profile),),
        contexts=pki.contexts(),
        settings=settings,
    ) as node:
        statuses = [(await told(node, "CP1", **wrong))[0] for _ in range(6)]
        assert statuses == [401] * 3 + [429] * 3
        async with node.charger("CP1", **proof(pki, profile), local_addr=HOME) as socket:
            await beat(socket, "1")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_cwe_613_a_second_connection_displaces_no_living_first_one(
    tmp_path, pki, profile, version
) -> None:
    async with gateway_running(
        tmp_path,
        accept_unknown=(),
        chargers=(known(profile),),
        contexts=pki.contexts(),
        settings=GatewaySettings(probe_s=0.4),
    ) as node:
        shown = proof(pki, profile) | {"subprotocols": (version,)}
        async with node.charger("CP1", **shown, local_addr=HOME) as first:
            await beat(first, "1")
            generation = node.gateway.line("CP1").generation
            # With the very same proof: it was stolen.
            async with node.charger("CP1", **shown, local_addr=AWAY) as second:
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(second.recv(), 5)
                assert closed.value.rcvd.code == 1008
            await beat(first, "2")
            assert node.gateway.line("CP1").generation == generation
        await node.until(lambda: node.events(ConnectionRefused))
        assert (await node.refusal(-1)).reason == "held_elsewhere"


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_cwe_522_who_does_not_prove_himself_does_not_learn_who_exists(
    tmp_path, pki, profile
) -> None:
    async with gateway_running(
        tmp_path,
        accept_unknown=(),
        chargers=(known(profile),),
        contexts=pki.contexts(),
        settings=GatewaySettings(refusal_delay_ms=0, failures_burst=100),
    ) as node:
        wrong = proof(pki, profile, "CP9", WRONG)
        answers = {await told(node, name, **wrong) for name in ("CP1", "NOBODY", "cp1", "CP2")}
        assert answers == {(401, b"Unauthorized.\n")}
