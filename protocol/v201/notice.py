"""Messages that are kept as they were said, and questions whose answer is a status."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.answers import StatusAnswer
from domain.events import NoticeReported, TimeQuality
from domain.reports import QuestionAsked
from domain.text import clean
from protocol.fields import INT32_MIN, Fields, json_text
from protocol.reading import Reading

REJECTED = StatusAnswer("Rejected")
Key = Callable[[Mapping[str, Any]], object]


def member(*path: str) -> Key:
    """Return a function that finds what a message speaks of; nothing there: None."""

    def find(payload: Mapping[str, Any]) -> object:
        value: object = payload
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return find


def key_text(value: object, reading: Reading) -> str:
    """Return a key as text, as long as a name may be."""
    return "" if value is None else clean(json_text(value), reading.limits.name_length_max)


def notice(
    topic: str,
    key: Key = lambda _payload: None,
    *,
    status: str = "status",
    at: str = "",
    request: str = "requestId",
    ends: frozenset[str] = frozenset(),
) -> Callable[[Mapping[str, Any], Reading], NoticeReported]:
    """Return the reader of a message that means nothing more to us than that it was said.

    `key` finds what it speaks of; `status`, `at` and `request` name its members of these meanings.
    `ends`: the statuses after which no more comes; none: `tbc` says whether more comes.
    """

    def read(payload: Mapping[str, Any], reading: Reading) -> NoticeReported:
        fields = Fields(payload, reading)
        payload = payload if isinstance(payload, dict) else {}
        at_us, quality = fields.time(at) if at else (0, TimeQuality.OK)
        said = fields.text(status)
        return NoticeReported(
            topic,
            json_text(payload),
            key_text(key(payload), reading),
            said,
            fields.integer(request, 0, INT32_MIN),
            0 if quality == TimeQuality.MISSING else at_us,
            said not in ends if ends else fields.get("tbc") is True,
        )

    return read


def question(
    topic: str,
    key: Key = lambda _payload: None,
    *,
    no: StatusAnswer | Callable[[Mapping[str, Any]], StatusAnswer] = REJECTED,
    at: str = "",
    request: str = "requestId",
) -> Callable[[Mapping[str, Any], Reading], QuestionAsked]:
    """Return the reader of a question; `no` is the answer when nobody here knows better."""

    def read(payload: Mapping[str, Any], reading: Reading) -> QuestionAsked:
        fields = Fields(payload, reading)
        payload = payload if isinstance(payload, dict) else {}
        at_us, quality = fields.time(at) if at else (0, TimeQuality.OK)
        return QuestionAsked(
            topic,
            json_text(payload),
            key_text(key(payload), reading),
            fields.integer(request, 0, INT32_MIN),
            0 if quality == TimeQuality.MISSING else at_us,
            payload,
            denied=no if isinstance(no, StatusAnswer) else no(payload),
        )

    return read
