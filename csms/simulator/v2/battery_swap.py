"""A swap of batteries at the request of the server (2.1 part 2, S02 and S03).

Each EVSE is a slot. The driver puts an empty battery into the first free one, and takes a full one.
"""

from collections.abc import Mapping

from csms.simulator.face import LATER_S, STEP_S, Request, answer
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import EquippedCommand, EquippedFace

EMPTY_PERCENT, FULL_PERCENT, HEALTH_PERCENT = 12.0, 95.0, 98.0


def request_battery_swap(charger: EquippedFace, request: Request) -> Payload:
    """Let a driver swap, when a slot is free."""
    free = [number for number, connector in charger.connectors.items() if connector.free]
    if not free:
        return answer("Rejected")

    def tell(event: str, serial: str, percent: float) -> None:
        said: Payload = {
            "requestId": request["requestId"],
            "idToken": request["idToken"],
            "eventType": event,
            "batteryData": [
                {
                    "evseId": free[0],
                    "serialNumber": serial,
                    "soC": percent,
                    "soH": HEALTH_PERCENT,
                }
            ],
        }
        charger.send("BatterySwap", said)

    number = request["requestId"]
    charger.after(LATER_S, lambda _now_us: tell("BatteryIn", f"IN-{number}", EMPTY_PERCENT))
    charger.after(
        LATER_S + STEP_S, lambda _now_us: tell("BatteryOut", f"OUT-{number}", FULL_PERCENT)
    )
    return answer("Accepted")


COMMANDS: Mapping[str, EquippedCommand] = {"RequestBatterySwap": request_battery_swap}
