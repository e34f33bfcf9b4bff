from datetime import UTC, datetime

import pytest

from csms.gateway.offset import LIVE_OFFSET_US_MAX, ClockOffset
from domain.events import ConnectorStatusReported
from supervisor.clock import Clock
from tests.csms.gateway.harness import boot, call, gateway_running

S = 1_000_000
T0 = 1_777_636_800 * S


@pytest.mark.parametrize(
    ("ahead_s", "learned_s"),
    [
        ([], 0),
        ([600], 600),
        ([600, 601, 3_000, 599, 602], 601),
        ([-600, -600], 0),
        ([600] * 9 + [0] * 3, 0),
        ([600] * 9 + [0] * 2, 600),
    ],
)
def test_the_offset_is_the_median_of_the_last_few_differences(ahead_s, learned_s) -> None:
    offset = ClockOffset()
    for ahead in ahead_s:
        offset.learn(T0 + ahead * S, T0)
    assert offset.us == learned_s * S


@pytest.mark.parametrize("ahead_us", [LIVE_OFFSET_US_MAX + 1, -LIVE_OFFSET_US_MAX - 1])
def test_a_wrong_zone_and_an_offline_replay_teach_nothing(ahead_us) -> None:
    offset = ClockOffset()
    offset.learn(T0 + ahead_us, T0)
    assert offset.us == 0


async def test_a_clock_that_is_ahead_is_flagged_until_it_is_known_and_again_after_a_boot(
    tmp_path,
) -> None:
    async with gateway_running(tmp_path) as node, node.charger("CP1") as socket:

        async def say_status(uid: str) -> str:
            at = datetime.fromtimestamp(Clock().now_us() / S + 600, UTC)
            payload = {
                "connectorId": 1,
                "errorCode": "NoError",
                "status": "Available",
                "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            await call(socket, "StatusNotification", payload, uid)
            return node.events(ConnectorStatusReported)[-1].quality

        assert [await say_status("1"), await say_status("2")] == ["skewed", "ok"]
        await boot(socket)
        assert await say_status("3") == "skewed"
