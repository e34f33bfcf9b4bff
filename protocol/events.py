"""What a session reports, in the order in which it became true.

`text` is the JSON of a payload as it came (after repairs, when a flag says "repaired:..."), for the
message log: nothing has to be encoded a second time. Instants are microseconds.
"""

from typing import Any, TypeAlias

import msgspec

from protocol.errors import ErrorCode


class CallReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer asks: `Session.answer` or `Session.fail` must follow, once."""

    uid: str
    action: str
    payload: dict[str, Any]
    text: bytes
    flags: tuple[str, ...] = ()
    exact: object = None
    """The payload as the session's decoder for this action made it. `payload` is empty then: see
    `whole()`."""

    def whole(self) -> dict[str, Any]:
        """Return the payload as an object, also when a decoder of its own has read it."""
        return self.payload if self.exact is None else _decode_object(self.text)


_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class SendReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer tells something that must not be answered (2.1 SEND)."""

    uid: str
    action: str
    payload: dict[str, Any]
    text: bytes
    flags: tuple[str, ...] = ()


class ResultReceived(msgspec.Struct, frozen=True, gc=False):
    """Our call was answered."""

    uid: str
    action: str
    payload: dict[str, Any]
    text: bytes
    sent_us: int
    flags: tuple[str, ...] = ()


class ErrorReceived(msgspec.Struct, frozen=True, gc=False):
    """Our call was answered with CALLERROR, or with something unreadable (code FORMATION)."""

    uid: str
    action: str
    code: ErrorCode
    description: str
    details: dict[str, Any]
    sent_us: int
    flags: tuple[str, ...] = ()


class CallTimedOut(msgspec.Struct, frozen=True, gc=False):
    """Our call was not answered in time. Its answer may still come, as LateAnswer."""

    uid: str
    action: str


class CallLost(msgspec.Struct, frozen=True, gc=False):
    """The connection went before our call was answered."""

    uid: str
    action: str


class LateAnswer(msgspec.Struct, frozen=True, gc=False):
    """An answer to a call that had timed out, `late_us` after its deadline.

    `text` is the payload of a CALLRESULT; of a CALLERROR or an unreadable frame, the whole frame.
    """

    uid: str
    action: str
    text: bytes
    late_us: int


class UnmatchedAnswer(msgspec.Struct, frozen=True, gc=False):
    """An answer to nothing that we know of; `text` as in LateAnswer."""

    uid: str
    text: bytes


class DuplicateCall(msgspec.Struct, frozen=True, gc=False):
    """The peer sent the same bytes again, CALL or SEND. Nothing is to be done.

    `answered`: the first answer was sent once more; else the first one is still being worked on,
    and its answer will serve both.
    """

    uid: str
    action: str
    answered: bool


class AnswerRefused(msgspec.Struct, frozen=True, gc=False):
    """The peer could not use our answer (2.1 CALLRESULTERROR). Nothing is to be done.

    `uid` is the id of the peer's own call; flag "unmatched": none that was answered lately.
    """

    uid: str
    code: ErrorCode
    description: str
    details: dict[str, Any]
    flags: tuple[str, ...] = ()


class FrameRejected(msgspec.Struct, frozen=True, gc=False):
    """A frame was not taken.

    `code` is what the fault means, None for frames that are ignored by rule. `reason` is a value of
    `protocol.errors.Fault`. `text` is the frame, cut to the frame limit. `uid` is the id as far as
    it could be recovered.
    """

    code: ErrorCode | None
    reason: str
    text: bytes
    uid: str = ""


SessionEvent: TypeAlias = (
    CallReceived
    | SendReceived
    | ResultReceived
    | ErrorReceived
    | CallTimedOut
    | CallLost
    | LateAnswer
    | UnmatchedAnswer
    | DuplicateCall
    | AnswerRefused
    | FrameRejected
)
