"""What can go wrong with an actor, as its callers see it.

CsmsError
AskFailed               an ask ended without an answer (too late is TimeoutError)
ActorDead           the actor is stopped, or stopped before it answered
ActorCrashed        its handler raised on this very message
MailboxFull         its mailbox had no room: the message was not accepted
UnsupportedByBase       a part of Thespian's API that has no meaning inside one event loop
"""

from domain.errors import CsmsError


class AskFailed(CsmsError):
    """An ask ended without an answer. `actor` is the name of the asked actor."""

    def __init__(self, actor: str, text: str) -> None:
        super().__init__(text)
        self.actor = actor


class ActorDead(AskFailed):
    """The actor is stopped, or stopped before it answered."""

    def __init__(self, actor: str) -> None:
        super().__init__(actor, f"actor {actor} is stopped")


class ActorCrashed(AskFailed):
    """The handler raised on this message. `details` is the traceback as text."""

    def __init__(self, actor: str, details: str) -> None:
        last_line = details.strip().rpartition("\n")[2]
        super().__init__(actor, f"actor {actor} crashed on this message: {last_line}")
        self.details = details


class MailboxFull(AskFailed):
    """The mailbox had no room; the message was not accepted and may be sent again later."""

    def __init__(self, actor: str) -> None:
        super().__init__(actor, f"the mailbox of actor {actor} is full")


class UnsupportedByBase(CsmsError, NotImplementedError):
    """A part of Thespian's API that has no meaning inside one event loop."""

    def __init__(self, part: str, instead: str) -> None:
        super().__init__(f"AsyncioBase has no {part}: {instead}")
        self.part = part
