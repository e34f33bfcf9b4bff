"""How a simulated charger answers the server, one function per action (OCPP 1.6 section 5).

A function takes the charger and the payload and returns the payload of the answer.
What happens later is put on the charger's agenda. A payload that lacks something raises KeyError.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from csms.simulator.connector import Connector, Reservation
from csms.simulator.instants import US_PER_S, from_iso
from csms.simulator.keys import KeyTable
from csms.simulator.limits import Limits
from csms.simulator.metering import PHASES, VOLTAGE_V
from csms.simulator.outbox import OnAnswer, Payload
from csms.simulator.settings import SimulatorSettings

Request = Mapping[str, Any]
LATER_S = 0.5
"""From an answer to what follows from it."""
STEP_S = 2.0
"""Between two reports of progress."""
SCHEDULE_STEP_S = 60
SCHEDULE_PERIODS_MAX = 24
LOCAL_LIST_MAX = 1_000
UNPLUGGED = {"Available", "Reserved"}


class ChargerFace(Protocol):
    """What commands need of a charger."""

    settings: SimulatorSettings
    keys: KeyTable
    limits: Limits
    connectors: dict[int, Connector]
    local_list: Any
    identity: Any
    certificates: list[Payload]
    firmware: str
    firmware_status: str
    now_us: int
    diagnostics_status: str

    def stamp(self, at_us: int) -> str: ...  # noqa: D102
    def after(self, seconds: float, happen: Callable[[int], None]) -> None: ...  # noqa: D102
    def send(self, action: str, payload: Payload, answered: OnAnswer | None = None) -> None: ...  # noqa: D102
    def turn(self, connector: Connector, status: str) -> None: ...  # noqa: D102
    def settle(self, connector: Connector) -> None: ...  # noqa: D102
    def plug(self, connector: Connector) -> None: ...  # noqa: D102
    def start(self, connector: Connector, token: str) -> None: ...  # noqa: D102
    def stop(self, connector: Connector, reason: str, token: str = "") -> None: ...  # noqa: D102
    def busy(self) -> int: ...  # noqa: D102
    def meter(self, connector: Connector) -> None: ...  # noqa: D102
    def limits_changed(self) -> None: ...  # noqa: D102
    def report_status(self, number: int) -> None: ...  # noqa: D102
    def report_meter(self, connector: Connector, context: str) -> None: ...  # noqa: D102
    def boot_again(self) -> None: ...  # noqa: D102
    def reboot(self, kind: str) -> None: ...  # noqa: D102


Command = Callable[[ChargerFace, Request], Payload]


def _answer(status: str) -> Payload:
    return {"status": status}


def _settle(charger: ChargerFace, connector: Connector, _now_us: int) -> None:
    if connector.vehicle is None:
        charger.settle(connector)


# Core (section 5.2 to 5.18)


def remote_start(charger: ChargerFace, request: Request) -> Payload:
    """Start on the named connector, or on the first free one."""
    token = str(request["idTag"])
    wanted = request.get("connectorId")
    chosen = [charger.connectors[wanted]] if wanted in charger.connectors else []
    for connector in chosen if wanted else charger.connectors.values():
        reservation = connector.reservation
        taken = reservation is not None and reservation.token.lower() != token.lower()
        if not connector.operative or connector.transaction is not None or taken:
            continue
        profile = request.get("chargingProfile")
        if profile is not None:
            charger.limits.install(connector.number, profile)

        def begin(_now_us: int, connector: Connector = connector) -> None:
            if connector.transaction is None and connector.operative:
                if connector.vehicle is None:
                    charger.plug(connector)
                charger.start(connector, token)

        charger.after(LATER_S, begin)
        return _answer("Accepted")
    return _answer("Rejected")


def remote_stop(charger: ChargerFace, request: Request) -> Payload:
    """Stop the transaction with that number, if it is ours."""
    number = request["transactionId"]
    for connector in charger.connectors.values():
        transaction = connector.transaction
        if transaction is not None and transaction.number == number != 0:
            charger.after(LATER_S, partial(_stop_remotely, charger, connector, number))
            return _answer("Accepted")
    return _answer("Rejected")


def _stop_remotely(charger: ChargerFace, connector: Connector, number: int, _now_us: int) -> None:
    if connector.transaction is not None and connector.transaction.number == number:
        charger.stop(connector, "Remote")


def reset(charger: ChargerFace, request: Request) -> Payload:
    """Reboot shortly after the answer."""
    kind = str(request["type"])
    if kind not in {"Hard", "Soft"}:
        return _answer("Rejected")
    charger.after(LATER_S, lambda _now_us: charger.reboot(kind))
    return _answer("Accepted")


def change_availability(charger: ChargerFace, request: Request) -> Payload:
    """Take connectors in or out of service; a running transaction ends first."""
    number, operative = request["connectorId"], request["type"] == "Operative"
    if number != 0 and number not in charger.connectors:
        return _answer("Rejected")
    scheduled = False
    for connector in charger.connectors.values():
        if number not in {0, connector.number}:
            continue
        if connector.transaction is not None:
            connector.inoperative_after = not operative
            scheduled = scheduled or not operative
            continue
        connector.operative = operative
        if connector.vehicle is None:
            charger.after(LATER_S, partial(_settle, charger, connector))
        elif not operative:
            connector.operative, connector.inoperative_after = True, True
            scheduled = True
    if number == 0:
        charger.after(LATER_S, lambda _now_us: charger.report_status(0))
    return _answer("Scheduled" if scheduled else "Accepted")


def get_configuration(charger: ChargerFace, request: Request) -> Payload:
    """List keys."""
    return charger.keys.listing(list(request.get("key") or ()))


def change_configuration(charger: ChargerFace, request: Request) -> Payload:
    """Set a key."""
    return _answer(charger.keys.change(str(request["key"]), str(request["value"])))


def clear_cache(_charger: ChargerFace, _request: Request) -> Payload:
    """Say yes: there is no cache."""
    return _answer("Accepted")


def data_transfer(_charger: ChargerFace, request: Request) -> Payload:
    """Echo what our own vendor sends."""
    if request["vendorId"] != "Csms":
        return _answer("UnknownVendorId")
    return {"status": "Accepted", "data": str(request.get("data", ""))}


def unlock_connector(charger: ChargerFace, request: Request) -> Payload:
    """Unlock; a running transaction is stopped."""
    connector = charger.connectors.get(request["connectorId"])
    if connector is None:
        return _answer("NotSupported")
    charger.stop(connector, "UnlockCommand")
    return _answer("Unlocked")


# Reservation (sections 5.3 and 5.13)


def reserve_now(charger: ChargerFace, request: Request) -> Payload:
    """Keep a free connector for a token until the expiry date."""
    connector = charger.connectors.get(request["connectorId"])
    if connector is None:
        return _answer("Rejected")
    if not connector.operative:
        return _answer("Unavailable")
    if connector.status not in UNPLUGGED or (
        connector.reservation is not None
        and connector.reservation.number != request["reservationId"]
    ):
        return _answer("Occupied")
    until_us = from_iso(str(request["expiryDate"]), charger.now_us)
    reservation = Reservation(request["reservationId"], str(request["idTag"]), until_us)
    connector.reservation = reservation
    charger.after(LATER_S, lambda _now_us: charger.settle(connector))

    def expire(_now_us: int) -> None:
        if connector.reservation is reservation:
            connector.reservation = None
            if connector.vehicle is None:
                charger.settle(connector)

    charger.after(max(0.0, (until_us - charger.now_us) / US_PER_S), expire)
    return _answer("Accepted")


def cancel_reservation(charger: ChargerFace, request: Request) -> Payload:
    """Forget a reservation."""
    for connector in charger.connectors.values():
        reservation = connector.reservation
        if reservation is not None and reservation.number == request["reservationId"]:
            connector.reservation = None
            if connector.vehicle is None:
                charger.after(LATER_S, partial(_settle, charger, connector))
            return _answer("Accepted")
    return _answer("Rejected")


# Local authorization list (sections 5.10 and 5.15)


def get_local_list_version(charger: ChargerFace, _request: Request) -> Payload:
    """Tell the version of the list."""
    return {"listVersion": charger.local_list.version}


def send_local_list(charger: ChargerFace, request: Request) -> Payload:
    """Replace or amend the list."""
    local, version = charger.local_list, int(request["listVersion"])
    full = request["updateType"] == "Full"
    if not full and version <= local.version:
        return _answer("VersionMismatch")
    tokens = {} if full else dict(local.tokens)
    for row in request.get("localAuthorizationList") or ():
        token, info = str(row["idTag"]).lower(), row.get("idTagInfo")
        if info is None:
            tokens.pop(token, None)
        else:
            tokens[token] = str(info["status"])
    if len(tokens) > LOCAL_LIST_MAX:
        return _answer("Failed")
    local.version, local.tokens = version, tokens
    return _answer("Accepted")


# Smart charging (sections 5.5, 5.7 and 5.16)


def set_charging_profile(charger: ChargerFace, request: Request) -> Payload:
    """Install a profile and obey it at once."""
    number, profile = request["connectorId"], request["csChargingProfiles"]
    purpose = profile["chargingProfilePurpose"]
    if number != 0 and number not in charger.connectors:
        return _answer("Rejected")
    if purpose == "ChargePointMaxProfile" and number != 0:
        return _answer("Rejected")
    if purpose == "TxProfile":
        connector = charger.connectors.get(number)
        transaction = connector.transaction if connector is not None else None
        said = profile.get("transactionId")
        if transaction is None or (said is not None and said != transaction.number):
            return _answer("Rejected")
    status = charger.limits.install(number, profile)
    charger.limits_changed()
    return _answer(status)


def clear_charging_profile(charger: ChargerFace, request: Request) -> Payload:
    """Remove profiles."""
    status = charger.limits.clear(request)
    charger.limits_changed()
    return _answer(status)


def get_composite_schedule(charger: ChargerFace, request: Request) -> Payload:
    """Tell what would be offered, minute by minute, merged."""
    number, duration_s = request["connectorId"], int(request["duration"])
    if number != 0 and number not in charger.connectors:
        return _answer("Rejected")
    connector = charger.connectors.get(number)
    transaction = connector.transaction if connector is not None else None
    started_us = transaction.started_us if transaction is not None else charger.now_us
    unit = request.get("chargingRateUnit") or "A"
    watts = 1.0 if unit == "W" else VOLTAGE_V * len(PHASES)
    rated_w = charger.settings.power_w_max * (1 if number else len(charger.connectors))
    periods: list[dict[str, object]] = []
    for at_s in range(0, max(1, duration_s), SCHEDULE_STEP_S):
        at_us = charger.now_us + at_s * US_PER_S
        offered_w = charger.limits.offered_w(number, rated_w, started_us, at_us)
        limit = round(offered_w / watts, 1)
        if not periods or periods[-1]["limit"] != limit:
            if len(periods) == SCHEDULE_PERIODS_MAX:
                break
            periods.append({"startPeriod": at_s, "limit": limit})
    return {
        "status": "Accepted",
        "connectorId": number,
        "scheduleStart": charger.stamp(charger.now_us),
        "chargingSchedule": {
            "duration": duration_s,
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods,
        },
    }


# Remote trigger (section 5.17)


def trigger_message(charger: ChargerFace, request: Request) -> Payload:
    """Send the wanted message soon after the answer."""
    wanted, number = str(request["requestedMessage"]), request.get("connectorId")
    if number is not None and number not in charger.connectors:
        return _answer("Rejected")
    numbers = [number] if number is not None else list(charger.connectors)

    def statuses() -> None:
        for each in numbers if number is not None else [0, *numbers]:
            charger.report_status(each)

    def meters() -> None:
        for each in numbers:
            charger.meter(charger.connectors[each])
            charger.report_meter(charger.connectors[each], "Trigger")

    triggers: dict[str, Callable[[], None]] = {
        "BootNotification": charger.boot_again,
        "Heartbeat": lambda: charger.send("Heartbeat", {}),
        "StatusNotification": statuses,
        "MeterValues": meters,
        "FirmwareStatusNotification": lambda: charger.send(
            "FirmwareStatusNotification", _answer(charger.firmware_status)
        ),
        "DiagnosticsStatusNotification": lambda: charger.send(
            "DiagnosticsStatusNotification", _answer(charger.diagnostics_status)
        ),
    }
    trigger = triggers.get(wanted)
    if trigger is None:
        return _answer("NotImplemented")
    charger.after(LATER_S, lambda _now_us: trigger())
    return _answer("Accepted")


# Firmware and logs (sections 5.9 and 5.19; security whitepaper, sections 4 and 5)


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
    return _answer("Accepted")


# Certificates (security whitepaper, section 4)


def install_certificate(charger: ChargerFace, request: Request) -> Payload:
    """Keep a certificate by its kind; the hashes are made up."""
    if "BEGIN CERTIFICATE" not in request["certificate"]:
        return _answer("Rejected")
    charger.certificates.append(
        {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": f"{len(charger.certificates):064x}",
            "issuerKeyHash": f"{len(request['certificate']):064x}",
            "serialNumber": f"{len(charger.certificates) + 1:x}",
        }
    )
    return _answer("Accepted")


def delete_certificate(charger: ChargerFace, request: Request) -> Payload:
    """Forget a certificate."""
    if request["certificateHashData"] not in charger.certificates:
        return _answer("NotFound")
    charger.certificates.remove(request["certificateHashData"])
    return _answer("Accepted")


def get_installed_certificate_ids(charger: ChargerFace, _request: Request) -> Payload:
    """List certificates."""
    if not charger.certificates:
        return _answer("NotFound")
    return {"status": "Accepted", "certificateHashData": list(charger.certificates)}


def certificate_signed(_charger: ChargerFace, request: Request) -> Payload:
    """Take a certificate that looks like one."""
    return _answer("Accepted" if "BEGIN CERTIFICATE" in request["certificateChain"] else "Rejected")


COMMANDS: dict[str, Command] = {
    "CancelReservation": cancel_reservation,
    "CertificateSigned": certificate_signed,
    "ChangeAvailability": change_availability,
    "ChangeConfiguration": change_configuration,
    "ClearCache": clear_cache,
    "ClearChargingProfile": clear_charging_profile,
    "DataTransfer": data_transfer,
    "DeleteCertificate": delete_certificate,
    "ExtendedTriggerMessage": trigger_message,
    "GetCompositeSchedule": get_composite_schedule,
    "GetConfiguration": get_configuration,
    "GetDiagnostics": get_diagnostics,
    "GetInstalledCertificateIds": get_installed_certificate_ids,
    "GetLocalListVersion": get_local_list_version,
    "GetLog": get_log,
    "InstallCertificate": install_certificate,
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "ReserveNow": reserve_now,
    "Reset": reset,
    "SendLocalList": send_local_list,
    "SetChargingProfile": set_charging_profile,
    "SignedUpdateFirmware": signed_update_firmware,
    "TriggerMessage": trigger_message,
    "UnlockConnector": unlock_connector,
    "UpdateFirmware": update_firmware,
}
