"""When a charger is asked to renew its certificate, and how (OCPP 2.1 A02; 1.6 security 4.1.4)."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from csms.pki.settings import PkiSettings
from protocol.v16.plug_and_charge import VENDOR


class Ask(NamedTuple):
    """A command."""

    action: str
    payload: Mapping[str, object]


V2G = "V2GCertificate"
STATION_KINDS = frozenset({"", "ChargingStationCertificate"})
"""Kinds of a charger's own certificate."""


def family(kind: str) -> str:
    """Return the kind of a certificate, the same for all versions of OCPP; empty: its own."""
    return "" if kind in STATION_KINDS else kind


def _trigger(message: str) -> Ask:
    return Ask("TriggerMessage", {"requestedMessage": message})


def _plug_and_charge(message: str, payload: Mapping[str, object]) -> Ask:
    """Return a message of 2.0.1 as 1.6 has it: in a DataTransfer."""
    data = msgspec.json.encode(payload).decode()
    return Ask("DataTransfer", {"vendorId": VENDOR, "messageId": message, "data": data})


_STATION: Mapping[str, Ask] = {
    "ocpp1.6": Ask("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
    "ocpp2.0.1": _trigger("SignChargingStationCertificate"),
    "ocpp2.1": _trigger("SignChargingStationCertificate"),
}
ASKS: Mapping[str, Mapping[str, Ask]] = {
    "": _STATION,
    V2G: {
        "ocpp1.6": _plug_and_charge("TriggerMessage", {"requestedMessage": "SignV2GCertificate"}),
        "ocpp2.0.1": _trigger("SignV2GCertificate"),
        "ocpp2.1": _trigger("SignV2GCertificate"),
    },
}
"""What makes a charger send SignCertificate, by family and subprotocol."""


def renewal_us(charger: str, begin_us: int, end_us: int, settings: PkiSettings) -> int:
    """Return when to ask for a renewal: a share of the life, spread by the charger's name.

    The same charger always has the same place in the spread, so a restart moves nothing.
    """
    digest = hashlib.blake2s(charger.casefold().encode(), digest_size=4).digest()
    place = int.from_bytes(digest, "big") / 2**32
    share = max(0.0, settings.renew_share - settings.renew_spread * place)
    return begin_us + round((end_us - begin_us) * share)


def signed(subprotocol: str, chain: str, kind: str, request: int) -> Ask:
    """Return the command that brings a chain to its charger, in its version of OCPP."""
    payload: dict[str, object] = {"certificateChain": chain}
    if subprotocol == "ocpp1.6" and kind in STATION_KINDS:
        return Ask("CertificateSigned", payload)
    payload["certificateType"] = kind or "ChargingStationCertificate"
    if subprotocol == "ocpp1.6":
        return _plug_and_charge("CertificateSigned", payload)
    if subprotocol == "ocpp2.1" and request:
        payload["requestId"] = request
    return Ask("CertificateSigned", payload)
