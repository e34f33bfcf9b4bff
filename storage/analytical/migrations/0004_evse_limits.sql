-- What sites decided, and why.

CREATE TABLE IF NOT EXISTS ${database}.evse_limits${on_cluster}
(
    ts           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it was decided, by our clock',
    tenant       LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site         LowCardinality(String) COMMENT 'Whose power is shared out',
    charger      String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    evse         UInt16 COMMENT 'Its EVSE (1.6: connector)',
    place        String CODEC(ZSTD(1)) COMMENT 'The EVSE in the model of the site',
    session      String CODEC(ZSTD(1)) COMMENT 'Its transaction, as the charger calls it; empty: none',
    limit_a      Float64 CODEC(ZSTD(1)) COMMENT 'What it is to draw at most, A per phase; 0: paused, or no car',
    limit_w      Float64 CODEC(ZSTD(1)) COMMENT 'The same as W of all its phases; DC: at the output',
    binding      LowCardinality(String) COMMENT 'Why not more: circuit, charger, contract, schedule, car, plan or reserved; empty: no car',
    circuit      LowCardinality(String) COMMENT 'Which circuit binds, if one does',
    phase        LowCardinality(String) COMMENT 'L1, L2 or L3 of that circuit; empty: its power',
    source       LowCardinality(String) COMMENT 'binding schedule: who says so',
    told_a       Float64 CODEC(ZSTD(1)) COMMENT 'What its charger has accepted; -1: not known',
    ceiling_a    Float64 CODEC(ZSTD(1)) COMMENT 'What it may draw at worst: counted against the circuits',
    because      LowCardinality(String) COMMENT 'rejects, ignores or silent: not believed; else empty',
    way          LowCardinality(String) COMMENT 'By which limit it is told: session, standing or charger',
    set_by       LowCardinality(String) COMMENT 'Who decided: site',
    received_at  DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it was written down'
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (site, place, ts)
TTL toDateTime(ts) + toIntervalDay(${history_days})
SETTINGS ${durable}
COMMENT 'Limits of EVSEs of sites whose power is shared out, one row a change';
