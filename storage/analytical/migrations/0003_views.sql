-- Views for analysts. Each has a comment; docs/sql.md is made from them.

CREATE VIEW IF NOT EXISTS ${database}.energy_by_charger_hour${on_cluster}
AS SELECT
    tenant, site, charger, connector, hour,
    toFloat64(greatest(0, high - if(before >= 0 AND before <= low, before, low))) AS energy_wh
FROM
(
    SELECT
        *,
        lagInFrame(high, 1, -1.0) OVER (PARTITION BY charger, connector ORDER BY hour ASC
                               ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
    FROM
    (
        SELECT
            any(tenant) AS tenant, argMax(site, last_ts) AS site, charger, connector, hour,
            min(least) AS low, max(most) AS high
        FROM ${database}.samples_hourly
        WHERE measurand = 'Energy.Active.Import.Register' AND phase = '' AND location = 'Outlet'
              AND connector > 0 AND unit = 'Wh'
        GROUP BY charger, connector, hour
    )
)
COMMENT 'Energy by connector and hour, from the meter registers: from the last reading of the hour before to the last of this one. Gaps count where they end; a register that was reset counts from its new begin';

CREATE VIEW IF NOT EXISTS ${database}.energy_by_site_day${on_cluster}
AS SELECT
    tenant, site, toDate(hour, 'UTC') AS day,
    sum(energy_wh) AS energy_wh,
    uniqExact(charger) AS chargers
FROM ${database}.energy_by_charger_hour
GROUP BY tenant, site, day
COMMENT 'Energy by site and UTC day, and how many chargers have metered';

CREATE VIEW IF NOT EXISTS ${database}.load_profile${on_cluster}
AS SELECT
    tenant, site, hour,
    sum(peak) AS power_w_most,
    sum(base) AS power_w_least,
    count() AS connectors
FROM
(
    SELECT
        any(tenant) AS tenant, argMax(site, last_ts) AS site, charger, connector, hour,
        max(most) AS peak, min(least) AS base
    FROM ${database}.samples_hourly
    WHERE measurand = 'Power.Active.Import' AND phase = '' AND location = 'Outlet'
          AND connector > 0 AND unit = 'W'
    GROUP BY charger, connector, hour
)
GROUP BY tenant, site, hour
COMMENT 'Power by site and hour: the sum of the highest and of the lowest values of the connectors. The sum of peaks is an upper bound of the peak of the site';

CREATE VIEW IF NOT EXISTS ${database}.last_values${on_cluster}
AS SELECT
    any(tenant) AS tenant, argMax(site, last_ts) AS site,
    charger, connector, measurand, phase, location, unit,
    argMaxMerge(last) AS value,
    max(last_ts) AS ts
FROM ${database}.samples_hourly
GROUP BY charger, connector, measurand, phase, location, unit
COMMENT 'The newest value of every measurand of every connector';

CREATE VIEW IF NOT EXISTS ${database}.sessions${on_cluster}
AS SELECT
    any(tenant) AS tenant,
    any(site) AS site,
    charger,
    max(connector) AS connector,
    transaction,
    anyIf(token, kind = 'started') AS token,
    minIf(ts, kind = 'started') AS started_at,
    if(countIf(kind = 'stopped') > 0, maxOrNullIf(ts, kind = 'stopped'),
       maxOrNullIf(ts, kind = 'ended_provisionally')) AS stopped_at,
    anyIf(meter_wh, kind = 'started') AS meter_start_wh,
    anyOrNullIf(meter_wh, kind = 'stopped') AS meter_stop_wh,
    meter_stop_wh - meter_start_wh AS energy_wh,
    dateDiff('second', started_at, stopped_at) AS duration_s,
    if(countIf(kind = 'stopped') > 0, anyIf(reason, kind = 'stopped'),
       anyIf(reason, kind = 'ended_provisionally')) AS reason,
    multiIf(countIf(kind = 'stopped') > 0, 'stopped',
            countIf(kind = 'ended_provisionally') > 0, 'ended provisionally', 'running') AS state
FROM ${database}.transaction_events
GROUP BY charger, transaction
HAVING countIf(kind = 'started') > 0
COMMENT 'Transactions, one row each. The bills of the relational store are authoritative';

CREATE VIEW IF NOT EXISTS ${database}.message_latency${on_cluster}
AS SELECT
    toStartOfHour(toDateTime(received_at, 'UTC')) AS hour,
    tenant, direction, action,
    count() AS messages,
    countIf(outcome != 'result') AS failures,
    quantile(0.5)(latency_us) / 1000 AS p50_ms,
    quantile(0.95)(latency_us) / 1000 AS p95_ms,
    quantile(0.99)(latency_us) / 1000 AS p99_ms,
    max(latency_us) / 1000 AS most_ms
FROM ${database}.ocpp_messages
GROUP BY hour, tenant, direction, action
COMMENT 'How fast calls are answered, by hour, direction and action';

CREATE VIEW IF NOT EXISTS ${database}.connection_spans${on_cluster}
AS SELECT
    any(tenant) AS tenant,
    argMax(site, received_at) AS site,
    charger,
    generation,
    minIf(received_at, kind = 'connected') AS connected_at,
    maxOrNullIf(received_at, kind = 'disconnected') AS disconnected_at,
    dateDiff('second', connected_at, disconnected_at) AS duration_s,
    anyIf(gateway, kind = 'connected') AS gateway,
    anyIf(remote, kind = 'connected') AS remote,
    anyIf(subprotocol, kind = 'connected') AS subprotocol,
    anyIf(code, kind = 'disconnected') AS code,
    anyIf(reason, kind = 'disconnected') AS reason
FROM ${database}.connections
WHERE kind != 'refused'
GROUP BY charger, generation
HAVING countIf(kind = 'connected') > 0
COMMENT 'Connections, one row each; disconnected_at is NULL while it lasts';

CREATE VIEW IF NOT EXISTS ${database}.uptime_by_day${on_cluster}
AS SELECT
    any(tenant) AS tenant,
    argMax(site, until) AS site,
    charger,
    day,
    least(86400, sum(dateDiff('second', greatest(since, toDateTime(day, 'UTC')),
                 least(until, toDateTime(day + 1, 'UTC'))))) AS connected_s,
    count() AS connections
FROM
(
    SELECT
        tenant, site, charger,
        toDateTime(connected_at, 'UTC') AS since,
        toDateTime(coalesce(disconnected_at, now64(3, 'UTC')), 'UTC') AS until,
        arrayJoin(arrayMap(n -> toDate(since, 'UTC') + n,
                           range(toUInt32(least(3660, greatest(0,
                                 dateDiff('day', toDate(since, 'UTC'), toDate(until, 'UTC')))) + 1)))) AS day
    FROM ${database}.connection_spans
)
GROUP BY charger, day
COMMENT 'Seconds that a charger was connected, by UTC day. A day without a row: never connected';

CREATE VIEW IF NOT EXISTS ${database}.catalog${on_cluster}
AS SELECT table, name AS column, type, comment
FROM system.columns
WHERE database = '${database}' AND table NOT IN
      ('schema_migrations', 'samples_hourly_feed', 'samples_again', 'samples_hourly_feed_again')
COMMENT 'Tables and views with their columns';
