"""The versions that this server speaks, by WebSocket subprotocol, the preferred one first."""

from collections.abc import Mapping
from types import MappingProxyType

from protocol.v16 import V16
from protocol.version import Version

VERSIONS: Mapping[str, Version] = MappingProxyType({V16.subprotocol: V16})
