"""Which command of the server is obeyed how (OCPP 1.6 section 5); here, those of the core."""

from collections.abc import Callable, Mapping
from functools import partial

from csms.simulator import certificates, firmware, local_list, reservations, smart_charging
from csms.simulator.connector import Connector
from csms.simulator.face import LATER_S, ChargerFace, Command, Request, answer, settle_later
from csms.simulator.outbox import Payload


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
        return answer("Accepted")
    return answer("Rejected")


def remote_stop(charger: ChargerFace, request: Request) -> Payload:
    """Stop the transaction with that number, if it is ours."""
    number = request["transactionId"]
    for connector in charger.connectors.values():
        transaction = connector.transaction
        if transaction is not None and transaction.number == number != 0:
            charger.after(LATER_S, partial(_stop_remotely, charger, connector, number))
            return answer("Accepted")
    return answer("Rejected")


def _stop_remotely(charger: ChargerFace, connector: Connector, number: int, _now_us: int) -> None:
    if connector.transaction is not None and connector.transaction.number == number:
        charger.stop(connector, "Remote")


def reset(charger: ChargerFace, request: Request) -> Payload:
    """Reboot shortly after the answer."""
    kind = str(request["type"])
    if kind not in {"Hard", "Soft"}:
        return answer("Rejected")
    charger.after(LATER_S, lambda _now_us: charger.reboot(kind))
    return answer("Accepted")


def change_availability(charger: ChargerFace, request: Request) -> Payload:
    """Take connectors in or out of service; a running transaction ends first."""
    number, operative = request["connectorId"], request["type"] == "Operative"
    if number != 0 and number not in charger.connectors:
        return answer("Rejected")
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
            settle_later(charger, connector)
        elif not operative:
            connector.operative, connector.inoperative_after = True, True
            scheduled = True
    if number == 0:
        charger.after(LATER_S, lambda _now_us: charger.report_status(0))
    return answer("Scheduled" if scheduled else "Accepted")


def get_configuration(charger: ChargerFace, request: Request) -> Payload:
    """List keys."""
    return charger.keys.listing(list(request.get("key") or ()))


def change_configuration(charger: ChargerFace, request: Request) -> Payload:
    """Set a key."""
    return answer(charger.keys.change(str(request["key"]), str(request["value"])))


def clear_cache(_charger: ChargerFace, _request: Request) -> Payload:
    """Say yes: there is no cache."""
    return answer("Accepted")


def data_transfer(_charger: ChargerFace, request: Request) -> Payload:
    """Echo what our own vendor sends."""
    if request["vendorId"] != "Csms":
        return answer("UnknownVendorId")
    return {"status": "Accepted", "data": str(request.get("data", ""))}


def unlock_connector(charger: ChargerFace, request: Request) -> Payload:
    """Unlock; a running transaction is stopped."""
    connector = charger.connectors.get(request["connectorId"])
    if connector is None:
        return answer("NotSupported")
    charger.stop(connector, "UnlockCommand")
    return answer("Unlocked")


def trigger_message(charger: ChargerFace, request: Request) -> Payload:
    """Send the wanted message soon after the answer."""
    wanted, number = str(request["requestedMessage"]), request.get("connectorId")
    if number is not None and number not in charger.connectors:
        return answer("Rejected")
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
            "FirmwareStatusNotification", answer(charger.firmware_status)
        ),
        "DiagnosticsStatusNotification": lambda: charger.send(
            "DiagnosticsStatusNotification", answer(charger.diagnostics_status)
        ),
    }
    trigger = triggers.get(wanted)
    if trigger is None:
        return answer("NotImplemented")
    charger.after(LATER_S, lambda _now_us: trigger())
    return answer("Accepted")


CORE: Mapping[str, Command] = {
    "ChangeAvailability": change_availability,
    "ChangeConfiguration": change_configuration,
    "ClearCache": clear_cache,
    "DataTransfer": data_transfer,
    "ExtendedTriggerMessage": trigger_message,
    "GetConfiguration": get_configuration,
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "Reset": reset,
    "TriggerMessage": trigger_message,
    "UnlockConnector": unlock_connector,
}
COMMANDS: Mapping[str, Command] = {
    **CORE,
    **certificates.COMMANDS,
    **firmware.COMMANDS,
    **local_list.COMMANDS,
    **reservations.COMMANDS,
    **smart_charging.COMMANDS,
}
