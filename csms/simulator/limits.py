"""Charging profiles as a charger obeys them (OCPP 1.6 sections 3.13 and 5.16).

Of each purpose the valid profile with the highest stack level counts; a TxProfile replaces the
TxDefaultProfile; ChargePointMaxProfile caps whatever is left, shared by the busy connectors.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from csms.simulator.instants import US_PER_S, from_iso
from csms.simulator.metering import PHASES, VOLTAGE_V

PROFILES_MAX = 20
DAY_S, WEEK_S = 86_400, 604_800
CHARGING_ONLY = "ChargingOnly"
"""What a period is when it names no operation mode (2.1)."""
RECURRENCE_S = {"Daily": DAY_S, "Weekly": WEEK_S}


class Installed(NamedTuple):
    """A profile and where it was set; connector 0 is every connector."""

    connector: int
    profile: Mapping[str, Any]

    @property
    def purpose(self) -> str:
        """One of the three purposes."""
        return str(self.profile.get("chargingProfilePurpose", ""))

    @property
    def level(self) -> int:
        """The stack level."""
        return int(self.profile.get("stackLevel", 0))


def period_at(profile: Mapping[str, Any], started_us: int, now_us: int) -> Mapping[str, Any] | None:
    """Return the period of a profile that holds now; None when it says nothing about now."""
    if now_us < from_iso(str(profile.get("validFrom", "")), now_us):
        return None
    if now_us >= from_iso(str(profile.get("validTo", "")), now_us + 1):
        return None
    schedule = profile["chargingSchedule"]
    kind = profile.get("chargingProfileKind")
    start_us = started_us
    if kind != "Relative":
        start_us = from_iso(str(schedule.get("startSchedule", "")), started_us)
    at_s = (now_us - start_us) / US_PER_S
    if at_s < 0:
        return None
    if kind == "Recurring":
        at_s %= RECURRENCE_S.get(str(profile.get("recurrencyKind")), DAY_S)
    duration_s = schedule.get("duration")
    if duration_s is not None and at_s >= duration_s:
        return None
    current: Mapping[str, Any] | None = None
    for period in schedule["chargingSchedulePeriod"]:
        if period["startPeriod"] <= at_s:
            current = period
    return current


def limit_w(
    profile: Mapping[str, Any],
    started_us: int,
    now_us: int,
    phases: int = len(PHASES),
    voltage_v: float = VOLTAGE_V,
) -> float | None:
    """Return the limit of a profile now in watts; None when it says nothing about now.

    A limit in amperes is one of each phase: it leaves less to a car that uses fewer (7.13), and
    less where the grid has a lower voltage.
    """
    current = period_at(profile, started_us, now_us)
    if current is None:
        return None
    if current.get("limit") is None:
        # Since 2.1 a period may say by other means how much: then it has none.
        return math.inf if current.get("operationMode", CHARGING_ONLY) != CHARGING_ONLY else None
    limit = float(current["limit"])
    schedule = profile["chargingSchedule"]
    if schedule.get("chargingRateUnit") == "W":
        return limit
    return limit * voltage_v * min(phases, int(current.get("numberPhases") or len(PHASES)))


@dataclass
class Limits:
    """The profiles that are installed.

    Attributes:
        installed: those that a server has set.
        fallback_a: what the installer has set, A of each phase: it holds while no profile says
            anything about a connector. None: nothing.
        priority: connectors whose transaction charges by the profile of priority (2.1, K21).
        voltage_v: of the grid: what a limit in amperes is worth.
    """

    installed: list[Installed] = field(default_factory=list)
    fallback_a: float | None = None
    priority: frozenset[int] = frozenset()
    voltage_v: float = VOLTAGE_V

    def install(self, connector: int, profile: Mapping[str, Any]) -> str:
        """Install a profile, replacing its predecessor; return the status of the answer."""
        row = Installed(connector, profile)
        identity = profile.get("chargingProfileId")
        kept = [
            old
            for old in self.installed
            if old.profile.get("chargingProfileId") != identity
            and (old.connector, old.purpose, old.level) != (connector, row.purpose, row.level)
        ]
        if len(kept) >= PROFILES_MAX:
            return "Rejected"
        self.installed = [*kept, row]
        return "Accepted"

    def clear(self, wanted: Mapping[str, Any]) -> str:
        """Remove what ClearChargingProfile names; return the status of the answer."""
        kept = [row for row in self.installed if not _matches(row, wanted)]
        removed = len(self.installed) - len(kept)
        self.installed = kept
        return "Accepted" if removed else "Unknown"

    def ended(self, connector: int) -> None:
        """Forget the TxProfiles and the priority of a transaction that has ended."""
        self.priority -= {connector}
        self.installed = [
            row
            for row in self.installed
            if (row.connector, row.purpose) != (connector, "TxProfile")
        ]

    def offered_w(
        self,
        connector: int,
        rated_w: float,
        started_us: int,
        now_us: int,
        sharing: int = 1,
        phases: int = len(PHASES),
    ) -> float:
        """Return what a connector may offer to a car of so many phases.

        `sharing`: how many connectors are busy. `rated_w` is of all phases.
        """
        offered_w = rated_w * phases / len(PHASES)
        own = None
        for purpose in self._purposes(connector):
            if own is None:
                own = self._strongest(purpose, connector, started_us, now_us, phases)
        if own is not None:
            offered_w = min(offered_w, own)
        whole = self._strongest("ChargePointMaxProfile", 0, started_us, now_us, phases)
        if own is None and whole is None and self.fallback_a is not None:
            offered_w = min(offered_w, self.fallback_a * self.voltage_v * phases)
        if whole is not None:
            offered_w = min(offered_w, whole / max(1, sharing))
        return max(0.0, offered_w)

    def period(
        self, connector: int, started_us: int, now_us: int
    ) -> tuple[Mapping[str, Any], str] | None:
        """Return the period that a connector charges by, and its unit; None: no profile says."""
        for purpose in self._purposes(connector):
            for row in self._sorted(purpose, connector):
                if limit_w(row.profile, started_us, now_us) is not None:
                    period = period_at(row.profile, started_us, now_us)
                    assert period is not None
                    unit = row.profile["chargingSchedule"].get("chargingRateUnit")
                    return period, str(unit)
        return None

    def _purposes(self, connector: int) -> tuple[str, ...]:
        """Return which profiles of a transaction count, the strongest first."""
        first = ("PriorityCharging",) if connector in self.priority else ()
        return (*first, "TxProfile", "TxDefaultProfile")

    def _strongest(
        self, purpose: str, connector: int, started_us: int, now_us: int, phases: int
    ) -> float | None:
        for row in self._sorted(purpose, connector):
            limit = limit_w(row.profile, started_us, now_us, phases, self.voltage_v)
            if limit is not None:
                return limit
        return None

    def _sorted(self, purpose: str, connector: int) -> list[Installed]:
        return sorted(self._of(purpose, connector), key=lambda row: -row.level)

    def _of(self, purpose: str, connector: int) -> Iterator[Installed]:
        for row in self.installed:
            if row.purpose == purpose and row.connector in {0, connector}:
                yield row


def _matches(row: Installed, wanted: Mapping[str, Any]) -> bool:
    if wanted.get("id") is not None:
        return bool(row.profile.get("chargingProfileId") == wanted["id"])
    named = (
        ("connectorId", row.connector),
        ("chargingProfilePurpose", row.purpose),
        ("stackLevel", row.level),
    )
    return all(wanted[name] == value for name, value in named if wanted.get(name) is not None)
