"""The way of a command as steps: what happened, what is awaited until when, or why not. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from domain.commands import Outcome
from protocol.versions import row_of

GRACE_US: Final = 10_000_000
"""After its deadline a command's end is on its way for so long; then nobody knows it any more."""
SETTLE_US: Final = 5_000_000
"""A status that was reported so long before something happened still belongs to it."""
NOTHING: Final = "nothing_happened"
WHOLE: Final = "0"

SIGHTS: Final[Mapping[str, str]] = {
    "Available": "plug_awaited",
    "Preparing": "car_connected",
    "Occupied": "car_connected",
    "Charging": "charging",
    "SuspendedEV": "car_pauses",
    "SuspendedEVSE": "charger_pauses",
    "Finishing": "unplug_first",
    "Reserved": "reserved",
    "Unavailable": "out_of_service",
    "Faulted": "faulted",
}
"""The status of a connector -> what it means for somebody who waits for a car to charge."""
CONNECTOR_KEYS: Final = ("connectorId", "evseId")


@dataclass(frozen=True)
class Step:
    """See `csms.api.models.CommandStep`."""

    step: str
    at_us: int = 0
    until_us: int = 0
    awaited: str = ""
    sight: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Scene:
    """What is known of the charger: whether it is connected, and its connectors as rows."""

    connected: bool = True
    subprotocol: str = ""
    connectors: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def follow_of(row: Mapping[str, Any], subprotocol: str) -> str:
    """Return which report should follow from a command; empty: its answer is its end."""
    known = row_of(row["action"], subprotocol)
    return str(known.followed_by(payload_of(row))) if known is not None else ""


def payload_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of a command's row; an unreadable one is empty."""
    payload = row.get("payload") or "{}"
    try:
        payload = json.loads(payload) if isinstance(payload, str) else payload
    except ValueError:  # a long one was cut off
        return {}
    return payload if isinstance(payload, dict) else {}


def timeline(
    row: Mapping[str, Any], scene: Scene, follow_s: float, now_us: int
) -> tuple[list[Step], bool]:
    """Return the steps of a command, and whether nothing more is to come.

    Args:
        row: of the table `commands`; its payload may be an object already.
        scene: its charger now.
        follow_s: how long what should follow is awaited.
        now_us: now.
    """
    steps = [Step("queued", row["queued_us"])]
    if row["sent_us"]:
        steps.append(Step("sent", row["sent_us"]))
    outcome = row["outcome"]
    if not outcome:
        if row["deadline_us"] and now_us > row["deadline_us"] + GRACE_US:
            return [*steps, Step("unknown", row["deadline_us"])], True
        return [*steps, Step("awaited", until_us=row["deadline_us"], awaited="answer")], False
    detail = " ".join(part for part in (row["error_code"], row["error_text"]) if part)
    steps.append(Step(outcome, row["finished_us"], detail=detail))
    follow = follow_of(row, scene.subprotocol)
    end = row["follow_end"]
    if outcome != Outcome.ACCEPTED or not (follow or end):
        return steps, True
    if not end:
        until_us = row["finished_us"] + int(follow_s * 1e6)
        if now_us <= until_us + GRACE_US:
            sight = seen(row, scene)
            return [
                *steps,
                Step("awaited", until_us=until_us, awaited=follow, sight=sight[0], detail=sight[1]),
            ], False
        end = NOTHING
    at_us = row["followed_us"] or row["finished_us"] + int(follow_s * 1e6)
    if end == NOTHING:
        sight = seen(row, scene, until_us=at_us + SETTLE_US)
        steps.append(
            Step(
                end, at_us, awaited=follow, sight=sight[0], detail=row["follow_detail"] or sight[1]
            )
        )
        return steps, True
    steps.append(Step(end, at_us, awaited=follow, detail=row["follow_detail"]))
    if end == "transaction_started":
        sight = seen(row, scene, since_us=at_us - SETTLE_US)
        if sight[0]:
            steps.append(Step("now", sight=sight[0], detail=sight[1]))
    return steps, True


def seen(
    row: Mapping[str, Any], scene: Scene, *, since_us: int = 0, until_us: int = 0
) -> tuple[str, str]:
    """Return how it looks at the connector of a command: a word of SIGHTS, and its error.

    `since_us`, `until_us`: what was reported outside of them says nothing; 0: no such bound.
    """
    payload = payload_of(row)
    wanted = next((str(payload[key]) for key in CONNECTOR_KEYS if key in payload), "")
    rows = [
        one
        for one in scene.connectors
        if (str(one["connector"]) == wanted if wanted not in {"", WHOLE} else one["connector"] > 0)
        and one["at_us"] >= since_us
        and (not until_us or one["at_us"] <= until_us)
    ]
    if not rows:
        return ("", "") if scene.connected else ("offline", "")
    newest = max(rows, key=lambda one: int(one["at_us"]))
    error = newest["error_code"] if newest["error_code"] != "NoError" else ""
    detail = " ".join(part for part in (error, newest["vendor_error"], newest["info"]) if part)
    if not scene.connected:
        return "offline", detail
    return SIGHTS.get(newest["status"], ""), detail
