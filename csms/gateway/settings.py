"""Every limit of a gateway."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class GatewaySettings(BaseModel):
    """Limits and policies of a gateway's sockets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connections_max: int = Field(
        25_000, ge=1, description="Open connections of one gateway; more are answered 503."
    )
    handshakes_max: int = Field(
        4_096,
        ge=1,
        description="Connections that have not finished their handshake; more are closed at once.",
    )
    handshakes_per_address_max: int = Field(
        1_024,
        ge=1,
        description="Unfinished handshakes of one remote address; more are closed at once.",
    )
    accepts_at_once: int = Field(
        16,
        ge=1,
        description="Connections accepted by each listening socket in one turn of the loop; in a "
        "storm of them, chargers that are connected wait for so many at most.",
    )
    turned_away_max: int = Field(
        32,
        ge=1,
        description="Connections closed at once for one of those limits before the gateway stops "
        "accepting for `doors_shut_ms`; who dials meanwhile waits in the kernel.",
    )
    doors_shut_ms: int = Field(
        100, ge=1, le=10_000, description="How long a gateway does not accept then."
    )
    handshake_s: float = Field(
        10.0,
        gt=0,
        description="Time that a client may take for the whole handshake; after it the connection "
        "is closed.",
    )
    handshakes_at_once: int = Field(
        16,
        ge=1,
        description="Handshakes done in one turn of the loop; chargers that are connected wait for "
        "so many at most.",
    )
    handshakes_ms: float = Field(
        8.0,
        gt=0,
        description="After so long in one turn of the loop the next handshakes wait for the next "
        "turn, even if they are fewer.",
    )
    switch_ms: float = Field(
        2.0,
        gt=0,
        le=100,
        description="How long the loop of a gateway keeps the interpreter while the journal's "
        "thread, which hands it over several times in a commit, waits for it.",
    )
    sent_note_ms: float = Field(
        100.0,
        ge=0,
        le=10_000,
        description="A command that has no end so long after it was sent is noted as sent; a "
        "sooner end says it, too. A gateway that is killed meanwhile leaves it as queued.",
    )
    handshakes_waiting_max: int = Field(
        2_048,
        ge=1,
        description="Handshakes that wait for their turn; with more, no connection is accepted: "
        "who dials waits in the kernel.",
    )
    actors_waiting_max: int = Field(
        64,
        ge=0,
        description="Actors with messages to handle; with more, one handshake is done in a turn.",
    )
    message_bytes_max: int = Field(
        1_048_576,
        ge=4_096,
        description="Size of one message after inflation; larger ones close the connection (1009).",
    )
    deflate: bool = Field(
        default=True,
        description="Offer permessage-deflate, without context takeover, to clients that ask.",
    )
    unanswered_max: int = Field(
        16,
        ge=1,
        description="Calls of one charger that wait for their answers; beyond it its socket is not "
        "read.",
    )
    session_calls_max: int = Field(
        20_000,
        ge=64,
        description="Calls of one charger that the session takes before any is answered: what fits "
        "into the buffers that were read already when reading was stopped. More are not taken.",
    )
    recent_calls_max: int = Field(
        8,
        ge=0,
        description="Answered calls of one connection that are remembered, so that one that is "
        "sent again gets the same answer; an older one counts as new. About 0.3 kB each.",
    )
    backlog_bytes_max: int = Field(
        1_048_576,
        ge=4_096,
        description="Bytes of one charger that were already read while it had to wait; beyond it "
        "the connection is closed (1008).",
    )
    frames_per_s: float = Field(
        200.0,
        gt=0,
        description="Frames of one charger; beyond it its socket is not read for a while. Busy "
        "ones send a few each second; what an outage has left comes within the burst.",
    )
    frames_burst: int = Field(
        2_000, ge=1, description="Frames of one charger that may come at once."
    )
    write_bytes_max: int = Field(
        1_048_576,
        ge=4_096,
        description="Bytes that a slow reader may let wait; beyond it its connection is aborted.",
    )
    ping_s: float = Field(
        60.0, gt=0, description="A connection that is silent for so long is sent a ping."
    )
    dead_s: float = Field(
        300.0,
        gt=0,
        description="A connection that is silent for so long, pongs included, is aborted. "
        "Longer than a charger's heartbeat interval: some models never send a pong.",
    )
    probe_s: float = Field(
        3.0,
        gt=0,
        le=10,
        description="How long an old connection may take to answer the ping that decides whether "
        "a newcomer from another address takes its place.",
    )
    claim_s: float = Field(
        0.5,
        gt=0,
        description="How long another gateway may take to say that it does not hold a charger; "
        "one that says nothing is taken for dead. While it probes, probe_s is added.",
    )
    takeovers_per_min: int = Field(
        3,
        ge=1,
        description="Takeovers of one charger from different addresses; beyond it newcomers are "
        "refused for a minute.",
    )
    failures_burst: int = Field(
        10,
        ge=1,
        description="Failed sign-ins of one (address, identity) pair before each further attempt "
        "has to wait twice as long as the one before (429).",
    )
    lockout_s_max: float = Field(300.0, gt=0, description="The longest wait after failed sign-ins.")
    failures_per_address_per_min: int = Field(
        600,
        ge=1,
        description="Failed sign-ins of one address, all identities together; beyond it that "
        "address gets 429 without a check, except for identities that signed in from it before.",
    )
    refusal_delay_ms: float = Field(
        200.0,
        ge=0,
        le=2_000,
        description="Every 401 is sent so long after its request (or a multiple of it), so that "
        "its time does not tell known identities from unknown ones. 0: at once.",
    )
    attempts_kept_max: int = Field(
        100_000, ge=100, description="Remembered addresses and pairs; the oldest are forgotten."
    )
    argon2_threads: int = Field(
        1, ge=1, le=16, description="Threads that check human-chosen passwords."
    )
    refusals_per_min: int = Field(
        600,
        ge=1,
        description="Refused connections that are recorded; more are counted in the metrics only.",
    )
    close_per_s: float = Field(
        500.0, gt=0, description="Connections closed a second while draining."
    )
    activation_batch_max: int = Field(
        500, ge=1, description="Chargers in one question to the ledger."
    )
    activation_pause_ms: float = Field(
        5.0,
        ge=0,
        description="How long questions to the ledger are collected; 40 times as long "
        "after a question about many chargers.",
    )
    activation_s: float = Field(
        10.0, gt=0, description="Deadline of a question to the ledger; after it actors stay blank."
    )
    activation_retry_s: float = Field(
        5.0,
        gt=0,
        description="After so long the ledger is asked again for the running sessions of chargers"
        " of sites, when it could not say.",
    )
    registry_wait_s: float = Field(
        10.0,
        ge=0,
        description="How long a starting gateway waits for the ledger's records before it takes "
        "the copy on disk.",
    )
    journal_retry_s: float = Field(
        2.0, gt=0, description="How often a gateway whose journal failed tries to open it again."
    )
    poison_max: int = Field(
        2,
        ge=1,
        description="Crashes on the very same message; after them it is kept as it is, flagged "
        "dead_letter, and answered.",
    )
    number_permutation_rounds: int = Field(
        4, ge=2, le=10, description="Rounds that scatter transaction numbers."
    )
    quirks_file: Path | None = Field(
        None,
        description="TOML file of models of chargers of your own, as csms/quirks/catalogue.toml; "
        "they come before the shipped ones.",
    )
    models_kept_max: int = Field(
        100_000,
        ge=1,
        description="Chargers whose model is remembered between connections; beyond it the oldest "
        "are forgotten until their next boot.",
    )
