"""Names of things. All are plain strings or integers at run time; the types keep them apart."""

import re
from typing import Final, NewType

TenantId = NewType("TenantId", str)
SiteId = NewType("SiteId", str)
ChargerId = NewType("ChargerId", str)
TokenId = NewType("TokenId", str)
CommandId = NewType("CommandId", str)
TransactionId = NewType("TransactionId", int)
"""The number that 1.6 chargers see: positive, 31 bits, unique within an installation."""
Generation = NewType("Generation", int)
"""The number of one connection of a charger; a later connection has a greater one."""

DEFAULT_TENANT = TenantId("default")
CHARGER_ID_LENGTH_MAX = 48
"""OCPP 2.0.1 part 4, section 3.1.1; 1.6 has no limit of its own."""
CHARGER_NAME: Final = re.compile(r"[^\x00-\x20\x7f/:?#%\\]+")
"""Identities that a record may have; 2.0.1 part 4 section 3.1.1 forbids the colon."""
