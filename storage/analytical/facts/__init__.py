"""Rows of each kind of fact that analysts see; one subject a module."""

from typing import Final

from storage.analytical.builder import Handlers
from storage.analytical.facts import chargers, device, transactions

HANDLERS: Final[Handlers] = {
    **transactions.HANDLERS,
    **chargers.HANDLERS,
    **device.HANDLERS,
}
"""Facts that are not here are of no interest to analysts; the ledger has them."""
