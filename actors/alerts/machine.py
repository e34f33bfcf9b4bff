"""Alerts of one rule. Pure: what is seen now and what is open, in; what changes, out.

Laws: a subject has at most one open alert of a rule. What lasts less than `hold_s` opens none.
Everything that is told is told once: at the opening (or when a silence ends over it), at the
escalation, at the end. An alert that was never told ends without a word. Who has acknowledged an
alert is not escalated to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from domain.alerts import Alert, AlertState, Change, Rule, Sighting, Silence


def decide(
    rule: Rule,
    sightings: Iterable[Sighting],
    opened: Mapping[str, Alert],
    silences: Sequence[Silence],
    now_us: int,
    new_id: Callable[[], str],
) -> list[Change]:
    """Return what changes.

    Args:
        rule: the rule.
        sightings: all that it speaks of now; what is not among them is over.
        opened: its alerts that are not over, by subject.
        silences: all of its tenant.
        now_us: now.
        new_id: makes ids.
    """
    changes: list[Change] = []
    seen: set[str] = set()
    for sighting in sightings:
        if sighting.subject in seen:
            continue
        seen.add(sighting.subject)
        alert = opened.get(sighting.subject)
        if alert is None:
            if now_us - sighting.since_us >= rule.hold_s * 1_000_000:
                changes.append(_opened(rule, sighting, silences, now_us, new_id()))
            continue
        changes += _goes_on(rule, alert, sighting, silences, now_us)
    for subject, alert in opened.items():
        if subject not in seen:
            over = msgspec.structs.replace(alert, state=AlertState.RESOLVED, resolved_us=now_us)
            told = rule.channels if alert.notified_us else ()
            if alert.escalated_us:
                told = _together(told, rule.escalate_channels)
            changes.append(Change("resolved", over, told))
    return changes


def _opened(
    rule: Rule, sighting: Sighting, silences: Sequence[Silence], now_us: int, name: str
) -> Change:
    alert = Alert(
        name,
        rule.id,
        rule.tenant,
        sighting.subject,
        sighting.charger,
        sighting.site,
        rule.severity,
        AlertState.OPEN,
        sighting.detail,
        now_us,
        sighting.since_us,
    )
    if any(silence.covers(alert, now_us) for silence in silences):
        return Change("opened", msgspec.structs.replace(alert, silenced=True))
    return Change("opened", msgspec.structs.replace(alert, notified_us=now_us), rule.channels)


def _goes_on(
    rule: Rule, alert: Alert, sighting: Sighting, silences: Sequence[Silence], now_us: int
) -> list[Change]:
    silenced = any(silence.covers(alert, now_us) for silence in silences)
    now = msgspec.structs.replace(alert, silenced=silenced, detail=sighting.detail)
    if not silenced and not alert.notified_us and alert.state == AlertState.OPEN:
        told = msgspec.structs.replace(now, notified_us=now_us)
        return [Change("told", told, rule.channels)]
    due_us = alert.notified_us + rule.escalate_s * 1_000_000
    if (
        rule.escalate_s
        and not silenced
        and alert.notified_us
        and not alert.escalated_us
        and alert.state == AlertState.OPEN
        and now_us >= due_us
    ):
        told = msgspec.structs.replace(now, escalated_us=now_us)
        return [Change("escalated", told, rule.escalate_channels or rule.channels)]
    return [] if now == alert else [Change("noticed", now)]


def _together(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def pause_s(attempts: int, first_s: float, longest_s: float) -> float:
    """Return the pause after so many failed attempts of a delivery: doubled each time."""
    return min(longest_s, first_s * 2.0 ** min(attempts - 1, 30))
