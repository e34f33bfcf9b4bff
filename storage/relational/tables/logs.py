"""Tables that only grow, up to a limit."""

from sqlalchemy import Index, Table

from storage.relational.tables.base import key, metadata, text, whole

security_events = Table(
    "security_events",
    metadata,
    key("id"),
    text("charger"),
    text("kind"),
    whole("at_us"),
    text("quality"),
    text("info"),
    whole("received_us", index=True),
    Index("ix_security_events_charger_received_us", "charger", "received_us"),
)

data_transfers = Table(
    "data_transfers",
    metadata,
    key("id"),
    text("charger"),
    text("vendor"),
    text("message"),
    text("data"),
    text("status"),
    whole("received_us", index=True),
    Index("ix_data_transfers_charger_received_us", "charger", "received_us"),
)

certificate_requests = Table(
    "certificate_requests",
    metadata,
    key("id"),
    text("charger"),
    text("csr"),
    text("status"),
    whole("received_us", index=True),
    text("kind"),  # 2.x: which certificate is asked for
    whole("request"),  # 2.1: its number
    Index("ix_certificate_requests_charger_received_us", "charger", "received_us"),
)

charger_certificates = Table(
    "charger_certificates",
    metadata,
    key("id"),  # of the row in certificate_requests
    text("charger", index=True),
    text("serial"),  # hexadecimal
    whole("not_before_us"),
    whole("not_after_us"),
    text("status"),  # signed, delivered, not_delivered, refused
    text("detail"),  # what is wrong, for the operator
    whole("renewal_us", index=True),  # when the charger is asked to renew; 0: never
    whole("created_us"),
    text("kind"),  # V2GCertificate; empty: the charger's own
)

refusals = Table(
    "refusals",
    metadata,
    key("id"),
    text("charger"),  # as claimed, never proved
    text("path"),
    text("remote"),
    whole("status"),
    text("reason"),
    text("detail"),
    text("subprotocols"),
    text("user_agent"),
    text("tls"),  # version and cipher; empty: no TLS
    text("authorization"),  # the scheme of the proof that was sent; empty: none was
    whole("received_us", index=True),
    Index("ix_refusals_charger_received_us", "charger", "received_us"),
)

dismissals = Table(
    "dismissals",
    metadata,
    key("charger"),  # as claimed; empty: connections without an identity
    key("remote"),  # of those: the address
    text("dismissed_by"),
    whole("dismissed_us"),
)
"""Refused connections that nobody wants to see in the inbox again."""
