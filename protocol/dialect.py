"""What differs between the versions of OCPP-J below the meaning of messages.

The spellings of error codes are those of 1.6-J section 4.2.3 (whose typos are normative, errata
section 5) and of OCPP 2.x part 4, section 4.3. Every spelling is understood from every peer: real
chargers mix them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from protocol.errors import ErrorCode


class Dialect(msgspec.Struct, frozen=True):
    """One version's way to speak the RPC framework."""

    subprotocol: str
    """The WebSocket subprotocol: ocpp1.6, ocpp2.0.1, ocpp2.1."""
    spellings: Mapping[ErrorCode, str]
    """How each code is written; total."""
    uid_chars_max: int = 36
    """Our own message ids are never longer; a peer's longer id is flagged."""
    unreadable_uid: str = ""
    """The id of a CALLERROR that answers a frame whose id cannot be read; empty: no answer."""
    extended: bool = False
    """True: there are CALLRESULTERROR and SEND; else they are unknown types, which are ignored."""

    def spell(self, code: ErrorCode) -> str:
        """Return how `code` is written in a CALLERROR of this version."""
        return self.spellings[code]


_SAME: Final = {code: code.value for code in ErrorCode}

OCPP_16: Final = Dialect(
    subprotocol="ocpp1.6",
    spellings=MappingProxyType(
        _SAME
        | {
            ErrorCode.OCCURRENCE_CONSTRAINT: "OccurenceConstraintViolation",
            ErrorCode.RPC_FRAMEWORK: "GenericError",
            ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "GenericError",
        }
    ),
)

# Only 1.6 has the slip in "Occurence": its errata (section 5.1) promise the right spelling for the
# next version, and part 4 of 2.0.1, table 8, the list of what is allowed, has it.
OCPP_201: Final = Dialect(
    subprotocol="ocpp2.0.1",
    spellings=MappingProxyType(_SAME | {ErrorCode.FORMATION: "FormatViolation"}),
    unreadable_uid="-1",
)

OCPP_21: Final = Dialect(
    subprotocol="ocpp2.1",
    spellings=MappingProxyType(_SAME | {ErrorCode.FORMATION: "FormatViolation"}),
    unreadable_uid="-1",
    extended=True,
)

# GenericError stands for three meanings in 1.6, so the codes' own names are entered last and win.
_MEANINGS: Final[Mapping[str, ErrorCode]] = MappingProxyType(
    {
        spelling: code
        for dialect in (OCPP_16, OCPP_201, OCPP_21)
        for code, spelling in dialect.spellings.items()
    }
    | {code.value: code for code in ErrorCode}
)


def meaning(spelling: str) -> ErrorCode | None:
    """Return the code that any version spells like this; None when none does."""
    return _MEANINGS.get(spelling)
