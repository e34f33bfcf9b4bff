"""Messages that are the same in every version of OCPP, and what all answers have in common."""

from collections.abc import Mapping
from typing import Any, TypeVar

from domain.answers import (
    Acknowledged,
    Answer,
    BootDecision,
    CertificateAnswer,
    DataAnswer,
    HeartbeatAnswer,
)
from domain.events import HeartbeatReceived, LogStatusReported, SecurityEventReported
from domain.reports import DataOffered
from protocol.fields import INT32_MIN, Fields
from protocol.reading import Reading
from protocol.time import write_time

T = TypeVar("T")


def expect(answer: Answer, kind: type[T]) -> T:
    """Return `answer`, which must be a `kind`.

    Raises:
        TypeError: it is another answer; our bug.
    """
    if not isinstance(answer, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(answer).__name__}")
    return answer


def nothing(answer: Answer) -> dict[str, Any]:
    """Return the empty payload.

    Raises:
        TypeError: `answer` says something; our bug.
    """
    expect(answer, Acknowledged)
    return {}


def write_boot_notification(answer: Answer) -> dict[str, Any]:
    """Write the answer to BootNotification."""
    decision = expect(answer, BootDecision)
    return {
        "status": decision.status,
        "currentTime": write_time(decision.now_us),
        "interval": decision.interval_s,
    }


def read_data_transfer(payload: Mapping[str, Any], reading: Reading) -> DataOffered:
    """Read DataTransfer. `data` that is no text becomes its JSON text."""
    fields = Fields(payload, reading)
    return DataOffered(
        vendor=fields.text("vendorId", None),
        message=fields.text("messageId"),
        data=fields.text("data", "", reading.limits.text_length_max),
    )


def write_data_transfer(answer: Answer) -> dict[str, Any]:
    """Write the answer to DataTransfer."""
    decision = expect(answer, DataAnswer)
    payload: dict[str, Any] = {"status": decision.status}
    if decision.data:
        payload["data"] = decision.data
    return payload


def read_heartbeat(payload: Mapping[str, Any], reading: Reading) -> HeartbeatReceived:
    """Read Heartbeat: nothing, and whatever comes along is ignored."""
    del payload, reading
    return HeartbeatReceived()


def write_heartbeat(answer: Answer) -> dict[str, Any]:
    """Write the answer to Heartbeat."""
    return {"currentTime": write_time(expect(answer, HeartbeatAnswer).now_us)}


def read_log_status(payload: Mapping[str, Any], reading: Reading) -> LogStatusReported:
    """Read LogStatusNotification."""
    fields = Fields(payload, reading)
    return LogStatusReported(
        status=fields.text("status", None), request=fields.integer("requestId", 0, INT32_MIN)
    )


def read_security_event(payload: Mapping[str, Any], reading: Reading) -> SecurityEventReported:
    """Read SecurityEventNotification. `info` is the charger's own text."""
    fields = Fields(payload, reading)
    at_us, quality = fields.time("timestamp")
    return SecurityEventReported(
        kind=fields.text("type", None),
        at_us=at_us,
        info=fields.text("techInfo", "", reading.limits.text_length_max),
        quality=quality,
    )


def write_sign_certificate(answer: Answer) -> dict[str, Any]:
    """Write the answer to SignCertificate."""
    return {"status": expect(answer, CertificateAnswer).status}
