"""Functional block F: what 2.1 adds to triggers."""

from dataclasses import replace
from types import MappingProxyType

from protocol.v201 import remote_control
from protocol.version import Follow, table

_TRIGGER = table(remote_control.OUTBOUND)["TriggerMessage"]

OUTBOUND = (
    replace(
        _TRIGGER,
        requested=MappingProxyType(
            {
                **remote_control.REQUESTED,
                "SignV2G20Certificate": Follow.CERTIFICATE_ASKED,
                # What a vendor's trigger leads to, only the vendor knows.
                "CustomTrigger": Follow.NOTHING,
            }
        ),
    ),
)
