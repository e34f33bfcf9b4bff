"""What goes over REST in bodies, with examples. Unknown fields are refused by name.

Instants are microseconds since 1970-01-01 UTC in fields that end in `_us`; 0 means never.
"""

from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

PASSWORD_BYTES_MIN = 1
PASSWORD_BYTES_MAX = 64


class Input(BaseModel):
    """Base of what clients send."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - JSON
        """Neither is "5" a number nor false a 0: what the document says is what is taken."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        wanted = set(get_args(annotation)) or {annotation}
        numbers, is_flag = wanted & {int, float}, isinstance(value, bool)
        if numbers and (is_flag or (isinstance(value, str) and str not in wanted)):
            raise ValueError("must be a number")
        if bool in wanted and value is not None and not is_flag:
            raise ValueError("must be true or false")
        return value

    @model_validator(mode="after")
    def _without_nul(self) -> Self:
        """PostgreSQL has no texts with NUL in them."""
        for name, value in self:
            texts = value if isinstance(value, tuple) else (value,)
            if any(isinstance(text, str) and "\0" in text for text in texts):
                raise ValueError(f"{name}: must not have the character NUL")
        return self


class ChargerFields(Input):
    """What can be set of a charger."""

    site: str = Field(default="", description="Id of the site where it stands; empty: none.")
    security_profile: Literal[0, 1, 2, 3] = Field(
        default=1,
        description="0: no authentication, only from `networks`. 1: password. 2: password over "
        "TLS. 3: client certificate.",
    )
    networks: tuple[str, ...] = Field(
        default=(), description="CIDRs it may connect from; empty: any (profile 0: none)."
    )
    strict: bool = Field(
        default=False,
        description="Answer schema violations with CALLERROR instead of flagging them.",
    )
    registration: Literal["Accepted", "Pending", "Rejected"] = Field(
        default="Accepted", description="What BootNotification is answered with."
    )
    heartbeat_s: int = Field(default=0, ge=0, description="0: the installation's default.")
    subprotocol: str = Field(default="", description="Taken when the charger offers none.")
    time_zone: str = Field(default="", description="IANA name, for chargers that send local time.")
    reply_delay_ms: int = Field(
        default=0, ge=0, le=10_000, description="Hold every answer for so long."
    )
    serial_number: str = Field(
        default="",
        max_length=64,
        description="May be the CN of its certificate, besides its identity (profile 3).",
    )
    treat_as: str = Field(
        default="",
        description="Name of a model in the catalogue of quirks; empty: by what it says at its "
        "boot; none: like all others.",
    )
    password: SecretStr | None = Field(
        default=None,
        min_length=PASSWORD_BYTES_MIN,
        max_length=PASSWORD_BYTES_MAX,
        description="Up to 64 bytes; 16 or more are safe. Never returned.",
    )
    generate_password: bool = Field(
        default=False, description="Make a password and return it in this one answer."
    )


class NewCharger(ChargerFields):
    """A charger to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": "BERLIN-001", "site": "berlin", "generate_password": True}]
        }
    )

    id: str = Field(description="Identity: the last part of the charger's URL.")


class ChargerChanges(ChargerFields):
    """Fields to change; what is not sent stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"site": "berlin", "security_profile": 2, "strict": True}]}
    )


class Connection(BaseModel):
    """Where a charger is connected."""

    model_config = ConfigDict(extra="allow")

    gateway: str
    generation: int
    subprotocol: str
    remote: str
    since_us: int


class ChargerView(BaseModel):
    """A charger: its record, what it last reported, and where it is connected now."""

    model_config = ConfigDict(extra="allow")

    id: str
    tenant: str
    site: str
    security_profile: int
    networks: list[str]
    strict: bool
    registration: str
    heartbeat_s: int
    subprotocol: str
    time_zone: str
    reply_delay_ms: int
    serial_number: str = ""
    treat_as: str = ""
    revision: int
    url: str = Field(description="What to enter at the charger.")
    password_set: bool
    password: str | None = Field(
        default=None, description="Only in the answer to generate_password: keep it."
    )
    presence: Literal["connected", "offline", "unknown"] = Field(
        description="unknown: a gateway did not say in time."
    )
    connection: Connection | None = None
    pending: bool = Field(
        default=False,
        description="After a write: True when the gateways could not confirm it yet; they will "
        "know as soon as the ledger is back.",
    )
    connectors: list[dict[str, Any]] = Field(default_factory=list)
    transactions: list[dict[str, Any]] = Field(default_factory=list, description="Open ones.")


