"""Functional block K: charging profiles, limits of others, the needs of a car (ISO 15118).

Limits protect fuses, so they go before everything else.
"""

from typing import Any

from domain.answers import StatusAnswer
from domain.commands import Priority
from protocol.common import nothing
from protocol.limits_on_chargers import LONG_AGO, ChargerLimit
from protocol.profile_rules import ProfileWords
from protocol.v201.notice import member, notice, question
from protocol.v201.writing import status
from protocol.version import Follow, Inbound, Outbound

STATION = 0
"""evseId of the whole charging station."""


def write_limit(limit: ChargerLimit) -> dict[str, Any]:
    """Return the payload of SetChargingProfile (K01).

    Relative, so that a wrong clock of the station changes nothing. That of the whole station cannot
    be (K01.FR.38 wants it absolute or recurring): it began long ago.
    """
    schedule: dict[str, Any] = {
        "id": limit.profile,
        "chargingRateUnit": limit.unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit.rate}],
    }
    profile: dict[str, Any] = {
        "id": limit.profile,
        "stackLevel": limit.stack_level,
        "chargingProfilePurpose": "TxProfile" if limit.session else "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }
    if limit.whole:
        schedule["startSchedule"] = LONG_AGO
        profile |= {
            "chargingProfilePurpose": "ChargingStationMaxProfile",
            "chargingProfileKind": "Absolute",
        }
        return {"evseId": STATION, "chargingProfile": profile}
    if limit.session:
        profile["transactionId"] = limit.session
    return {"evseId": limit.evse, "chargingProfile": profile}


PROFILE_WORDS = ProfileWords(
    carriers={
        "SetChargingProfile": "chargingProfile",
        "RequestStartTransaction": "chargingProfile",
    },
    place="evseId",
    id="id",
    whole="ChargingStationMaxProfile",
    has_transaction=True,
    whole_is_dated=True,
    stack_level=("SmartChargingCtrlr", "ProfileStackLevel"),
    periods=("SmartChargingCtrlr", "PeriodsPerSchedule"),
    units=("SmartChargingCtrlr", "RateUnit"),
    unit_names={"A": "A", "W": "W"},
)

INBOUND = (
    Inbound(
        "ClearedChargingLimit",
        notice("ClearedChargingLimit", member("evseId"), status="chargingLimitSource"),
        nothing,
        "K13",
    ),
    Inbound("NotifyChargingLimit", notice("NotifyChargingLimit", member("evseId")), nothing, "K12"),
    Inbound(
        "NotifyEVChargingNeeds",
        question("NotifyEVChargingNeeds", member("evseId"), at="timestamp"),
        status,
        "K15",
    ),
    Inbound(
        "NotifyEVChargingSchedule",
        # The schedule of a car within its limits; nobody here has more to say about it.
        question(
            "NotifyEVChargingSchedule",
            member("evseId"),
            no=StatusAnswer("Accepted"),
            at="timeBase",
        ),
        status,
        "K15",
    ),
    Inbound(
        "ReportChargingProfiles",
        notice("ReportChargingProfiles", member("evseId"), status="chargingLimitSource"),
        nothing,
        "K09",
    ),
)

OUTBOUND = (
    # Unknown means that no profile matched: nothing was cleared.
    Outbound("ClearChargingProfile", idempotent=True, priority=Priority.SAFETY, section="K10"),
    Outbound(
        "GetChargingProfiles",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="K09",
        follow=Follow.PROFILES_REPORTED,
    ),
    Outbound("GetCompositeSchedule", idempotent=True, priority=Priority.BACKGROUND, section="K08"),
    Outbound("SetChargingProfile", idempotent=True, priority=Priority.SAFETY, section="K01"),
)
