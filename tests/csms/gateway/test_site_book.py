"""Decisions of sites in the journal, and what waits for them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.site.control import ControlSettings
from actors.site.effects import Scope, SetLimit
from domain.errors import Unavailable
from domain.events import LimitDecided
from domain.site import RememberedLimit
from tests.csms.gateway.harness import gateway_running
from tests.csms.gateway.test_sites import CHARGERS, charging, record


async def test_every_change_is_in_the_journal_with_its_reason(tmp_path: Path) -> None:
    async with gateway_running(tmp_path, chargers=CHARGERS) as harness:
        harness.gateway.sites.apply(record(20.0))
        async with charging(harness, "A") as car:
            await harness.until(lambda: car.limit_a == 20.0)
            await harness.until(
                lambda: any(fact.told_a == 20.0 for fact in harness.events(LimitDecided))
            )
            facts = [fact for fact in harness.events(LimitDecided) if fact.place == "A/1"]
            last = facts[-1]
            assert (last.site, last.limit_a, last.session_a) == ("depot", 20.0, 20.0)
            assert (last.binding, last.circuit, last.set_by) == ("circuit", "main", "site")
            # Written before it was sent, and again when it was accepted.
            assert [fact.told_a for fact in facts if fact.session_a == 20.0] == [-1.0, 20.0]


async def test_the_next_owner_asks_what_was_written_down(tmp_path: Path) -> None:
    asked: list[str] = []

    async def remember(site: str) -> bytes:
        asked.append(site)
        if len(asked) == 1:
            raise Unavailable("the database is away")
        known = RememberedLimit("B/1", "B", 1, "7", 0.0, 15.0)
        return msgspec.msgpack.encode([known])

    async with gateway_running(tmp_path, chargers=CHARGERS, remember=remember) as harness:
        harness.gateway.sites.apply(record(40.0))
        async with charging(harness, "A") as car:
            # 15 A are set aside for B, which has not come back.
            await harness.until(lambda: car.limit_a == 25.0)
            assert asked == ["depot", "depot"]


async def test_higher_limits_wait_for_a_journal_that_is_away_no_longer_than_it_takes_none(
    tmp_path: Path,
) -> None:
    async with gateway_running(tmp_path, chargers=CHARGERS) as harness:
        harness.gateway.sites._book._keep = lambda _charger, _events, _done: False
        harness.gateway.sites.apply(record(40.0))
        async with charging(harness, "A") as car:
            await harness.until(lambda: car.limit_a == 32.0)
            await asyncio.sleep(0)
            assert harness.events(LimitDecided) == []


async def test_higher_limits_are_told_again_after_a_journal_has_failed(tmp_path: Path) -> None:
    hasty = ControlSettings(gather_s=0.05, retry_s=0.1, answer_s=1.0)
    async with gateway_running(tmp_path, chargers=CHARGERS, site_control=hasty) as harness:
        book = harness.gateway.sites._book
        keep = book._keep
        # It takes records, and then fails: none of them is ever on disk.
        book._keep = lambda _charger, _events, _done: True
        harness.gateway.sites.apply(record(40.0))
        async with charging(harness, "A") as car:
            await harness.until(lambda: book._waiting)
            book._keep = keep
            harness.gateway.sites.journal_failed()
            await harness.until(lambda: car.limit_a == 32.0)
            await harness.until(
                lambda: any(fact.session_a == 32.0 for fact in harness.events(LimitDecided))
            )
            await harness.until(lambda: not book._open)


async def test_an_order_that_was_given_up_is_not_sent_when_its_record_is_on_disk_at_last(
    tmp_path: Path,
) -> None:
    hasty = ControlSettings(gather_s=0.05, retry_s=0.1, answer_s=1.0)
    async with gateway_running(tmp_path, chargers=CHARGERS, site_control=hasty) as harness:
        book = harness.gateway.sites._book
        keep, written = book._keep, []
        # The disk takes its time.
        book._keep = lambda charger, events, done: keep(
            charger, events, lambda: written.append(done)
        )
        harness.gateway.sites.apply(record(40.0))
        async with charging(harness, "A") as car:
            # The site has given up on the first, and sent another one.
            await harness.until(lambda: sum(map(len, book._waiting.values())) == 2, seconds=20)
            assert car.limit_a is None
            book._keep = keep
            await harness.until(lambda: len(written) >= sum(book._open.values()))
            for done in written:
                done()
            await harness.until(lambda: car.limit_a == 32.0)
            purposes = [
                limit["csChargingProfiles"]["chargingProfilePurpose"] for limit in car.limits
            ]
            assert purposes.count("TxProfile") == 1


async def test_a_higher_limit_that_a_lower_one_has_overtaken_is_not_sent_after_its_commit(
    tmp_path: Path,
) -> None:
    control = ControlSettings(gather_s=0.05, raise_interval_s=0.0)
    async with gateway_running(tmp_path, chargers=CHARGERS, site_control=control) as harness:
        sites = harness.gateway.sites
        sites.apply(record(20.0))
        async with charging(harness, "A") as car:
            await harness.until(lambda: car.limit_a == 20.0)
            committed: list[Callable[[], None]] = []
            sites._book._keep = lambda _charger, _events, done: committed.append(done) or True
            sites.apply(record(25.0))
            await harness.until(lambda: sites._book._waiting)
            until_us, session = harness.gateway.now_us() + 60_000_000, str(car.transaction)
            for number, limit_a in ((1 << 60, 32.0), ((1 << 60) + 1, 10.0)):
                order = SetLimit(
                    number, "A/1", "A", 1, Scope.SESSION, session, limit_a, -1.0,
                    limit_a > 20.0, until_us,
                )  # fmt: skip
                sites.set_limit("depot", order)
            await harness.until(lambda: car.limit_a == 10.0)
            for done in committed:
                done()
            await harness.until(lambda: not sites._tasks)
            assert car.rates("TxProfile") == [20.0, 10.0]
