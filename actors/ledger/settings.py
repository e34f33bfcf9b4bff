"""Limits of the ledger."""

from pydantic import BaseModel, ConfigDict, Field

from storage.relational.settings import ProjectorSettings


class LedgerSettings(BaseModel):
    """How the ledger follows the journals and feeds the gateways."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nice: int = Field(
        default=5,
        ge=0,
        le=19,
        description="Added to the process's niceness: on a busy machine the gateways, who have "
        "chargers waiting, go first, and the ledger catches up later.",
    )
    poll_busy_ms: int = Field(
        default=100,
        gt=0,
        description="Wait before the next look at a journal that just had something new. Shorter "
        "makes smaller batches, which cost more: an entry takes 29 us of CPU in a batch of 1,000, "
        "64 in one of 280, 420 in one of 20.",
    )
    poll_idle_ms: int = Field(
        default=100,
        gt=0,
        description="Wait before the next look at a journal that had nothing new. Activations do "
        "not wait for it.",
    )
    read_entries_max: int = Field(
        default=4_000, gt=0, description="Entries read from a journal at once."
    )
    read_bytes_max: int = Field(
        default=8 << 20, gt=0, description="Bytes read from a journal at once."
    )
    scan_ms: int = Field(
        default=1_000, gt=0, description="Wait between two looks for journals of new gateways."
    )
    retry_ms_min: int = Field(
        default=100, gt=0, description="First wait when the database is away; doubles."
    )
    retry_ms_max: int = Field(
        default=5_000, gt=0, description="Longest wait when the database is away."
    )
    activation_ms: int = Field(
        default=2,
        ge=0,
        description="How long activations are collected, to be answered by one query.",
    )
    activation_s: float = Field(
        default=8.0,
        gt=0,
        description="An activation that takes longer fails: the gateway's actors start blank.",
    )
    feed_poll_ms: int = Field(
        default=500,
        gt=0,
        description="Wait between two looks for changes made by other processes. What comes from "
        "journals, such as a transaction, is told at once.",
    )
    feed_rows_max: int = Field(
        default=5_000,
        gt=0,
        description="Rows of a kind in one piece of the change feed; more come in several.",
    )
    push_s: float = Field(
        default=5.0,
        gt=0,
        description="A gateway that does not confirm a piece for so long gets it again later.",
    )
    sync_s: float = Field(
        default=1.0, gt=0, description="`sync` waits so long for all gateways to confirm."
    )
    snapshot_s: float = Field(
        default=10.0,
        ge=0,
        description="Least time between two copies of the records on disk; at the end of it all "
        "changes meanwhile are written at once.",
    )
    snapshot_transactions_s: float = Field(
        default=60.0,
        ge=0,
        description="As snapshot_s, when only running transactions have changed.",
    )
    lease_numbers: int = Field(
        default=10_000,
        gt=0,
        le=1 << 20,
        description="Transaction numbers given to a gateway at once; a crash loses what is left.",
    )
    live_ms: int = Field(
        default=200,
        gt=0,
        description="Those who watch hear of changes so often, of each object only the newest.",
    )
    live_changes_max: int = Field(
        default=20_000,
        gt=0,
        description="Changes gathered meanwhile; above it they hear that something was left out.",
    )
    retell_s: float = Field(
        default=10.0, gt=0, description="Positions are told to gateways again so often."
    )
    projector: ProjectorSettings = Field(
        default_factory=lambda: ProjectorSettings.model_validate({}),
    )
