"""Firmware and logs (OCPP 1.6 sections 5.9 and 5.19; security whitepaper, sections 4 and 5)."""

from collections.abc import Callable, Mapping
from functools import partial

from csms.simulator.face import LATER_S, STEP_S, ChargerFace, Command, Request, answer
from csms.simulator.instants import US_PER_S, from_iso
from csms.simulator.outbox import Payload


def _progress(
    charger: ChargerFace,
    action: str,
    attribute: str,
    statuses: tuple[str, ...],
    extra: Payload,
    then: Callable[[], None] = lambda: None,
) -> Callable[[int], None]:
    """Return what reports `statuses` one after the other, is idle again, and does `then`."""

    def step(_now_us: int, position: int = 0) -> None:
        if position == len(statuses):
            setattr(charger, attribute, "Idle")
            then()
            return
        setattr(charger, attribute, statuses[position])
        charger.send(action, {"status": statuses[position], **extra})
        charger.after(STEP_S, partial(step, position=position + 1))

    return step


def get_diagnostics(charger: ChargerFace, _request: Request) -> Payload:
    """Pretend to upload a file."""
    step = _progress(
        charger,
        "DiagnosticsStatusNotification",
        "diagnostics_status",
        ("Uploading", "Uploaded"),
        {},
    )
    charger.after(LATER_S, step)
    return {"fileName": "diagnostics.txt"}


def get_log(charger: ChargerFace, request: Request) -> Payload:
    """Pretend to upload a log."""
    extra: Payload = {"requestId": request["requestId"]}
    step = _progress(
        charger, "LogStatusNotification", "diagnostics_status", ("Uploading", "Uploaded"), extra
    )
    charger.after(LATER_S, step)
    return {"status": "Accepted", "filename": "security.log"}


def _installed(charger: ChargerFace, location: object) -> Callable[[], None]:
    """Return what makes the new firmware run: a reboot, named after the end of the location."""

    def reboot() -> None:
        charger.firmware = str(location).rstrip("/").rpartition("/")[2][:50] or charger.firmware
        charger.reboot("Soft")

    return reboot


def update_firmware(
    charger: ChargerFace, request: Request, extra: Payload | None = None
) -> Payload:
    """Pretend to download and install when the retrieve date has come; then reboot.

    `extra` is said in each report of progress, as 2.x wants it.
    """
    statuses = ("Downloading", "Downloaded", "Installing", "Installed")
    then = _installed(charger, request["location"])
    step = _progress(
        charger, "FirmwareStatusNotification", "firmware_status", statuses, extra or {}, then
    )
    wait_s = (from_iso(str(request["retrieveDate"]), charger.now_us) - charger.now_us) / US_PER_S
    charger.after(max(LATER_S, wait_s), step)
    return {}


def signed_update_firmware(charger: ChargerFace, request: Request) -> Payload:
    """Pretend to verify and install; then reboot."""
    extra: Payload = {"requestId": request["requestId"]}
    statuses = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed")
    step = _progress(
        charger,
        "SignedFirmwareStatusNotification",
        "firmware_status",
        statuses,
        extra,
        _installed(charger, request["firmware"]["location"]),
    )
    charger.after(LATER_S, step)
    return answer("Accepted")


COMMANDS: Mapping[str, Command] = {
    "GetDiagnostics": get_diagnostics,
    "GetLog": get_log,
    "SignedUpdateFirmware": signed_update_firmware,
    "UpdateFirmware": update_firmware,
}
