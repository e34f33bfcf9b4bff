"""Every table of the relational store.

Instants are `_us`: microseconds since 1970-01-01 UTC in a BIGINT, as everywhere in this project.
What is projected from journals carries no foreign keys: a fact is kept even when the record that
it speaks of is missing, late or deleted. Ids of projected rows follow from their content or their
place in a journal, so projecting twice gives the same rows.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, **options: Any) -> Column[str]:  # noqa: ANN401 passed through
    return Column(name, Text, nullable=False, server_default="", **options)


def _int(name: str, **options: Any) -> Column[int]:  # noqa: ANN401 passed through
    return Column(name, BigInteger, nullable=False, server_default="0", **options)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default="0")


def _key(name: str, kind: type[String | BigInteger | Integer] = String) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


# ---- what operators write (registry) ----------------------------------------------------------

counters = Table("counters", metadata, _key("name"), _int("value"))
"""`revision`: the last number of the change feed. `transaction`: the last number leased."""

tenants = Table("tenants", metadata, _key("id"), _text("name"), _int("created_us"))

sites = Table(
    "sites",
    metadata,
    _key("id"),
    _text("tenant"),
    _text("name"),
    _text("address"),
    _text("time_zone"),
    _int("power_w_max"),  # 0: no limit
    Column("latitude", Float),  # degrees, WGS 84; null: not known
    Column("longitude", Float),
    _int("created_us"),
    _int("revision", index=True),
    _flag("deleted"),
)

site_models = Table(
    "site_models",
    metadata,
    _key("id"),  # of the site
    _text("tenant"),
    _text("model"),  # JSON of a domain.site.Site; empty: its power is not shared out
    _text("schedule"),  # JSON list of domain.site.CapacityLimit
    _text("signals"),  # JSON list of domain.site.SiteSignal
    _int("revision", index=True),
    _flag("deleted"),
)

chargers = Table(
    "chargers",
    metadata,
    _key("id"),
    # Casefold of id, null when deleted: no two living chargers differ by case only.
    Column("folded", Text, unique=True),
    _text("tenant"),
    _text("site"),
    _int("security_profile"),
    _text("credential_kind"),
    Column("credential_salt", LargeBinary),
    Column("credential_digest", LargeBinary),
    _text("networks"),  # JSON list of CIDRs
    _flag("strict"),
    _text("registration"),
    _int("heartbeat_s"),
    _text("subprotocol"),
    _text("time_zone"),
    _int("reply_delay_ms"),
    _int("pending_profile"),
    _text("candidate_kind"),  # a new password that is valid beside the other one
    Column("candidate_salt", LargeBinary),
    Column("candidate_digest", LargeBinary),
    _int("candidate_until_us"),
    _text("serial_number"),  # may be the CN of its certificate
    _int("created_us"),
    _int("revision", index=True),
    _flag("deleted"),
    Index("ix_chargers_site", "site"),
)

tokens = Table(
    "tokens",
    metadata,
    _key("id"),  # casefolded: 1.6 compares idTags without regard to case
    _text("shown"),  # as the operator wrote it
    _text("tenant"),
    _text("status"),
    _int("expires_us"),
    _text("parent"),
    _int("max_active"),
    _int("revision", index=True),
    _flag("deleted"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _key("id"),
    _text("name"),
    _text("tenant"),
    _text("role"),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the secret
    _int("created_us"),
    _int("expires_us"),  # 0: never
    _int("revoked_us"),  # 0: valid
)

# ---- what chargers reported (projector) -------------------------------------------------------

charger_states = Table(
    "charger_states",
    metadata,
    _key("charger"),
    _text("vendor"),
    _text("model"),
    _text("serial"),
    _text("firmware"),
    _text("iccid"),
    _text("imsi"),
    _text("meter_type"),
    _text("meter_serial"),
    _text("box_serial"),
    _text("boot_reason"),
    _text("boot_status"),
    _int("booted_us"),
    _int("last_seen_us"),
    _flag("connected"),
    _int("generation"),
    _text("gateway"),
    _text("remote"),
    _text("subprotocol"),
    _int("connected_us"),
    _int("disconnected_us"),
    _int("close_code"),
    _text("close_reason"),
    Index("ix_charger_states_last_seen_us", "last_seen_us"),
)

evse_limits = Table(
    "evse_limits",
    metadata,
    _key("site"),
    _key("place"),
    _text("charger"),
    _int("evse"),
    _text("session"),
    Column("standing_a", Float, nullable=False, server_default="-1"),
    Column("session_a", Float, nullable=False, server_default="-1"),
    Column("charger_a", Float, nullable=False, server_default="-1"),
    _int("at_us"),
)
"""What may hold at each EVSE of a site, A per phase, -1: not known; see domain.events.LimitDecided.
A site's actor that begins anew goes on from here."""

connectors = Table(
    "connectors",
    metadata,
    _key("charger"),
    _key("connector", BigInteger),  # 0: the charger as a whole
    _text("status"),
    _text("error_code"),
    _text("info"),
    _text("vendor"),
    _text("vendor_error"),
    _int("at_us"),
    _text("quality"),
    _int("received_us"),
    _int("order_us"),  # the charger's time where it can be trusted, else ours
)

