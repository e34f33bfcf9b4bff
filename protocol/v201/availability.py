"""Functional block G: status of connectors, heartbeats, availability."""

from collections.abc import Mapping
from typing import Any

from domain.commands import Priority
from domain.events import ConnectorStatusReported
from protocol.common import nothing, read_heartbeat, write_heartbeat
from protocol.fields import Fields
from protocol.reading import Reading
from protocol.v201.vocabulary import FOLDED_STATUSES, STATUSES
from protocol.version import Follow, Inbound, Outbound
from protocol.words import spelled

UNKNOWN_STATUS = "Unknown"
"""A StatusNotification without a status: no word of the specification is made up for it."""


def read_status_notification(
    payload: Mapping[str, Any], reading: Reading
) -> ConnectorStatusReported:
    """Read StatusNotification (G01): of one connector of an EVSE."""
    fields = Fields(payload, reading)
    at_us, quality = fields.time("timestamp")
    said = fields.text("connectorStatus").strip() or UNKNOWN_STATUS
    return ConnectorStatusReported(
        connector=fields.integer("evseId", None),
        status=spelled(said, STATUSES, FOLDED_STATUSES),
        at_us=at_us,
        quality=quality,
        plug=fields.integer("connectorId", None),
    )


INBOUND = (
    Inbound("Heartbeat", read_heartbeat, write_heartbeat, "G02"),
    Inbound("StatusNotification", read_status_notification, nothing, "G01"),
)

OUTBOUND = (
    Outbound(
        "ChangeAvailability",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="G03",
        follow=Follow.STATUS_REPORTED,
        # Scheduled: it will change when the running transaction has ended.
        yes=frozenset({"accepted", "scheduled"}),
    ),
)
