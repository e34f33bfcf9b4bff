-- Uptime by connector and month: three measures of the same time, side by side.
--
-- Lengths of unions of spans are enough for all of them. Of a month of length P let C be when the
-- charger was connected, B when a connector was faulted or unavailable, X what is excluded. An outage
-- is whatever is not in C, or is in B. Then
--     outage            = P + |B| - |B or C|
--     outage and X      = outage + |X| - (P + |B or X| - |B or X or C|)
-- so overlapping faults, or a fault of a charger that is away, count once.

CREATE TABLE IF NOT EXISTS ${database}.outage_exclusions${on_cluster}
(
    id         String COMMENT 'Id of the exclusion',
    tenant     LowCardinality(String) COMMENT 'Whose charger it is',
    charger    String COMMENT 'Identity of the charger',
    connector  UInt16 COMMENT '0: all of the charger',
    since      DateTime64(3, 'UTC') COMMENT 'Begin',
    until      DateTime64(3, 'UTC') COMMENT 'End',
    reason     LowCardinality(String) COMMENT 'Why this outage does not count: utility, vehicle, maintenance, vandalism or disaster',
    removed    UInt8 COMMENT '1: it does not hold any more',
    version    UInt64 COMMENT 'The row of an id with the greatest one holds'
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY id
TTL toDateTime(until) + toIntervalDay(${history_days})
SETTINGS ${durable}
COMMENT 'Copies of what operators excluded from uptime; use FINAL and removed = 0';

CREATE VIEW IF NOT EXISTS ${database}.connected_spans${on_cluster}
AS SELECT
    tenant, site, charger, generation,
    connected_at AS since,
    coalesce(disconnected_at, if(next_at > connected_at, next_at, NULL), now64(3, 'UTC')) AS until
FROM
(
    SELECT
        *,
        leadInFrame(connected_at, 1) OVER (PARTITION BY charger ORDER BY connected_at ASC, generation ASC
                               ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_at
    FROM ${database}.connection_spans
)
COMMENT 'When chargers were connected. A connection without an end lasts until the next one, or now';

CREATE VIEW IF NOT EXISTS ${database}.status_spans${on_cluster}
AS SELECT
    tenant, site, charger, connector, plug, status, error_code,
    at AS since,
    if(next_at < at, now64(3, 'UTC'), next_at) AS until
FROM
(
    SELECT
        *,
        leadInFrame(at, 1) OVER (PARTITION BY charger, connector, plug ORDER BY at ASC, received_at ASC
                               ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_at
    FROM
    (
        SELECT
            tenant, site, charger, connector, plug, status, error_code, received_at,
            if(quality = 'ok', ts, toDateTime64(received_at, 3, 'UTC')) AS at
        FROM ${database}.status_history FINAL
    )
)
COMMENT 'How long each status of a connector lasted: until the next one, or now. Also while its charger was away';

CREATE VIEW IF NOT EXISTS ${database}.uptime_by_month${on_cluster}
AS SELECT
    tenant, site, charger, connector, month,
    period / 1000 AS period_s,
    lengths[1] / 1000 AS connected_s,
    lengths[2] / 1000 AS faulted_s,
    (period + lengths[3] - lengths[4]) / 1000 AS outage_s,
    (lengths[3] - lengths[4] + lengths[5] - lengths[6] + lengths[7]) / 1000 AS excluded_s,
    100 * connected_s / period_s AS connectivity,
    100 * (period_s - faulted_s) / period_s AS fault_free,
    100 * (period_s - (outage_s - excluded_s)) / period_s AS nevi
FROM
(
    SELECT
        tenant, site, charger, connector, month,
        ended - began AS period,
        arrayMap(
            spans -> tupleElement(
                arrayFold(
                    (done, span) -> (
                        tupleElement(done, 1) + greatest(toInt64(0), least(tupleElement(span, 2), ended)
                            - greatest(tupleElement(span, 1), tupleElement(done, 2))),
                        greatest(tupleElement(done, 2), least(tupleElement(span, 2), ended))),
                    arraySort(spans),
                    (toInt64(0), began)),
                1),
            [connected, faulted, blocked, arrayConcat(blocked, connected), excluded,
             arrayConcat(blocked, excluded), arrayConcat(blocked, excluded, connected)]) AS lengths
    FROM
    (
        SELECT
            tenant, site, charger, month, connected,
            tupleElement(port, 1) AS connector,
            arrayConcat(tupleElement(port, 2), whole_faulted) AS faulted,
            arrayConcat(tupleElement(port, 3), whole_blocked) AS blocked,
            arrayMap(x -> (tupleElement(x, 2), tupleElement(x, 3)),
                     arrayFilter(x -> tupleElement(x, 1) IN (0, connector), exclusions)) AS excluded,
            greatest(first_at, toInt64(toUnixTimestamp(toDateTime(month, 'UTC'))) * 1000) AS began,
            least(toUnixTimestamp64Milli(now64(3, 'UTC')),
                  toInt64(toUnixTimestamp(toDateTime(addMonths(month, 1), 'UTC'))) * 1000) AS ended
        FROM
        (
            SELECT
                tenant, site, charger, first_at, connected, whole_faulted, whole_blocked, exclusions, port,
                arrayJoin(arrayMap(
                    n -> addMonths(toStartOfMonth(toDateTime(intDiv(first_at, 1000), 'UTC')), n),
                    range(toUInt32(1 + greatest(0, dateDiff('month',
                        toDateTime(intDiv(first_at, 1000), 'UTC'), now('UTC'))))))) AS month
            FROM
            (
                SELECT
                    tenant, site, charger, first_at, connected, whole_faulted, whole_blocked, exclusions,
                    arrayJoin(if(empty(ports), CAST([(0, [], [])],
                        'Array(Tuple(UInt16, Array(Tuple(Int64, Int64)), Array(Tuple(Int64, Int64))))'), ports)) AS port
                FROM
                (
                    SELECT
                        argMax(tenant, since) AS tenant, argMax(site, since) AS site, charger,
                        min(toUnixTimestamp64Milli(since)) AS first_at,
                        groupArray((toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until))) AS connected
                    FROM ${database}.connected_spans
                    GROUP BY charger
                ) AS of_connections
                LEFT JOIN
                (
                    SELECT
                        charger,
                        groupArrayIf((connector, faulted, blocked), connector > 0) AS ports,
                        groupArrayArrayIf(faulted, connector = 0) AS whole_faulted,
                        groupArrayArrayIf(blocked, connector = 0) AS whole_blocked
                    FROM
                    (
                        SELECT
                            charger, connector,
                            groupArrayIf((toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until)),
                                         status = 'Faulted') AS faulted,
                            groupArrayIf((toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until)),
                                         status IN ('Faulted', 'Unavailable')) AS blocked
                        FROM ${database}.status_spans
                        GROUP BY charger, connector
                    )
                    GROUP BY charger
                ) AS of_statuses USING (charger)
                LEFT JOIN
                (
                    SELECT
                        charger,
                        groupArray((connector, toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until)))
                            AS exclusions
                    FROM ${database}.outage_exclusions FINAL
                    WHERE removed = 0
                    GROUP BY charger
                ) AS of_exclusions USING (charger)
            )
        )
    )
    WHERE ended > began
)
COMMENT 'Uptime of connectors by UTC month, three measures side by side; see docs/uptime.md. Seconds may be summed over months and connectors, percentages may not';

CREATE VIEW IF NOT EXISTS ${database}.uptime_of_chargers_by_month${on_cluster}
AS SELECT
    any(tenant) AS tenant, any(site) AS site, charger, month,
    count() AS connectors,
    sum(u.period_s) AS period_s,
    sum(u.connected_s) AS connected_s,
    sum(u.faulted_s) AS faulted_s,
    sum(u.outage_s) AS outage_s,
    sum(u.excluded_s) AS excluded_s,
    100 * connected_s / period_s AS connectivity,
    100 * (period_s - faulted_s) / period_s AS fault_free,
    100 * (period_s - (outage_s - excluded_s)) / period_s AS nevi
FROM ${database}.uptime_by_month AS u
GROUP BY charger, month
COMMENT 'Uptime of chargers by UTC month: the seconds of their connectors summed';
