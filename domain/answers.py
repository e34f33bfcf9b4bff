"""What we say back to a charger. `protocol/vXX` turns each into the payload of a CALLRESULT."""

from typing import TypeAlias

import msgspec


class TokenDecision(msgspec.Struct, frozen=True, gc=False):
    """Whether a token may charge.

    `status` is Accepted, Blocked, Expired, Invalid or ConcurrentTx (OCPP 1.6 section 7.2).
    """

    status: str
    expires_us: int = 0
    """0: never."""
    parent: str = ""


class BootDecision(msgspec.Struct, frozen=True, gc=False):
    status: str
    """Accepted, Pending or Rejected."""
    interval_s: int
    now_us: int


class HeartbeatAnswer(msgspec.Struct, frozen=True, gc=False):
    now_us: int


class StartAnswer(msgspec.Struct, frozen=True, gc=False):
    transaction: int
    token: TokenDecision


class StopAnswer(msgspec.Struct, frozen=True, gc=False):
    token: TokenDecision | None = None


class AuthorizationAnswer(msgspec.Struct, frozen=True, gc=False):
    token: TokenDecision


class DataAnswer(msgspec.Struct, frozen=True, gc=False):
    status: str
    """Accepted, Rejected, UnknownMessageId or UnknownVendorId."""
    data: str = ""


class CertificateAnswer(msgspec.Struct, frozen=True, gc=False):
    status: str
    """Accepted or Rejected."""


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """An answer without content."""


ACKNOWLEDGED = Acknowledged()

Answer: TypeAlias = (
    BootDecision
    | HeartbeatAnswer
    | StartAnswer
    | StopAnswer
    | AuthorizationAnswer
    | DataAnswer
    | CertificateAnswer
    | Acknowledged
)
