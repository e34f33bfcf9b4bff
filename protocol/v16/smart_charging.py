"""The Smart Charging profile: OCPP 1.6 edition 2, sections 3.13, 5.5, 5.7 and 5.16.

Limits protect fuses, so they go before everything else.
"""

from typing import Any

from domain.commands import Priority
from protocol.limits_on_chargers import LONG_AGO, ChargerLimit
from protocol.profile_rules import ProfileWords
from protocol.version import Outbound


def write_limit(limit: ChargerLimit) -> dict[str, Any]:
    """Return the payload of SetChargingProfile (sections 5.16, 7.8).

    Relative, so that a wrong clock of the charger changes nothing. That of the whole charger cannot
    be: it belongs to no transaction, so it is absolute and began long ago.
    """
    schedule: dict[str, Any] = {
        "chargingRateUnit": limit.unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit.rate}],
    }
    profile: dict[str, Any] = {
        "chargingProfileId": limit.profile,
        "stackLevel": limit.stack_level,
        "chargingProfilePurpose": "TxProfile" if limit.session else "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
    if limit.whole:
        schedule["startSchedule"] = LONG_AGO
        profile |= {
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
        }
        return {"connectorId": 0, "csChargingProfiles": profile}
    if limit.session:
        profile["transactionId"] = int(limit.session)
    return {"connectorId": limit.evse, "csChargingProfiles": profile}


PROFILE_WORDS = ProfileWords(
    carriers={
        "SetChargingProfile": "csChargingProfiles",
        "RemoteStartTransaction": "chargingProfile",
    },
    place="connectorId",
    id="chargingProfileId",
    whole="ChargePointMaxProfile",
    has_transaction=False,
    whole_is_dated=False,
    stack_level=("", "ChargeProfileMaxStackLevel"),
    periods=("", "ChargingScheduleMaxPeriods"),
    units=("", "ChargingScheduleAllowedChargingRateUnit"),
    unit_names={"Current": "A", "Power": "W"},
)

OUTBOUND = (
    # Unknown means that no profile matched: nothing was cleared.
    Outbound("ClearChargingProfile", idempotent=True, priority=Priority.SAFETY, section="5.5"),
    Outbound("GetCompositeSchedule", idempotent=True, priority=Priority.BACKGROUND, section="5.7"),
    Outbound("SetChargingProfile", idempotent=True, priority=Priority.SAFETY, section="5.16"),
)
