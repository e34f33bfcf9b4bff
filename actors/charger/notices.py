"""What a charger tells about itself (OCPP 1.6 sections 4.3, 4.4, 4.5, 4.9; security extension)."""

from collections.abc import Callable

from actors.charger import outbox, transactions
from actors.charger.effects import Effect, Release, Reply
from actors.charger.messages import Said
from actors.charger.state import Connector, State
from domain.answers import ACKNOWLEDGED, CertificateAnswer, DataAnswer, StatusAnswer
from domain.events import (
    CertificateRequested,
    ConnectorStatusReported,
    DataTransferred,
    DeviceNoticed,
    DiagnosticsStatusReported,
    Event,
    FirmwareStatusReported,
    LogStatusReported,
    NoticeReported,
    SecurityEventReported,
    StreamReported,
    VariablesReported,
)
from domain.reports import CertificateAsked, DataOffered, QuestionAsked

FINAL_STATUSES = frozenset(
    {
        "Installed",
        "InstallationFailed",
        "DownloadFailed",
        "InvalidSignature",
        "InstallVerificationFailed",
        "InvalidCertificate",
        "RevokedCertificate",
        "Uploaded",
        "UploadFailed",
        "UploadFailure",
        "BadMessage",
        "NotSupportedOperation",
        "PermissionDenied",
    }
)
"""Statuses after which an update, a diagnostics or a log upload goes no further."""


def status(state: State, message: Said, now_us: int) -> list[Effect]:
    """Keep a connector's status; only the newest one says how things are now."""
    del now_us
    report = message.report
    assert isinstance(report, ConnectorStatusReported)
    events: list[Event] = [report]
    effects = _show(state, report, events)
    return [Reply(message.call, ACKNOWLEDGED, tuple(events)), *effects]


def _show(state: State, report: ConnectorStatusReported, events: list[Event]) -> list[Effect]:
    """Take a status over; what follows from it is added to `events`."""
    connector = report.connector
    key = (connector, report.plug)
    before = state.connectors.get(key)
    is_newest = before is None or report.at_us >= before.at_us
    if is_newest and (before or len(state.connectors) < state.settings.connectors_max):
        state.connectors[key] = Connector(report.status, report.at_us)
    effects: list[Effect] = []
    if is_newest and report.status == "Available":
        ended = transactions.ended_by_available(state, connector, report.at_us)
        if ended is not None:
            events.append(transactions.end_provisionally(ended, report.at_us, "available"))
            effects.append(Release(ended.token, ended.number))
    events += outbox.follow(state, "status_reported", str(connector), detail=report.status)
    return effects


def noticed(state: State, message: Said, now_us: int) -> list[Effect]:
    """Keep what monitors noticed; some of it is the status of a connector (2.x: G01)."""
    del now_us
    report = message.report
    assert isinstance(report, DeviceNoticed)
    events: list[Event] = [report]
    effects: list[Effect] = []
    for notice in report.notices:
        if notice.status:
            shown = ConnectorStatusReported(
                notice.evse,
                notice.status,
                notice.at_us,
                quality=notice.quality,
                plug=notice.connector,
            )
            events.append(shown)
            effects += _show(state, shown, events)
    return [Reply(message.call, ACKNOWLEDGED, tuple(events)), *effects]


def followed(kind: str) -> Callable[[State, Said, int], list[Effect]]:
    """Return the handler for progress reports of an update or upload."""

    def handler(state: State, message: Said, now_us: int) -> list[Effect]:
        del now_us
        report = message.report
        assert isinstance(
            report, FirmwareStatusReported | DiagnosticsStatusReported | LogStatusReported
        )
        is_final = report.status in FINAL_STATUSES
        ends = outbox.follow(state, kind, detail=report.status, is_final=is_final)
        return [Reply(message.call, ACKNOWLEDGED, (report, *ends))]

    return handler


def kept(state: State, message: Said, now_us: int) -> list[Effect]:
    """Keep what needs no other answer than that it is kept (a security event: A04.FR.02)."""
    del now_us
    report = message.report
    assert isinstance(
        report,
        SecurityEventReported | VariablesReported | NoticeReported | StreamReported,
    )
    ends: tuple[Event, ...] = ()
    if isinstance(report, NoticeReported):
        ends = _asked_for(state, report.topic, report)
    elif isinstance(report, VariablesReported):
        ends = _asked_for(state, "variables_reported", report)
    return [Reply(message.call, ACKNOWLEDGED, (report, *ends))]


def _asked_for(
    state: State, kind: str, report: NoticeReported | VariablesReported
) -> tuple[Event, ...]:
    """Return what the last part of a report ends: the command whose number it carries."""
    return outbox.follow(state, kind, str(report.request), is_final=not report.more)


def question(state: State, message: Said, now_us: int) -> list[Effect]:
    """Keep a question; answer what was found elsewhere, or say no."""
    del state, now_us
    report = message.report
    assert isinstance(report, QuestionAsked)
    found = StatusAnswer(report.status, dict(report.fields)) if report.status else report.denied
    event = NoticeReported(
        report.topic, report.body, report.key, found.status, report.request, report.at_us
    )
    return [Reply(message.call, found, (event,))]


def data_offered(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer DataTransfer by the table of vendors."""
    del now_us
    report = message.report
    assert isinstance(report, DataOffered)
    vendor = state.settings.data_transfer.get(report.vendor)
    if vendor is None:
        answer = "UnknownVendorId"
    else:
        answer = vendor.get(report.message) or vendor.get("*") or "UnknownMessageId"
    return [
        Reply(
            message.call,
            DataAnswer(answer),
            (DataTransferred(report.vendor, report.message, report.data, answer),),
        )
    ]


def certificate_asked(state: State, message: Said, now_us: int) -> list[Effect]:
    """Keep a signing request; without a certificate authority say no.

    It is signed elsewhere and later (A02.FR.04): the answer only says that it is taken on.
    """
    del now_us
    report = message.report
    assert isinstance(report, CertificateAsked)
    followed = outbox.follow(state, "certificate_asked")
    status = "Accepted" if state.settings.certificates_signed else "Rejected"
    event = CertificateRequested(report.csr, status, report.kind, report.request)
    return [Reply(message.call, CertificateAnswer(status), (event, *followed))]
