import pytest

from actors.charger.effects import Reply
from domain.answers import ACKNOWLEDGED, CertificateAnswer, DataAnswer
from domain.events import (
    CertificateRequested,
    CommandFollowed,
    DataTransferred,
    DeviceNotice,
    DeviceNoticed,
    DiagnosticsStatusReported,
    FirmwareStatusReported,
    LogStatusReported,
    MonitoringTold,
    SecurityEventReported,
)
from domain.reports import CertificateAsked, DataOffered
from tests.actors.charger.desk import T0, S, call, command, new_state, run, said, status
from tests.actors.charger.test_outbox import accept


@pytest.mark.parametrize(
    "report",
    [
        status(1, "Preparing"),
        status(0, "Faulted"),
        FirmwareStatusReported("Installing", 3, signed=True),
        DiagnosticsStatusReported("Uploading"),
        LogStatusReported("Uploaded", 7),
        SecurityEventReported("InvalidFirmwareSignature", T0, "<script>"),
    ],
)
def test_a_notice_is_kept_as_it_came_and_answered(report) -> None:
    assert run(new_state(), said(report)) == [Reply(call(), ACKNOWLEDGED, (report,))]


def test_an_older_status_is_kept_but_does_not_overwrite_a_newer_one() -> None:
    state = new_state()
    run(state, said(status(1, "Charging", T0 + S)))
    assert run(state, said(status(1, "Preparing", T0)))[0].events[0].status == "Preparing"
    assert state.connectors[1, 0].status == "Charging"
    run(state, said(status(1, "Finishing", T0 + S)))
    assert state.connectors[1, 0].status == "Finishing"


def test_the_charger_as_a_whole_does_not_overwrite_a_connector() -> None:
    state = new_state()
    run(state, said(status(1, "Charging")))
    run(state, said(status(0, "Available", T0 + S)))
    assert state.connectors[1, 0].status == "Charging"


UPLOADS = [
    (FirmwareStatusReported, "firmware_reported", "Downloading", "Installed"),
    (DiagnosticsStatusReported, "diagnostics_reported", "Uploading", "UploadFailed"),
    (LogStatusReported, "log_reported", "Uploading", "PermissionDenied"),
]


@pytest.mark.parametrize(("kind", "follow", "going_on", "final"), UPLOADS)
def test_an_update_or_upload_is_followed_to_its_final_status(kind, follow, going_on, final) -> None:
    state = new_state()
    accept(state, command(action="GetLog", follow=follow))
    assert len(run(state, said(kind(going_on)))[0].events) == 1
    assert run(state, said(kind(final)))[0].events == (
        kind(final),
        CommandFollowed("c1", follow, 0, final),
    )


@pytest.mark.parametrize(("kind", "follow", "going_on", "final"), UPLOADS)
def test_a_triggered_status_is_followed_by_the_next_one_whatever_it_says(
    kind, follow, going_on, final
) -> None:
    state = new_state()
    accept(state, command(action="TriggerMessage", follow=follow, once=True))
    assert run(state, said(kind("Idle")))[0].events[1:] == (
        CommandFollowed("c1", follow, 0, "Idle"),
    )


@pytest.mark.parametrize(
    ("vendor", "message", "answer"),
    [
        ("acme", "hello", "Accepted"),
        ("acme", "other", "UnknownMessageId"),
        ("acme", "", "UnknownMessageId"),
        ("bravo", "anything", "Rejected"),
        ("ACME", "hello", "UnknownVendorId"),
        ("", "", "UnknownVendorId"),
    ],
)
def test_vendor_messages_are_answered_by_the_table(vendor, message, answer) -> None:
    table = {"acme": {"hello": "Accepted"}, "bravo": {"*": "Rejected"}}
    state = new_state(data_transfer=table)
    assert run(state, said(DataOffered(vendor, message, "data"))) == [
        Reply(call(), DataAnswer(answer), (DataTransferred(vendor, message, "data", answer),))
    ]


def test_a_signing_request_is_kept_and_rejected_for_want_of_an_authority() -> None:
    state = new_state()
    accept(state, command(action="ExtendedTriggerMessage", follow="certificate_asked", once=True))
    assert run(state, said(CertificateAsked("-----BEGIN"))) == [
        Reply(
            call(),
            CertificateAnswer("Rejected"),
            (
                CertificateRequested("-----BEGIN", "Rejected"),
                CommandFollowed("c1", "certificate_asked"),
            ),
        )
    ]


def noticed(*told: tuple[int, int, str, int]) -> DeviceNoticed:
    return DeviceNoticed(
        tuple(
            DeviceNotice(
                1, at_us, "Delta", "Connector", "AvailabilityState", word, evse, plug, status=word
            )
            for evse, plug, word, at_us in told
        )
    )


def test_what_a_monitor_says_of_a_connector_moves_its_status() -> None:
    state = new_state()
    report = noticed((2, 1, "Occupied", T0), (1, 1, "Faulted", T0))
    (reply,) = run(state, said(report))
    kept, *statuses = reply.events
    assert kept is report
    assert [(e.connector, e.plug, e.status, e.at_us) for e in statuses] == [
        (2, 1, "Occupied", T0),
        (1, 1, "Faulted", T0),
    ]
    assert state.connectors[2, 1].status == "Occupied"
    run(state, said(noticed((2, 1, "Available", T0 - S))))
    assert state.connectors[2, 1].status == "Occupied"


def test_a_trigger_of_a_status_is_ended_by_a_monitor_that_says_it() -> None:
    state = new_state()
    accept(state, command(action="TriggerMessage", follow="status_reported", key="2", once=True))
    (reply,) = run(state, said(noticed((2, 1, "Available", T0))))
    assert reply.events[-1] == CommandFollowed("c1", "status_reported", 0, "Available")


def test_the_last_part_of_a_report_of_monitors_ends_who_asked_for_it() -> None:
    state = new_state()
    accept(state, command(action="GetMonitoringReport", follow="NotifyMonitoringReport", key="7"))
    part = MonitoringTold(request=7, more=True)
    assert run(state, said(part))[0].events == (part,)
    other = MonitoringTold(request=8)
    assert run(state, said(other))[0].events == (other,)
    last = MonitoringTold(request=7, seq=1)
    assert run(state, said(last))[0].events == (
        last,
        CommandFollowed("c1", "NotifyMonitoringReport", 0, ""),
    )
