"""What can go wrong between two peers: the codes on the wire, and whose fault it was.

`ErrorCode` names meanings. How a meaning is spelled in a CALLERROR depends on the version of OCPP:
see `protocol.dialect`.

    CsmsError
        LocalProtocolError     we broke the rules; nothing was sent, the session is unchanged
        RemoteProtocolError    what the peer sent is no OCPP-J frame; never leaves a session
"""

from enum import StrEnum

from domain.errors import CsmsError


class ErrorCode(StrEnum):
    """The meaning of a CALLERROR. The values are our own names, not those of the wire."""

    NOT_IMPLEMENTED = "NotImplemented"
    """The action is unknown."""
    NOT_SUPPORTED = "NotSupported"
    """The action is known, but not supported here."""
    INTERNAL = "InternalError"
    PROTOCOL = "ProtocolError"
    """The payload is incomplete, or no object."""
    SECURITY = "SecurityError"
    FORMATION = "FormationViolation"
    """The frame or payload is syntactically wrong."""
    PROPERTY_CONSTRAINT = "PropertyConstraintViolation"
    OCCURRENCE_CONSTRAINT = "OccurrenceConstraintViolation"
    TYPE_CONSTRAINT = "TypeConstraintViolation"
    GENERIC = "GenericError"
    RPC_FRAMEWORK = "RpcFrameworkError"
    """The frame is no valid RPC: for example, its id cannot be read."""
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"


class Fault(StrEnum):
    """Why a frame was not taken. `protocol.frames.FAULTS` has the code and text of each."""

    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    TOO_DEEP = "too_deep"
    NOT_JSON = "not_json"
    NOT_FINITE = "not_finite"
    NOT_A_FRAME = "not_a_frame"
    BAD_UID = "bad_uid"
    BAD_ACTION = "bad_action"
    BAD_PAYLOAD = "bad_payload"
    UNKNOWN_TYPE = "unknown_type"
    TOO_MANY_CALLS = "too_many_calls"


class LocalProtocolError(CsmsError):
    """We asked a session for something that the protocol forbids. Nothing was sent."""


class RemoteProtocolError(CsmsError):
    """The peer sent something that is no OCPP-J frame.

    `kind` (the message type number, 0 when unknown), `uid` and `action` are what could still be
    recovered from the head of the text; empty when nothing could.
    """

    def __init__(self, fault: Fault, kind: int = 0, uid: str = "", action: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.kind = kind
        self.uid = uid
        self.action = action
