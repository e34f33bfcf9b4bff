"""The versions that this server speaks, by WebSocket subprotocol, the preferred one first."""

from collections.abc import Mapping
from types import MappingProxyType

from protocol.v16 import V16
from protocol.v21 import V21
from protocol.v201 import V201
from protocol.version import Outbound, Version

_BY_PREFERENCE = (V21, V201, V16)

VERSIONS: Mapping[str, Version] = MappingProxyType(
    {version.subprotocol: version for version in _BY_PREFERENCE}
)


def row_of(action: str, subprotocol: str) -> Outbound | None:
    """Return the row of a command; of a version that is not known: of the first that has it."""
    version = VERSIONS.get(subprotocol)
    among = VERSIONS.values() if version is None else (version,)
    return next((each.outbound[action] for each in among if action in each.outbound), None)
