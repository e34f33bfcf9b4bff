"""The records of chargers and tokens, and which tokens charge: in memory, fed by the ledger."""

import uuid
from collections.abc import Callable

from domain.pricing import Pricing, RunningSession, Shown
from domain.records import ActiveTransaction, Changes, ChargerRecord, TokenRecord

NOTHING: frozenset[tuple[str, int]] = frozenset()


class Directory:
    """What a gateway must know to let a charger in and to authorize a driver.

    Identities and tokens are found whatever their case: chargers in the field change it.
    """

    def __init__(
        self,
        numbers: Callable[[], int],
        names: Callable[[], str] = lambda: str(uuid.uuid4()),
        pricing: Pricing | None = None,
    ) -> None:
        self.revision = 0
        self.chargers: dict[str, ChargerRecord] = {}
        self.tokens: dict[str, TokenRecord] = {}
        self._running: dict[str, set[tuple[str, int]]] = {}
        self._numbers = numbers
        self._names = names
        self.pricing = pricing
        """What drivers are shown of their sessions; None: nothing."""

    def apply(self, changes: Changes) -> None:
        """Take over a piece of the change feed."""
        if changes.complete:
            self.chargers.clear()
            self.tokens.clear()
            self._running.clear()
        for charger in changes.chargers:
            self.put(charger)
        for token in changes.tokens:
            if token.deleted:
                self.tokens.pop(token.id.casefold(), None)
            else:
                self.tokens[token.id.casefold()] = token
        for running in changes.transactions:
            self._apply_running(running)
        # A complete piece starts afresh, also after an older database was restored.
        self.revision = (
            changes.revision if changes.complete else max(self.revision, changes.revision)
        )

    def _apply_running(self, running: ActiveTransaction) -> None:
        if running.active:
            self.occupy(running.charger, running.token, running.transaction)
        else:
            self.release(running.charger, running.token, running.transaction)

    def put(self, charger: ChargerRecord) -> None:
        """Add, replace or delete one charger."""
        if charger.deleted:
            self.chargers.pop(charger.id.casefold(), None)
        else:
            self.chargers[charger.id.casefold()] = charger

    def charger(self, identity: str) -> ChargerRecord | None:
        """Return the record of a charger."""
        return self.chargers.get(identity.casefold())

    def occupy(self, charger: str, token: str, transaction: int) -> None:
        """A token charges at a charger from now on."""
        self._running.setdefault(token.casefold(), set()).add((charger, transaction))

    def release(self, charger: str, token: str, transaction: int) -> None:
        """It charges no more."""
        key = token.casefold()
        running = self._running.get(key)
        if running is not None:
            running.discard((charger, transaction))
            if not running:
                del self._running[key]

    # What actors/charger/state.py calls the desk.

    def token(self, token: str) -> TokenRecord | None:
        """Return the record of a token."""
        return self.tokens.get(token.casefold())

    def active(self, token: str, *, besides: str) -> int:
        """Return how many transactions of a token run, those at charger `besides` left out."""
        running = self._running.get(token.casefold(), NOTHING)
        return sum(1 for charger, _ in running if charger != besides)

    def next_transaction(self) -> int:
        """Return a transaction number that was never given out before."""
        return self._numbers()

    def next_command(self) -> str:
        """Return an id for a command of our own."""
        return self._names()

    @property
    def prices(self) -> bool:
        """Return whether anything is shown to drivers."""
        return self.pricing is not None

    def shown(self, session: RunningSession) -> Shown | None:
        """Return what the driver is shown of a session."""
        return self.pricing.shown(session) if self.pricing is not None else None
