"""Every limit of a charger's actor."""

from pydantic import BaseModel, ConfigDict, Field


class ChargerSettings(BaseModel):
    """Limits and policies of one charger's actor. Times are in the unit that the name ends in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heartbeat_s: int = Field(
        300,
        ge=10,
        le=86_400,
        description="Interval given to a charger that was accepted.",
    )
    heartbeat_jitter: float = Field(
        0.1,
        ge=0,
        le=0.5,
        description="Each charger's interval is spread by up to this share, so that a fleet that "
        "booted together does not beat together.",
    )
    retry_boot_s: int = Field(
        60, ge=1, le=86_400, description="Interval given to a charger that is Pending or Rejected."
    )
    activation_wait_ms: int = Field(
        1_000,
        ge=0,
        le=20_000,
        description="How long a start or stop of a transaction waits for what the ledger knows. "
        "After it the charger is answered from a blank state and the ledger reconciles.",
    )
    deferred_max: int = Field(
        64,
        ge=1,
        description="Starts and stops that may wait for the ledger; beyond it all of them are "
        "answered at once, in their order, from a blank state.",
    )
    boot_backstop_s: int = Field(
        20,
        ge=0,
        le=600,
        description="A charger that sends no BootNotification gets no command before this time.",
    )
    commands_max: int = Field(
        8, ge=1, le=1_000, description="Commands that wait for one charger; more are refused."
    )
    call_timeout_s: int = Field(
        30, ge=1, le=600, description="A command that is not answered in this time has timed out."
    )
    timeouts_in_a_row_max: int = Field(
        3,
        ge=1,
        description="After so many unanswered commands in a row, while the charger still talks, "
        "its connection is closed (1001) so that it starts afresh.",
    )
    follow_s: int = Field(
        600,
        ge=1,
        description="How long an accepted command waits for what should follow from it.",
    )
    follows_max: int = Field(16, ge=1, description="Followed commands; the oldest gives way.")
    recent_starts_max: int = Field(
        20, ge=1, description="Starts remembered to recognise one that is sent again."
    )
    open_transactions_max: int = Field(
        100,
        ge=1,
        description="Running transactions remembered; the oldest is forgotten, and the ledger "
        "alone knows it.",
    )
    connectors_max: int = Field(
        128, ge=1, description="Connectors whose status is remembered; of more it is only kept."
    )
    replay_age_s: int = Field(
        300,
        ge=0,
        description="An older start was queued offline: it is never answered ConcurrentTx.",
    )
    certificates_signed: bool = Field(
        default=False,
        description="Answer SignCertificate with Accepted. A node sets it when `pki.authority` is "
        "set; without one nobody signs.",
    )
    open_token_kinds: tuple[str, ...] = Field(
        default=("NoAuthorization",),
        description="Types of token (2.x) that may charge without a record.",
    )
    doubt_s: int = Field(
        15,
        ge=1,
        description="How long a gap in the numbered events of a transaction (2.x), or an open "
        "transaction of which nothing is heard after a reconnect, may last before the charger is "
        "asked for its status.",
    )
    doubt_again_s: int = Field(
        300,
        ge=1,
        description="How long until it is asked again when it says that events still wait.",
    )
    doubts_max: int = Field(
        5, ge=1, description="How often a charger is asked for the status of one transaction."
    )
    cost_updated_s: int = Field(
        60,
        ge=0,
        description="How often the cost of a running transaction (2.x) is told with CostUpdated "
        "when it has changed and no event was answered meanwhile; 0: in answers only.",
    )
    accept_unknown_tokens: bool = Field(
        default=False, description="Answer Accepted, not Invalid, for a token without a record."
    )
    data_transfer: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Vendor id -> message id (or *) -> status that DataTransfer is answered with; "
        "vendors that are not listed get UnknownVendorId.",
    )
