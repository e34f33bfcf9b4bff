"""Text to frames and back.

A CALL as nearly all chargers write it takes the fastest path: a pattern reads its head, msgspec its
payload, by a decoder of that very action if the caller has one. Other frames that are as the
specification wants them take two passes of msgspec, one over the frame (the payload stays text) and
one over the payload. Anything else is read again slowly: mended (`protocol.repairs`), taken apart
item by item with small faults turned into flags, and at last given up as a RemoteProtocolError with
whatever the head of the text still tells.

Flags: those of `protocol.repairs`, "cleaned:nul", "uid_number", "uid_empty", "payload_null",
"payload_missing", "payload_empty_array", "extra_elements", "code:<unknown spelling>",
"description_missing", "details_missing".

Duplicate keys are not looked for: the last one wins.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, NoReturn, TypeAlias

import msgspec

from domain.text import clean
from protocol.dialect import meaning
from protocol.errors import ErrorCode, Fault, LocalProtocolError, RemoteProtocolError
from protocol.events import AnswerRefused, CallReceived, SendReceived
from protocol.frames import (
    CALL,
    CALLERROR,
    CALLRESULT,
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    SEND,
    Error,
    Frame,
    Result,
)
from protocol.limits import SessionLimits
from protocol.repairs import STRING, repair

# --- encoding ----------------------------------------------------------------------------------


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode_json: Final = msgspec.json.Encoder(enc_hook=_plain).encode


def encode_call(uid: str, action: str, payload: Mapping[str, object] | bytes) -> bytes:
    """Return a CALL as UTF-8 JSON. `payload`: an object, or one that is encoded already.

    Raises:
        LocalProtocolError: the payload is no JSON object.
    """
    return _encode((CALL, uid, action), payload)


def encode_result(uid: str, payload: Mapping[str, object] | bytes) -> bytes:
    """Return a CALLRESULT as UTF-8 JSON. `payload`: an object, or one that is encoded already.

    Raises:
        LocalProtocolError: the payload is no JSON object.
    """
    if type(payload) is bytes and payload.startswith(b"{"):
        return (
            b"[3," + _encode_json(uid) + b"," + payload + b"]"
        )  # thrice as fast: our every answer
    return _encode((CALLRESULT, uid), payload)


def encode_send(uid: str, action: str, payload: Mapping[str, object] | bytes) -> bytes:
    """Return a SEND (2.1) as UTF-8 JSON. `payload`: an object, or one that is encoded already.

    Raises:
        LocalProtocolError: the payload is no JSON object.
    """
    return _encode((SEND, uid, action), payload)


def encode_error(
    uid: str,
    spelling: str,
    description: str,
    details: Mapping[str, object],
    kind: int = CALLERROR,
) -> bytes:
    """Return a CALLERROR (or CALLRESULTERROR) as UTF-8 JSON.

    The description is cut to 255 characters.

    Raises:
        LocalProtocolError: the details are no JSON object.
    """
    return _encode((kind, uid, spelling, description[:DESCRIPTION_CHARS_MAX]), details)


def _encode(head: tuple[object, ...], payload: Mapping[str, object] | bytes) -> bytes:
    if isinstance(payload, bytes):
        if not payload.startswith(b"{"):
            raise LocalProtocolError("an encoded payload must be a JSON object")
        return _encode_json((*head, msgspec.Raw(payload)))
    try:
        return _encode_json((*head, payload))
    except (TypeError, ValueError, RecursionError) as problem:
        raise LocalProtocolError(f"the payload has no JSON form: {problem}") from problem


# --- decoding ----------------------------------------------------------------------------------

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]


class _WireCall(msgspec.Struct, array_like=True, tag=CALL, forbid_unknown_fields=True, gc=False):
    uid: _Name
    action: _Name
    payload: msgspec.Raw


class _WireResult(
    msgspec.Struct, array_like=True, tag=CALLRESULT, forbid_unknown_fields=True, gc=False
):
    uid: _Name
    payload: msgspec.Raw


class _WireSend(msgspec.Struct, array_like=True, tag=SEND, forbid_unknown_fields=True, gc=False):
    uid: _Name
    action: _Name
    payload: msgspec.Raw


_decode_wire: Final = msgspec.json.Decoder(_WireCall | _WireResult).decode
_decode_extended: Final = msgspec.json.Decoder(_WireCall | _WireResult | _WireSend).decode
_decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode

_SQUARE: Final = ord("[")
_CURLY: Final = ord("{")
_BACKSLASH: Final = ord("\\")
_ESCAPED_NUL: Final = rb"\u0000"


_PLAIN_HEAD: Final = re.compile(
    rb'\[2, ?"([ !#-\[\]-~]{1,%d})", ?"([A-Za-z]{1,%d})", ?(?=\{)'
    % (NAME_CHARS_MAX, NAME_CHARS_MAX)
).match
"""The head of a CALL whose id needs no unescaping. What follows it, without the last bracket, is
its payload, if that is one JSON object."""

PayloadDecoder: TypeAlias = Callable[[bytes], object]
"""JSON text -> a typed payload. Nests less than SessionLimits.depth_max allows.

