"""What is known of a charger when it connects: one question for hundreds of chargers."""

import json
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import Outcome
from domain.known import KnownCharger, KnownCommand, KnownConnector, OpenTransaction
from storage.relational.engine import chunks, reading
from storage.relational.tables import charger_states, commands, connectors, transactions
from storage.relational.transaction_rows import ENDED, OPEN, ORPHAN

RECENT_MAX = 20
"""Ended transactions told per charger: their starts and stops may be sent again."""
OPEN_MAX = 100
"""Open ones told per charger, newest first."""
COMMANDS_MAX = 20
"""Accepted commands told per charger, the newest."""


async def known(
    engine: AsyncEngine, chargers: Sequence[str], accepted_since_us: int = 0
) -> list[KnownCharger]:
    """Return what is known of each of `chargers`, in their order; unknown ones come empty.

    Commands that were accepted before `accepted_since_us` are left out.

    Raises:
        Unavailable: the database is away.
    """
    started: dict[str, list[OpenTransaction]] = defaultdict(list)
    plugs: dict[str, list[KnownConnector]] = defaultdict(list)
    accepted: dict[str, list[KnownCommand]] = defaultdict(list)
    booted: dict[str, tuple[str, str]] = {}
    async with reading(engine) as connection:
        for names in chunks(sorted(set(chargers))):
            t = transactions.c
            is_open = (t.state == OPEN).label("is_open")
            rank = (
                func.row_number()
                .over(partition_by=(t.charger, is_open), order_by=t.started_us.desc())
                .label("rank")
            )
            ranked = (
                select(
                    t.charger,
                    t.number,
                    t.connector,
                    t.token,
                    t.meter_start_wh,
                    t.started_us,
                    t.started_raw,
                    t.last_meter_wh,
                    t.said,
                    t.seqs,
                    t.state,
                    is_open,
                    rank,
                )
                .where(t.charger.in_(names), (t.state != ORPHAN) | (t.said != ""))
                .subquery()
            )
            query = select(ranked).where(
                (ranked.c.rank <= RECENT_MAX) | (ranked.c.is_open & (ranked.c.rank <= OPEN_MAX))
            )
            for row in await connection.execute(query.order_by(ranked.c.started_us)):
                seqs = tuple((first, last) for first, last in json.loads(row.seqs or "[]"))
                started[row.charger].append(
                    OpenTransaction(
                        transaction=row.number,
                        connector=row.connector,
                        token=row.token,
                        meter_start_wh=row.meter_start_wh,
                        started_us=row.started_us,
                        started_raw=row.started_raw,
                        last_meter_wh=row.last_meter_wh,
                        open=bool(row.is_open),
                        said=row.said,
                        seq=seqs[-1][1] if seqs else -1,
                        seqs=seqs,
                        ended=row.state in {ENDED, ORPHAN},
                    )
                )
            c = connectors.c
            found = await connection.execute(
                select(c.charger, c.connector, c.plug, c.status, c.at_us, c.error_code)
                .where(c.charger.in_(names))
                .order_by(c.charger, c.connector, c.plug)
            )
            for row in found:
                plugs[row.charger].append(
                    KnownConnector(row.connector, row.status, row.at_us, row.error_code, row.plug)
                )
            k = commands.c
            waiting = await connection.execute(
                select(k.charger, k.id, k.action, k.payload, k.finished_us)
                .where(
                    k.charger.in_(names),
                    k.received_us >= accepted_since_us,
                    k.outcome == Outcome.ACCEPTED.value,
                    k.follow_end == "",
                )
                .order_by(k.finished_us)
            )
            for row in waiting:
                accepted[row.charger].append(
                    KnownCommand(row.id, row.action, row.payload, row.finished_us)
                )
            states = charger_states.c
            said = await connection.execute(
                select(states.charger, states.vendor, states.model).where(
                    states.charger.in_(names), states.booted_us > 0
                )
            )
            booted |= {row.charger: (row.vendor, row.model) for row in said}
    return [
        KnownCharger(
            name,
            tuple(started[name]),
            tuple(plugs[name]),
            name in booted,
            tuple(accepted[name][-COMMANDS_MAX:]),
            *booted.get(name, ("", "")),
        )
        for name in chargers
    ]
