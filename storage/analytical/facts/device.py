"""What monitors of the device model have noticed (NotifyEvent)."""

from typing import Final

from domain.events import DeviceNoticed, Entry
from storage.analytical.builder import SECOND_US, Builder, Handlers
from storage.analytical.tables import DEVICE_EVENTS


def _noticed(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: DeviceNoticed
) -> None:
    for notice in event.notices:
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


def path(name: str, instance: str) -> str:
    """Return a name with its instance, if it has one."""
    return f"{name}/{instance}" if instance else name


HANDLERS: Final[Handlers] = {DeviceNoticed: _noticed}
