"""Functional block N: periodic event streams, values that come without being answered."""

from collections.abc import Mapping
from typing import Any

from domain.answers import StatusAnswer
from domain.commands import Priority
from domain.events import StreamReported, StreamValue
from protocol.common import nothing
from protocol.fields import INT32_MIN, Fields, as_number, listed
from protocol.reading import Reading
from protocol.v201.notice import member, notice, question
from protocol.v201.writing import status
from protocol.version import Inbound, Outbound

VALUES_MAX = 10_000
"""Of one message; what is beyond is not read, and flagged."""
SPAN_S_MAX = 10_000_000
"""A value further from the base time than this has the base time."""


def read_stream(payload: Mapping[str, Any], reading: Reading) -> StreamReported:
    """Read NotifyPeriodicEventStream (N15): each value is so many seconds from the base time."""
    fields = Fields(payload, reading)
    base_us, quality = fields.time("basetime")
    rows = listed(fields.get("data"), "/data", fields.flags)
    if len(rows) > VALUES_MAX:
        fields.mark("cut", "data")
    values = [
        _value(Fields(row, reading, fields.flags, "/data/*/"), base_us) for row in rows[:VALUES_MAX]
    ]
    return StreamReported(
        fields.integer("id", None, INT32_MIN),
        tuple(values),
        fields.integer("pending"),
        quality,
        tuple(fields.flags),
    )


def _value(fields: Fields, base_us: int) -> StreamValue:
    offset_s = as_number(fields.get("t"))
    if offset_s is None or abs(offset_s) > SPAN_S_MAX:
        fields.mark("unreadable", "t")
        offset_s = 0
    text = fields.text("v", None, fields.reading.limits.text_length_max)
    return StreamValue(base_us + round(offset_s * 1e6), text)


INBOUND = (
    Inbound(
        "ClosePeriodicEventStream",
        notice("ClosePeriodicEventStream", member("id"), request="id"),
        nothing,
        "N13",
    ),
    Inbound("NotifyPeriodicEventStream", read_stream, nothing, "N15", answered=False),
    Inbound(
        "OpenPeriodicEventStream",
        # Whatever a stream carries is kept.
        question(
            "OpenPeriodicEventStream",
            member("constantStreamData", "id"),
            no=StatusAnswer("Accepted"),
        ),
        status,
        "N11",
    ),
)

OUTBOUND = (
    Outbound(
        "AdjustPeriodicEventStream", idempotent=True, priority=Priority.OPERATOR, section="N14"
    ),
    Outbound(
        "GetPeriodicEventStream",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="N12",
        yes=frozenset(),
    ),
)
