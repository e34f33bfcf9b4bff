"""Statements that analysts begin with: shown in docs/sql.md, run by the tests."""

from typing import Final

EXAMPLES: Final[tuple[tuple[str, str], ...]] = (
    (
        "Energy of the last seven days, by site",
        (
            "SELECT site, day, round(energy_wh / 1000, 1) AS kwh, chargers\n"
            "FROM energy_by_site_day\n"
            "WHERE day >= today() - 7\n"
            "ORDER BY site, day"
        ),
    ),
    (
        "The ten chargers with the most energy this month",
        (
            "SELECT charger, round(sum(energy_wh) / 1000, 1) AS kwh\n"
            "FROM energy_by_charger_hour\n"
            "WHERE hour >= toStartOfMonth(now())\n"
            "GROUP BY charger\n"
            "ORDER BY kwh DESC\n"
            "LIMIT 10"
        ),
    ),
    (
        "The load of a site by hour of the day",
        (
            "SELECT site, toHour(hour) AS hour_of_day, round(avg(power_w_most)) AS power_w\n"
            "FROM load_profile\n"
            "WHERE hour >= now() - INTERVAL 28 DAY\n"
            "GROUP BY site, hour_of_day\n"
            "ORDER BY site, hour_of_day"
        ),
    ),
    (
        "What is running now",
        (
            "SELECT charger, connector, transaction, started_at\n"
            "FROM sessions\n"
            "WHERE state = 'running'\n"
            "ORDER BY started_at"
        ),
    ),
    (
        "The newest power of every connector",
        (
            "SELECT charger, connector, value AS power_w, ts\n"
            "FROM last_values\n"
            "WHERE measurand = 'Power.Active.Import' AND phase = ''\n"
            "ORDER BY power_w DESC"
        ),
    ),
    (
        "Slow answers of chargers to our calls, last day",
        (
            "SELECT action, sum(messages) AS messages, max(p99_ms) AS p99_ms\n"
            "FROM message_latency\n"
            "WHERE direction = 'out' AND hour >= now() - INTERVAL 1 DAY\n"
            "GROUP BY action\n"
            "ORDER BY p99_ms DESC"
        ),
    ),
    (
        "Chargers that were connected for less than 95 % of yesterday",
        (
            "SELECT charger, round(100 * connected_s / 86400, 1) AS percent\n"
            "FROM uptime_by_day\n"
            "WHERE day = yesterday() AND percent < 95\n"
            "ORDER BY percent"
        ),
    ),
    (
        "Uptime of this month, the worst connectors first",
        (
            "SELECT charger, connector, connectivity, fault_free, nevi,\n"
            "    round(outage_s / 3600, 1) AS outage_h, round(excluded_s / 3600, 1) AS excluded_h\n"
            "FROM uptime_by_month\n"
            "WHERE month = toStartOfMonth(today())\n"
            "ORDER BY nevi\n"
            "LIMIT 20"
        ),
    ),
    (
        "Payloads that violate their schema, by charger and place",
        (
            "SELECT charger, action, flag, count() AS messages\n"
            "FROM ocpp_messages\n"
            "ARRAY JOIN flags AS flag\n"
            "GROUP BY charger, action, flag\n"
            "ORDER BY messages DESC"
        ),
    ),
    (
        "The last messages of one charger",
        (
            "SELECT received_at, direction, action, payload, response, outcome\n"
            "FROM ocpp_messages\n"
            "WHERE charger = 'c1'\n"
            "ORDER BY received_at DESC\n"
            "LIMIT 20"
        ),
    ),
    (
        "One transaction's meter values, each once",
        (
            "SELECT ts, measurand, phase, value, unit\n"
            "FROM samples FINAL\n"
            "WHERE charger = 'c1' AND transaction = 7\n"
            "ORDER BY ts, measurand, phase"
        ),
    ),
    (
        "What limited the EVSEs of a site, and for how long",
        (
            "SELECT place, binding, circuit, phase, round(sum(seconds)) AS seconds\n"
            "FROM (\n"
            "    SELECT place, binding, circuit, phase,\n"
            "        dateDiff('second', ts, leadInFrame(ts, 1, now64(3, 'UTC')) OVER (\n"
            "            PARTITION BY place ORDER BY ts\n"
            "            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) AS seconds\n"
            "    FROM evse_limits\n"
            "    WHERE site = 'depot' AND ts > now() - INTERVAL 1 DAY)\n"
            "WHERE binding != ''\n"
            "GROUP BY place, binding, circuit, phase\n"
            "ORDER BY seconds DESC"
        ),
    ),
    (
        "Connectors that were faulted, and how often",
        (
            "SELECT charger, connector, error_code, count() AS times\n"
            "FROM status_history FINAL\n"
            "WHERE status = 'Faulted'\n"
            "GROUP BY charger, connector, error_code\n"
            "ORDER BY times DESC"
        ),
    ),
)
"""Title and statement."""
