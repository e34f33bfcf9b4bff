"""Functional block I: tariff and cost."""

from domain.commands import Priority
from protocol.version import Outbound

OUTBOUND = (
    Outbound(
        "CostUpdated",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="I02",
        yes=frozenset(),
    ),
)
