"""What a charger says, in words that no OCPP version owns. `protocol/vXX` makes them.

A report that is kept just as it was said is the event itself (EnergyMeasured and friends).
"""

from typing import TypeAlias

import msgspec

from domain.answers import StatusAnswer
from domain.events import (
    ChargerBooted,
    ConnectorStatusReported,
    DeviceNoticed,
    DiagnosticsStatusReported,
    EnergyMeasured,
    FirmwareStatusReported,
    HeartbeatReceived,
    LogStatusReported,
    MonitoringTold,
    NoticeReported,
    Sample,
    SecurityEventReported,
    StreamReported,
    TimeQuality,
    VariablesReported,
)


class CertificateHash(msgspec.Struct, frozen=True, gc=False):
    """What identifies a certificate to an OCSP responder (RFC 6960 section 4.1.1)."""

    algorithm: str
    """SHA256, SHA384 or SHA512."""
    issuer_name_hash: str
    issuer_key_hash: str
    serial: str
    responder: str = ""


class AuthorizationAsked(msgspec.Struct, frozen=True, gc=False):
    """A driver has shown a token, or the car a contract."""

    token: str
    kind: str = ""
    """2.x: the type of the token (ISO14443, eMAID, Central ...). 1.6: empty."""
    certificate: str = ""
    """The contract's certificate chain in PEM (2.x, section C07)."""
    hashes: tuple[CertificateHash, ...] = ()
    """Of the contract's chain, each with the address of its OCSP responder."""
    certificate_status: str = ""
    """What the contract came to (AuthorizeCertificateStatusEnumType), when one was shown."""


class StartReported(msgspec.Struct, frozen=True, gc=False):
    """A transaction has begun at the charger (1.6 section 4.8)."""

    connector: int
    token: str
    meter_start_wh: int
    at_us: int
    started_raw: str
    reservation: int = 0
    quality: str = TimeQuality.OK
    flags: tuple[str, ...] = ()


class StopReported(msgspec.Struct, frozen=True, gc=False):
    """A transaction has ended at the charger (1.6 section 4.10)."""

    said_transaction: int
    meter_stop_wh: int
    at_us: int
    stopped_raw: str
    token: str = ""
    reason: str = "Local"
    samples: tuple[Sample, ...] = ()
    quality: str = TimeQuality.OK
    flags: tuple[str, ...] = ()


class TransactionReported(msgspec.Struct, frozen=True, gc=False):
    """A TransactionEvent of 2.x (section E); fields as in `domain.events.TransactionProgressed`."""

    said: str
    kind: str
    seq: int
    at_us: int
    trigger: str
    connector: int = 0
    plug: int = 0
    offline: bool = False
    state: str = ""
    token: str = ""
    token_kind: str = ""
    stop_reason: str = ""
    remote_start: int = 0
    reservation: int = 0
    meter_wh: int = -1
    samples: tuple[Sample, ...] = ()
    quality: str = TimeQuality.OK
    flags: tuple[str, ...] = ()
    seconds_charging: int = -1
    detail: str = ""


class QuestionAsked(msgspec.Struct, frozen=True, gc=False):
    """A question whose answer is a status; kept as a NoticeReported.

    (NotifyEVChargingNeeds, Get15118EVCertificate, GetCertificateStatus, VatNumberValidation ...)
    """

    topic: str
    body: str
    key: str = ""
    request: int = 0
    at_us: int = 0
    payload: dict[str, object] = {}
    """What an answerer needs of the question, as on the wire."""
    status: str = ""
    """The answer that was found elsewhere; empty: none."""
    fields: dict[str, object] = {}
    """Further fields of that answer, as on the wire."""
    denied: StatusAnswer = StatusAnswer("Rejected")
    """The answer when nobody knows better."""


class DataOffered(msgspec.Struct, frozen=True, gc=False):
    """A vendor's own message (DataTransfer). `data` is text, or JSON text of whatever was sent."""

    vendor: str
    message: str
    data: str


class CertificateAsked(msgspec.Struct, frozen=True, gc=False):
    """A certificate signing request in PEM."""

    csr: str
    kind: str = ""
    """2.x: ChargingStationCertificate, V2GCertificate or V2G20Certificate. 1.6: empty."""
    request: int = 0


Report: TypeAlias = (
    ChargerBooted
    | HeartbeatReceived
    | AuthorizationAsked
    | StartReported
    | StopReported
    | EnergyMeasured
    | ConnectorStatusReported
    | DataOffered
    | FirmwareStatusReported
    | DiagnosticsStatusReported
    | LogStatusReported
    | SecurityEventReported
    | CertificateAsked
    | TransactionReported
    | QuestionAsked
    | VariablesReported
    | DeviceNoticed
    | NoticeReported
    | StreamReported
    | MonitoringTold
)
"""What charger actors understand (`actors.charger.machine.REPORTS`, total over this)."""