Raises:
    msgspec.DecodeError: the text is not exactly what this decoder knows; others read it then.
"""
NO_DECODERS: Final[Mapping[str, PayloadDecoder]] = MappingProxyType({})


def decode(
    text: bytes,
    limits: SessionLimits,
    decoders: Mapping[str, PayloadDecoder] = NO_DECODERS,
    *,
    extended: bool = False,
) -> Frame:
    """Return the frame in `text`, one WebSocket message.

    Args:
        text: of the message.
        limits: of its size and depth.
        extended: the dialect has CALLRESULTERROR and SEND.
        decoders: of actions whose payloads are wanted as `CallReceived.exact`, if they are exact.

    Raises:
        RemoteProtocolError: it is no OCPP-J frame (1.6-J section 4.2), or beyond a limit.
    """
    if len(text) > limits.frame_bytes_max:
        _give_up(Fault.TOO_LARGE, text)
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            _give_up(Fault.NOT_UTF8, text)
    if _BACKSLASH in text and _ESCAPED_NUL in text:
        _check_depth(text, limits)
        return _decode_slowly(text, limits, extended=extended)
    head = _PLAIN_HEAD(text) if text.endswith(b"}]") else None
    if head is not None:
        try:
            return _decode_plain(text, head, limits, decoders)
        except (msgspec.DecodeError, RecursionError):
            return _decode_slowly(text, limits, extended=extended)
    _check_depth(text, limits)
    try:
        wire = _decode_extended(text) if extended else _decode_wire(text)
        body = bytes(wire.payload)
        payload = _decode_object(body)
    except (msgspec.DecodeError, RecursionError):
        return _decode_slowly(text, limits, extended=extended)
    if isinstance(wire, _WireCall):
        return CallReceived(wire.uid, wire.action, payload, body)
    if isinstance(wire, _WireSend):
        return SendReceived(wire.uid, wire.action, payload, body)
    return Result(wire.uid, payload, body)


def _decode_plain(
    text: bytes,
    head: re.Match[bytes],
    limits: SessionLimits,
    decoders: Mapping[str, PayloadDecoder],
) -> CallReceived:
    """Return a CALL whose head is plain. msgspec.DecodeError: its payload is no JSON object."""
    uid, action, body = head[1].decode(), head[2].decode(), text[head.end() : -1]
    decoder = decoders.get(action)
    if decoder is not None:
        try:
            return CallReceived(uid, action, {}, body, (), decoder(body))
        except (msgspec.DecodeError, RecursionError):
            pass  # not exactly as specified: whoever looks at the object says what it is
    _check_depth(text, limits)
    return CallReceived(uid, action, _decode_object(body), body)


def _check_depth(text: bytes, limits: SessionLimits) -> None:
    # A frame with few brackets cannot be deep. Only the others are measured.
    depth_max = limits.depth_max
    if text.count(_SQUARE) + text.count(_CURLY) > depth_max and _is_deeper(text, depth_max):
        _give_up(Fault.TOO_DEEP, text)


_TO_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


def _is_deeper(text: bytes, levels: int) -> bool:
    """Whether the JSON nests deeper than `levels`; no recursion, no parser.

    Strings are dropped, brackets kept, and one innermost level is peeled off a round. Openers that
    are never closed count as levels, so a truncated text is measured from above.
    """
    if _BACKSLASH in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = b"".join(text.split(b'"')[::2]).translate(_TO_SQUARE, _NO_BRACKET)
    peeled = 0
    while peeled <= levels and b"[]" in brackets:
        brackets = brackets.replace(b"[]", b"")
        peeled += 1
    return peeled + brackets.count(b"[") > levels


def _decode_slowly(text: bytes, limits: SessionLimits, *, extended: bool) -> Frame:
    mended, flags = repair(text) if len(text) <= limits.repair_bytes_max else (text, [])
    try:
        items = _decode_items(mended)
        readers = _READERS_EXTENDED if extended else _READERS
        return _take_apart([bytes(item) for item in items], flags, readers)
    except RecursionError:
        # Only when the depth limit is set beyond what the interpreter can do.
        _give_up(Fault.TOO_DEEP, text)
    except msgspec.ValidationError:
        _give_up(Fault.NOT_A_FRAME, text)
    except msgspec.DecodeError:
        _give_up(_why_no_json(text[: limits.repair_bytes_max]), text)


_NOT_FINITE: Final = re.compile(STRING + rb"|(?P<fault>NaN|Infinity)", re.DOTALL)


def _why_no_json(text: bytes) -> Fault:
    not_finite = any(match["fault"] is not None for match in _NOT_FINITE.finditer(text))
    return Fault.NOT_FINITE if not_finite else Fault.NOT_JSON


_Readers: TypeAlias = Mapping[bytes, tuple[int, Callable[[str, list[bytes], list[str]], Frame]]]


def _take_apart(items: list[bytes], flags: list[str], readers: _Readers) -> Frame:
    kind = items[0] if items else b""
    reader = readers.get(kind)
    if reader is None:
        raise RemoteProtocolError(Fault.UNKNOWN_TYPE if kind.isdigit() else Fault.NOT_A_FRAME)
    elements, read = reader
    uid = _read_uid(items[1] if len(items) > 1 else b"", int(kind), flags)
    if len(items) > elements:
        flags.append("extra_elements")
    items += [b""] * (elements - len(items))
    return read(uid, items, flags)


def _read_uid(item: bytes, kind: int, flags: list[str]) -> str:
    if item.startswith(b'"'):
        uid = _read_text(item, flags)
        if not uid:
            flags.append("uid_empty")
    elif item[:1].isdigit() or item.startswith(b"-"):
        uid = item.decode()
        flags.append("uid_number")
    else:
        raise RemoteProtocolError(Fault.BAD_UID, kind)
    if len(uid) > NAME_CHARS_MAX:
        raise RemoteProtocolError(Fault.BAD_UID, kind)
    return uid


def _read_call(uid: str, items: list[bytes], flags: list[str]) -> CallReceived:
    action, payload = _read_request(CALL, uid, items, flags)
    return CallReceived(uid, action, payload, items[3] or b"{}", _unique(flags))


def _read_send(uid: str, items: list[bytes], flags: list[str]) -> SendReceived:
    action, payload = _read_request(SEND, uid, items, flags)
    return SendReceived(uid, action, payload, items[3] or b"{}", _unique(flags))


def _read_request(
    kind: int, uid: str, items: list[bytes], flags: list[str]
) -> tuple[str, dict[str, Any]]:
    action = _read_text(items[2], flags)
    if not 0 < len(action) <= NAME_CHARS_MAX:
        raise RemoteProtocolError(Fault.BAD_ACTION, kind, uid)
    payload = _read_payload(items[3], flags)
    if isinstance(payload, Fault):
        raise RemoteProtocolError(payload, kind, uid, action)
    return action, payload


def _read_result(uid: str, items: list[bytes], flags: list[str]) -> Result:
    payload = _read_payload(items[2], flags)
    if isinstance(payload, Fault):
        raise RemoteProtocolError(payload, CALLRESULT, uid)
    return Result(uid, payload, items[2] or b"{}", _unique(flags))


def _read_error(uid: str, items: list[bytes], flags: list[str]) -> Error:
    """Read a CALLERROR. Nothing in it is worth losing the answer: whatever is odd is dropped."""
    spelling = _read_text(items[2], flags)[:NAME_CHARS_MAX]
    code = meaning(spelling)
    if code is None:
        flags.append(f"code:{spelling}")
    description = _read_text(items[3], flags)
    if not items[3].startswith(b'"'):
        flags.append("description_missing")
    details = _read_payload(items[4], flags) if items[4].startswith(b"{") else Fault.BAD_PAYLOAD
    if isinstance(details, Fault):
        flags.append("details_missing")
        details = {}
    return Error(uid, code or ErrorCode.GENERIC, description, details, _unique(flags))


def _read_refusal(uid: str, items: list[bytes], flags: list[str]) -> AnswerRefused:
    error = _read_error(uid, items, flags)
    return AnswerRefused(uid, error.code, error.description, error.details, error.flags)


_READERS: Final[_Readers] = {
    b"2": (4, _read_call),
    b"3": (3, _read_result),
    b"4": (5, _read_error),
}
"""By message type: the number of elements of the frame, and who reads them."""

_READERS_EXTENDED: Final[_Readers] = {
    **_READERS,
    b"5": (5, _read_refusal),
    b"6": (4, _read_send),
}

_EMPTY_PAYLOADS: Final[Mapping[bytes, str]] = {
    b"": "payload_missing",
    b"null": "payload_null",
    b"[]": "payload_empty_array",
}


def _read_payload(item: bytes, flags: list[str]) -> dict[str, Any] | Fault:
    flag = _EMPTY_PAYLOADS.get(item)
    if flag is not None:
        flags.append(flag)
        return {}
    if not item.startswith(b"{"):
        return Fault.BAD_PAYLOAD
    try:
        payload = _decode_object(item)
    except msgspec.ValidationError:
        return Fault.NOT_FINITE
    return _cleaned(payload, flags) if _ESCAPED_NUL in item else payload


def _read_text(item: bytes, flags: list[str]) -> str:
    return _clean_text(_decode_text(item), flags) if item.startswith(b'"') else ""


def _clean_text(text: str, flags: list[str]) -> str:
    if "\x00" not in text:
        return text
    flags.append("cleaned:nul")
    return clean(text, len(text))


def _cleaned(value: Any, flags: list[str]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return _clean_text(value, flags)
    if isinstance(value, list):
        return [_cleaned(item, flags) for item in value]
    if isinstance(value, dict):
        return {_clean_text(key, flags): _cleaned(item, flags) for key, item in value.items()}
    return value


def _unique(flags: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flags))


# --- giving up ---------------------------------------------------------------------------------

HEAD_BYTES_MAX: Final = 2_048
"""How far into an unreadable text its id and action are looked for."""

_CLOSED_STRING: Final = rb'"(?:[^"\\]|\\.)*+"'
_HEAD: Final = re.compile(
    rb"\s*\[\s*(?P<kind>\d{1,3})\s*,\s*(?P<uid>" + _CLOSED_STRING + rb"|-?\d+(?=\s*,))"
    rb"(?:\s*,\s*(?P<action>" + _CLOSED_STRING + rb"))?",
    re.DOTALL,
)


def _give_up(fault: Fault, text: bytes) -> NoReturn:
    """Raise RemoteProtocolError with what the head of the text still tells."""
    head = _HEAD.match(text[:HEAD_BYTES_MAX])
    if head is None:
        raise RemoteProtocolError(fault)
    uid, action = (_recover(item) for item in head.group("uid", "action"))
    raise RemoteProtocolError(fault, int(head["kind"]), uid, action)


def _recover(item: bytes | None) -> str:
    """Return a name as far as it is one, else nothing."""
    if item is None:
        return ""
    try:
        name = _read_text(item, []) if item.startswith(b'"') else item.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return name if len(name) <= NAME_CHARS_MAX else ""
