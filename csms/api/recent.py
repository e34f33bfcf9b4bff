"""Commands sent from here, until the store knows how they ended. Bounded memory."""

from collections import OrderedDict
from dataclasses import dataclass

from domain.commands import Command, CommandResult

COMMANDS_MAX = 10_000
"""Then the oldest is forgotten; the store has most of them by then."""


@dataclass
class Sent:
    """A command, of whose charger it is, and its end when it is known here."""

    command: Command
    tenant: str
    site: str
    subprotocol: str
    result: CommandResult | None = None


class RecentCommands:
    """Looked at by `GET /commands/{id}` when the store does not have the command yet."""

    def __init__(self, commands_max: int = COMMANDS_MAX) -> None:
        self._max = commands_max
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def add(self, command: Command, tenant: str, site: str, subprotocol: str) -> Sent:
        """Remember a command that is about to be sent."""
        sent = self._sent[command.id] = Sent(command, tenant, site, subprotocol)
        if len(self._sent) > self._max:
            self._sent.popitem(last=False)
        return sent

    def get(self, identity: str) -> Sent | None:
        """Return a command that is remembered."""
        return self._sent.get(identity)

    def forget(self, identity: str) -> None:
        """Forget a command that was never sent."""
        self._sent.pop(identity, None)
