"""What a charger says, in words that no OCPP version owns. `protocol/vXX` makes them.

A report that is kept just as it was said is the event itself (EnergyMeasured and friends).
"""

from typing import TypeAlias

import msgspec

from domain.events import (
    ChargerBooted,
    ConnectorStatusReported,
    DiagnosticsStatusReported,
    EnergyMeasured,
    FirmwareStatusReported,
    HeartbeatReceived,
    LogStatusReported,
    Sample,
    SecurityEventReported,
    TimeQuality,
)


class AuthorizationAsked(msgspec.Struct, frozen=True, gc=False):
    """A driver has shown a token."""

    token: str


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


class DataOffered(msgspec.Struct, frozen=True, gc=False):
    """A vendor's own message (DataTransfer). `data` is text, or JSON text of whatever was sent."""

    vendor: str
    message: str
    data: str


class CertificateAsked(msgspec.Struct, frozen=True, gc=False):
    """A certificate signing request in PEM."""

    csr: str


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
)
