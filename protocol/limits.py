"""The settings of a session.

A plain dataclass: pydantic loads threads and sockets, and this package also runs inside load
generators that replace both. `csms.config` can hold it as it is.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Every limit of one connection's RPC state.

    Raises:
        ValueError: a limit is below 1 (below 0 for those that may be switched off).
    """

    frame_bytes_max: int = 1_048_576
    """A longer text is rejected unread (too_large)."""
    depth_max: int = 32
    """Levels of nested JSON, the frame's own array included. Deeper is rejected (too_deep)."""
    repair_bytes_max: int = 65_536
    """A longer text is not mended, so a broken one is rejected: mending costs up to 1 us a byte."""
    unanswered_calls_max: int = 64
    """The peer's CALLs that wait for our answer, repeats included. At the limit a CALL is not taken
    and not answered (too_many_calls), so the peer keeps it; the owner should close the link."""
    recent_calls_max: int = 32
    """The peer's last CALLs whose ids and answers are kept, to answer repeats. The oldest goes
    first; its repeat counts as new. About 0.25 kB each. 0: none."""
    late_calls_max: int = 16
    """Our own timed-out calls, kept to recognise late answers. The oldest goes first. 0: none."""
    late_s: int = 600
    """How long after its deadline an answer is reported as late; later it is unmatched."""

    def __post_init__(self) -> None:
        for limit in fields(self):
            lowest = 0 if limit.name in _MAY_BE_OFF else 1
            if getattr(self, limit.name) < lowest:
                raise ValueError(f"{limit.name} must be at least {lowest}")


_MAY_BE_OFF = frozenset({"recent_calls_max", "late_calls_max", "late_s"})
