"""What is answered to a report that crashes the charger's actor each time (a dead letter).

It is kept all the same: the charger must not send it for ever, nor be stopped by it.
"""

from collections.abc import Callable, Mapping

from domain.answers import (
    ACKNOWLEDGED,
    Answer,
    AuthorizationAnswer,
    BootDecision,
    CertificateAnswer,
    DataAnswer,
    HeartbeatAnswer,
    StartAnswer,
    StopAnswer,
    TokenDecision,
    TransactionAnswer,
)
from domain.events import ChargerBooted, HeartbeatReceived
from domain.reports import (
    AuthorizationAsked,
    CertificateAsked,
    DataOffered,
    QuestionAsked,
    Report,
    StartReported,
    StopReported,
    TransactionReported,
)

_ANSWERS: Mapping[type, Answer] = {
    AuthorizationAsked: AuthorizationAnswer(TokenDecision("Invalid")),
    StopReported: StopAnswer(None),
    TransactionReported: TransactionAnswer(),
    DataOffered: DataAnswer("Rejected"),
    CertificateAsked: CertificateAnswer("Rejected"),
}


def last_resort(report: Report, boot: BootDecision, next_transaction: Callable[[], int]) -> Answer:
    """Return the answer; `boot` is that of a charger which boots now."""
    if isinstance(report, StartReported):
        return StartAnswer(next_transaction(), TokenDecision("Accepted"))
    if isinstance(report, QuestionAsked):
        return report.denied
    if isinstance(report, ChargerBooted):
        return boot
    if isinstance(report, HeartbeatReceived):
        return HeartbeatAnswer(boot.now_us)
    return _ANSWERS.get(type(report), ACKNOWLEDGED)
