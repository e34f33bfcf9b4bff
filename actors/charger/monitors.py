"""Monitors of variables (2.x part 2, N02): when a report of all of them is whole.

A monitor goes without a word: with a firmware that has no such variable, or with the charger that
is replaced by another one. So whoever is not in a whole report of all is there no more. What is odd
or has a hole proves nothing: then all stay as they were.
"""

from typing import Final

from msgspec.structs import replace

from actors.charger import outbox
from actors.charger.effects import Effect, Keep, Reply
from actors.charger.messages import CommandAnswered, Said
from actors.charger.state import MonitorReport, State
from domain.answers import ACKNOWLEDGED
from domain.commands import Outcome
from domain.events import MonitoringTold

REPORT: Final = "GetMonitoringReport"
TOLD: Final = "NotifyMonitoringReport"
PARTIAL: Final = ("monitoringCriteria", "componentVariable")
"""Members of the question that ask for some monitors only."""
NONE_THERE: Final = "emptyresultset"


def answered(state: State, message: CommandAnswered, now_us: int) -> list[Effect]:
    """Note that a report of all monitors will come, or that there are none.

    Must run before `outbox.answered`.
    """
    entry = state.open_command
    if (
        entry is None
        or entry.command.id != message.command
        or entry.command.action != REPORT
        or any(entry.command.payload.get(name) for name in PARTIAL)
    ):
        return []
    request = entry.command.payload.get("requestId")
    if message.outcome == Outcome.ACCEPTED and isinstance(request, int):
        state.monitors = MonitorReport(request, entry.sent_us)
    elif str((message.response or {}).get("status")).strip().casefold() == NONE_THERE:
        state.monitors = None
        return [Keep((MonitoringTold(at_us=now_us, all_since_us=entry.sent_us),))]
    return []


def told(state: State, message: Said, now_us: int) -> list[Effect]:
    """Keep a part of a report; the last of all parts says that the others are gone."""
    del now_us
    report = message.report
    assert isinstance(report, MonitoringTold)
    asked = state.monitors
    if asked is not None and report.request == asked.request and report.seq >= asked.next_seq:
        if report.seq > asked.next_seq or report.flags:
            state.monitors = None
        elif report.more:
            asked.next_seq += 1
        else:
            state.monitors = None
            report = replace(report, all_since_us=asked.asked_us)
    ends = outbox.follow(state, TOLD, str(report.request), is_final=not report.more)
    return [Reply(message.call, ACKNOWLEDGED, (report, *ends))]
