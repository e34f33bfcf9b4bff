"""Who of the connected is asked for a sign of life, and who is taken for dead."""

from collections.abc import Iterable

from csms.gateway.line import ChargerLine
from csms.gateway.settings import GatewaySettings
from csms.quirks import sightings

HEARTBEATS_MISSED = 3
"""By a charger that sends no pong; then it is taken for dead."""


def look_after(
    lines: Iterable[ChargerLine], settings: GatewaySettings, heartbeat_s: int, now_us: int
) -> None:
    """Ping the silent and abort the dead.

    Nobody is dead who was not pinged since his last frame.

    Args:
        lines: those to look at now.
        settings: how long a charger may be silent.
        heartbeat_s: the interval of chargers whose record says none.
        now_us: the time of now.
    """
    ping_us, dead_us = settings.ping_s * 1e6, settings.dead_s * 1e6
    for line in lines:
        connection = line.connection
        silent_us = now_us - connection.last_seen_us
        if line.model is not None and not line.model.pongs:
            patience_s = HEARTBEATS_MISSED * (line.record.heartbeat_s or heartbeat_s)
            if silent_us > dead_us + patience_s * 1e6:
                connection.close_reason = "silent"
                connection.abort()
        elif silent_us > dead_us and connection.pinged_us > connection.last_seen_us:
            connection.close_reason = "silent"
            connection.abort()
        elif silent_us > ping_us and connection.pinged_us < now_us - ping_us:
            if connection.pinged_us > connection.ponged_us:
                line.saw((sightings.NO_PONG,))  # it has said something since, but no pong
            connection.ping(now_us)
