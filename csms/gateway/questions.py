"""What a charger's report needs from elsewhere before its actor can answer it.

A contract of a car (Authorize with a certificate or hashes), the state of a certificate, a
certificate for a car: the ledger's contract desk asks responders and pools, with a deadline. The
charger's actor and the loop wait for nothing: the report goes to the actor when it is complete. It
is complete without an answer, too: then the actor says no.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from actors.charger.messages import Call
from domain.errors import CsmsError
from domain.reports import AuthorizationAsked, QuestionAsked, Report

UNANSWERED = "NoCertificateAvailable"
"""Of a contract that nobody could look at (AuthorizeCertificateStatusEnumType)."""
ELSEWHERE = frozenset({"GetCertificateStatus", "Get15118EVCertificate"})
"""Topics of questions that the contract desk answers."""

Ask = Callable[[Mapping[str, object]], Awaitable[object]]
Tell = Callable[[Report, Call], None]


def asked_elsewhere(report: Report) -> bool:
    """Return whether somebody else has to be asked first."""
    if isinstance(report, AuthorizationAsked):
        return bool(report.certificate or report.hashes)
    return isinstance(report, QuestionAsked) and report.topic in ELSEWHERE


class Questions:
    """Questions of one gateway's chargers.

    Args:
        ask: asks the contract desk; None: there is none, everything is unanswered.
        deadline_s, open_max: how long a question may take, and how many may be open.
    """

    def __init__(self, ask: Ask | None, deadline_s: float, open_max: int) -> None:
        self._ask = ask
        self._deadline_s = deadline_s
        self._open_max = open_max
        self._tasks: set[asyncio.Task[None]] = set()
        self.unanswered = 0

    def put(self, report: Report, call: Call, tell: Tell) -> None:
        """Complete a report and tell it; at once when nobody can be asked."""
        if self._ask is None or len(self._tasks) >= self._open_max:
            self.unanswered += 1
            tell(_completed(report, {}), call)
            return
        task = asyncio.get_running_loop().create_task(self._answer(report, call, tell))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, report: Report, call: Call, tell: Tell) -> None:
        assert self._ask is not None
        answer: object = None
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await self._ask(_question(report))
        except (CsmsError, TimeoutError, OSError):
            self.unanswered += 1
        tell(_completed(report, answer if isinstance(answer, dict) else {}), call)

    def stop(self) -> None:
        """Forget what is open; the connections are closed already."""
        for task in self._tasks:
            task.cancel()


def _question(report: Report) -> dict[str, object]:
    if isinstance(report, AuthorizationAsked):
        body: dict[str, object] = {
            "emaid": report.token,
            "certificate": report.certificate,
            "hashes": msgspec.to_builtins(report.hashes),
        }
        return {"question": "Authorize", "body": body}
    assert isinstance(report, QuestionAsked)
    return {"question": report.topic, "body": report.payload}


def _completed(report: Report, answer: Mapping[str, Any]) -> Report:
    status = str(answer.get("status", ""))
    if isinstance(report, AuthorizationAsked):
        return msgspec.structs.replace(report, certificate_status=status or UNANSWERED)
    assert isinstance(report, QuestionAsked)
    fields = {name: value for name, value in answer.items() if name != "status"}
    return msgspec.structs.replace(report, status=status, fields=fields)
