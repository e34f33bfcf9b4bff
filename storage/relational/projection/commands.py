"""How commands went, and what followed from them."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import Outcome
from domain.events import CommandFinished, CommandFollowed, CommandQueued, CommandSent, Entry
from domain.text import clean
from storage.relational.engine import chunks, insert, upsert
from storage.relational.projection.batch import Batch, Folds, any_row, in_order
from storage.relational.tables import charger_states, commands

RESET: Final = "Reset"
RESET_BOOT_US_MAX: Final = 600_000_000
"""A boot this long after an accepted Reset is taken to be its consequence."""


def _queued(batch: Batch, entry: Entry, event: CommandQueued) -> None:
    batch.queued[event.command] = {
        "id": clean(event.command, 255),
        "charger": entry.charger,
        "action": clean(event.action, 255),
        "payload": batch.text(event.payload),
        "issued_by": clean(event.issued_by, 255),
        "queued_us": event.queued_us,
        "deadline_us": event.deadline_us,
        "received_us": entry.received_us,
    }


def _sent(batch: Batch, entry: Entry, event: CommandSent) -> None:
    batch.sent[event.command] = {
        "id": clean(event.command, 255),
        "charger": entry.charger,
        "sent_us": event.at_us,
        "received_us": entry.received_us,
    }


def _finished(batch: Batch, entry: Entry, event: CommandFinished) -> None:
    batch.finished[event.command] = {
        "id": clean(event.command, 255),
        "charger": entry.charger,
        "action": clean(event.action, 255),
        "payload": batch.text(event.payload),
        "outcome": event.outcome,
        "response": batch.text(event.response),
        "error_code": clean(event.error_code, 255),
        "error_text": clean(event.error_text, 1_000),
        "issued_by": clean(event.issued_by, 255),
        "queued_us": event.queued_us,
        "sent_us": event.sent_us,
        "finished_us": event.finished_us,
        "received_us": entry.received_us,
    }


def _followed(batch: Batch, entry: Entry, event: CommandFollowed) -> None:
    batch.followed[event.command] = {
        "id": clean(event.command, 255),
        "charger": entry.charger,
        "follow_end": clean(event.end, 255),
        "follow_transaction": event.transaction,
        "follow_detail": clean(event.detail, 1_000),
        "followed_us": entry.received_us,
    }


FOLDS: Final[Folds] = {
    CommandQueued: _queued,
    CommandSent: _sent,
    CommandFinished: _finished,
    CommandFollowed: _followed,
}


async def store(connection: AsyncConnection, batch: Batch) -> None:
    """Write how commands went. Boots of the batch must be stored before."""
    if batch.queued:
        statement = insert(connection, commands).on_conflict_do_nothing()
        await connection.execute(statement, in_order(batch.queued))
    for rows in (batch.sent, batch.finished, batch.followed):
        if rows:
            # When it was first heard of decides its place in lists.
            columns = [name for name in any_row(rows) if name not in {"id", "received_us"}]
            await connection.execute(upsert(connection, commands, columns), in_order(rows))
    # After both: a Reset and the boot that it led to may stand in two gateways' journals.
    restarted = set(batch.boots)
    restarted.update(r["charger"] for r in batch.finished.values() if r["action"] == RESET)
    for names in chunks(sorted(restarted)):
        await connection.execute(_RESET_BOOTED.where(commands.c.charger.in_(names)))


_BOOT_AFTER_RESET: Final = (
    select(charger_states.c.booted_us)
    .where(
        charger_states.c.charger == commands.c.charger,
        charger_states.c.booted_us > commands.c.finished_us,
        charger_states.c.booted_us <= commands.c.finished_us + RESET_BOOT_US_MAX,
    )
    .correlate(commands)
    .scalar_subquery()
)

_RESET_BOOTED: Final = (
    update(commands)
    .where(
        commands.c.action == RESET,
        commands.c.outcome == Outcome.ACCEPTED.value,
        commands.c.follow_end == "",
        _BOOT_AFTER_RESET.is_not(None),
    )
    .values(follow_end="booted", followed_us=_BOOT_AFTER_RESET)
)
"""A Reset ends the connection, and with it the actor that waited for the boot."""
