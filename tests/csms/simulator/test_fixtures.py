"""The fixture that other projects use, over real sockets."""

from csms.simulator.faults import FaultSettings
from csms.simulator.fixtures import virtual_charger  # noqa: F401 - a fixture
from csms.simulator.settings import SimulatorSettings
from tests.csms.simulator.test_driver import Booths, server, until


async def test_a_virtual_charger_boots_and_does_what_it_is_told(virtual_charger) -> None:  # noqa: F811
    booths = Booths()
    async with server(booths) as (_, url):
        virtual = await virtual_charger(url, "CP1", model="frugal")
        await virtual.until(lambda charger: charger.registered)
        virtual.act(lambda charger: charger.plug(charger.connectors[1]))
        virtual.act(lambda charger: charger.start(charger.connectors[1], "TAG"))
        await virtual.until(
            lambda charger: charger.books.message("StartTransaction").acknowledged == 1
        )
        assert virtual.books.message("StatusNotification").acknowledged >= 3


async def test_a_virtual_charger_leaves_and_comes_back(virtual_charger) -> None:  # noqa: F811
    async with server(Booths()) as (_, url):
        virtual = await virtual_charger(url)
        await virtual.until(lambda charger: charger.registered)
        virtual.leave(0.05)
        await virtual.until(lambda charger: charger.counts.connects == 2)


async def test_faults_on_real_sockets_lose_nothing(virtual_charger) -> None:  # noqa: F811
    booths = Booths()
    rates = {"cut": 0.1, "reset": 0.1, "duplicate": 0.1, "malformed": 0.1}
    settings = SimulatorSettings(
        arrival_s_mean=0.1,
        session_s_mean=0.5,
        reconnect_s_min=0.01,
        reconnect_s_max=0.05,
        faults=FaultSettings(rates=rates),
    )
    async with server(booths) as (_, url):
        virtual = await virtual_charger(url, tokens=("TAG",), settings=settings)
        await until(lambda: set(virtual.books.faults) == set(rates))
        await virtual.until(lambda charger: charger.registered)
        assert virtual.charger.counts.connects > 1
