"""Reservations of connectors, and what became of them."""

from sqlalchemy import Index, Table

from storage.relational.tables.base import key, metadata, text, whole

reservations = Table(
    "reservations",
    metadata,
    key("id"),  # hash of charger and number
    text("charger"),
    whole("number"),  # as the charger knows it
    text("state"),  # domain.reservations.ReservationState
    text("status"),  # the charger's last word
    whole("connector"),  # 2.x: the EVSE; 0: any
    text("connector_type"),
    text("token"),
    text("token_kind"),
    text("parent"),  # group whose tokens may use it too
    whole("expires_us"),
    whole("transaction"),  # our number of the one that began with it
    whole("reserved_us"),  # when it was answered; 0: only its use was told
    whole("changed_us"),
    Index("ix_reservations_charger_changed_us", "charger", "changed_us"),
    Index("ix_reservations_changed_us", "changed_us"),
)
