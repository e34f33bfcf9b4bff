"""What a charger still has to say, over reconnects (OCPP 1.6 sections 3.7 and 4.10).

Ordinary messages are forgotten when the connection goes. Messages of transactions are kept, in
order, until the server has answered each; when the box is full, MeterValues go first, then the
oldest, so that starts and stops are lost last.
"""

from collections.abc import Callable
from dataclasses import dataclass

Payload = dict[str, object]
OnAnswer = Callable[[Payload, int], None]
"""Called with the answer and the time."""


@dataclass
class Message:
    """A CALL that waits to be sent.

    `payload` is built when it is sent, not before: a StopTransaction learns the number of its
    transaction from the answer to the StartTransaction that was queued before it.
    """

    action: str
    payload: Callable[[], Payload]
    answered: OnAnswer | None = None
    kept: bool = False
    expendable: bool = False
    """Meter values: dropped first when the box is full."""
    attempts: int = 0


class Outbox:
    """Two queues: ordinary messages first, then those of transactions, strictly in order."""

    def __init__(self, messages_max: int) -> None:
        self._messages_max = messages_max
        # Lists, not deques: an empty one has a tenth of the size, and there are thousands.
        self._ordinary: list[Message] = []
        self._kept: list[Message] = []
        self.waits_until_us = 0
        """Messages of transactions are held until then, after a failed attempt."""

    def __len__(self) -> int:
        return len(self._ordinary) + len(self._kept)

    @property
    def kept(self) -> int:
        """How many messages of transactions wait."""
        return len(self._kept)

    def put(self, message: Message) -> int:
        """Queue a message; return how many were given up for it."""
        if not message.kept:
            self._ordinary.append(message)
            return 0
        self._kept.append(message)
        if len(self._kept) <= self._messages_max:
            return 0
        expendable = next((m for m in self._kept if m.expendable), self._kept[0])
        self._kept.remove(expendable)
        return 1

    def swap(self) -> bool:
        """Let MeterValues at the head go after the message behind it; return whether it did."""
        kept = self._kept
        if len(kept) < 2 or not kept[0].expendable or self._ordinary:  # noqa: PLR2004
            return False
        kept[0], kept[1] = kept[1], kept[0]
        return True

    def next(self, now_us: int) -> Message | None:
        """Take the next message; a kept one stays until `done`."""
        if self._ordinary:
            return self._ordinary.pop(0)
        if self._kept and now_us >= self.waits_until_us:
            return self._kept[0]
        return None

    def due_us(self) -> int | None:
        """Return when `next` has something, None when never by itself."""
        if self._ordinary:
            return 0
        return self.waits_until_us if self._kept else None

    def done(self, message: Message) -> None:
        """Forget a kept message: it was answered, or given up."""
        if message.kept and self._kept and self._kept[0] is message:
            self._kept.pop(0)

    def disconnected(self) -> None:
        """Forget what is not kept."""
        self._ordinary.clear()
        self.waits_until_us = 0
