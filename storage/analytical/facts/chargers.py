"""Messages, connections, statuses, security events, and limits of EVSEs."""

from typing import Final

from domain.events import (
    ChargerConnected,
    ChargerDisconnected,
    ConnectionRefused,
    ConnectorStatusReported,
    Entry,
    LimitDecided,
    MessageExchanged,
    SecurityEventReported,
)
from storage.analytical.builder import SECOND_US, Builder, Handlers
from storage.analytical.tables import (
    CONNECTIONS,
    LIMITS,
    MESSAGES,
    SECURITY,
    STATUSES,
)


def _message(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: MessageExchanged
) -> None:
    latency_us = event.latency_us
    if event.incoming and event.outcome == "result" and event.started_us:
        # The event was written before its commit, so it cannot say how long it waited for that.
        # A clock that went back meanwhile must not make it shorter.
        latency_us = max(latency_us, to.committed_us - event.started_us)
    to.put(
        MESSAGES,
        entry.received_us,
        (
            entry.received_us,
            *place,
            entry.charger,
            "in" if event.incoming else "out",
            event.action,
            event.uid,
            event.request,
            event.response,
            event.outcome,
            event.error_code,
            event.error_text,
            max(0, latency_us),
            event.flags,
            lsn,
        ),
    )


def _status(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ConnectorStatusReported
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    to.put(
        STATUSES,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.connector,
            event.status,
            event.error_code,
            event.info,
            event.vendor,
            event.vendor_error,
            quality,
            entry.received_us // SECOND_US,
            event.plug,
            lsn,
        ),
    )


def _connection(
    to: Builder,
    lsn: int,
    entry: Entry,
    place: tuple[str, str],
    *,
    kind: str,
    remote: str = "",
    subprotocol: str = "",
    security_profile: int = 0,
    gateway: str = "",
    code: int = 0,
    reason: str = "",
    detail: str = "",
    path: str = "",
    user_agent: str = "",
    frames_in: int = 0,
    frames_out: int = 0,
) -> None:
    to.put(
        CONNECTIONS,
        entry.received_us,
        (
            entry.received_us,
            *place,
            entry.charger,
            entry.generation,
            kind,
            remote,
            subprotocol,
            security_profile,
            gateway,
            code,
            reason,
            detail,
            path,
            user_agent,
            frames_in,
            frames_out,
            lsn,
        ),
    )


def _connected(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ChargerConnected
) -> None:
    _connection(
        to,
        lsn,
        entry,
        place,
        kind="connected",
        remote=event.remote,
        subprotocol=event.subprotocol,
        security_profile=event.security_profile,
        gateway=event.gateway,
    )


def _disconnected(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ChargerDisconnected
) -> None:
    _connection(
        to,
        lsn,
        entry,
        place,
        kind="disconnected",
        code=event.code,
        reason=event.reason,
        frames_in=event.frames_in,
        frames_out=event.frames_out,
    )


def _refused(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: ConnectionRefused
) -> None:
    _connection(
        to,
        lsn,
        entry,
        place,
        kind="refused",
        remote=event.remote,
        subprotocol=event.subprotocols,
        code=event.status,
        reason=event.reason,
        detail=event.detail,
        path=event.path,
        user_agent=event.user_agent,
    )


def _security(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: SecurityEventReported
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    to.put(
        SECURITY,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.kind,
            event.info,
            quality,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


def _limit(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: LimitDecided
) -> None:
    to.put(
        LIMITS,
        event.at_us,
        (
            event.at_us,
            place[0],
            event.site,
            entry.charger,
            event.evse,
            event.place,
            event.session,
            event.limit_a,
            event.limit_w,
            event.binding,
            event.circuit,
            event.phase,
            event.source,
            event.told_a,
            event.ceiling_a,
            event.because,
            event.way,
            event.set_by,
            entry.received_us // SECOND_US,
            lsn,
        ),
    )


HANDLERS: Final[Handlers] = {
    MessageExchanged: _message,
    ConnectorStatusReported: _status,
    ChargerConnected: _connected,
    ChargerDisconnected: _disconnected,
    ConnectionRefused: _refused,
    SecurityEventReported: _security,
    LimitDecided: _limit,
}
