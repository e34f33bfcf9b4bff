"""The Local Auth List Management profile: OCPP 1.6 edition 2, sections 5.10 and 5.15."""

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
        section="5.10",
        yes=frozenset(),
    ),
    Outbound(
        "SendLocalList",
        # The second copy of a differential update is answered VersionMismatch.
        idempotent=False,
        priority=Priority.BACKGROUND,
        section="5.15",
    ),
)

TOKEN_LENGTH_MAX = 20
"""CiString20Type of IdToken (section 7.28)."""


def _info(entry: ListEntry) -> dict[str, Any]:
    info: dict[str, Any] = {"status": entry.status}
    if entry.expires_us:
        info["expiryDate"] = write_time(entry.expires_us)
    if entry.parent and len(entry.parent) <= TOKEN_LENGTH_MAX:
        info["parentIdTag"] = entry.parent
    return info


LIST_WORDS = ListWords(
    version_sent="listVersion",
    version_told="listVersion",
    takes=lambda entry: len(entry.token) <= TOKEN_LENGTH_MAX,
    kind=lambda _entry: "",
    write=lambda entry: {"idTag": entry.token, "idTagInfo": _info(entry)},
    remove=lambda token, _kind: {"idTag": token},
    items=("", "SendLocalListMaxLength"),
    bytes=None,
    entries=("", "LocalAuthListMaxLength"),
    entries_in_max=False,
)
