"""What is measured, row by row: the figure, its unit, and what the spine was built for.

A benchmark returns figures by key; a row says how to show one and what it should reach. Goals are
for one machine of 2 cores that runs the node and the generator. A missed goal fails nothing.
"""

from dataclasses import dataclass
from typing import TypeAlias

Figures: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class Row:
    """A figure of a benchmark.

    Attributes:
        label: for the table.
        unit: follows the value.
        at_most, at_least: the goal; both None: shown without judgement.
        digits: after the point.
    """

    benchmark: str
    key: str
    label: str
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    digits: int = 0

    def shown(self, value: float) -> str:
        return f"{value:,.{self.digits}f} {self.unit}".strip()

    @property
    def goal(self) -> str:
        """The goal as text, empty when there is none."""
        for sign, limit in (("≤", self.at_most), ("≥", self.at_least)):
            if limit is not None:
                return f"{sign} {limit:,.{self.digits}f} {self.unit}".strip()
        return ""

    def reached(self, value: float) -> bool | None:
        """Whether the goal is reached; None: there is none."""
        if self.at_most is not None:
            return value <= self.at_most
        if self.at_least is not None:
            return value >= self.at_least
        return None


ROWS = (
    Row("gateway", "cpu_us", "gateway CPU per MeterValues of 4 samples", "µs", at_most=60),
    Row("gateway", "per_s", "MeterValues answered, durable, whole node", "/s", at_least=14_000),
    Row("gateway", "node_cpu_us", "CPU of all other processes per MeterValues", "µs"),
    Row("gateway", "generator_cpu_us", "CPU of the generator per MeterValues", "µs"),
    Row("gateway", "event_cpu_us", "gateway CPU per TransactionEvent, the same samples", "µs"),
    Row("gateway", "event_ratio", "in a MeterValues, by turns", "times", at_most=1.3, digits=2),
    Row("gateway", "catch_up_s", "ledger and warehouse behind after the load", "s", digits=1),
    Row("gateway", "p50_ms", "answer at 1,000/s, half of them within", "ms", digits=1),
    Row("gateway", "p99_ms", "answer at 1,000/s, 99 % within", "ms", at_most=10, digits=1),
    Row("gateway", "p999_ms", "answer at 1,000/s, 99.9 % within", "ms", digits=1),
    Row("gateway", "late_p99_ms", "of that the generator's own delay, 99 % within", "ms", digits=1),
    Row("gateway", "connects_per_s", "connect + BootNotification", "/s", at_least=2_500),
    Row("gateway", "connect_cpu_us", "gateway CPU per connect + BootNotification", "µs"),
    Row("gateway", "enrols_per_s", "the same, of chargers never seen before", "/s"),
    Row("gateway", "charger_kb", "memory of a connected charger", "KB", at_most=20, digits=1),
    Row("gateway", "busy_charger_kb", "the same, after 10 MeterValues each", "KB", digits=1),
    Row("gateway", "node_mb", "memory of an idle node, all processes", "MB"),
    Row("scale", "chargers", "chargers in one gateway (limit: open files)", at_least=19_500),
    Row("scale", "cpu_us_100", "CPU per message, paced, 100 connected", "µs", digits=1),
    Row("scale", "cpu_us_1000", "CPU per message, paced, 1,000 connected", "µs", digits=1),
    Row("scale", "cpu_us_all", "CPU per message, paced, all connected", "µs", digits=1),
    Row("scale", "uneven_pct", "greatest difference of the three", "%", at_most=15, digits=1),
    Row("scale", "idle_pct", "a core, for all of them being silent", "%", digits=1),
    Row("scale", "charger_kb", "memory of a charger, all connected", "KB", at_most=20, digits=1),
    Row("scale", "drop_s", "all lost at once: gateway silent for", "s", at_most=3, digits=2),
    Row("warehouse", "samples_per_s", "samples into ClickHouse", "/s", at_least=100_000),
    Row("warehouse", "logged_samples_per_s", "the same, with the log of messages", "/s"),
    Row("warehouse", "sample_cpu_us", "CPU per sample, merges included", "µs", digits=2),
    Row("warehouse", "sample_bytes", "a sample on disk", "bytes", at_most=3, digits=2),
    Row("recovery", "killed_s", "kill -9, 1,000 chargers served again", "s", at_most=2, digits=2),
    Row("recovery", "found_s", "hung gateway found", "s", at_most=3, digits=2),
    Row("recovery", "hung_s", "hung gateway, 1,000 chargers served again", "s", digits=2),
    Row("peer", "peer_cpu_us", "CPU per MeterValues, ocpp's central system", "µs"),
    Row("peer", "cpu_us", "CPU per MeterValues, our gateway, same run", "µs"),
    Row("peer", "ratio", "ocpp's CPU in ours", "times", digits=1),
    Row("peer", "peer_per_s", "answered, ocpp's central system, nothing kept", "/s"),
    Row("peer", "per_s", "answered, our node, durable", "/s"),
    Row("peer", "rpc_cpu_us", "CPU per MeterValues, npm ocpp-rpc's server", "µs"),
    Row("peer", "rpc_per_s", "answered, npm ocpp-rpc's server, nothing kept", "/s"),
    Row("tls", "plain_per_s", "connects, one gateway: plain", "/s"),
    Row("tls", "plain_cpu_us", "gateway CPU per connect: plain", "µs"),
    Row("tls", "plain_charger_kb", "memory of one charger: plain", "KB", digits=1),
    Row("tls", "p2_ecdsa_per_s", "connects, one gateway: TLS, ECDSA", "/s"),
    Row("tls", "p2_ecdsa_cpu_us", "gateway CPU per connect: TLS, ECDSA", "µs"),
    Row("tls", "p2_ecdsa_charger_kb", "memory of one: TLS, ECDSA", "KB", at_most=45, digits=1),
    Row("tls", "p2_rsa_per_s", "connects, one gateway: TLS, RSA", "/s"),
    Row("tls", "p2_rsa_cpu_us", "gateway CPU per connect: TLS, RSA", "µs"),
    Row("tls", "p2_rsa_charger_kb", "memory of one: TLS, RSA", "KB", at_most=45, digits=1),
    Row("tls", "p3_ecdsa_per_s", "connects, one gateway: mTLS, ECDSA", "/s"),
    Row("tls", "p3_ecdsa_cpu_us", "gateway CPU per connect: mTLS, ECDSA", "µs"),
    Row(
        "tls",
        "p3_ecdsa_charger_kb",
        "memory of one: mTLS, ECDSA",
        "KB",
        at_most=45,
        digits=1,
    ),
    Row("tls", "p3_rsa_per_s", "connects, one gateway: mTLS, RSA", "/s"),
    Row("tls", "p3_rsa_cpu_us", "gateway CPU per connect: mTLS, RSA", "µs"),
    Row(
        "tls",
        "p3_rsa_charger_kb",
        "memory of one: mTLS, RSA",
        "KB",
        at_most=45,
        digits=1,
    ),
    Row("parts", "decode_us", "part: decode a frame", "µs", digits=1),
    Row("parts", "session_us", "part: session, decode and answer included", "µs", digits=1),
    Row("parts", "read_us", "part: check and read a payload", "µs", digits=1),
    Row("parts", "mailbox_us", "part: tell an actor", "µs", digits=2),
    Row("parts", "machine_us", "part: the charger's machine", "µs", digits=2),
    Row("parts", "entry_us", "part: encode a journal entry", "µs", digits=2),
    Row("parts", "journal_us", "part: journal, a record until it is durable", "µs", digits=1),
    Row("parts", "batcher_us", "part: an entry to columns for ClickHouse", "µs", digits=1),
    Row("operators", "gateway_pct", "gateway's CPU for 200 dashboards", "%", at_most=5, digits=1),
    Row("operators", "api_pct", "api's CPU for them", "%", digits=1),
    Row("operators", "ledger_pct", "ledger's CPU for them", "%", digits=1),
    Row("operators", "events_per_s", "events to all of them", "/s"),
    Row("operators", "commands_per_s", "commands through REST, all in time", "/s", at_least=990),
    Row("operators", "command_p50_ms", "a command, half of them within", "ms", digits=1),
    Row("operators", "command_p99_ms", "a command, 99 % within", "ms", at_most=100, digits=1),
    Row("operators", "commands_most_per_s", "commands through REST, most", "/s"),
    Row("operators", "command_api_us", "api's CPU for a command, at most of them", "µs"),
    Row("operators", "command_gateway_us", "gateway's CPU for a command, then", "µs"),
    Row("operators", "command_failures", "commands that were not accepted", at_most=0),
    Row("crowd", "chargers", "chargers on the machine, all connected", at_least=100_000),
    Row("crowd", "gateways", "gateways for them (limit: open files)"),
    Row("crowd", "messages_per_s", "messages of all of them", "/s"),
    Row("crowd", "lost", "of them lost a connection or an answer", at_most=0),
    Row("crowd", "p50_ms", "answer, half of them within", "ms", digits=1),
    Row("crowd", "p99_ms", "answer, 99 % within", "ms", digits=1),
    Row("crowd", "p999_ms", "answer, 99.9 % within", "ms", digits=1),
    Row("crowd", "cpu_pct_1000", "a core, whole node, for 1,000 chargers", "%", digits=2),
    Row("crowd", "mb_1000", "memory, whole node, for 1,000 chargers", "MB", digits=1),
    Row("crowd", "generator_cpu_pct", "a core, for the generators", "%", digits=1),
    Row("crowd", "connects_per_s", "connect + BootNotification, all gateways", "/s"),
    Row("storm", "chargers", "reconnect storm, chargers"),
    Row("storm", "served_s", "storm: all served again", "s", at_most=20, digits=1),
    Row("storm", "restarted", "storm: processes that did not live through it", at_most=0),
    Row("storm", "half_s", "storm: half of them", "s", digits=1),
    Row("storm", "live_p99_ms", "storm: those who stayed, 99 % within", "ms", at_most=1_000),
    Row("neighbours", "p99_ms", "answer at 500/s in peace, 99 % within", "ms", digits=1),
    Row("neighbours", "flood_times", "beside a flood", "times", at_most=1.2, digits=2),
    Row(
        "neighbours",
        "half_open_times",
        "beside 10,000 half-open handshakes",
        "times",
        at_most=1.2,
        digits=2,
    ),
    Row("outages", "away_s", "stores away for", "s"),
    Row("outages", "postgresql_p99_ms", "PostgreSQL away: 99 % within", "ms", at_most=300),
    Row("outages", "postgresql_lost", "PostgreSQL away: transactions lost", at_most=0),
    Row("outages", "postgresql_catch_up_s", "PostgreSQL back: caught up in", "s", digits=1),
    Row("outages", "clickhouse_p99_ms", "ClickHouse away: 99 % within", "ms", at_most=300),
    Row("outages", "clickhouse_lost", "ClickHouse away: MeterValues lost", at_most=0),
    Row("outages", "clickhouse_twice", "ClickHouse away: MeterValues twice", at_most=0),
    Row("outages", "clickhouse_catch_up_s", "ClickHouse back: caught up in", "s", digits=1),
    Row("soak", "soak_s", "soak at 1,000/s, a tenth of the chargers replaced all the time", "s"),
    Row("soak", "gateway_growth_pct", "soak: growth of the gateway", "%", at_most=2, digits=1),
    Row("soak", "node_growth_pct", "soak: growth of the whole node", "%", digits=1),
    Row("sites", "ours_40", "energy delivered, garage with 40 kW", "%", digits=2),
    Row("sites", "ours_50", "energy delivered, garage with 50 kW", "%", digits=2),
    Row("sites", "ours_60", "energy delivered, garage with 60 kW", "%", digits=2),
    Row("sites", "of_bound_60", "of the offline optimum, 60 kW", "%", at_least=97, digits=2),
    Row("sites", "ahead_40", "ahead of acnportal's best, 40 kW", "points", at_least=0, digits=2),
    Row("sites", "ahead_50", "ahead of acnportal's best, 50 kW", "points", at_least=0, digits=2),
    Row("sites", "ahead_60", "ahead of acnportal's best, 60 kW", "points", at_least=0, digits=2),
    Row("sites", "allocate_ms", "CPU to share among 500 EVSEs", "ms", at_most=3, digits=1),
    Row("pages", "first_ms", "list of 10,000 chargers, first page", "ms", at_most=100, digits=1),
    Row("pages", "first_p95_ms", "the same, 95 % within", "ms", digits=1),
    Row("pages", "search_ms", "search among them", "ms", at_most=100, digits=1),
    Row("pages", "site_ms", "those of one site", "ms", at_most=100, digits=1),
    Row("pages", "rest_ms", "100 of them over REST", "ms", digits=1),
    Row("pages", "overview_ms", "overview of 10,000 chargers", "ms", digits=1),
    Row("pages", "map_ms", "map of their 50 sites", "ms", digits=1),
    Row("capacity", "chargers", "cars that charge on sites that share power"),
    Row(
        "capacity",
        "settled_s",
        "half the capacity, until every phase of every site is below (-1: never)",
        "s",
        at_most=10,
        digits=1,
    ),
    Row("capacity", "over_a", "most above a limit, otherwise", "A", at_most=1, digits=2),
    Row("capacity", "cpu_pct", "CPU of the whole node", "%", digits=1),
    Row("capacity", "messages_per_min", "calls of chargers and of the node", "/min"),
    Row("capacity", "orders_per_min", "SetChargingProfile", "/min"),
    Row("capacity", "orders_each_per_min", "SetChargingProfile each charger", "/min", digits=2),
    Row("sites", "plan_s", "CPU to plan 200 EVSEs, 48 slots", "s", at_most=0.3, digits=2),
)


def rows_of(benchmark: str) -> tuple[Row, ...]:
    return tuple(row for row in ROWS if row.benchmark == benchmark)
