"""The decision over one handshake: who is it, may it come in, which OCPP does it speak.

Security profiles 0 to 3 (OCPP 1.6 security whitepaper, A00.FR.001 to 429). Checks come before the
upgrade, so a charger that is not let in never costs an actor or a row.
"""

import base64
import binascii
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeAlias

from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request

from csms.gateway.identity import NoIdentity, identity
from csms.gateway.listeners import PLAIN, Listener
from domain import security_upgrade
from domain.ids import CHARGER_NAME
from domain.records import ChargerRecord, Credential


class Denied(NamedTuple):
    """Not let in. `reason` is a key of REFUSALS; `identity` is only what was claimed."""

    reason: str
    identity: str
    detail: str = ""


class Admitted(NamedTuple):
    """Let in. `subprotocol` is empty when none was agreed on, `network` for known chargers."""

    record: ChargerRecord
    subprotocol: str
    pinned: bool = False
    network: str = ""
    profile: int = 0
    """The security profile with which it came."""


class PasswordNeeded(NamedTuple):
    """Let in as `admitted` when `password` fits one of `credentials`."""

    admitted: Admitted
    credentials: tuple[Credential, ...]
    password: bytes


class Entrance(NamedTuple):
    """Where a charger came in, and when.

    `fault` says what is wrong with the certificate that it showed, for the charger of a record;
    empty when it is this charger's.
    """

    listener: Listener = PLAIN
    now_us: int = 0
    fault: Callable[[ChargerRecord], str] = lambda record: f"{record.id} showed no certificate"


PLAIN_ENTRANCE = Entrance()

Verdict: TypeAlias = Denied | Admitted | PasswordNeeded


def examine(
    request: Request,
    remote: str,
    find: Callable[[str], ChargerRecord | None],
    spoken: Sequence[str],
    accept_unknown: Collection[IPv4Network | IPv6Network],
    entrance: Entrance = PLAIN_ENTRANCE,
) -> Verdict:
    """Return what becomes of a handshake.

    Args:
        request: the parsed HTTP request.
        remote: the peer's address, without port.
        find: returns the record of an identity, or None.
        spoken: our subprotocols, the preferred one first.
        accept_unknown: networks whose unknown chargers are enrolled, where there is no TLS.
        entrance: the listener that it came in by, and what it showed there.
    """
    try:
        name = identity(request.path)
    except NoIdentity as error:
        return Denied("no_identity", "", str(error))
    try:
        authorization = request.headers.get("Authorization", "")
    except MultipleValuesError:
        return Denied("bad_request", name, "more than one Authorization header")
    offered = subprotocols(request)
    record = find(name)
    if record is None:
        network = None if entrance.listener.encrypted else _covering(remote, accept_unknown)
        if network is None:
            return Denied("unknown_charger", name)
        if not CHARGER_NAME.fullmatch(name):
            return Denied("no_identity", name, "no record can have this identity")
        record = ChargerRecord(id=name, security_profile=0, networks=(str(network),))
        return Admitted(record, choose(offered, spoken), network=str(network))
    profile = _profile(record, entrance.listener, authorization)
    if profile is None:
        return Denied("security_profile", name, f"it is set to profile {record.security_profile}")
    networks = tuple(map(_network, record.networks))
    if (networks or profile == 0) and _covering(remote, networks) is None:
        return Denied("network_not_allowed", name, f"{remote} is in none of its networks")
    chosen = choose(offered, spoken)
    pinned = not offered and record.subprotocol in spoken
    spoken_here = record.subprotocol if pinned else chosen
    admitted = Admitted(record, spoken_here, pinned, profile=profile)
    if entrance.listener.certificates:
        wrong = entrance.fault(record)
        return Denied("certificate", record.id, wrong) if wrong else admitted
    if profile == 0:
        return admitted
    return _with_password(admitted, authorization, entrance.now_us)


def _profile(record: ChargerRecord, listener: Listener, authorization: str) -> int | None:
    """Return the profile with which a charger comes; None: not one that it may come with.

    Of two (it is being upgraded, and both are served here) the password says which one it is.
    """
    offered = [each for each in security_upgrade.profiles(record) if each in listener.profiles]
    if not offered:
        return None
    return max(offered) if authorization else min(offered)


def _with_password(admitted: Admitted, authorization: str, now_us: int) -> Denied | PasswordNeeded:
    record = admitted.record
    if not authorization:
        return Denied("no_password", record.id)
    given = basic(authorization, record.id)
    if given is None:
        return Denied("wrong_username", record.id, "the header is no Basic one for this identity")
    credentials = security_upgrade.keys(record, now_us)
    if not credentials:
        return Denied("wrong_password", record.id, "the charger's record has no password")
    return PasswordNeeded(admitted, credentials, given)


def subprotocols(request: Request) -> tuple[str, ...]:
    """Return what the client offers, in its order."""
    values = request.headers.get_all("Sec-WebSocket-Protocol")
    return tuple(item.strip() for value in values for item in value.split(",") if item.strip())


def choose(offered: Collection[str], spoken: Sequence[str]) -> str:
    """Return the first of ours that the client offers, or nothing."""
    return next((ours for ours in spoken if ours in offered), "")


@lru_cache(maxsize=1_024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)  # 20 us, and fleets share a few networks


def _covering(
    remote: str, networks: Collection[IPv4Network | IPv6Network]
) -> IPv4Network | IPv6Network | None:
    return _first_covering(remote, tuple(networks))


@lru_cache(maxsize=1_024)
def _first_covering(
    remote: str, networks: tuple[IPv4Network | IPv6Network, ...]
) -> IPv4Network | IPv6Network | None:
    address: IPv4Address | IPv6Address = ip_address(remote)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # a listener on :: sees IPv4 peers like this
    return next((network for network in networks if address in network), None)


def basic(authorization: str, identity: str) -> bytes | None:
    """Return the password's bytes, or None when the header is for somebody else or unreadable.

    The identity may have colons, so it is matched as a prefix instead of splitting at the first.
    """
    scheme, _, encoded = authorization.partition(" ")
    # Some chargers write "Basic:"; both are the same wish.
    if scheme.rstrip(":").casefold() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    username, password = decoded[: len(identity.encode())], decoded[len(identity.encode()) :]
    if username.decode("utf-8", "replace").casefold() != identity.casefold():
        return None
    return password[1:] if password[:1] == b":" else None
