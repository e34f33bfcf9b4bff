"""Functional block E: transactions."""

from collections.abc import Mapping
from typing import Any

from domain.answers import Answer, TransactionAnswer
from domain.commands import Priority
from domain.reports import TransactionReported
from protocol.common import expect
from protocol.fields import INT32_MIN, Fields, json_text
from protocol.reading import Reading
from protocol.v201.authorization import read_token
from protocol.v201.exact_transactions import exact_transactions
from protocol.v201.metering import read_samples, register_wh
from protocol.v201.vocabulary import FOLDED_KINDS, FOLDED_STATES, KINDS, STATES
from protocol.v201.writing import TOKEN_LENGTH_MAX, id_token_info, message_content
from protocol.version import Inbound, Outbound
from protocol.words import read_word

WITH_FIELDS = frozenset(
    {
        "eventType", "meterValue", "timestamp", "triggerReason", "seqNo", "offline",
        "reservationId", "transactionInfo", "evse", "idToken",
    }
)  # fmt: skip
INFO_WITH_FIELDS = frozenset(
    {"transactionId", "chargingState", "timeSpentCharging", "stoppedReason", "remoteStartId"}
)
"""Members that have a field of their own in a report; all others go to its `detail`."""


def read_transaction_event(payload: Mapping[str, Any], reading: Reading) -> TransactionReported:
    """Read TransactionEvent (E01 to E13); whatever has no field is kept in `detail`."""
    fields = Fields(payload, reading)
    flags = fields.flags
    info = Fields(fields.get("transactionInfo"), reading, flags, "/transactionInfo/")
    evse = fields.get("evse")
    place = Fields({} if evse is None else evse, reading, flags, "/evse/")
    at_us, quality = fields.time("timestamp")
    shown = fields.get("idToken")
    token, kind = ("", "") if shown is None else read_token(shown, reading, flags, "/idToken/")
    values = fields.get("meterValue")
    samples = () if values is None else read_samples(values, reading, "/meterValue", flags)
    return TransactionReported(
        said=info.text("transactionId", None),
        kind=read_word(fields, "eventType", "Updated", KINDS, FOLDED_KINDS),
        seq=fields.integer("seqNo", None),
        at_us=at_us,
        trigger=fields.text("triggerReason", None),
        connector=place.integer("id"),
        plug=place.integer("connectorId"),
        offline=fields.get("offline") is True,
        state=read_word(info, "chargingState", "", STATES, FOLDED_STATES),
        token=token,
        token_kind=kind,
        stop_reason=info.text("stoppedReason"),
        remote_start=info.integer("remoteStartId", 0, INT32_MIN),
        reservation=fields.integer("reservationId", 0, INT32_MIN),
        meter_wh=register_wh(samples),
        samples=samples,
        quality=quality,
        flags=tuple(flags),
        seconds_charging=info.integer("timeSpentCharging", -1),
        detail=_detail(payload, reading),
    )


def _detail(payload: Mapping[str, Any], reading: Reading) -> str:
    if not isinstance(payload, dict):
        return ""
    more = {name: value for name, value in payload.items() if name not in WITH_FIELDS}
    info = payload.get("transactionInfo")
    if isinstance(info, dict):
        more |= {name: value for name, value in info.items() if name not in INFO_WITH_FIELDS}
    token = payload.get("idToken")
    if isinstance(token, dict) and token.get("additionalInfo"):
        more["additionalInfo"] = token["additionalInfo"]
    return json_text(more)[: reading.limits.text_length_max] if more else ""


def write_transaction_event(answer: Answer) -> dict[str, Any]:
    """Write the answer to TransactionEvent."""
    said = expect(answer, TransactionAnswer)
    payload: dict[str, Any] = {}
    if said.cost is not None:
        payload["totalCost"] = said.cost
    if said.priority is not None:
        payload["chargingPriority"] = said.priority
    if said.token is not None:
        payload["idTokenInfo"] = id_token_info(said.token)
    if said.message:
        payload["updatedPersonalMessage"] = message_content(said.message)
    return payload


INBOUND = (
    Inbound(
        "TransactionEvent",
        read_transaction_event,
        write_transaction_event,
        "E01",
        exact=exact_transactions("v201", TOKEN_LENGTH_MAX),
    ),
)

OUTBOUND = (
    Outbound(
        "GetTransactionStatus",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="E14",
        yes=frozenset(),
    ),
)
