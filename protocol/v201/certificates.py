"""Functional block M: ISO 15118 certificates, and the roots that a charging station trusts."""

from domain.answers import StatusAnswer
from domain.commands import Priority
from protocol.v201.notice import member, question
from protocol.v201.writing import status
from protocol.version import Inbound, Outbound

INBOUND = (
    Inbound(
        "Get15118EVCertificate",
        question(
            "Get15118EVCertificate",
            member("action"),
            no=StatusAnswer("Failed", {"exiResponse": ""}),
        ),
        status,
        "M01",
        # The car's certificate says whose it is, the answer has the key of its contract.
        personal=frozenset({"exiRequest"}),
        hidden_answer=frozenset({"exiResponse"}),
    ),
    Inbound(
        "GetCertificateStatus",
        question(
            "GetCertificateStatus",
            member("ocspRequestData", "serialNumber"),
            no=StatusAnswer("Failed"),
        ),
        status,
        "M06",
    ),
)

OUTBOUND = (
    Outbound(
        "DeleteCertificate",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="M04",
        admin=True,
    ),
    Outbound(
        "GetInstalledCertificateIds",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="M03",
        # NotFound is an answer too: no certificate of this kind is installed.
        yes=frozenset({"accepted", "notfound"}),
    ),
    Outbound(
        "InstallCertificate",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="M05",
        admin=True,
    ),
)
