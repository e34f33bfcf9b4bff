"""A site's actor in the runtime that it lives in."""

import asyncio

from actors.site.control import ControlSettings
from actors.site.effects import Doubted, SetLimit, Shared, Trusted, Wake
from actors.site.messages import ChargerCame, KnownLimit, LimitAnswered, SessionBegan, SiteSet
from actors.site.settings import SiteSettings
from actors.site.shell import SiteActor
from domain.commands import Outcome
from supervisor.asyncio_base import AsyncioBase
from tests.actors.site.hostile import START, garage


class Book:
    """A house that writes down what it is asked to do."""

    def __init__(self) -> None:
        self.orders: list[SetLimit] = []
        self.shares: list[Shared] = []
        self.errors: list[BaseException] = []

    def set_limit(self, site: str, effect: SetLimit) -> None:
        self.orders.append(effect)

    def shared(self, site: str, effect: Shared) -> None:
        self.shares.append(effect)

    def doubted(self, site: str, effect: Doubted) -> None: ...

    def trusted(self, site: str, effect: Trusted) -> None: ...

    def wake(self, site: str, effect: Wake) -> None: ...

    def failed(self, site: str, error: BaseException) -> None:
        self.errors.append(error)


async def test_what_comes_together_is_shared_out_once() -> None:
    base, book = AsyncioBase(), Book()
    site = garage()
    address = base.create(
        SiteActor,
        name="site/garage",
        init={
            "site": "garage",
            "settings": SiteSettings(),
            "control": ControlSettings(gather_s=0),
            "house": book,
            "now_us": lambda: START,
            "first_number": lambda: 1,
        },
    )
    known = {place.id: KnownLimit(standing_a=0.0) for place in site.places}
    base.tell(address, SiteSet(site, known))
    for place in site.places:
        base.tell(address, ChargerCame(place.charger))
        base.tell(address, SessionBegan(place.charger, 1, f"tx-{place.charger}", START))
    async with asyncio.timeout(5):
        while len(book.orders) < 9:
            await asyncio.sleep(0)
    # 19 messages, taken in as many groups as the runtime has passes: far fewer.
    assert len(book.shares) <= 3
    shares = len(book.shares)
    for order in book.orders[:9]:
        base.tell(address, LimitAnswered(order.number, Outcome.ACCEPTED))
    async with asyncio.timeout(5):
        while sum(held.limit_a > 0 for held in book.shares[-1].held.values()) < 9:
            await asyncio.sleep(0)
    assert len(book.shares) - shares <= 3
    assert book.errors == []
    base.shutdown()
