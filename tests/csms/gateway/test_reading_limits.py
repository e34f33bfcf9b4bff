from domain.events import ConnectorStatusReported, TimeQuality
from protocol.reading import ReadingLimits
from tests.csms.gateway.harness import call, gateway_running

STATUS = {
    "connectorId": 1,
    "errorCode": "NoError",
    "status": "Available",
    "timestamp": "2012-01-01T00:00:00Z",
}


async def test_what_is_taken_at_face_value_can_be_set(tmp_path) -> None:
    for year, quality in ((2011, TimeQuality.OK), (2013, TimeQuality.ABSURD)):
        folder = tmp_path / str(year)
        folder.mkdir()
        limits = ReadingLimits(year_min=year)
        async with (
            gateway_running(folder, reading_limits=limits) as node,
            node.charger("CP1") as socket,
        ):
            await call(socket, "StatusNotification", STATUS)
            assert node.events(ConnectorStatusReported)[0].quality == quality
