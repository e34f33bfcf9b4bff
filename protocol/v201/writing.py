"""What the payloads of answers have in common (part 2, section 2)."""

from typing import Any

from domain.answers import Answer, StatusAnswer, TokenDecision
from protocol.common import expect
from protocol.time import write_time

TOKEN_LENGTH_MAX = 36
"""idToken is an identifierString of 36 in 2.0.1: a longer group is left out rather than sent wrong.
2.1 takes 255, but the same token may be used at chargers of both."""
MESSAGE_LENGTH_MAX = 512
GROUP_KIND = "Central"
"""The type of a group's token when nothing says: one that the server has made up."""


def id_token_info(token: TokenDecision) -> dict[str, Any]:
    """Return IdTokenInfoType."""
    info: dict[str, Any] = {"status": token.status}
    if token.expires_us:
        info["cacheExpiryDateTime"] = write_time(token.expires_us)
    if token.parent and len(token.parent) <= TOKEN_LENGTH_MAX:
        info["groupIdToken"] = {"idToken": token.parent, "type": token.parent_kind or GROUP_KIND}
    return info


def message_content(text: str) -> dict[str, Any]:
    """Return MessageContentType; what a display could not show is cut off."""
    return {"format": "UTF8", "content": text[:MESSAGE_LENGTH_MAX]}


def status(answer: Answer) -> dict[str, Any]:
    """Write the answer to a question: its status and whatever else it says.

    Raises:
        TypeError: it is another answer; our bug.
    """
    said = expect(answer, StatusAnswer)
    return {"status": said.status, **said.fields} if said.status else dict(said.fields)
