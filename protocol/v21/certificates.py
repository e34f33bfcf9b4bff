"""Functional block M: revocation of a car's certificate chain (ISO 15118-20)."""

from collections.abc import Mapping
from typing import Any

from domain.answers import StatusAnswer
from protocol.fields import listed
from protocol.v201.notice import question
from protocol.v201.writing import status
from protocol.version import Inbound

CERTIFICATES_MAX = 16
"""Of one chain; the schema allows four."""
ALREADY_OVER = "1970-01-01T00:00:00Z"
"""nextUpdate of an answer that is worth nothing: ask again."""


def not_known(payload: Mapping[str, Any]) -> StatusAnswer:
    """Return that the status of no certificate could be found out (M07)."""
    asked = listed(payload.get("certificateStatusRequests"), "/", [])[:CERTIFICATES_MAX]
    return StatusAnswer(
        "",
        {
            "certificateStatus": [
                {
                    "certificateHashData": each.get("certificateHashData", {}),
                    "source": each.get("source", "OCSP"),
                    "status": "Failed",
                    "nextUpdate": ALREADY_OVER,
                }
                for each in asked
                if isinstance(each, dict)
            ]
        },
    )


INBOUND = (
    Inbound(
        "GetCertificateChainStatus",
        question("GetCertificateChainStatus", no=not_known),
        status,
        "M07",
    ),
)
