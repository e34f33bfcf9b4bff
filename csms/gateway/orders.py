"""Commands of operators: written down before they begin, so that their way is known.

A command that no journal knows was never sent: whoever asked for it may rely on that. And one that
a journal knows goes its way to an end, also when whoever asked for it is gone by then.
"""

import asyncio
from functools import partial

import msgspec

from csms.gateway.gateway import Gateway
from csms.gateway.line import ChargerLine
from domain.commands import Command, CommandResult, Outcome
from domain.errors import JournalFailed, Unavailable
from domain.events import CommandFinished, CommandQueued, Entry, encode_entry
from protocol.redact import redact

_to_json = msgspec.json.Encoder().encode


async def order(gateway: Gateway, command: Command, *, wait: bool) -> CommandResult | None:
    """Send a command after the commit that says so; None: its charger is not connected here.

    With `wait` the result is the end of the command, else that it was queued.
    """
    line = gateway.line(command.charger)
    if line is None or line.fenced or not line.may_be_sent(command.action):
        return await gateway.command(command, wait=wait)  # which says why not
    payload = _to_json(command.payload)
    queued = CommandQueued(
        command.id,
        command.action,
        redact(command.payload, payload).decode(),
        command.issued_by,
        command.queued_us,
        command.deadline_us,
    )
    kept: asyncio.Future[None] = gateway.loop.create_future()
    entry = Entry(line.charger, line.generation, gateway.now_us(), (queued,))
    try:
        gateway.journal.append(encode_entry(entry), partial(_done, kept))
    except (JournalFailed, Unavailable) as error:
        return CommandResult(command.id, Outcome.REFUSED, error_text=str(error))
    try:
        await asyncio.shield(kept)
    except asyncio.CancelledError:
        kept.add_done_callback(lambda _kept: _go_on_alone(gateway, line, queued, command))
        raise
    return await _go_on(gateway, line, queued, command, wait=wait)


def _go_on_alone(
    gateway: Gateway, line: ChargerLine, queued: CommandQueued, command: Command
) -> None:
    task = gateway.loop.create_task(_go_on(gateway, line, queued, command, wait=False))
    gateway.orphans.add(task)
    task.add_done_callback(gateway.orphans.discard)


async def _go_on(
    gateway: Gateway, line: ChargerLine, queued: CommandQueued, command: Command, *, wait: bool
) -> CommandResult | None:
    if line.noted is None:
        line.noted = set()
    line.noted.add(command.id)
    result = await gateway.command(command, wait=wait)
    if result is None:
        ended = CommandFinished(
            command.id,
            command.action,
            queued.payload,
            Outcome.REFUSED,
            error_text="the charger went before it was sent",
            issued_by=command.issued_by,
            queued_us=command.queued_us,
            finished_us=gateway.now_us(),
        )
        gateway.keep(line.charger, line.generation, (ended,))
    return result


def is_as_checked(gateway: Gateway, command: Command, generation: int, revision: int) -> bool:
    """Return whether a charger is here as it was when a command to it was checked.

    Args:
        gateway: that shall send it.
        command: what.
        generation: of the connection that was seen; 0: it is for whatever connection there is.
        revision: of the record that was seen. A gateway may hear of a record later than others do,
            so an older one here says nothing.
    """
    line = gateway.line(command.charger)
    if line is None or generation == 0:
        return line is not None
    return line.generation == generation and line.record.revision <= revision


def _done(kept: "asyncio.Future[None]") -> None:
    if not kept.done():
        kept.set_result(None)
