"""What a job does next. Pure: counts in, a decision out; time is handed in.

Laws: a paused, cancelled, aborted or finished job sends nothing. Until the canaries are done and
well no other charger is commanded. Never more are on their way than `in_flight_max`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from domain.commands import Outcome


class JobState(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    ABORTED = "aborted"
    FINISHED = "finished"


OVER: Final = frozenset({JobState.CANCELLED, JobState.ABORTED, JobState.FINISHED})
UNKNOWN: Final = "unknown"
"""It may have been sent or not: whoever knew has died. Never sent again."""
OFFLINE: Final = "offline"
NOT_APPLICABLE: Final = "not_applicable"
NOT_SENT: Final = "not_sent"
"""The job was cancelled or aborted before its turn."""
FAILURES: Final = frozenset(
    {
        Outcome.REJECTED,
        Outcome.ERROR,
        Outcome.TIMED_OUT,
        Outcome.LOST,
        Outcome.EXPIRED,
        Outcome.REFUSED,
        UNKNOWN,
    }
)
"""What counts for the abort rule. Chargers that are not connected do not."""
CANARY_FAILED: Final = "canary_failed"
CANARY_DONE: Final = "canary_done"
TOO_MANY_FAILURES: Final = "too_many_failures"


class Plan(msgspec.Struct, frozen=True):
    """What was asked for."""

    state: str
    canary: int = 0
    canary_passed: bool = False
    canary_then: str = "continue"
    rate_per_s: float = 10.0
    in_flight_max: int = 50
    abort_failures: int = 0
    abort_pct: float = 0.0


class Tally(msgspec.Struct, frozen=True):
    """How many chargers are where. `canaries`: those of the first `canary` that are not done."""

    waiting: int
    sending: int
    outcomes: Mapping[str, int]
    canaries: int = 0
    canaries_sending: int = 0
    canary_failures: int = 0

    @property
    def failures(self) -> int:
        """How many have failed."""
        return sum(count for outcome, count in self.outcomes.items() if outcome in FAILURES)

    @property
    def done(self) -> int:
        """How many have ended that were tried."""
        tried = set(self.outcomes) - {NOT_SENT, NOT_APPLICABLE, OFFLINE}
        return sum(self.outcomes[outcome] for outcome in tried)


class Decision(msgspec.Struct, frozen=True):
    """How many to send now, and the state from now on when it changes."""

    send: int = 0
    state: str = ""
    reason: str = ""
    canary_passed: bool = False


def decide(plan: Plan, tally: Tally, allowance: int) -> Decision:
    """Return what a job does next.

    Args:
        plan: what was asked for.
        tally: how far it is.
        allowance: how many its rate allows now.
    """
    if plan.state != JobState.RUNNING:
        return Decision()
    if too_many(plan, tally):
        return Decision(state=JobState.ABORTED, reason=TOO_MANY_FAILURES)
    if not tally.waiting:
        return Decision() if tally.sending else Decision(state=JobState.FINISHED)
    passed = False
    waiting = tally.waiting
    if plan.canary and not plan.canary_passed:
        if tally.canaries:
            waiting = tally.canaries - tally.canaries_sending
        elif tally.canary_failures:
            return Decision(state=JobState.PAUSED, reason=CANARY_FAILED)
        elif plan.canary_then == "pause":
            return Decision(state=JobState.PAUSED, reason=CANARY_DONE)
        else:
            passed = True
    room = plan.in_flight_max - tally.sending
    return Decision(send=max(0, min(waiting, room, allowance)), canary_passed=passed)


def too_many(plan: Plan, tally: Tally) -> bool:
    """Return whether the abort rule holds: so many failures, or such a part of those that ended."""
    failures = tally.failures
    if plan.abort_failures and failures >= plan.abort_failures:
        return True
    return bool(
        plan.abort_pct and failures and failures * 100.0 >= plan.abort_pct * max(1, tally.done)
    )


def canaries_of(total: int, chargers: int, percent: float) -> int:
    """Return how many go first: a number or a part of all, rounded up; at most all."""
    wanted = max(chargers, -int(-total * percent // 100))
    return min(total, wanted)


class Bucket:
    """How many a rate allows by now; what was not used within a second is lost.

    Args:
        rate_per_s: above 0.
        now_us: one may go at once.
    """

    def __init__(self, rate_per_s: float, now_us: int) -> None:
        self._rate = rate_per_s
        self._most = max(1.0, rate_per_s)
        self._tokens = 1.0
        self._at_us = now_us

    def allowance(self, now_us: int) -> int:
        """Return how many may go now."""
        passed_s = max(0, now_us - self._at_us) / 1e6
        self._tokens = min(self._most, self._tokens + passed_s * self._rate)
        self._at_us = now_us
        return int(self._tokens)

    def take(self, count: int) -> None:
        """So many went."""
        self._tokens -= count
