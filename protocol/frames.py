"""The frames of OCPP-J, and what each fault of a frame means.

OCPP 1.6-J section 4.2, OCPP 2.x part 4 section 4.2:

    [2, uid, action, payload]                      CALL
    [3, uid, payload]                              CALLRESULT
    [4, uid, code, description, details]           CALLERROR
    [5, uid, code, description, details]           CALLRESULTERROR    2.1: of an answer
    [6, uid, action, payload]                      SEND               2.1: never answered

`flags` say what was tolerated: words like "uid_long", or "repaired:leading_comma".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from protocol.errors import ErrorCode, Fault
from protocol.events import AnswerRefused, CallReceived, SendReceived

CALL: Final = 2
CALLRESULT: Final = 3
CALLERROR: Final = 4
CALLRESULTERROR: Final = 5
SEND: Final = 6

DESCRIPTION_CHARS_MAX: Final = 255
"""OCPP 2.x part 4, section 4.2.3; used for 1.6 too, which has no limit."""

NAME_CHARS_MAX: Final = 255
"""Message ids and actions; a frame with a longer one is rejected. Seven times what 2.x allows."""


class Result(msgspec.Struct, frozen=True, gc=False):
    """A CALLRESULT. `text` is the payload's JSON as it came."""

    uid: str
    payload: dict[str, Any]
    text: bytes
    flags: tuple[str, ...] = ()


class Error(msgspec.Struct, frozen=True, gc=False):
    """A CALLERROR. An unknown code is GENERIC, with the flag "code:" and its spelling."""

    uid: str
    code: ErrorCode
    description: str
    details: dict[str, Any]
    flags: tuple[str, ...] = ()


Frame: TypeAlias = CallReceived | SendReceived | Result | Error | AnswerRefused
"""What has nothing to be matched with is read straight into its event: CALLs come by the thousand.
"""

FAULTS: Final[Mapping[Fault, tuple[ErrorCode | None, str]]] = MappingProxyType(
    {
        Fault.TOO_LARGE: (ErrorCode.GENERIC, "the frame is larger than allowed here"),
        Fault.NOT_UTF8: (ErrorCode.FORMATION, "the text is not UTF-8 (RFC 3629)"),
        Fault.TOO_DEEP: (ErrorCode.FORMATION, "the JSON is nested deeper than allowed here"),
        Fault.NOT_JSON: (ErrorCode.FORMATION, "the text is not JSON (RFC 8259)"),
        Fault.NOT_FINITE: (
            ErrorCode.PROPERTY_CONSTRAINT,
            "NaN, Infinity and numbers beyond 64-bit floats are no values (RFC 8259 section 6)",
        ),
        Fault.NOT_A_FRAME: (ErrorCode.FORMATION, "not an OCPP-J frame (1.6-J section 4.2)"),
        Fault.BAD_UID: (ErrorCode.FORMATION, "the message id is unusable (1.6-J section 4.1.4)"),
        Fault.BAD_ACTION: (ErrorCode.FORMATION, "the action is no name (1.6-J section 4.2.1)"),
        Fault.BAD_PAYLOAD: (ErrorCode.FORMATION, "the payload is no object (1.6-J section 4.2)"),
        Fault.UNKNOWN_TYPE: (None, "unknown message type: ignored (1.6-J section 4.1.3)"),
        Fault.TOO_MANY_CALLS: (None, "too many CALLs wait for an answer: not taken"),
    }
)
"""Code and description of each fault. None: never answered."""