transactions = Table(
    "transactions",
    metadata,
    _key("id"),  # hash of the content key
    Column("number", BigInteger),  # the one that the charger knows; null: only its stop is known
    _text("charger"),
    _int("connector"),
    _text("token"),
    _text("token_status"),
    _int("reservation"),
    _int("started_us"),
    _text("started_raw"),
    _text("start_quality"),
    _int("start_received_us"),
    _int("meter_start_wh"),
    _text("state"),  # open, provisional, ended, orphan
    _text("ended_because"),
    _int("ended_us"),
    _text("stopped_raw"),
    _text("stop_quality"),
    _int("stop_received_us"),
    _int("meter_stop_wh"),
    _text("stop_token"),
    _text("stop_reason"),
    _text("stop"),  # id of the row in transaction_stops that ended it
    _int("last_meter_wh"),
    _int("last_meter_us"),
    _text("flags"),  # JSON list
    _int("revision", index=True),
    Index("ix_transactions_number", "number"),
    Index("ix_transactions_charger_state", "charger", "state"),
    Index("ix_transactions_charger_started_us", "charger", "started_us"),
    Index("ix_transactions_started_us", "started_us"),
    Index("ix_transactions_token", "token"),
)

transaction_aliases = Table(
    "transaction_aliases",
    metadata,
    _key("charger"),
    _key("number", BigInteger),
    _text("transaction"),
    Index("ix_transaction_aliases_number", "number"),
)
"""Further numbers that the same start was answered with."""

transaction_stops = Table(
    "transaction_stops",
    metadata,
    _key("id"),  # hash of the content key
    _text("charger"),
    _int("said_transaction"),
    _text("transaction", index=True),
    _flag("guessed"),  # the number did not tell: matched by token, meter and time, or orphan
    _int("at_us"),
    _text("stopped_raw"),
    _text("quality"),
    _int("received_us"),
    _int("meter_stop_wh"),
    _text("token"),
    _text("reason"),
    Index("ix_transaction_stops_said_transaction", "said_transaction"),
)
"""Every stop that ever came: the first ends its transaction, the others are evidence."""

commands = Table(
    "commands",
    metadata,
    _key("id"),
    _text("charger"),
    _text("action"),
    _text("payload"),
    _text("outcome"),
    _text("response"),
    _text("error_code"),
    _text("error_text"),
    _text("issued_by"),
    _int("queued_us"),
    _int("sent_us"),
    _int("finished_us"),
    _text("follow_end"),
    _int("follow_transaction"),
    _text("follow_detail"),
    _int("followed_us"),
    _int("received_us", index=True),
    Index("ix_commands_charger_received_us", "charger", "received_us"),
)

progress_reports = Table(
    "progress_reports",
    metadata,
    _key("charger"),
    _key("kind"),  # firmware, diagnostics, log
    _text("status"),
    _int("request"),
    _flag("signed"),
    _int("received_us"),
)
"""The last FirmwareStatus, DiagnosticsStatus and LogStatus notification of a charger."""

security_events = Table(
    "security_events",
    metadata,
    _key("id"),
    _text("charger"),
    _text("kind"),
    _int("at_us"),
    _text("quality"),
    _text("info"),
    _int("received_us", index=True),
    Index("ix_security_events_charger_received_us", "charger", "received_us"),
)

data_transfers = Table(
    "data_transfers",
    metadata,
    _key("id"),
    _text("charger"),
    _text("vendor"),
    _text("message"),
    _text("data"),
    _text("status"),
    _int("received_us", index=True),
    Index("ix_data_transfers_charger_received_us", "charger", "received_us"),
)

certificate_requests = Table(
    "certificate_requests",
    metadata,
    _key("id"),
    _text("charger"),
    _text("csr"),
    _text("status"),
    _int("received_us", index=True),
    _text("kind"),  # 2.x: which certificate is asked for
    _int("request"),  # 2.1: its number
    Index("ix_certificate_requests_charger_received_us", "charger", "received_us"),
)

charger_certificates = Table(
    "charger_certificates",
    metadata,
    _key("id"),  # of the row in certificate_requests
    _text("charger", index=True),
    _text("serial"),  # hexadecimal
    _int("not_before_us"),
    _int("not_after_us"),
    _text("status"),  # signed, delivered, not_delivered, refused
    _text("detail"),  # what is wrong, for the operator
    _int("renewal_us", index=True),  # when the charger is asked to renew; 0: never
    _int("created_us"),
)

refusals = Table(
    "refusals",
    metadata,
    _key("id"),
    _text("charger"),  # as claimed, never proved
    _text("path"),
    _text("remote"),
    _int("status"),
    _text("reason"),
    _text("detail"),
    _text("subprotocols"),
    _text("user_agent"),
    _text("tls"),  # version and cipher; empty: no TLS
    _text("authorization"),  # the scheme of the proof that was sent; empty: none was
    _int("received_us", index=True),
    Index("ix_refusals_charger_received_us", "charger", "received_us"),
)

dismissals = Table(
    "dismissals",
    metadata,
    _key("charger"),  # as claimed; empty: connections without an identity
    _key("remote"),  # of those: the address
    _text("dismissed_by"),
    _int("dismissed_us"),
)
"""Refused connections that nobody wants to see in the inbox again."""

# ---- housekeeping -----------------------------------------------------------------------------

journal_positions = Table(
    "journal_positions",
    metadata,
    _key("uuid"),
    _text("name"),
    _int("lsn"),
    _int("updated_us"),
)

quarantine = Table(
    "quarantine",
    metadata,
    _key("id"),
    _text("journal"),
    _int("lsn"),
    _text("reason"),
    Column("blob", LargeBinary, nullable=False),
    _int("received_us", index=True),
)
"""Journal records that could not be understood or stored: kept, reported, never in the way."""

leases = Table(
    "leases",
    metadata,
    _key("first", BigInteger),
    _int("last"),
    _text("gateway"),
    _int("leased_us"),
)
"""Blocks of transaction numbers, and who got them."""
