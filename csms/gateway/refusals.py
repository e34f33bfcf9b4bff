"""Why a connection is not let in: what the other side is told, and what the operator is told.

An unknown charger and a wrong password are told the same (401, same body): identities are printed
on chargers and must not be found out by asking (CWE-522, CWE-307).
"""

from collections.abc import Mapping
from typing import NamedTuple


class Refusal(NamedTuple):
    """`status` and `body` go to the client, `text` to the operator."""

    status: int
    body: str
    text: str


NOT_AUTHORIZED = "Unauthorized.\n"

REFUSALS: Mapping[str, Refusal] = {
    "no_identity": Refusal(404, "No charger in this path.\n", "The URL has no usable identity."),
    "unknown_charger": Refusal(401, NOT_AUTHORIZED, "No charger of this identity is known."),
    "no_password": Refusal(401, NOT_AUTHORIZED, "The charger sent no password."),
    "wrong_password": Refusal(401, NOT_AUTHORIZED, "The password is wrong."),
    "wrong_username": Refusal(401, NOT_AUTHORIZED, "The user name is not the identity."),
    "network_not_allowed": Refusal(
        401, NOT_AUTHORIZED, "The charger may not connect from this address."
    ),
    "security_profile": Refusal(
        401, NOT_AUTHORIZED, "The charger's security profile needs another listener."
    ),
    "certificate": Refusal(
        401, NOT_AUTHORIZED, "The certificate is not the charger's, or not valid; see the detail."
    ),
    "tls_failed": Refusal(
        525, "", "The TLS handshake failed: no TLS, no common version or cipher, or a bad chain."
    ),
    "too_many_attempts": Refusal(
        429, "Too many attempts.\n", "Too many failed sign-ins from this address."
    ),
    "no_subprotocol": Refusal(
        1002, "", "None of the offered subprotocols is spoken here, or none was offered."
    ),
    "bad_request": Refusal(400, "", "The request was not a WebSocket handshake."),
    "handshake_timeout": Refusal(408, "", "The handshake was not finished in time."),
    "full": Refusal(503, "Full.\n", "The gateway has no room for another connection."),
    "draining": Refusal(503, "Draining.\n", "The gateway is being stopped."),
    "starting": Refusal(503, "Starting.\n", "The gateway has no records yet."),
    "journal_failed": Refusal(
        503, "Out of service.\n", "The journal cannot be written: disk full or broken."
    ),
    "held_elsewhere": Refusal(
        1008, "", "The charger is connected from another address, and that connection lives."
    ),
    "outrun": Refusal(
        1008, "", "A newer connection of the same charger came before this one was let in."
    ),
    "takeover_storm": Refusal(
        1008, "", "The charger was taken over too often from different addresses."
    ),
}
"""Reason -> what is said. A status of 1000 and more is a WebSocket close code."""
