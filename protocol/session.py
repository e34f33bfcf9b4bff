"""One connection's RPC state, for either role. Text in; events and frames out; nothing else.

The laws (1.6-J section 4.1, 2.x part 4 section 4.1):

1. We have at most one open CALL. The peer may have many: they are reported at once, and the answers
   leave in the order of the CALLs; an answer that is given early is held.
2. Every call of ours ends in exactly one of ResultReceived, ErrorReceived, CallTimedOut, CallLost.
3. Every CALL of the peer that was reported must be answered once. Bytes that come again are not
   reported again: they get the first answer. The same id with other bytes is a new CALL, with the
   flag "msgid_reuse".
4. Answers are never answered, whatever they are; but in 2.1 one that is of no use is refused.
5. A SEND is never answered, waits for nothing, and is no open CALL (2.1 part 4, section 4.2.4).
6. Nothing that a peer sends raises.

    session.receive(text, now_us)        then take_events(), and for each CallReceived in time:
    session.answer(uid, payload)         or fail(); then
    session.refuse(uid, code)            when a result is of no use (2.1)
    session.take_frames()                and send them
    session.due_us() / tick(now_us)      for timeouts

The instants that are handed in must not go backwards.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from protocol.codec import (
    NO_DECODERS,
    PayloadDecoder,
    decode,
    encode_call,
    encode_error,
    encode_result,
    encode_send,
)
from protocol.dialect import Dialect
from protocol.errors import ErrorCode, Fault, LocalProtocolError, RemoteProtocolError
from protocol.events import (
    AnswerRefused,
    CallLost,
    CallReceived,
    CallTimedOut,
    DuplicateCall,
    ErrorReceived,
    FrameRejected,
    LateAnswer,
    ResultReceived,
    SendReceived,
    SessionEvent,
    UnmatchedAnswer,
)
from protocol.frames import CALL, CALLERROR, CALLRESULT, CALLRESULTERROR, FAULTS, Error, Result
from protocol.limits import SessionLimits

__all__ = [
    "AnswerRefused",
    "CallLost",
    "CallReceived",
    "CallTimedOut",
    "DuplicateCall",
    "ErrorReceived",
    "FrameRejected",
    "LateAnswer",
    "ResultReceived",
    "Role",
    "SendReceived",
    "Session",
    "SessionEvent",
    "SessionLimits",
    "UnmatchedAnswer",
]

DECODERS_DEPTH: Final = 8
"""Where the depth of JSON is limited below this, payloads have no decoders of their own."""
_NO_DETAILS: Final[Mapping[str, object]] = {}


class Role(Enum):
    """Which end of the connection a session is. Both ends obey the same laws."""

    CSMS = "csms"
    CHARGER = "charger"


class _Inbound(msgspec.Struct, gc=False, eq=False):
    """A CALL of the peer: first unanswered, later kept to recognise its repeats."""

    uid: str
    digest: int
    """Of the whole frame. The hash is keyed by process: a peer cannot aim at a collision."""
    frame: bytes | None = None
    """The answer, once it was given."""


class _Open(msgspec.Struct, frozen=True, gc=False):
    """Our CALL that waits for its answer."""

    uid: str
    action: str
    sent_us: int
    due_us: int


class Session:
    """The RPC state of one connection. Not thread-safe, and never used again for another one.

    After close() nothing is reported and nothing is sent any more; answers are dropped.
    """

    __slots__ = (
        "_closed",
        "_decoders",
        "_dialect",
        "_events",
        "_frames",
        "_late",
        "_limits",
        "_open",
        "_pending",
        "_recent",
        "role",
    )

    def __init__(
        self,
        *,
        role: Role,
        dialect: Dialect,
        limits: SessionLimits,
        decoders: Mapping[str, PayloadDecoder] = NO_DECODERS,
    ) -> None:
        self.role = role
        self._decoders = decoders if limits.depth_max >= DECODERS_DEPTH else NO_DECODERS
        self._dialect = dialect
        self._limits = limits
        self._events: list[SessionEvent] = []
        self._frames: list[bytes] = []
        self._closed = False
        # The peer's CALLs whose answers have not left, oldest first.
        self._pending: list[_Inbound] = []
        # The peer's last CALLs by id, oldest first. Made when first needed, like the next one.
        self._recent: dict[str, _Inbound] | None = None
        self._open: _Open | None = None
        # Our timed-out calls by id, oldest first.
        self._late: dict[str, _Open] | None = None

    @property
    def open_call(self) -> str | None:
        """The id of our open CALL."""
        return None if self._open is None else self._open.uid

    @property
    def unanswered(self) -> int:
        """How many CALLs of the peer wait for an answer to leave, repeats included."""
        return len(self._pending)

    # --- the peer speaks -----------------------------------------------------------------------

    def receive(self, text: str | bytes, now_us: int) -> None:
        """Take one WebSocket message. Never raises for anything that a peer can send."""
        if self._closed:
            return
        # A lone surrogate in a str passes here and is rejected as no UTF-8.
        raw = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
        try:
            frame = decode(raw, self._limits, self._decoders, extended=self._dialect.extended)
        except RemoteProtocolError as problem:
            self._reject(problem, raw, now_us)
            return
        if isinstance(frame, CallReceived):
            self._take_call(frame, raw)
        elif isinstance(frame, SendReceived):
            self._take_send(frame, raw)
        elif isinstance(frame, AnswerRefused):
            self._take_refusal(frame)
        else:
            self._take_answer(frame, raw, now_us)

    def _take_call(self, call: CallReceived, raw: bytes) -> None:
        uid = call.uid
        digest = hash(raw)
        recent = self._recent
        if recent is None:
            recent = self._recent = {}
        known = recent.get(uid)
        if known is not None and known.digest == digest:
            self._repeat(known, call.action, raw)
            return
        if len(self._pending) >= self._limits.unanswered_calls_max:
            self._events.append(FrameRejected(None, Fault.TOO_MANY_CALLS, raw, uid))
            return
        if known is not None:
            del recent[uid]
            call = _flagged(call, "msgid_reuse")
        if len(uid) > self._dialect.uid_chars_max:
            call = _flagged(call, "uid_long")
        self._pending.append(self._remember(uid, digest))
        self._events.append(call)

    def _remember(self, uid: str, digest: int) -> _Inbound:
        recent = self._recent
        if recent is None:
            recent = self._recent = {}
        entry = recent[uid] = _Inbound(uid, digest)
        if len(recent) > self._limits.recent_calls_max:
            del recent[next(iter(recent))]
        return entry

    def _take_send(self, send: SendReceived, raw: bytes) -> None:
        uid, digest = send.uid, hash(raw)
        recent = self._recent or {}
        known = recent.get(uid)
        if known is not None and known.digest == digest:
            self._events.append(DuplicateCall(uid, send.action, answered=False))
            return
        if known is not None:
            del recent[uid]
            send = msgspec.structs.replace(send, flags=(*send.flags, "msgid_reuse"))
        if len(uid) > self._dialect.uid_chars_max:
            send = msgspec.structs.replace(send, flags=(*send.flags, "uid_long"))
        self._remember(uid, digest)
        self._events.append(send)

    def _take_refusal(self, refusal: AnswerRefused) -> None:
        known = (self._recent or {}).get(refusal.uid)
        if known is None or known.frame is None:
            refusal = msgspec.structs.replace(refusal, flags=(*refusal.flags, "unmatched"))
        self._events.append(refusal)

    def _repeat(self, known: _Inbound, action: str, raw: bytes) -> None:
        # An answer that is held behind another one has not been sent: it will serve both.
        answered = known.frame is not None and known not in self._pending
        if answered:
            if len(self._pending) >= self._limits.unanswered_calls_max:
                self._events.append(FrameRejected(None, Fault.TOO_MANY_CALLS, raw, known.uid))
                return
            self._pending.append(known)
            self._release()
        self._events.append(DuplicateCall(known.uid, action, answered))

    def _take_answer(self, frame: Result | Error, raw: bytes, now_us: int) -> None:
        call = self._open
        if call is None or call.uid != frame.uid:
            self._take_stray(frame.uid, raw if isinstance(frame, Error) else frame.text, now_us)
            return
        self._open = None
        self._events.append(
            ResultReceived(
                call.uid, call.action, frame.payload, frame.text, call.sent_us, frame.flags
            )
            if isinstance(frame, Result)
            else ErrorReceived(
                call.uid,
                call.action,
                frame.code,
                frame.description,
                frame.details,
                call.sent_us,
                frame.flags,
            )
        )

    def _take_stray(self, uid: str, text: bytes, now_us: int) -> None:
        call = self._late.pop(uid, None) if self._late else None
        if call is None or now_us - call.due_us > self._limits.late_s * 1_000_000:
            self._events.append(UnmatchedAnswer(uid, text))
        else:
            self._events.append(LateAnswer(uid, call.action, text, now_us - call.due_us))

    def _reject(self, problem: RemoteProtocolError, raw: bytes, now_us: int) -> None:
        uid, fault = problem.uid, problem.fault
        code, description = FAULTS[fault]
        raw = raw[: self._limits.frame_bytes_max]
        call = self._open
        if problem.kind in _ANSWERS and call is not None and call.uid == uid:
            # A broken answer is an answer (quirk 16): the call must not wait for its deadline.
            self._open = None
            self._events.append(
                ErrorReceived(
                    uid,
                    call.action,
                    ErrorCode.FORMATION,
                    description,
                    {},
                    call.sent_us,
                    (f"unreadable:{fault}",),
                )
            )
            if problem.kind == CALLRESULT:
                self.refuse(uid, code or ErrorCode.FORMATION, description)
            return
        if problem.kind in _ANSWERS and self._late and uid in self._late:
            self._take_stray(uid, raw, now_us)
            return
        self._events.append(FrameRejected(code, fault, raw, uid))
        if code is not None and problem.kind in _PERHAPS_CALLS:
            self._refuse(uid, code, description)

    def _refuse(self, uid: str, code: ErrorCode, description: str) -> None:
        if not uid:
            uid, code = self._dialect.unreadable_uid, ErrorCode.RPC_FRAMEWORK
        if uid and len(self._pending) < self._limits.unanswered_calls_max:
            entry = _Inbound(uid, 0)
            self._pending.append(entry)
            self._finish(entry, code, description, _NO_DETAILS)

    # --- we answer -----------------------------------------------------------------------------

    def answer(self, uid: str, payload: Mapping[str, object] | bytes) -> None:
        """Answer a CALL with CALLRESULT. `payload`: an object, or one that is encoded already.

        When an id is open twice (msgid_reuse), the older one is answered.

        Raises:
            LocalProtocolError: no such CALL is unanswered, or the payload is no JSON object.
        """
        if self._closed:
            return
        entry = self._unanswered(uid)
        entry.frame = encode_result(uid, payload)
        self._release()

    def fail(
        self,
        uid: str,
        code: ErrorCode,
        description: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Answer a CALL with CALLERROR, in the dialect's spelling of `code`.

        Raises:
            LocalProtocolError: no such CALL is unanswered, or the details are no JSON object.
        """
        if self._closed:
            return
        self._finish(self._unanswered(uid), code, description, details or _NO_DETAILS)

    def _unanswered(self, uid: str) -> _Inbound:
        for entry in self._pending:
            if entry.uid == uid and entry.frame is None:
                return entry
        raise LocalProtocolError(f"no CALL {uid!r} waits for an answer")

    def _finish(
        self, entry: _Inbound, code: ErrorCode, description: str, details: Mapping[str, object]
    ) -> None:
        spelling = self._dialect.spell(code)
        entry.frame = encode_error(entry.uid, spelling, description, details)
        self._release()

    def _release(self) -> None:
        """Let the answers go whose predecessors have gone."""
        pending = self._pending
        while pending and (frame := pending[0].frame) is not None:
            self._frames.append(frame)
            del pending[0]

    # --- we ask --------------------------------------------------------------------------------

    def call(
        self,
        uid: str,
        action: str,
        payload: Mapping[str, object] | bytes,
        now_us: int,
        timeout_us: int,
    ) -> None:
        """Send a CALL. `payload`: an object, or one that is encoded already.

        `uid` must never have been used on this connection (2.x: by this system for this charger).

        Raises:
            LocalProtocolError: a call is open, the session is closed, the id is empty, too long or
                that of a call that timed out, or the payload is no JSON object.
        """
        if self._closed:
            raise LocalProtocolError("the session is closed")
        if self._open is not None:
            raise LocalProtocolError(f"{self._open.action} is still open: one CALL at a time")
        if not 0 < len(uid) <= self._dialect.uid_chars_max:
            raise LocalProtocolError(
                f"a message id has 1 to {self._dialect.uid_chars_max} characters"
            )
        if self._late and uid in self._late:
            raise LocalProtocolError(f"the message id {uid!r} was used before")
        self._frames.append(encode_call(uid, action, payload))
        self._open = _Open(uid, action, now_us, now_us + timeout_us)

    def send(self, uid: str, action: str, payload: Mapping[str, object] | bytes) -> None:
        """Send what is not answered (2.1 SEND), whether a call is open or not.

        Raises:
            LocalProtocolError: the dialect has no SEND, the session is closed, the id is empty or
                too long, or the payload is no JSON object.
        """
        if self._closed:
            raise LocalProtocolError("the session is closed")
        if not self._dialect.extended:
            raise LocalProtocolError(f"{self._dialect.subprotocol} has no SEND")
        if not 0 < len(uid) <= self._dialect.uid_chars_max:
            raise LocalProtocolError(
                f"a message id has 1 to {self._dialect.uid_chars_max} characters"
            )
        self._frames.append(encode_send(uid, action, payload))

    def refuse(
        self,
        uid: str,
        code: ErrorCode,
        description: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Tell the peer that its answer to our call is of no use (2.1 CALLRESULTERROR).

        Nothing happens in versions that have no word for it.

        Raises:
            LocalProtocolError: the details are no JSON object.
        """
        if self._closed or not self._dialect.extended:
            return
        spelling = self._dialect.spell(code)
        frame = encode_error(uid, spelling, description, details or _NO_DETAILS, CALLRESULTERROR)
        self._frames.append(frame)

    def due_us(self) -> int | None:
        """Return when tick() must be called next; None: not before something else happens."""
        return None if self._open is None else self._open.due_us

    def tick(self, now_us: int) -> None:
        """Let time pass: an open call whose deadline has come is timed out."""
        call = self._open
        if call is None or now_us < call.due_us:
            return
        self._open = None
        self._events.append(CallTimedOut(call.uid, call.action))
        late = self._late
        if late is None:
            late = self._late = {}
        late[call.uid] = call
        if len(late) > self._limits.late_calls_max:
            del late[next(iter(late))]

    # --- the ends ------------------------------------------------------------------------------

    def close(self, now_us: int) -> None:  # noqa: ARG002 - part of the contract
        """Say that the connection went. The open call is lost; what was not sent never will be."""
        if self._closed:
            return
        self._closed = True
        self._pending.clear()
        self._frames.clear()
        self._recent = self._late = None
        if self._open is not None:
            self._events.append(CallLost(self._open.uid, self._open.action))
            self._open = None

    def take_events(self) -> list[SessionEvent]:
        """Return what happened since the last time, oldest first."""
        events, self._events = self._events, []
        return events

    def take_frames(self) -> list[bytes]:
        """Return the UTF-8 JSON texts to send, oldest first."""
        frames, self._frames = self._frames, []
        return frames


def _flagged(call: CallReceived, flag: str) -> CallReceived:
    return msgspec.structs.replace(call, flags=(*call.flags, flag))


_ANSWERS: Final = frozenset({CALLRESULT, CALLERROR})
_PERHAPS_CALLS: Final = frozenset({0, CALL})
"""0: the message type could not be read."""
