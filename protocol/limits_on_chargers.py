"""A limit for an EVSE, in words that no OCPP version owns; each version writes its payload.

One profile for each purpose and EVSE, so that a new one replaces the one before: the id is ten
times the EVSE's number, plus 1 for the standing limit, plus 2 for that of a session, plus 3 for
that of the whole charger.
"""

import msgspec

STANDING_ID = 1
SESSION_ID = 2
CHARGER_ID = 3
IDS_PER_EVSE = 10
LONG_AGO = "2000-01-01T00:00:00Z"
"""Where the clocks of many chargers begin after a loss of power."""


class ChargerLimit(msgspec.Struct, frozen=True, gc=False):
    """What an EVSE may draw.

    `session`: the transaction that it is for, as the charger knows it; empty: any that has no limit
    of its own. `limit_w`: -1 when the limit is the current. `whole`: of all that the charger draws;
    `evse` then only gives the id.
    """

    evse: int
    session: str
    limit_a: float
    limit_w: float = -1.0
    stack_level: int = 0
    whole: bool = False

    @property
    def profile(self) -> int:
        """Return the id of its charging profile."""
        if self.whole:
            return self.evse * IDS_PER_EVSE + CHARGER_ID
        return self.evse * IDS_PER_EVSE + (SESSION_ID if self.session else STANDING_ID)

    @property
    def unit(self) -> str:
        """Return chargingRateUnit."""
        return "A" if self.limit_w < 0 else "W"

    @property
    def rate(self) -> float:
        """Return the limit in that unit; both specifications allow one digit behind the point."""
        exact = self.limit_a if self.limit_w < 0 else self.limit_w
        # Downward: a tenth more than allowed is more than allowed.
        return int(exact * 10 + 1e-6) / 10
