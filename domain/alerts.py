"""Alerts: rules, what is seen, what is told. See `actors/alerts/machine.py`."""

from enum import StrEnum

import msgspec


class AlertState(StrEnum):
    """Where an alert is."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Rule(msgspec.Struct, frozen=True):
    """What the machine needs of a rule."""

    id: str
    tenant: str
    name: str = ""
    kind: str = ""
    severity: str = "warning"
    hold_s: int = 0
    channels: tuple[str, ...] = ()
    escalate_s: int = 0
    """Not acknowledged for so long; 0: never."""
    escalate_channels: tuple[str, ...] = ()


class Sighting(msgspec.Struct, frozen=True):
    """Something that a rule speaks of, as it is now."""

    subject: str
    since_us: int
    detail: str = ""
    charger: str = ""
    site: str = ""


class Alert(msgspec.Struct, frozen=True):
    """One alert that is not over."""

    id: str
    rule: str
    tenant: str
    subject: str
    charger: str
    site: str
    severity: str
    state: str
    detail: str
    opened_us: int
    since_us: int
    notified_us: int = 0
    escalated_us: int = 0
    acknowledged_us: int = 0
    silenced: bool = False
    resolved_us: int = 0


class Silence(msgspec.Struct, frozen=True):
    """Nothing is told of what fits; empty texts fit all."""

    until_us: int
    rule: str = ""
    charger: str = ""
    site: str = ""

    def covers(self, alert: Alert, now_us: int) -> bool:
        """Return whether an alert is not to be told of now."""
        return (
            self.until_us > now_us
            and self.rule in {"", alert.rule}
            and self.charger in {"", alert.charger}
            and self.site in {"", alert.site}
        )


class Change(msgspec.Struct, frozen=True):
    """An alert as it is from now on, what happened to it, and whom to tell."""

    event: str
    """opened, told (a silence is over), escalated, resolved or noticed (nothing to tell)."""
    alert: Alert
    channels: tuple[str, ...] = ()
