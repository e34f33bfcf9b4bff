"""The limits of the warehouse."""

from pydantic import BaseModel, ConfigDict, Field


class WarehouseSettings(BaseModel):
    """How facts go to ClickHouse, how long they stay, and what analysts may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nice: int = Field(
        default=10,
        ge=0,
        le=19,
        description="Added to the process's niceness: on a busy machine the gateways, who have "
        "chargers waiting, go first; for the warehouse no charger waits, so it catches up later.",
    )
    dsn: str = Field(
        default="",
        description="Where the engine is: `chdb:///path` (embedded), `clickhouse://user:password@"
        "host:8123` or `https://...` (a server). Empty: embedded, in the data directory.",
    )
    database: str = Field(
        default="csms",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$",
        description="The database of all tables.",
    )
    cluster: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]{0,64}$",
        description="Name of the server's cluster: tables are replicated and made ON CLUSTER. "
        "Empty: one server, or the embedded engine.",
    )
    connect_timeout_s: int = Field(
        default=5, ge=1, description="Wait for a connection to a server; then try again later."
    )
    insert_timeout_s: int = Field(
        default=60,
        ge=1,
        description="Wait for an insert or a query at a server; then the same block is sent again "
        "under the same token.",
    )
    settle_s: float = Field(
        default=2.0,
        ge=0,
        description="How long a server may take to show a block that was sent before, when it is "
        "sent again; then it counts as lost. Not for the embedded engine or a cluster.",
    )
    block_entries_max: int = Field(
        default=20_000,
        ge=1,
        le=100_000,
        description="Journal entries of one block; more wait for the next.",
    )
    block_bytes_max: int = Field(
        default=16 * 1024 * 1024,
        ge=4_096,
        description="Journal bytes of one block; more wait for the next.",
    )
    block_rows_max: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="Rows of one insert; a block with more is sent as several inserts, each atomic "
        "and with its own token. Fixed once blocks are planned: a change while a block is "
        "unfinished may store rows of that block twice.",
    )
    batch_entries_min: int = Field(
        default=10_000,
        ge=1,
        description="Entries that are sent at once; fewer wait, up to the age. An insert costs the "
        "engine several milliseconds, however few rows it has, and more again when it is merged.",
    )
    batch_age_ms_max: int = Field(
        default=1_000,
        ge=0,
        description="Age of the oldest waiting entry at which few are sent as well.",
    )
    poll_ms: int = Field(
        default=100,
        ge=1,
        description="Pause before the next look at the journals when there was nothing.",
    )
    retry_ms_min: int = Field(
        default=250,
        ge=1,
        description="Pause after a failed step; doubles with every further failure.",
    )
    retry_ms_max: int = Field(
        default=10_000, ge=1, description="Longest pause between failed steps."
    )
    sites_wait_s: float = Field(
        default=3.0,
        ge=0,
        description="Wait at the very first start for the ledger to say which charger is at which "
        "site; then begin without (site is empty for these rows).",
    )
    past_days_max: int = Field(
        default=400,
        ge=1,
        le=3_000,
        description="A charger's timestamp further in the past is replaced by the time of receipt "
        "and its quality becomes `absurd`.",
    )
    future_s_max: int = Field(
        default=86_400,
        ge=0,
        description="A charger's timestamp further in the future is replaced likewise.",
    )
    quarantine_rows_max: int = Field(
        default=100_000,
        ge=0,
        description="Kept rows and entries that could not be stored; at the limit the oldest go "
        "(they stay counted).",
    )
    samples_days: int = Field(
        default=1_095, ge=1, le=20_000, description="Samples older than this are deleted."
    )
    hourly_days: int = Field(
        default=3_650,
        ge=1,
        le=20_000,
        description="Hourly roll-ups and transactions older than this are deleted.",
    )
    messages_days: int = Field(
        default=90, ge=1, le=20_000, description="OCPP messages older than this are deleted."
    )
    history_days: int = Field(
        default=1_095,
        ge=1,
        le=20_000,
        description="Status, connection and security history older than this are deleted.",
    )
    sql_threads: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Analysts' statements that run at the same time; more wait their turn.",
    )
    sql_waiting_max: int = Field(
        default=16, ge=0, description="Analysts' statements that wait; more are refused."
    )
    sql_rows_max: int = Field(
        default=100_000, ge=1, description="Rows of one answer; the rest is cut off."
    )
    sql_query_bytes_max: int = Field(
        default=65_536, ge=1, description="Length of a statement; longer ones are refused."
    )
    sql_final: bool = Field(
        default=True,
        description="Analysts see every fact once, also one that a charger sent twice and the "
        "engine has not merged yet. Off: counts over huge tables are faster and may count twice.",
    )
    sql_seconds_max: float = Field(
        default=30.0, gt=0, description="Running time of a statement; then the engine ends it."
    )
    sql_memory_bytes_max: int = Field(
        default=1 << 30,
        ge=1 << 20,
        description="Memory of a statement; at the limit the engine ends it.",
    )
    sql_answer_bytes_max: int = Field(
        default=8 * 1024 * 1024,
        ge=1_024,
        le=15 * 1024 * 1024,
        description="Size of an answer as text; a larger one is refused with a hint to select "
        "less. Below the size of a frame of the links between processes.",
    )
    sql_fresh_s_max: float = Field(
        default=5.0,
        ge=0,
        description="How long a statement that asks for fresh data waits for the warehouse to "
        "catch up; then it runs with what is there.",
    )
