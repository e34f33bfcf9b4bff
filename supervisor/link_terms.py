"""The limits, the errors and the counts of links. See `supervisor.links`."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import CsmsError


class LinkSettings(BaseModel):
    """Limits of the links of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_bytes_max: int = Field(
        default=16 << 20,
        ge=1 << 10,
        le=1 << 30,
        description="Largest frame, both ways. A larger one is refused at the sender "
        "(FrameTooLarge); one that arrives all the same closes the link.",
    )
    window_asks_max: int = Field(
        default=1024,
        ge=1,
        description="Open asks of one end of a link. The next one fails at once with LinkBusy.",
    )
    tasks_max: int = Field(
        default=256,
        ge=1,
        description="Async handlers running at once for all links of one server or client. The "
        'next ask is answered with the error "busy"; the next tell is dropped and counted.',
    )
    high_water_bytes: int = Field(
        default=1 << 20,
        ge=1 << 10,
        description="Unsent bytes of a link. Above: asks and tells fail with LinkBusy until it "
        "falls to a quarter, and the peer's asks are no longer read.",
    )
    stall_s: float = Field(
        default=10.0,
        gt=0,
        description="A link that stays above its high water mark for so long is closed.",
    )
    close_s: float = Field(
        default=1.0,
        gt=0,
        description="Closing waits so long for unsent bytes; what is left then is lost.",
    )
    links_max: int = Field(
        default=256,
        ge=1,
        description="Links of one server. A further one is closed as soon as it has connected.",
    )
    deadline_s: float = Field(
        default=5.0,
        gt=0,
        description="Deadline of an ask that names none. At the end: DeadlinePassed.",
    )
    tell_deadline_s: float = Field(
        default=30.0,
        gt=0,
        description="An async handler of a tell is cancelled after so long, and logged.",
    )
    backoff_min_s: float = Field(
        default=0.02,
        gt=0,
        description="First wait before connecting again; doubles, less up to a half by chance.",
    )
    backoff_max_s: float = Field(
        default=1.0,
        gt=0,
        description="Longest wait before connecting again. A connection that lived for less does "
        "not bring the wait back to its minimum.",
    )


class LinkError(CsmsError):
    """Base of what an ask or a tell can fail with."""


class LinkDown(LinkError):
    """There is no connection, or it dropped before the answer."""


class LinkBusy(LinkError):
    """The window of open asks is full, or too much is unsent. `await link.drained()`, or shed."""


class DeadlinePassed(LinkError, TimeoutError):
    """No answer in time. The other end may have done the work or not. Also a TimeoutError."""

    def __init__(self, method: str, deadline_s: float) -> None:
        super().__init__(f"{method}: no answer in {deadline_s:g} s")
        self.method = method
        self.deadline_s = deadline_s


class RemoteFailed(LinkError):
    """The other end answered with an error.

    A handler raises this itself to choose `kind`; any other exception arrives with the name of its
    class. Kinds of the link: busy, cancelled, unknown_method, answer_too_large,
    answer_not_encodable.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class LinkPathTaken(CsmsError):
    """A living process serves this path."""


@dataclass(slots=True)
class LinkStats:
    """Counts of all links of one server or client since it was made."""

    links: int = 0
    frames_in: int = 0
    frames_out: int = 0
    late_answers: int = 0
    """Answers to asks that had already ended; ignored."""
    deadlines_passed: int = 0
    refused_busy: int = 0
    """The peer's asks that were answered "busy"."""
    tells_dropped: int = 0
    """No task was free, or nobody handles the method."""
    handlers_failed: int = 0
    """Handlers that raised what is none of our errors."""
    handlers_expired: int = 0
    """Async handlers that were cancelled at their deadline."""
    garbage: int = 0
    """Links closed because the peer sent what is no frame."""
    stalls: int = 0
    """Links closed because the peer did not read."""
