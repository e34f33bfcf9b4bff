-- Roll-ups keep only min, max and argMax: sending a sample again does not change them.
-- Samples of a StopTransaction name no connector, and which one it was may be known or not when the
-- stop comes; so they are kept under connector 0, to be the same when they come again. There they
-- would look like a second meter, so they are left out here.

CREATE TABLE IF NOT EXISTS ${database}.samples_hourly${on_cluster}
(
    tenant     LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site       LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    measurand  LowCardinality(String) COMMENT 'What was measured',
    charger    String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    connector  UInt16 COMMENT '0: the main meter',
    phase      LowCardinality(String) COMMENT 'Empty: the sum, or no phase',
    location   LowCardinality(String) COMMENT 'Outlet, Inlet, Cable, EV or Body',
    unit       LowCardinality(String) COMMENT 'Unit of the values',
    hour       DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'Begin of the hour',
    least      SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1)) COMMENT 'Smallest value; use min()',
    most       SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)) COMMENT 'Greatest value; use max()',
    last       AggregateFunction(argMax, Float64, DateTime64(3, 'UTC')) COMMENT 'Last value; use argMaxMerge()',
    last_ts    SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)) COMMENT 'Time of the last value; use max()'
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (site, measurand, charger, connector, phase, location, unit, hour, tenant)
TTL hour + toIntervalDay(${hourly_days})
SETTINGS ${durable}
COMMENT 'Samples by the hour: group by the key and use min, max and argMaxMerge';

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.samples_hourly_feed${on_cluster}
TO ${database}.samples_hourly
AS SELECT
    tenant, site, measurand, charger, connector, phase, location, unit,
    toStartOfHour(toDateTime(ts, 'UTC')) AS hour,
    min(value) AS least,
    max(value) AS most,
    argMaxState(value, ts) AS last,
    max(ts) AS last_ts
FROM ${database}.samples
WHERE text = '' AND (connector > 0 OR transaction = 0)
GROUP BY tenant, site, measurand, charger, connector, phase, location, unit, hour;

-- What is sent here reaches the roll-up and nothing else: the way to feed it a block once more.
CREATE TABLE IF NOT EXISTS ${database}.samples_again${on_cluster} AS ${database}.samples
ENGINE = Null
COMMENT 'Always empty: feeds the roll-up after a crash';

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.samples_hourly_feed_again${on_cluster}
TO ${database}.samples_hourly
AS SELECT
    tenant, site, measurand, charger, connector, phase, location, unit,
    toStartOfHour(toDateTime(ts, 'UTC')) AS hour,
    min(value) AS least,
    max(value) AS most,
    argMaxState(value, ts) AS last,
    max(ts) AS last_ts
FROM ${database}.samples_again
WHERE text = '' AND (connector > 0 OR transaction = 0)
GROUP BY tenant, site, measurand, charger, connector, phase, location, unit, hour;
