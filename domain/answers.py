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
    parent_kind: str = ""
    """2.x: the type of the group's token; empty: as the token's own."""
    certificate_status: str = ""
    """2.x: of a contract's certificate (AuthorizeCertificateStatusEnumType); empty: none shown."""


class BootDecision(msgspec.Struct, frozen=True, gc=False):
    """The answer to a boot."""

    status: str
    """Accepted, Pending or Rejected."""
    interval_s: int
    now_us: int


class HeartbeatAnswer(msgspec.Struct, frozen=True, gc=False):
    """The time."""

    now_us: int


class StartAnswer(msgspec.Struct, frozen=True, gc=False):
    """The number of the transaction, and whether it may go on."""

    transaction: int
    token: TokenDecision


class StopAnswer(msgspec.Struct, frozen=True, gc=False):
    """What is known of the token that stopped it."""

    token: TokenDecision | None = None


class AuthorizationAnswer(msgspec.Struct, frozen=True, gc=False):
    """Whether the driver may charge."""

    token: TokenDecision


class DataAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to a vendor message."""

    status: str
    """Accepted, Rejected, UnknownMessageId or UnknownVendorId."""
    data: str = ""


class CertificateAnswer(msgspec.Struct, frozen=True, gc=False):
    """Whether a signing request is taken on."""

    status: str
    """Accepted or Rejected."""


class TransactionAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to a TransactionEvent of 2.x. None and empty fields are left out."""

    token: TokenDecision | None = None
    cost: float | None = None
    """Running total in the currency of the tariff, taxes included; 0: free."""
    priority: int | None = None
    """-9 to 9; greater is more important."""
    message: str = ""
    """For the driver, in the language of the token or of the charger."""


NOTHING_TO_SAY = TransactionAnswer()


class StatusAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to a question (`domain.reports.QuestionAsked`).

    `fields` are further fields of the answer, as on the wire.
    """

    status: str
    fields: dict[str, object] = {}


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
    | TransactionAnswer
    | StatusAnswer
    | Acknowledged
)
