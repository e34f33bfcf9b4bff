"""What the payloads of answers have in common."""

from typing import Any

from domain.answers import TokenDecision
from protocol.time import write_time

PARENT_LENGTH_MAX = 20
"""idTag is a CiString20 (section 7.28); a longer parent is left out rather than sent wrong."""


def id_tag_info(token: TokenDecision) -> dict[str, Any]:
    """Return IdTagInfo (section 7.27)."""
    info: dict[str, Any] = {"status": token.status}
    if token.expires_us:
        info["expiryDate"] = write_time(token.expires_us)
    if token.parent and len(token.parent) <= PARENT_LENGTH_MAX:
        info["parentIdTag"] = token.parent
    return info
