"""Where the relational store is, and the limits of what is kept in it."""

from pydantic import BaseModel, ConfigDict, Field


class RelationalSettings(BaseModel):
    """Where the relational store is, and how long it is waited for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="",
        description="postgresql://user:password@host/database, or sqlite:///path. Empty: "
        "`csms.db` in the data directory.",
    )
    connect_s: float = Field(
        default=5.0,
        gt=0,
        description="A connection that takes longer counts as: the database is away.",
    )
    statement_s: float = Field(
        default=30.0, gt=0, description="A PostgreSQL statement that takes longer is given up."
    )
    busy_s: float = Field(
        default=5.0,
        gt=0,
        description="How long a writer waits for another one (SQLite) before it gives up.",
    )
    connections_max: int = Field(
        default=5,
        gt=0,
        description="Connections of one process; further work waits for a free one.",
    )
    checkout_s: float = Field(
        default=5.0, gt=0, description="Wait for a free connection; then it counts as: away."
    )


class ProjectorSettings(BaseModel):
    """Limits of the projection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_entries_max: int = Field(
        default=1_000, gt=0, description="Entries in one transaction; more make several."
    )
    rows_kept_max: int = Field(
        default=100_000,
        gt=0,
        description="Rows of each of: refusals, security events, data transfers, certificate "
        "requests, notices, quarantine. Above it the oldest are deleted.",
    )
    trim_rows_step: int = Field(
        default=1_000,
        gt=0,
        description="New rows of such a table between two trims; it may be above its limit by "
        "so many.",
    )
    text_characters_max: int = Field(
        default=65_536,
        gt=0,
        description="Characters of a payload, answer or DataTransfer; the rest is cut off. The "
        "message log in ClickHouse has it whole.",
    )
    variables_max: int = Field(
        default=20_000,
        gt=0,
        description="Variables of the device model kept for one charger. Above it the oldest are "
        "forgotten.",
    )
    monitors_max: int = Field(
        default=5_000,
        gt=0,
        description="Monitors kept for one charger. Above it the oldest are forgotten.",
    )
    match_days: int = Field(
        default=30,
        gt=0,
        description="How old a running transaction may be for a stop without a usable number to "
        "be matched to it; such stops of older ones become orphans.",
    )
