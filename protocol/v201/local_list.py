"""Functional block D: the local authorization list."""

from typing import Any

from domain.commands import Priority
from protocol.local_lists import ListEntry, ListWords
from protocol.time import write_time
from protocol.version import Outbound

OUTBOUND = (
    Outbound(
        "GetLocalListVersion",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="D02",
        yes=frozenset(),
    ),
    Outbound(
        "SendLocalList",
        # The second copy of a differential update is answered VersionMismatch.
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="D01",
    ),
)

TYPES_OF_201 = frozenset(
    {
        "Central",
        "eMAID",
        "ISO14443",
        "ISO15693",
        "KeyCode",
        "Local",
        "MacAddress",
        "NoAuthorization",
    }
)
"""IdTokenEnumType; 2.1 takes any text."""
ANY_TYPE = "ISO14443"
"""Of a token that may be shown as any: cards are what is read while nobody can be asked."""
GROUP_TYPE = "Central"


def _info(entry: ListEntry) -> dict[str, Any]:
    info: dict[str, Any] = {"status": entry.status}
    if entry.expires_us:
        info["cacheExpiryDateTime"] = write_time(entry.expires_us)
    if entry.parent:
        info["groupIdToken"] = {"idToken": entry.parent, "type": GROUP_TYPE}
    return info


def _token(token: str, kind: str) -> dict[str, Any]:
    return {"idToken": {"idToken": token, "type": kind}}


LIST_WORDS = ListWords(
    version_sent="versionNumber",
    version_told="versionNumber",
    takes=lambda entry: (entry.kind or ANY_TYPE) in TYPES_OF_201,
    kind=lambda entry: entry.kind or ANY_TYPE,
    write=lambda entry: _token(entry.token, entry.kind or ANY_TYPE) | {"idTokenInfo": _info(entry)},
    remove=_token,
    items=("LocalAuthListCtrlr", "ItemsPerMessage"),
    bytes=("LocalAuthListCtrlr", "BytesPerMessage"),
    entries=("LocalAuthListCtrlr", "Entries"),
    entries_in_max=True,
)
