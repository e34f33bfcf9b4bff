"""What monitors of the device model have noticed (NotifyEvent, NotifyPeriodicEventStream)."""

from typing import Final

from domain.events import DeviceNotice, DeviceNoticed, Entry, StreamReported
from storage.analytical.builder import SECOND_US, Builder, Handlers
from storage.analytical.tables import DEVICE_EVENTS


def _noticed(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: DeviceNoticed
) -> None:
    for notice in event.notices:
        _put(to, lsn, entry, place, notice)


def _streamed(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: StreamReported
) -> None:
    """Store values of a stream: its number says what they are of (OpenPeriodicEventStream)."""
    for value in event.values:
        notice = DeviceNotice(
            event.stream,
            value.at_us,
            "Periodic",
            "",
            "",
            value.value,
            kind=STREAM,
            quality=event.quality,
        )
        _put(to, lsn, entry, place, notice)


def _put(to: Builder, lsn: int, entry: Entry, place: tuple[str, str], notice: DeviceNotice) -> None:
    at_us, quality = to.clamp(notice.at_us, entry.received_us, notice.quality)
    to.put(
        DEVICE_EVENTS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            notice.event,
            notice.trigger,
            notice.kind,
            path(notice.component, notice.component_instance),
            path(notice.variable, notice.variable_instance),
            notice.evse,
            notice.connector,
            notice.value,
            notice.severity,
            notice.monitor,
            int(notice.cleared),
            notice.code,
            notice.text,
            notice.transaction,
            quality,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


STREAM: Final = "PeriodicEventStream"
"""`kind` of a value of a stream; `event` is the number of the stream."""


def path(name: str, instance: str) -> str:
    """Return a name with its instance, if it has one."""
    return f"{name}/{instance}" if instance else name


HANDLERS: Final[Handlers] = {DeviceNoticed: _noticed, StreamReported: _streamed}
