"""Network profiles, and firmware for the chargers below this one (part 2, B09, L03 and L04)."""

from collections.abc import Mapping
from functools import partial

from csms.simulator.face import LATER_S, STEP_S, Request, answer
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import EquippedCommand, EquippedFace

SLOTS = range(1, 4)
CHECKSUM_CHARS = 32
STEPS = ("Downloading", "Downloaded", "ChecksumVerified", "Published")
SPOILED = ("Downloading", "Downloaded", "InvalidChecksum")


def set_network_profile(charger: EquippedFace, request: Request) -> Payload:
    """Keep how the server is reached; security is never made less (B09)."""
    slot, data = request["configurationSlot"], dict(request["connectionData"])
    url = str(data["ocppCsmsUrl"])
    weaker = data["securityProfile"] < charger.keys.seconds("SecurityProfile")
    if slot not in SLOTS or data["ocppTransport"] != "JSON" or weaker:
        return answer("Rejected")
    if not url.startswith(("ws://", "wss://")):
        return answer("Failed")
    charger.equipment.networks[slot] = data
    return answer("Accepted")


def _is_checksum(text: str) -> bool:
    return len(text) == CHECKSUM_CHARS and set(text.lower()) <= set("0123456789abcdef")


def publish_firmware(charger: EquippedFace, request: Request) -> Payload:
    """Pretend to fetch and to check; then offer it to the chargers below."""
    checksum, published = str(request["checksum"]), charger.equipment.published
    steps = STEPS if _is_checksum(checksum) else SPOILED
    published[checksum] = ""

    def step(_now_us: int, at: int = 0) -> None:
        said: Payload = {"status": steps[at], "requestId": request["requestId"]}
        if steps[at] == "Published":
            published[checksum] = str(request["location"])
            said["location"] = [request["location"]]
        charger.send("PublishFirmwareStatusNotification", said)
        if at + 1 < len(steps):
            charger.after(STEP_S, partial(step, at=at + 1))
        elif steps is SPOILED:
            published.pop(checksum, None)

    charger.after(LATER_S, step)
    return answer("Accepted")


def unpublish_firmware(charger: EquippedFace, request: Request) -> Payload:
    """Offer it no longer."""
    published = charger.equipment.published
    location = published.get(request["checksum"])
    if location is None:
        return answer("NoFirmware")
    if not location:
        return answer("DownloadOngoing")
    del published[request["checksum"]]
    return answer("Unpublished")


COMMANDS: Mapping[str, EquippedCommand] = {
    "PublishFirmware": publish_firmware,
    "SetNetworkProfile": set_network_profile,
    "UnpublishFirmware": unpublish_firmware,
}
