"""Commands of smart charging (OCPP 1.6 sections 5.5, 5.7 and 5.16)."""

from collections.abc import Mapping

from csms.simulator.face import ChargerFace, Command, Request, answer
from csms.simulator.instants import US_PER_S
from csms.simulator.metering import PHASES
from csms.simulator.outbox import Payload

SCHEDULE_STEP_S = 60
SCHEDULE_PERIODS_MAX = 24


def set_charging_profile(charger: ChargerFace, request: Request) -> Payload:
    """Install a profile and obey it at once."""
    number, profile = request["connectorId"], request["csChargingProfiles"]
    purpose = profile["chargingProfilePurpose"]
    if number != 0 and number not in charger.connectors:
        return answer("Rejected")
    if purpose == "ChargePointMaxProfile" and number != 0:
        return answer("Rejected")
    if purpose == "TxProfile":
        connector = charger.connectors.get(number)
        transaction = connector.transaction if connector is not None else None
        said = profile.get("transactionId")
        if transaction is None or (said is not None and said != transaction.number):
            return answer("Rejected")
    status = charger.limits.install(number, profile)
    charger.limits_changed()
    return answer(status)


def clear_charging_profile(charger: ChargerFace, request: Request) -> Payload:
    """Remove profiles."""
    status = charger.limits.clear(request)
    charger.limits_changed()
    return answer(status)


def get_composite_schedule(charger: ChargerFace, request: Request) -> Payload:
    """Tell what would be offered, minute by minute, merged."""
    number, duration_s = request["connectorId"], int(request["duration"])
    if number != 0 and number not in charger.connectors:
        return answer("Rejected")
    connector = charger.connectors.get(number)
    transaction = connector.transaction if connector is not None else None
    started_us = transaction.started_us if transaction is not None else charger.now_us
    unit = request.get("chargingRateUnit") or "A"
    watts = 1.0 if unit == "W" else charger.settings.grid_voltage_v * len(PHASES)
    rated_w = charger.settings.power_w_max * (1 if number else len(charger.connectors))
    periods: list[dict[str, object]] = []
    for at_s in range(0, max(1, duration_s), SCHEDULE_STEP_S):
        at_us = charger.now_us + at_s * US_PER_S
        offered_w = charger.limits.offered_w(number, rated_w, started_us, at_us)
        limit = round(offered_w / watts, 1)
        if not periods or periods[-1]["limit"] != limit:
            if len(periods) == SCHEDULE_PERIODS_MAX:
                break
            periods.append({"startPeriod": at_s, "limit": limit})
    return {
        "status": "Accepted",
        "connectorId": number,
        "scheduleStart": charger.stamp(charger.now_us),
        "chargingSchedule": {
            "duration": duration_s,
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods,
        },
    }


COMMANDS: Mapping[str, Command] = {
    "ClearChargingProfile": clear_charging_profile,
    "GetCompositeSchedule": get_composite_schedule,
    "SetChargingProfile": set_charging_profile,
}
