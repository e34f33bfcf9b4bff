-- What chargers said and did, one row a fact. Times are UTC.
-- Codecs: Delta and ZSTD for time, ZSTD for values. Gorilla and DoubleDelta are two to three times
-- worse for meter values.

CREATE TABLE IF NOT EXISTS ${database}.samples${on_cluster}
(
    tenant       LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site         LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    measurand    LowCardinality(String) COMMENT 'What was measured, e.g. Energy.Active.Import.Register',
    charger      String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    connector    UInt16 COMMENT '0: the main meter, or samples of a StopTransaction (it names no connector)',
    phase        LowCardinality(String) COMMENT 'Empty: the sum, or no phase',
    location     LowCardinality(String) COMMENT 'Outlet, Inlet, Cable, EV or Body',
    context      LowCardinality(String) COMMENT 'Sample.Periodic, Transaction.Begin, ...',
    ts           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it was measured, by the clock of the charger; the time of receipt when that was absurd',
    value        Float64 CODEC(ZSTD(1)) COMMENT 'In `unit`',
    unit         LowCardinality(String) COMMENT 'Wh, W, varh, var, VAh, VA, A, V, Celsius, Percent, ...; kilo units are stored as base units',
    transaction  Int32 CODEC(ZSTD(1)) COMMENT 'Number of the transaction; 0: none',
    text         String CODEC(ZSTD(1)) COMMENT 'A value that is no number (signed data); then value is 0',
    quality      LowCardinality(String) COMMENT 'Trust in ts: ok, skewed, no_zone, pre_sync, absurd or missing',
    received_at  DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it reached us',
    INDEX by_transaction transaction TYPE bloom_filter GRANULARITY 4
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(ts)
ORDER BY (site, measurand, charger, connector, phase, location, context, ts)
TTL toDateTime(ts) + toIntervalDay(${samples_days})
SETTINGS ${durable}
COMMENT 'Meter values. A sample that was sent twice is one row after a merge; FINAL makes sure';

CREATE TABLE IF NOT EXISTS ${database}.ocpp_messages${on_cluster}
(
    received_at  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the exchange ended',
    tenant       LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site         LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    charger      String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    direction    LowCardinality(String) COMMENT 'in: the charger called us; out: we called the charger',
    action       LowCardinality(String) COMMENT 'e.g. BootNotification',
    uid          String CODEC(ZSTD(1)) COMMENT 'Unique id of the CALL',
    payload      String CODEC(ZSTD(1)) COMMENT 'Payload of the CALL as JSON; the whole frame when it was not readable. Secrets are redacted',
    response     String CODEC(ZSTD(1)) COMMENT 'Payload of the answer as JSON, or empty',
    outcome      LowCardinality(String) COMMENT 'result, error, timeout, lost, late, malformed or unmatched',
    error_code   LowCardinality(String) COMMENT 'Code of the CALLERROR, or empty',
    error_text   String CODEC(ZSTD(1)) COMMENT 'Description of the CALLERROR, or empty',
    latency_us   UInt64 CODEC(ZSTD(1)) COMMENT 'Microseconds. out: sent until answered; in: read until its commit began, the fsync not included; 0: not answered by a result',
    flags        Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'Where the payload violates its schema'
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (charger, received_at)
TTL toDateTime(received_at) + toIntervalDay(${messages_days})
SETTINGS ${durable}
COMMENT 'The message log: one row a CALL and its answer';

CREATE TABLE IF NOT EXISTS ${database}.status_history${on_cluster}
(
    ts            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the status began, by the clock of the charger',
    tenant        LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site          LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    charger       String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    connector     UInt16 COMMENT '0: the charger as a whole',
    status        LowCardinality(String) COMMENT 'Available, Preparing, Charging, SuspendedEV, SuspendedEVSE, Finishing, Reserved, Unavailable or Faulted',
    error_code    LowCardinality(String) COMMENT 'NoError, or what is wrong',
    info          String CODEC(ZSTD(1)) COMMENT 'Free text of the charger',
    vendor        LowCardinality(String) COMMENT 'Whose `vendor_error` it is',
    vendor_error  String CODEC(ZSTD(1)) COMMENT 'Error code of the vendor',
    quality       LowCardinality(String) COMMENT 'Trust in ts',
    received_at   DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it reached us'
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(ts)
ORDER BY (charger, connector, ts, status, error_code)
TTL toDateTime(ts) + toIntervalDay(${history_days})
SETTINGS ${durable}
COMMENT 'StatusNotifications';

CREATE TABLE IF NOT EXISTS ${database}.connections${on_cluster}
(
    received_at       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it happened',
    tenant            LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site              LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    charger           String CODEC(ZSTD(1)) COMMENT 'Identity of the charger; claimed only when kind is refused',
    generation        UInt64 CODEC(ZSTD(1)) COMMENT 'Number of the connection of this charger; later ones are greater',
    kind              LowCardinality(String) COMMENT 'connected, disconnected or refused',
    remote            String CODEC(ZSTD(1)) COMMENT 'Address of the peer',
    subprotocol       LowCardinality(String) COMMENT 'e.g. ocpp1.6; the ones that were offered when kind is refused',
    security_profile  UInt8 COMMENT 'OCPP security profile, 0 to 3',
    gateway           LowCardinality(String) COMMENT 'Which gateway has served it',
    code              UInt16 COMMENT 'WebSocket close code, or HTTP status when kind is refused',
    reason            String CODEC(ZSTD(1)) COMMENT 'Why it ended or was refused',
    detail            String CODEC(ZSTD(1)) COMMENT 'More about a refusal',
    path              String CODEC(ZSTD(1)) COMMENT 'Path of the request when kind is refused',
    user_agent        String CODEC(ZSTD(1)) COMMENT 'User agent when kind is refused',
    frames_in         UInt64 CODEC(ZSTD(1)) COMMENT 'Frames received over the whole connection',
    frames_out        UInt64 CODEC(ZSTD(1)) COMMENT 'Frames sent over the whole connection'
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (charger, received_at)
TTL toDateTime(received_at) + toIntervalDay(${history_days})
SETTINGS ${durable}
COMMENT 'Connections that began, ended or were refused';

CREATE TABLE IF NOT EXISTS ${database}.transaction_events${on_cluster}
(
    ts                DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it happened, by the clock of the charger',
    tenant            LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site              LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    charger           String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    connector         UInt16 COMMENT '0 when kind is stopped (a StopTransaction names no connector)',
    transaction       Int32 CODEC(ZSTD(1)) COMMENT 'Our number, or the one that the charger said when ours is not known',
    said_transaction  Int32 CODEC(ZSTD(1)) COMMENT 'Number that the charger sent when kind is stopped',
    kind              LowCardinality(String) COMMENT 'started, stopped or ended_provisionally (no stop came, but it cannot be running any more)',
    token             String CODEC(ZSTD(1)) COMMENT 'idTag; may be empty when kind is stopped',
    token_status      LowCardinality(String) COMMENT 'What the start was answered with',
    meter_wh          Int64 CODEC(ZSTD(1)) COMMENT 'Reading of the meter at that moment, Wh',
    reason            LowCardinality(String) COMMENT 'Why it ended',
    quality           LowCardinality(String) COMMENT 'Trust in ts',
    flags             Array(LowCardinality(String)) CODEC(ZSTD(1)) COMMENT 'What was odd about it',
    received_at       DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it reached us'
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(ts)
ORDER BY (charger, transaction, kind, ts, connector)
TTL toDateTime(ts) + toIntervalDay(${hourly_days})
SETTINGS ${durable}
COMMENT 'Starts and ends of transactions, as reported. Bills are made from the relational store, not from here';

CREATE TABLE IF NOT EXISTS ${database}.security_events${on_cluster}
(
    ts           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it happened, by the clock of the charger',
    tenant       LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site         LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    charger      String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    kind         LowCardinality(String) COMMENT 'Type of the event, e.g. TamperDetectionActivated',
    info         String CODEC(ZSTD(1)) COMMENT 'Free text of the charger',
    quality      LowCardinality(String) COMMENT 'Trust in ts',
    received_at  DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it reached us'
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(ts)
ORDER BY (charger, ts, kind)
TTL toDateTime(ts) + toIntervalDay(${history_days})
SETTINGS ${durable}
COMMENT 'SecurityEventNotifications';
