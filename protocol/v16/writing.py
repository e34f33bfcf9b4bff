"""What the payloads of answers have in common."""

from typing import Any, TypeVar

from domain.answers import Acknowledged, Answer, TokenDecision
from protocol.time import write_time

PARENT_LENGTH_MAX = 20
"""idTag is a CiString20 (section 7.28); a longer parent is left out rather than sent wrong."""

T = TypeVar("T")


def expect(answer: Answer, kind: type[T]) -> T:
    """Return `answer`, which must be a `kind`.

    Raises:
        TypeError: it is another answer; our bug.
    """
    if not isinstance(answer, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(answer).__name__}")
    return answer


def nothing(answer: Answer) -> dict[str, Any]:
    """Return the empty payload.

    Raises:
        TypeError: `answer` says something; our bug.
    """
    expect(answer, Acknowledged)
    return {}


def id_tag_info(token: TokenDecision) -> dict[str, Any]:
    """Return IdTagInfo (section 7.27)."""
    info: dict[str, Any] = {"status": token.status}
    if token.expires_us:
        info["expiryDate"] = write_time(token.expires_us)
    if token.parent and len(token.parent) <= PARENT_LENGTH_MAX:
        info["parentIdTag"] = token.parent
    return info