class TokenFields(Input):
    """What can be set of a token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"max_active": 1}]})

    status: Literal["Accepted", "Blocked"] = "Accepted"
    expires_us: int = Field(default=0, ge=0, description="0: never.")
    parent: str = Field(default="", description="Group (parentIdTag).")
    max_active: int = Field(default=1, ge=0, description="Concurrent transactions; 0: no limit.")
    kind: str = Field(
        default="",
        description="Type as which OCPP 2.x must show it (ISO14443, eMAID ...); empty: any.",
    )


class TokenView(BaseModel):
    """A token."""

    id: str
    tenant: str
    status: str
    expires_us: int
    parent: str
    max_active: int
    kind: str
    revision: int
    pending: bool = False


class SiteFields(Input):
    """What can be set of a site."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Berlin, Alexanderplatz"}]})

    name: str = ""
    address: str = ""
    time_zone: str = Field(default="", description="IANA name; empty: UTC.")
    power_w_max: int = Field(default=0, ge=0, description="Watts for all chargers; 0: no limit.")
    latitude: float | None = Field(
        default=None, ge=-90, le=90, description="Degrees north (WGS 84); null: not known."
    )
    longitude: float | None = Field(
        default=None, ge=-180, le=180, description="Degrees east; said with the latitude only."
    )


class SiteView(BaseModel):
    """A site."""

    id: str
    tenant: str
    name: str
    address: str
    time_zone: str
    power_w_max: int
    latitude: float | None = None
    longitude: float | None = None
    created_us: int
    revision: int


class NewCall(Input):
    """An OCPP call to a charger."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "RemoteStartTransaction", "payload": {"connectorId": 1, "idTag": "TAG"}},
                {"action": "GetConfiguration", "payload": {}},
                {"action": "Reset", "payload": {"type": "Soft"}},
            ]
        }
    )

    action: str = Field(description="Any action that the charger's OCPP version has.")
    payload: dict[str, Any] = Field(default_factory=dict, description="As specified.")
    force: bool = Field(
        default=False,
        description="Send it although it violates the schema; violations come back as warnings.",
    )
    priority: Literal["safety", "driver", "operator", "background"] | None = Field(
        default=None, description="Default: that of the action."
    )


class Followed(BaseModel):
    """What an accepted command led to."""

    end: str = Field(description="transaction_started, booted, ..., or nothing_happened.")
    transaction: int = 0
    detail: str = ""


class CommandStep(BaseModel):
    """One step of a command's way."""

    step: str = Field(
        description="queued, sent, then the outcome (accepted, rejected, error, timed_out, lost, "
        "expired, refused), or unknown: its gateway died, so it may have been sent or not; then "
        "what followed, or awaited."
    )
    at_us: int = 0
    until_us: int = Field(default=0, description="Until when what is awaited may come; 0: done.")
    awaited: str = Field(default="", description="What should follow: transaction_started ...")
    sight: str = Field(
        default="",
        description="How it looks at the charger: plug_awaited, car_connected, charging, "
        "car_pauses, charger_pauses, unplug_first, reserved, out_of_service, faulted or offline.",
    )
    detail: str = ""


class CommandView(BaseModel):
    """A command: the charger's answer, exactly as it came, and what followed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0b8a5c0e-5b0e-4bd0-8d11-0b7f5b3c9a51",
                    "charger": "BERLIN-001",
                    "action": "Reset",
                    "state": "finished",
                    "outcome": "accepted",
                    "response": {"status": "Accepted"},
                    "error_code": "",
                    "error_text": "",
                    "queued_us": 1767225600000000,
                    "sent_us": 1767225600000100,
                    "finished_us": 1767225600042000,
                    "warnings": [],
                    "followed": None,
                }
            ]
        }
    )

    id: str
    charger: str
    action: str
    state: Literal["pending", "finished"]
    outcome: str | None = Field(
        default=None,
        description="accepted, rejected, error, timed_out, lost or expired; null: pending.",
    )
    response: dict[str, Any] | None = None
    error_code: str = ""
    error_text: str = ""
    queued_us: int = 0
    sent_us: int = 0
    finished_us: int = 0
    issued_by: str = ""
    warnings: list[str] = Field(default_factory=list)
    followed: Followed | None = None
    deadline_us: int = Field(default=0, description="It is not sent later than that.")
    settled: bool = Field(default=False, description="Nothing more is to come of it.")
    timeline: list[CommandStep] = Field(default_factory=list, description="Its way so far.")


class FieldError(BaseModel):
    """One wrong field."""

    field: str
    rule: str
    line: int = Field(default=0, description="Of a file, from 1; 0: it is not about a file.")


class ProblemView(BaseModel):
    """Any answer that is no success (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:csms:problem:charger_offline",
                    "title": "Conflict",
                    "status": 409,
                    "detail": "charger 'BERLIN-001' is not connected",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list)
