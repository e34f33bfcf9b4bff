"""Messages on the display, and what a driver is told of the cost (part 2, chapters O and I)."""

from collections.abc import Mapping
from typing import Any

from csms.simulator.face import LATER_S, Request, answer
from csms.simulator.instants import from_iso
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import (
    EquippedCommand,
    EquippedFace,
    parts,
    running,
)

MESSAGES_MAX = 20
ITEMS = 2
"""Messages in one NotifyDisplayMessages."""
FORMATS = frozenset({"ASCII", "UTF8"})


def _shown(charger: EquippedFace) -> dict[int, dict[str, Any]]:
    """Return the messages; those whose time or transaction is over are forgotten (O02, O06)."""
    messages = charger.equipment.messages
    for number, message in list(messages.items()):
        over_us = from_iso(str(message.get("endDateTime", "")), charger.now_us + 1)
        transaction = message.get("transactionId")
        gone = transaction is not None and running(charger, transaction) is None
        if over_us <= charger.now_us or gone:
            del messages[number]
    return messages


def set_display_message(charger: EquippedFace, request: Request) -> Payload:
    """Keep a message; one of the same id is replaced (O01, O02)."""
    message, shown = dict(request["message"]), _shown(charger)
    number = int(message["id"])
    if message["message"]["format"] not in FORMATS:
        return answer("NotSupportedMessageFormat")
    transaction = message.get("transactionId")
    if transaction is not None and running(charger, transaction) is None:
        return answer("UnknownTransaction")
    if number not in shown and len(shown) >= MESSAGES_MAX:
        return answer("Rejected")
    shown[number] = message
    return answer("Accepted")


def get_display_messages(charger: EquippedFace, request: Request) -> Payload:
    """Tell the wanted messages soon after the answer (O03, O04)."""
    ids = request.get("id")
    found = [
        message
        for number, message in sorted(_shown(charger).items())
        if (not ids or number in ids)
        and request.get("priority") in {None, message["priority"]}
        and request.get("state") in {None, message.get("state")}
    ]
    if not found:
        return answer("Unknown")

    def tell(_now_us: int) -> None:
        for _, part, more in parts(found, ITEMS):
            said: Payload = {"requestId": request["requestId"], "messageInfo": part, "tbc": more}
            charger.send("NotifyDisplayMessages", said)

    charger.after(LATER_S, tell)
    return answer("Accepted")


def clear_display_message(charger: EquippedFace, request: Request) -> Payload:
    """Forget a message (O05)."""
    gone = _shown(charger).pop(request["id"], None)
    return answer("Unknown" if gone is None else "Accepted")


def cost_updated(charger: EquippedFace, request: Request) -> Payload:
    """Show the cost of a transaction that runs (I02)."""
    costs = charger.equipment.costs
    for name in [name for name in costs if running(charger, name) is None]:
        del costs[name]
    if running(charger, request["transactionId"]) is not None:
        costs[str(request["transactionId"])] = float(request["totalCost"])
    return {}


COMMANDS: Mapping[str, EquippedCommand] = {
    "ClearDisplayMessage": clear_display_message,
    "CostUpdated": cost_updated,
    "GetDisplayMessages": get_display_messages,
    "SetDisplayMessage": set_display_message,
}
