-- Events of transactions, statuses and monitored variables of OCPP 2.x beside those of 1.6.

ALTER TABLE ${database}.transaction_events${on_cluster}
    ADD COLUMN IF NOT EXISTS said String CODEC(ZSTD(1)) COMMENT 'OCPP 2.x: the transaction as the charger calls it; 1.6: empty' AFTER received_at,
    ADD COLUMN IF NOT EXISTS seq Int32 CODEC(ZSTD(1)) COMMENT 'OCPP 2.x: number of the event within its transaction' AFTER said,
    ADD COLUMN IF NOT EXISTS plug UInt16 COMMENT 'OCPP 2.x: connector of the EVSE; 1.6: 0' AFTER seq,
    ADD COLUMN IF NOT EXISTS trigger LowCardinality(String) COMMENT 'OCPP 2.x: why the event was sent' AFTER plug,
    ADD COLUMN IF NOT EXISTS state LowCardinality(String) COMMENT 'OCPP 2.x: Charging, EVConnected, SuspendedEV, SuspendedEVSE or Idle, as far as said' AFTER trigger,
    ADD COLUMN IF NOT EXISTS offline UInt8 COMMENT 'OCPP 2.x: 1 when it happened while the charger was not connected' AFTER state,
    ADD COLUMN IF NOT EXISTS token_kind LowCardinality(String) COMMENT 'OCPP 2.x: type of the token' AFTER offline,
    ADD COLUMN IF NOT EXISTS cost Float64 CODEC(ZSTD(1)) COMMENT 'OCPP 2.x: what the driver was told that it costs; -1: nothing' AFTER token_kind,
    MODIFY ORDER BY (charger, transaction, kind, ts, connector, said, seq);

ALTER TABLE ${database}.transaction_events${on_cluster}
    COMMENT COLUMN kind 'started, updated (OCPP 2.x), stopped, or ended_provisionally (no end came, but it cannot be running any more)';

ALTER TABLE ${database}.transaction_events${on_cluster}
    COMMENT COLUMN meter_wh 'Reading of the energy register at that moment, Wh; OCPP 2.x: -1 when the event has none';

ALTER TABLE ${database}.status_history${on_cluster}
    ADD COLUMN IF NOT EXISTS plug UInt16 COMMENT 'OCPP 2.x: connector of the EVSE; 1.6: 0' AFTER received_at,
    MODIFY ORDER BY (charger, connector, ts, status, error_code, plug);

CREATE TABLE IF NOT EXISTS ${database}.device_events${on_cluster}
(
    ts           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it happened, by the clock of the charger',
    tenant       LowCardinality(String) COMMENT 'Whose charger it is; empty while unknown',
    site         LowCardinality(String) COMMENT 'Where the charger is; empty while unknown',
    charger      String CODEC(ZSTD(1)) COMMENT 'Identity of the charger',
    event        Int64 CODEC(ZSTD(1)) COMMENT 'Number of the event, given by the charger',
    trigger      LowCardinality(String) COMMENT 'Alerting, Delta or Periodic',
    kind         LowCardinality(String) COMMENT 'HardWiredNotification, HardWiredMonitor, PreconfiguredMonitor or CustomMonitor',
    component    LowCardinality(String) COMMENT 'Component of the device model, with /instance when it has one',
    variable     LowCardinality(String) COMMENT 'Variable of the component, with /instance when it has one',
    evse         UInt16 COMMENT 'EVSE of the component; 0: none',
    connector    UInt16 COMMENT 'Connector of the EVSE; 0: none',
    value        String CODEC(ZSTD(1)) COMMENT 'Value of the variable then',
    severity     Int16 COMMENT '0 (danger) to 9 (debug); -1: not said',
    monitor      Int64 CODEC(ZSTD(1)) COMMENT 'Number of the monitor; 0: none',
    cleared      UInt8 COMMENT '1 when what was monitored is over',
    code         String CODEC(ZSTD(1)) COMMENT 'Technical code of the charger',
    text         String CODEC(ZSTD(1)) COMMENT 'Technical text of the charger',
    transaction  String CODEC(ZSTD(1)) COMMENT 'Transaction as the charger calls it; empty: none',
    quality      LowCardinality(String) COMMENT 'Trust in ts',
    received_at  DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it reached us'
)
ENGINE = ${replicated}ReplacingMergeTree(received_at)
PARTITION BY toYYYYMM(ts)
ORDER BY (charger, ts, component, variable, evse, connector, event)
TTL toDateTime(ts) + toIntervalDay(${history_days})
SETTINGS ${durable}
COMMENT 'NotifyEvents of OCPP 2.x, one row a monitored variable';

DROP VIEW IF EXISTS ${database}.sessions${on_cluster};

CREATE VIEW IF NOT EXISTS ${database}.sessions${on_cluster}
AS SELECT
    any(tenant) AS tenant,
    any(site) AS site,
    charger,
    max(connector) AS connector,
    min(transaction) AS transaction,
    anyIf(token, token != '' AND kind != 'stopped') AS token,
    if(countIf(kind = 'started') > 0, minIf(ts, kind = 'started'), min(ts)) AS started_at,
    if(countIf(kind = 'stopped') > 0, minOrNullIf(ts, kind = 'stopped'),
       maxOrNullIf(ts, kind = 'ended_provisionally')) AS stopped_at,
    if(countIf(kind = 'started' AND meter_wh >= 0) > 0,
       anyIf(meter_wh, kind = 'started' AND meter_wh >= 0),
       argMinIf(meter_wh, ts, meter_wh >= 0)) AS meter_start_wh,
    if(countIf(kind = 'stopped') = 0, NULL,
       if(countIf(kind = 'stopped' AND meter_wh >= 0) > 0,
          anyOrNullIf(meter_wh, kind = 'stopped' AND meter_wh >= 0),
          argMaxOrNullIf(meter_wh, ts, kind = 'updated' AND meter_wh >= 0))) AS meter_stop_wh,
    meter_stop_wh - meter_start_wh AS energy_wh,
    dateDiff('second', started_at, stopped_at) AS duration_s,
    if(countIf(kind = 'stopped') > 0, anyIf(reason, kind = 'stopped'),
       anyIf(reason, kind = 'ended_provisionally')) AS reason,
    multiIf(countIf(kind = 'stopped') > 0, 'stopped',
            countIf(kind = 'ended_provisionally') > 0, 'ended provisionally', 'running') AS state,
    max(said_as) AS said,
    argMax(cost, ts) AS cost
FROM
(
    SELECT *, said AS said_as, if(said = '', toString(transaction), said) AS session
    FROM ${database}.transaction_events
)
GROUP BY charger, session
HAVING countIf(kind IN ('started', 'updated')) > 0
COMMENT 'Transactions of all versions of OCPP, one row each. The bills of the relational store are authoritative';

CREATE VIEW IF NOT EXISTS ${database}.device_alerts${on_cluster}
AS SELECT
    any(tenant) AS tenant,
    argMax(site, ts) AS site,
    charger, component, variable, evse, connector,
    max(ts) AS since,
    argMax(value, ts) AS value,
    argMax(severity, ts) AS severity,
    argMax(text, ts) AS text
FROM ${database}.device_events
GROUP BY charger, component, variable, evse, connector
HAVING argMax(cleared, ts) = 0 AND argMax(trigger, ts) = 'Alerting'
COMMENT 'Alerts of monitored variables that are not cleared: the newest event of each';
