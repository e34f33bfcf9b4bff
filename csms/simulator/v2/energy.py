"""What 2.1 adds to the control of power: priority, dynamic schedules, V2X (chapters K and Q)."""

from collections.abc import Iterator, Mapping
from typing import Any

from csms.simulator.face import LATER_S, Request, answer
from csms.simulator.limits import Installed
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import EquippedCommand, EquippedFace, running

REGULATED = "LocalFrequency"
"""The operation mode in which the aFRR signal says how much."""


def use_priority_charging(charger: EquippedFace, request: Request) -> Payload:
    """Charge by the profile of priority, or no longer; tell so (K21, K22)."""
    name, wanted = request["transactionId"], bool(request["activate"])
    connector = running(charger, name)
    if connector is None:
        return answer("Rejected")
    limits, number = charger.limits, connector.number
    if not any(
        row.purpose == "PriorityCharging" and row.connector in {0, number}
        for row in limits.installed
    ):
        return answer("NoProfile")
    limits.priority = limits.priority | {number} if wanted else limits.priority - {number}
    charger.limits_changed()
    said: Payload = {"transactionId": name, "activated": wanted}
    charger.after(LATER_S, lambda _now_us: charger.send("NotifyPriorityCharging", said))
    return answer("Accepted")


def update_dynamic_schedule(charger: EquippedFace, request: Request) -> Payload:
    """Change the values of a dynamic profile at once (K28)."""
    number, update = request["chargingProfileId"], request["scheduleUpdate"]
    limits = charger.limits
    for at, row in enumerate(limits.installed):
        profile = row.profile
        dynamic = profile.get("chargingProfileKind") == "Dynamic"
        if profile.get("chargingProfileId") == number and dynamic:
            schedule = dict(profile["chargingSchedule"])
            first, *rest = schedule["chargingSchedulePeriod"]
            schedule["chargingSchedulePeriod"] = [{**first, **update}, *rest]
            changed = {**profile, "chargingSchedule": schedule}
            limits.installed[at] = Installed(row.connector, changed)
            charger.limits_changed()
            return answer("Accepted")
    return answer("Rejected")


def _periods(charger: EquippedFace) -> Iterator[Mapping[str, Any]]:
    for row in charger.limits.installed:
        yield from row.profile["chargingSchedule"]["chargingSchedulePeriod"]


def afrr_signal(charger: EquippedFace, request: Request) -> Payload:
    """Take the signal where a profile says that it counts (Q08)."""
    if not any(period.get("operationMode") == REGULATED for period in _periods(charger)):
        return answer("Rejected")
    charger.equipment.regulation = int(request["signal"])
    charger.limits_changed()
    return answer("Accepted")


def notify_allowed_energy_transfer(charger: EquippedFace, request: Request) -> Payload:
    """Offer the car of a transaction these modes (Q02)."""
    name, transfers = str(request["transactionId"]), charger.equipment.transfers
    for other in [other for other in transfers if running(charger, other) is None]:
        del transfers[other]
    if running(charger, name) is None:
        return answer("Rejected")
    transfers[name] = list(request["allowedEnergyTransfer"])
    charger.limits_changed()
    return answer("Accepted")


COMMANDS: Mapping[str, EquippedCommand] = {
    "AFRRSignal": afrr_signal,
    "NotifyAllowedEnergyTransfer": notify_allowed_energy_transfer,
    "UpdateDynamicSchedule": update_dynamic_schedule,
    "UsePriorityCharging": use_priority_charging,
}
