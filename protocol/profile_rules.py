"""Rules of charging profiles, checked before one is sent.

1.6 edition 2: sections 3.13, 5.11, 5.16, 7.8 to 7.14, 9.4. 2.x: K01, F01 and F02. What a version
calls the parts is in its `ProfileWords`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

from protocol.limits_on_chargers import CHARGER_ID, IDS_PER_EVSE, STANDING_ID

TX: Final = "TxProfile"
NEEDS_START: Final = frozenset({"Absolute", "Recurring"})


@dataclass(frozen=True, slots=True)
class ProfileWords:
    """Where a version has a profile in its calls, and where its chargers tell their limits."""

    carriers: Mapping[str, str]
    """Action -> field of the payload with the profile."""
    place: str
    id: str
    whole: str
    """The purpose that is of the whole charger alone."""
    has_transaction: bool
    """A TxProfile that is set must name its transaction."""
    whole_is_dated: bool
    """The profile of the whole charger must not be Relative."""
    stack_level: tuple[str, str]
    """Component (1.6: empty) and variable or key."""
    periods: tuple[str, str]
    units: tuple[str, str]
    unit_names: Mapping[str, str]
    """What a charger may call a unit in `units` -> the unit."""


class ProfileLimits(NamedTuple):
    """What a charger takes. None and empty: it has not said."""

    stack_level_max: int | None = None
    periods_max: int | None = None
    units: frozenset[str] = frozenset()


class Violation(NamedTuple):
    """A rule that a payload breaks, and the field."""

    field: str
    rule: str


SETS: Final = "SetChargingProfile"


def check_profile(
    words: ProfileWords,
    action: str,
    payload: Mapping[str, Any],
    limits: ProfileLimits,
    *,
    shared: bool = False,
) -> list[Violation]:
    """Return the rules that the profile in a call breaks; none when it has no profile.

    Never raises for any JSON object: what the schema forbids is not looked at.

    Args:
        words: of the charger's version.
        action: of the call.
        payload: of the call.
        limits: of the charger.
        shared: the charger is at a site, whose own profiles must not be replaced.
    """
    field = words.carriers.get(action)
    profile = payload.get(field) if field else None
    if field is None or not isinstance(profile, Mapping):
        return []
    found = [*_stack(profile, limits), *_kind(profile)]
    if action == SETS:
        found += _purpose(words, profile, payload.get(words.place))
        own = profile.get(words.id)
        if shared and _is_of_a_site(own):
            rule = f"{own} is an id of the site's own limits (10 * EVSE + 1 to 3)"
            found.append(Violation(words.id, rule))
    else:
        found += _at_start(profile)
    for at, schedule in _schedules(profile):
        found += _schedule(at, schedule, profile.get("chargingProfileKind"), limits)
    place = [each for each in found if each.field == words.place]
    inner = [Violation(f"{field}.{each.field}", each.rule) for each in found if each not in place]
    return place + inner


def _stack(profile: Mapping[str, Any], limits: ProfileLimits) -> Iterator[Violation]:
    level = profile.get("stackLevel")
    if not isinstance(level, int):
        return
    if level < 0:
        yield Violation("stackLevel", "must be 0 or more")
    elif limits.stack_level_max is not None and level > limits.stack_level_max:
        yield Violation("stackLevel", f"must be at most {limits.stack_level_max} at this charger")


def _kind(profile: Mapping[str, Any]) -> Iterator[Violation]:
    if profile.get("chargingProfileKind") == "Recurring" and not profile.get("recurrencyKind"):
        yield Violation("recurrencyKind", "must be given for a Recurring profile")


def _purpose(words: ProfileWords, profile: Mapping[str, Any], place: object) -> Iterator[Violation]:
    purpose = profile.get("chargingProfilePurpose")
    transaction = profile.get("transactionId")
    if purpose == TX:
        if place == 0:
            yield Violation(words.place, "must be above 0 for a TxProfile")
        if words.has_transaction and transaction is None:
            yield Violation("transactionId", "must be given for a TxProfile")
    elif transaction is not None:
        yield Violation("transactionId", f"must not be given for a {purpose}")
    if purpose == words.whole:
        if place != 0:
            yield Violation(words.place, f"must be 0 for a {purpose}")
        if words.whole_is_dated and profile.get("chargingProfileKind") == "Relative":
            yield Violation("chargingProfileKind", f"must not be Relative for a {purpose}")


def _at_start(profile: Mapping[str, Any]) -> Iterator[Violation]:
    if profile.get("chargingProfilePurpose") != TX:
        yield Violation("chargingProfilePurpose", "must be TxProfile when a transaction is started")
    if profile.get("transactionId") is not None:
        yield Violation("transactionId", "must not be given: the transaction has not begun")


def _is_of_a_site(profile_id: object) -> bool:
    return (
        isinstance(profile_id, int)
        and profile_id > IDS_PER_EVSE
        and STANDING_ID <= profile_id % IDS_PER_EVSE <= CHARGER_ID
    )


def _schedules(profile: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    schedule = profile.get("chargingSchedule")
    if isinstance(schedule, Mapping):
        yield "chargingSchedule", schedule
    elif isinstance(schedule, list):
        for n, each in enumerate(schedule):
            if isinstance(each, Mapping):
                yield f"chargingSchedule[{n}]", each


def _schedule(
    at: str, schedule: Mapping[str, Any], kind: object, limits: ProfileLimits
) -> Iterator[Violation]:
    if isinstance(kind, str) and kind in NEEDS_START and not schedule.get("startSchedule"):
        yield Violation(f"{at}.startSchedule", f"must be given: the profile is {kind}")
    unit = schedule.get("chargingRateUnit")
    if limits.units and isinstance(unit, str) and unit not in limits.units:
        names = ", ".join(sorted(limits.units))
        yield Violation(f"{at}.chargingRateUnit", f"must be one of {names} at this charger")
    periods = schedule.get("chargingSchedulePeriod")
    if not isinstance(periods, list) or not periods:
        return
    where = f"{at}.chargingSchedulePeriod"
    if limits.periods_max is not None and len(periods) > limits.periods_max:
        yield Violation(where, f"must have at most {limits.periods_max} periods at this charger")
    starts = [each.get("startPeriod") for each in periods if isinstance(each, Mapping)]
    numbers = [each for each in starts if isinstance(each, int)]
    if len(numbers) != len(periods):
        return
    if numbers[0] != 0:
        yield Violation(f"{where}[0].startPeriod", "must be 0")
    for n, (one, two) in enumerate(pairwise(numbers), 1):
        if two <= one:
            yield Violation(f"{where}[{n}].startPeriod", "must be after that of the one before")
    duration = schedule.get("duration")
    if isinstance(duration, int) and numbers[-1] >= duration > 0:
        rule = f"must be before the end of the schedule ({duration} s)"
        yield Violation(f"{where}[{len(numbers) - 1}].startPeriod", rule)


def read_units(words: ProfileWords, told: str) -> frozenset[str]:
    """Return the units that a charger says it takes; empty when it says nothing readable."""
    names = {each.strip().casefold() for each in told.split(",")}
    return frozenset(unit for name, unit in words.unit_names.items() if name.casefold() in names)
