"""When a charger is asked to renew its certificate, and how (OCPP 2.1 A02; 1.6 security 4.1.4)."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from csms.pki.settings import PkiSettings


class Ask(NamedTuple):
    """The command that makes a charger send SignCertificate."""

    action: str
    payload: Mapping[str, str]


ASKS: Mapping[str, Ask] = {
    "ocpp1.6": Ask("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
    "ocpp2.0.1": Ask("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}),
    "ocpp2.1": Ask("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}),
}
"""By subprotocol."""


def renewal_us(charger: str, begin_us: int, end_us: int, settings: PkiSettings) -> int:
    """Return when to ask for a renewal: a share of the life, spread by the charger's name.

    The same charger always has the same place in the spread, so a restart moves nothing.
    """
    digest = hashlib.blake2s(charger.casefold().encode(), digest_size=4).digest()
    place = int.from_bytes(digest, "big") / 2**32
    share = max(0.0, settings.renew_share - settings.renew_spread * place)
    return begin_us + round((end_us - begin_us) * share)


def signed_payload(subprotocol: str, chain: str, kind: str, request: int) -> dict[str, object]:
    """Return the payload of CertificateSigned in a version of OCPP."""
    payload: dict[str, object] = {"certificateChain": chain}
    if subprotocol != "ocpp1.6":
        payload["certificateType"] = kind or "ChargingStationCertificate"
    if subprotocol == "ocpp2.1" and request:
        payload["requestId"] = request
    return payload
