"""Periodic event streams: values that are sent and not answered (2.1 part 2, N11 to N15)."""

from collections.abc import Mapping

from csms.simulator.face import LATER_S, Request, answer
from csms.simulator.instants import US_PER_S
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import EquippedCommand, EquippedFace, Stream

VALUES_MAX = 100
"""Kept while there is no connection; then the oldest go."""


def _constant(stream: Stream) -> Payload:
    return {
        "id": stream.number,
        "params": stream.params,
        "variableMonitoringId": stream.monitor,
    }


def open_stream(charger: EquippedFace, monitor: int, params: Mapping[str, int]) -> None:
    """Offer a stream of a monitor's values; it flows once the server has accepted it (N11)."""
    stream = Stream(monitor, monitor, dict(params))

    def answered(said: Payload, _now_us: int) -> None:
        if said.get("status") == "Accepted" and monitor in charger.equipment.monitors:
            charger.equipment.streams[stream.number] = stream

    charger.after(
        LATER_S,
        lambda _now_us: charger.send(
            "OpenPeriodicEventStream", {"constantStreamData": _constant(stream)}, answered
        ),
    )


def close_stream(charger: EquippedFace, monitor: int) -> None:
    """End the stream of a monitor, if it has one (N13)."""
    stream = charger.equipment.streams.pop(monitor, None)
    if stream is not None:
        said: Payload = {"id": stream.number}
        charger.after(LATER_S, lambda _now_us: charger.send("ClosePeriodicEventStream", said))


def _is_due(stream: Stream, waited_us: int) -> bool:
    """Return whether enough values are there, or the first has waited long enough."""
    interval_s, enough = stream.params.get("interval"), stream.params.get("values")
    if enough is not None and len(stream.values) >= enough:
        return True
    if interval_s is None:
        return enough is None
    return waited_us >= interval_s * US_PER_S


def take(charger: EquippedFace, monitor: int, value: str) -> bool:
    """Put a value into the stream of a monitor; return whether there is one (N15)."""
    stream = charger.equipment.streams.get(monitor)
    if stream is None:
        return False
    stream.values.append((charger.now_us, value))
    del stream.values[:-VALUES_MAX]
    first_us = stream.values[0][0]
    if not _is_due(stream, charger.now_us - first_us):
        return True
    said: Payload = {
        "id": stream.number,
        "pending": 0,
        "basetime": charger.stamp(first_us),
        "data": [{"t": (at_us - first_us) / US_PER_S, "v": text} for at_us, text in stream.values],
    }
    if charger.announce("NotifyPeriodicEventStream", said):
        stream.values.clear()
    return True


def get_periodic_event_stream(charger: EquippedFace, _request: Request) -> Payload:
    """Tell the streams that flow (N12)."""
    rows = [_constant(stream) for stream in charger.equipment.streams.values()]
    return {"constantStreamData": rows} if rows else {}


def adjust_periodic_event_stream(charger: EquippedFace, request: Request) -> Payload:
    """Change how often a stream is sent (N14)."""
    stream = charger.equipment.streams.get(request["id"])
    if stream is None:
        return answer("Rejected")
    stream.params = dict(request["params"])
    return answer("Accepted")


COMMANDS: Mapping[str, EquippedCommand] = {
    "AdjustPeriodicEventStream": adjust_periodic_event_stream,
    "GetPeriodicEventStream": get_periodic_event_stream,
}
