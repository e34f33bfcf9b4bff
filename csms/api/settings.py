"""Settings of the REST interface."""

from pydantic import BaseModel, ConfigDict, Field


class ApiSettings(BaseModel):
    """The REST interface: where it listens and how much one caller may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; default: loopback only."
    )
    port: int = Field(default=8880, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    page_items: int = Field(
        default=100, ge=1, le=1_000, description="Items of a page when not said."
    )
    page_items_max: int = Field(
        default=1_000, ge=1, le=10_000, description="Largest `limit`; more is answered with 422."
    )
    head_bytes_max: int = Field(
        default=65_536,
        ge=1_024,
        description="Request line, headers, trailers and what stands between chunks; more is "
        "answered with 431, and the connection closed.",
    )
    body_bytes_max: int = Field(
        default=1_048_576, ge=1_024, description="Largest request body; more is answered with 413."
    )
    import_rows_max: int = Field(
        default=10_000, ge=1, description="Chargers in one CSV file; more is answered with 422."
    )
    import_passwords_max: int = Field(
        default=500,
        ge=0,
        description="Passwords that one CSV file may say: each takes tens of milliseconds to hash.",
    )
    call_wait_s_max: float = Field(
        default=120.0, gt=0, description="Longest `wait` of a call; more is answered with 422."
    )
    call_chargers_max: int = Field(
        default=20_000,
        ge=1,
        description="Chargers whose whereabouts are remembered from one command to the next.",
    )
    call_deadline_s: float = Field(
        default=30.0,
        gt=0,
        description="A call with wait=0 that is not answered by then has timed out.",
    )
    ask_deadline_s: float = Field(
        default=5.0,
        gt=0,
        description="Wait for another process; when it passes the answer is a 503.",
    )
    presence_deadline_s: float = Field(
        default=0.5,
        gt=0,
        description="Wait for the gateways' presence; later the list says `unknown`.",
    )
    sync_deadline_s: float = Field(
        default=2.0,
        gt=0,
        description="Wait for the gateways to know of a write; later the answer says `pending`.",
    )
    failed_attempts_max: int = Field(
        default=10,
        ge=1,
        description="Wrong keys from one address in the window; more get 429 unread.",
    )
    failed_attempts_window_s: float = Field(
        default=60.0,
        gt=0,
        description="The window of failed_attempts_max, and how long the 429 lasts.",
    )
    failed_addresses_max: int = Field(
        default=10_000,
        ge=1,
        description="Addresses whose failures are remembered; the oldest is dropped.",
    )
    key_cache_s: float = Field(
        default=5.0,
        ge=0,
        description="Keys are looked up this often, and when the ledger says that the store has "
        "changed. Without its link a revoked one may still work for so long.",
    )
    key_cache_max: int = Field(
        default=1_000, ge=1, description="Keys remembered between look-ups; the oldest is dropped."
    )
    rate_per_s: float = Field(
        default=2_000.0,
        gt=0,
        description="Requests of one key or user; more are answered with 429 and Retry-After.",
    )
    rate_burst: int = Field(
        default=4_000, ge=1, description="Requests at once after a pause; then rate_per_s counts."
    )
    rate_callers_max: int = Field(
        default=10_000, ge=1, description="Callers that are counted; the idlest is forgotten."
    )
    idempotency_s: float = Field(
        default=86_400.0,
        gt=0,
        description="How long the answer to an Idempotency-Key is kept; later it is a new request.",
    )
    key_gather_ms: float = Field(
        default=10.0,
        ge=0,
        le=1_000,
        description="When requests with an Idempotency-Key come faster than they are written "
        "down, more are waited for so long: fewer and larger transactions.",
    )
    audit_wait_s: float = Field(
        default=2.0,
        gt=0,
        description="A write waits for its row of the audit log; later it is answered without.",
    )
    audit_gather_ms: float = Field(
        default=20.0,
        ge=0,
        le=1_000,
        description="When rows of the audit log come faster than they are written, more are "
        "waited for so long: fewer and larger transactions.",
    )
    audit_rows_max: int = Field(
        default=10_000,
        ge=1,
        description="Rows that wait for the store; more are in the process's log only.",
    )
    power_cache_s: float = Field(
        default=1.0,
        ge=0,
        description="The power of now is asked of ClickHouse once in this time, for all who ask "
        "the same; 0: they share an answer only while it is on its way.",
    )
    power_cache_max: int = Field(
        default=1_000, ge=1, description="Such answers in memory; the oldest is forgotten."
    )
    sql_deadline_s: float = Field(
        default=60.0, gt=0, description="Longest analyst's query; later the answer is a 503."
    )
    live_hz: float = Field(
        default=3.0,
        gt=0,
        le=20,
        description="Windows of changes a second on streams of events; each object once a window.",
    )
    live_ring_changes: int = Field(
        default=20_000,
        ge=100,
        description="Changes kept for streams that resume; who is further behind gets a snapshot.",
    )
    live_streams_max: int = Field(
        default=2_000, ge=1, description="Open streams of events; more are answered with 503."
    )
    live_frames_max: int = Field(
        default=16,
        ge=1,
        description="Windows that wait for a stream that is not read; then all become a snapshot.",
    )
    live_details_max: int = Field(
        default=100,
        ge=1,
        description="Changes of a kind in a window that are told one by one; more are counted.",
    )
    live_names_max: int = Field(
        default=500, ge=1, description="Chargers or sites that one stream names; more: 422."
    )
    live_linger_s: float = Field(
        default=60.0,
        ge=0,
        description="Changes are listened to for so long after the last stream has ended.",
    )
    live_stream_s: float = Field(
        default=300.0,
        gt=0,
        description="A stream is ended after so long; whoever comes back is asked who he is.",
    )
    live_alive_s: float = Field(
        default=15.0, gt=0, description="Longest silence on a stream; then a comment is sent."
    )
    drain_s: float = Field(
        default=5.0,
        gt=0,
        description="At the end, wait this long for open requests, then close them.",
    )
