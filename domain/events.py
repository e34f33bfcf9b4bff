"""What is kept: facts in the past tense, written to the journal before the charger is answered.

Encoded as MessagePack arrays with the class name first, so a field may be added at the end with a
default and old journals still decode. Field order is therefore part of the format.

Instants: `at_us` is the charger's own time turned into UTC; `Entry.received_us` is ours. `quality`
says how far the charger's time can be trusted.
"""

from enum import StrEnum
from typing import TypeAlias

import msgspec


class TimeQuality(StrEnum):
    """How far a charger's own timestamp can be trusted."""

    OK = "ok"
    SKEWED = "skewed"
    NO_ZONE = "no_zone"
    PRE_SYNC = "pre_sync"
    ABSURD = "absurd"
    MISSING = "missing"


class Fact(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Base of everything that is kept."""


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One sampled value. `value` is in `unit` as sent (Wh, W, A, V, Celsius, Percent ...).

    A value that is no number (signed data) is kept in `text` and `value` is 0.
    """

    at_us: int
    measurand: str
    value: float
    unit: str
    phase: str = ""
    location: str = "Outlet"
    context: str = "Sample.Periodic"
    text: str = ""
    quality: str = TimeQuality.OK


class ChargerBooted(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """The charger said who it is, and was answered with `status`."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial: str = ""
    box_serial: str = ""
    reason: str = ""
    status: str = "Accepted"
    """What we answered: Accepted, Pending or Rejected."""


class HeartbeatReceived(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """The charger lives."""


class ConnectorStatusReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A connector (or the charger, 0) changed its status."""

    connector: int
    """0 is the charger as a whole."""
    status: str
    at_us: int
    error_code: str = "NoError"
    info: str = ""
    vendor: str = ""
    vendor_error: str = ""
    quality: str = TimeQuality.OK
    plug: int = 0
    """2.x: the connector within the EVSE, from 1; `connector` is the EVSE then. 1.6: 0."""


class EnergyMeasured(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """Meter values; see Sample."""

    connector: int
    transaction: int
    """Our number of the transaction; 0 when the samples belong to none."""
    samples: tuple[Sample, ...]
    flags: tuple[str, ...] = ()


class TokenChecked(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A driver showed a token and was answered with `status`."""

    token: str
    status: str
    kind: str = ""
    """2.x: the type of the token (ISO14443, eMAID, Central ...). 1.6: empty."""


class TransactionStarted(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """The content key is (charger, connector, started_raw, token, meter_start_wh)."""

    transaction: int
    connector: int
    token: str
    meter_start_wh: int
    at_us: int
    started_raw: str
    """The timestamp as the charger wrote it: half of the content key."""
    reservation: int = 0
    token_status: str = "Accepted"  # noqa: S105
    quality: str = TimeQuality.OK
    flags: tuple[str, ...] = ()


class TransactionStopped(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """The content key is (charger, said_transaction, stopped_raw, meter_stop_wh)."""

    said_transaction: int
    """The number that the charger sent: may be 0, -1 or unknown."""
    transaction: int
    """Our number, when the charger's actor could tell; else 0 and the ledger decides."""
    meter_stop_wh: int
    at_us: int
    stopped_raw: str
    token: str = ""
    reason: str = "Local"
    samples: tuple[Sample, ...] = ()
    quality: str = TimeQuality.OK
    flags: tuple[str, ...] = ()


class TransactionEndedProvisionally(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """No stop has come, but the transaction can no longer be running. Never billed by itself."""

    transaction: int
    connector: int
    at_us: int
    because: str
    """next_start, available, boot, or status (it says that it does not run)."""


class TransactionProgressed(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """One TransactionEvent of 2.x. Its key is (charger, said, seq, kind).

    Each stands for itself: they may come twice, late, out of order, or with gaps in `seq`.
    """

    said: str
    """The charger's own id of the transaction."""
    transaction: int
    """Our number. The ledger keeps the first that was given to (charger, said)."""
    kind: str
    """Started, Updated or Ended."""
    seq: int
    at_us: int
    trigger: str
    connector: int = 0
    """The EVSE; 0 when this event does not say."""
    plug: int = 0
    offline: bool = False
    state: str = ""
    """chargingState: Charging, EVConnected, SuspendedEV, SuspendedEVSE or Idle; empty: not said."""
    token: str = ""
    token_kind: str = ""
    token_status: str = ""
    """What we answered for the token; empty when there was none."""
    stop_reason: str = ""
    remote_start: int = 0
    reservation: int = 0
    meter_wh: int = -1
    """The energy register (sum of phases) at this event; -1: not said."""
    samples: tuple[Sample, ...] = ()
    quality: str = TimeQuality.OK
    flags: tuple[str, ...] = ()
    seconds_charging: int = -1
    """timeSpentCharging; -1: not said."""
    detail: str = ""
    """JSON text of what has no field here (tariffId, costDetails, limits ... of 2.1)."""
    cost: float = -1.0
    """What the driver was told that it costs so far; -1: nothing."""


class TransactionStatusTold(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """The answer to GetTransactionStatus of 2.x (use case E14)."""

    said: str
    transaction: int
    """Our number; 0: not known here."""
    at_us: int
    """When it was answered, by our clock."""
    ongoing: bool | None = None
    """None: not said."""
    queued: bool = False
    """True: the charger has events of it that it has not sent yet."""


class Variable(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One variable of a component of the device model, with one attribute of it.

    `path` of a component and of a variable: name, then /instance when there is one; an EVSE and a
    connector are numbers, 0 when the component belongs to none. 1.6: component empty, the
    configuration key is the variable.
    """

    component: str
    variable: str
    value: str
    component_instance: str = ""
    variable_instance: str = ""
    evse: int = 0
    connector: int = 0
    attribute: str = "Actual"
    mutability: str = ""
    persistent: bool = False
    constant: bool = False
    unit: str = ""
    data_type: str = ""
    limit_min: float | None = None
    limit_max: float | None = None
    values_list: str = ""
    monitored: bool = False
    status: str = ""
    """Of an answer to GetVariables or SetVariables: Accepted, UnknownVariable ...; a report: ""."""


class VariablesReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """One part of the device model (NotifyReport, GetVariables; 1.6: GetConfiguration)."""

    variables: tuple[Variable, ...]
    request: int = 0
    seq: int = 0
    more: bool = False
    at_us: int = 0
    flags: tuple[str, ...] = ()


class DeviceNotice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One item of a NotifyEvent: a variable has crossed what is monitored."""

    event: int
    at_us: int
    trigger: str
    component: str
    variable: str
    value: str
    evse: int = 0
    connector: int = 0
    component_instance: str = ""
    variable_instance: str = ""
    kind: str = ""
    """HardWiredNotification, HardWiredMonitor, PreconfiguredMonitor or CustomMonitor."""
    cause: int = 0
    code: str = ""
    text: str = ""
    cleared: bool = False
    transaction: str = ""
    monitor: int = 0
    severity: int = -1
    quality: str = TimeQuality.OK
    status: str = ""
    """The status of a connector that this tells (0 and 0: of the charger); empty: it tells none."""


class DeviceNoticed(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A NotifyEvent."""

    notices: tuple[DeviceNotice, ...]
    seq: int = 0
    more: bool = False
    at_us: int = 0


class NoticeReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A message that is kept as it was said and means nothing more to us.

    (Charging limits of others, DER, battery swaps, customer information, display messages ...)
    """

    topic: str
    """The action, as the specification spells it."""
    body: str
    """The payload as JSON text, secrets hidden; personal data is here, not in the message log."""
    key: str = ""
    """What it speaks of: a transaction, a reservation, an EVSE; empty: the charger."""
    status: str = ""
    request: int = 0
    at_us: int = 0
    """The charger's time, when it says one."""
    more: bool = False


class StreamValue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value of a periodic event stream, as the charger wrote it."""

    at_us: int
    value: str


class StreamReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """Values of a periodic event stream (2.1 NotifyPeriodicEventStream); never answered."""

    stream: int
    """The charger's number of it, as in OpenPeriodicEventStream."""
    values: tuple[StreamValue, ...]
    pending: int = 0
    """How many values wait at the charger because the link is slow."""
    quality: str = TimeQuality.OK
    flags: tuple[str, ...] = ()


class FirmwareStatusReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """How far a firmware update is."""

    status: str
    request: int = 0
    signed: bool = False


class DiagnosticsStatusReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """How far a diagnostics upload is."""

    status: str


class LogStatusReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """How far a log upload is."""

    status: str
    request: int = 0


class SecurityEventReported(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A security event of the charger; `info` is whatever it wrote."""

    kind: str
    at_us: int
    info: str = ""
    quality: str = TimeQuality.OK


class DataTransferred(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A vendor message and how it was answered."""

    vendor: str
    message: str
    data: str
    status: str


class CertificateRequested(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A signing request and how it was answered."""

    csr: str
    status: str
    kind: str = ""
    """2.x: ChargingStationCertificate, V2GCertificate or V2G20Certificate. 1.6: empty."""
    request: int = 0
    """2.1: its number; 0: none."""


class ChargerEnrolled(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """An unknown charger was let in by `accept_unknown` and becomes a record."""

    network: str


class SecurityRaised(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A charger came in with its pending profile or its new key: what was before ends."""

    profile: int = 0
    """The profile that it has from now on; 0: as it was."""
    key: str = ""
    """`domain.security_upgrade.fingerprint` of the key that it has; empty: as it was."""


class ChargerConnected(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A connection was let in."""

    remote: str
    subprotocol: str
    security_profile: int
    gateway: str


class ChargerDisconnected(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A connection has ended."""

    code: int
    reason: str
    frames_in: int = 0
    frames_out: int = 0


class ConnectionRefused(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """Entry.charger is the identity as it was claimed: never proved."""

    path: str
    remote: str
    status: int
    """The HTTP status or WebSocket close code that was sent."""
    reason: str
    """A word of csms.gateway.refusals."""
    detail: str = ""
    subprotocols: str = ""
    user_agent: str = ""
    tls: str = ""
    """Version and cipher, such as `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty: no TLS."""
    authorization: str = ""
    """The scheme of the proof that was sent, such as `Basic`; empty: none was."""


class MessageExchanged(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """One CALL and what became of it, for the message log. Secrets are already redacted."""

    incoming: bool
    """True: the charger called us."""
    uid: str
    action: str
    request: str
    """The payload as JSON text; the whole frame when it was not readable."""
    response: str
    """The answer's payload as JSON text, or empty."""
    outcome: str
    """result, error, timeout, lost, late, malformed, unmatched, sent (2.1: never answered) or
    refused (2.1: the charger could not use our answer)."""
    error_code: str = ""
    error_text: str = ""
    started_us: int = 0
    latency_us: int = 0
    """Our own calls: sent until answered. The charger's: read until given to the journal, to which
    the message log (`ocpp_messages`) adds the wait for the commit."""
    flags: tuple[str, ...] = ()


class CommandFinished(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """The charger's answer to a command, or why there is none."""

    command: str
    action: str
    payload: str
    outcome: str
    """A value of domain.commands.Outcome."""
    response: str = ""
    error_code: str = ""
    error_text: str = ""
    issued_by: str = ""
    queued_us: int = 0
    sent_us: int = 0
    finished_us: int = 0


class LimitDecided(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """A site decided what an EVSE may draw, and why not more. Currents are A per phase.

    Written before a higher limit is sent, so that what may hold at a charger is never unknown.
    """

    site: str
    place: str
    """The EVSE's id in the site's model."""
    evse: int
    at_us: int
    limit_a: float
    """Its share. 0: paused, or nothing to draw."""
    limit_w: float = 0.0
    """Of all its phases; DC: at the output."""
    binding: str = ""
    """A value of domain.site.BindingKind; empty: no car wants anything."""
    circuit: str = ""
    """Which circuit binds, its phase (L1, L2, L3; empty: the power of all), and for `schedule`
    whose entry."""
    phase: str = ""
    source: str = ""
    session: str = ""
    told_a: float = -1.0
    """What its charger has accepted for the session; -1: nothing is known."""
    ceiling_a: float = -1.0
    """What it may draw at worst: what counts against the circuits."""
    because: str = ""
    """rejects, ignores or silent: it is not believed."""
    way: str = ""
    """By which limit its charger is told: session, standing or charger."""
    set_by: str = "site"
    standing_a: float = -1.0
    """The greatest standing limit, limit of the session, and of the whole charger that may hold;
    -1: not known, or none."""
    session_a: float = -1.0
    charger_a: float = -1.0


class CommandFollowed(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """What an accepted command led to (RemoteStart: the transaction; Reset: the boot)."""

    command: str
    end: str
    """What came: transaction_started, booted, status_reported ...; or nothing_happened."""
    transaction: int = 0
    detail: str = ""


class CommandQueued(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """An operator's command was taken on. Written before anything is sent of it."""

    command: str
    action: str
    payload: str
    """As JSON text, secrets redacted."""
    issued_by: str = ""
    queued_us: int = 0
    deadline_us: int = 0


class CommandSent(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """An operator's command went to the charger. Not written when it ended at once."""

    command: str
    at_us: int


class ReservationTold(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """What a charger answered to ReserveNow or CancelReservation."""

    number: int
    """As the charger knows it."""
    status: str
    """Its own word; empty: no answer came."""
    cancels: bool = False
    connector: int = 0
    """2.x: the EVSE. 0: any."""
    connector_type: str = ""
    token: str = ""
    token_kind: str = ""
    group: str = ""
    expires_us: int = 0


class Monitor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One monitor of a variable (2.x part 2, VariableMonitoringType)."""

    number: int
    """The charger's own; 0 is a number too."""
    component: str
    variable: str
    kind: str
    """UpperThreshold, LowerThreshold, Delta, Periodic, PeriodicClockAligned ..."""
    value: float
    severity: int
    component_instance: str = ""
    variable_instance: str = ""
    evse: int = 0
    connector: int = 0
    in_transaction: bool = False
    """Only watched while a transaction runs there."""
    origin: str = ""
    """HardWiredMonitor, PreconfiguredMonitor or CustomMonitor; empty: not said (2.0.1)."""


class MonitoringTold(Fact, frozen=True, array_like=True, tag=True, gc=False):
    """What a charger monitors: a part of a report, or what was set or cleared."""

    monitors: tuple[Monitor, ...] = ()
    cleared: tuple[int, ...] = ()
    """Numbers of monitors that are there no more."""
    base: str = ""
    """The set of monitors that is active since now: All, FactoryDefault or HardWiredOnly."""
    level: int = -1
    """Events of this severity and below it are told; -1: as it was."""
    request: int = 0
    seq: int = 0
    more: bool = False
    at_us: int = 0
    flags: tuple[str, ...] = ()
    all_since_us: int = 0
    """All monitors that are there have been told since then (our time), the others are gone; 0:
    this says nothing of others."""


Event: TypeAlias = (
    ChargerBooted
    | HeartbeatReceived
    | ConnectorStatusReported
    | EnergyMeasured
    | TokenChecked
    | TransactionStarted
    | TransactionStopped
    | TransactionEndedProvisionally
    | FirmwareStatusReported
    | DiagnosticsStatusReported
    | LogStatusReported
    | SecurityEventReported
    | DataTransferred
    | CertificateRequested
    | ChargerEnrolled
    | ChargerConnected
    | ChargerDisconnected
    | ConnectionRefused
    | MessageExchanged
    | CommandFinished
    | CommandFollowed
    | SecurityRaised
    | LimitDecided
    | TransactionProgressed
    | TransactionStatusTold
    | VariablesReported
    | DeviceNoticed
    | NoticeReported
    | StreamReported
    | CommandQueued
    | CommandSent
    | ReservationTold
    | MonitoringTold
)


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One journal record: everything that one message or one happening made true."""

    charger: str
    generation: int
    received_us: int
    events: tuple[Event, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """Return the journal's bytes for `entry`."""
    return _encoder.encode(entry)


def decode_entry(blob: bytes) -> Entry:
    """Return the entry in `blob`.

    Raises:
        msgspec.DecodeError: the bytes are no entry that this version understands.
    """
    return _decoder.decode(blob)
