"""How a virtual charger of 2.x answers the server, one function per action (part 2).

Where 1.6 has the same command, its words are translated and what obeys there obeys.
Functions that the charger does not have are refused as hardware without them does: `WITHOUT`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from csms.simulator import certificates, firmware, local_list, reservations, smart_charging
from csms.simulator import commands as core
from csms.simulator.face import LATER_S, ChargerFace, Command, Request
from csms.simulator.face import answer as _answer
from csms.simulator.outbox import Payload
from csms.simulator.v2 import variables
from csms.simulator.v2.equipment import running as _running

PURPOSES: Mapping[str, str] = {"ChargingStationMaxProfile": "ChargePointMaxProfile"}
"""Purposes that 1.6 calls otherwise."""
REPORT_ITEMS = 10
"""Variables in one NotifyReport."""


def _evse(request: Request) -> int | None:
    evse = request.get("evse")
    return None if evse is None else int(evse["id"])


def _profile(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return a charging profile in the words of 1.6; of several schedules the first."""
    purpose = profile["chargingProfilePurpose"]
    return {
        **profile,
        "chargingProfileId": profile["id"],
        "chargingProfilePurpose": PURPOSES.get(purpose, purpose),
        "chargingSchedule": profile["chargingSchedule"][0],
    }


# Transactions (chapters E and F)


def request_start(charger: ChargerFace, request: Request) -> Payload:
    """Start on the named EVSE, or on the first free one."""
    translated: dict[str, Any] = {"idTag": request["idToken"]["idToken"]}
    if request.get("evseId") is not None:
        translated["connectorId"] = request["evseId"]
    if request.get("chargingProfile") is not None:
        translated["chargingProfile"] = _profile(request["chargingProfile"])
    before = {number: c.transaction for number, c in charger.connectors.items()}
    answer = core.remote_start(charger, translated)
    if answer["status"] == "Accepted":
        wanted = request.get("evseId")
        free = [n for n, c in charger.connectors.items() if before[n] is None and c.operative]
        number = wanted if wanted in charger.connectors else free[0]
        charger.connectors[number].remote_start = int(request["remoteStartId"])
    return answer


def request_stop(charger: ChargerFace, request: Request) -> Payload:
    """Stop the transaction of that name, if it is ours."""
    name = str(request["transactionId"])
    if _running(charger, name) is None:
        return _answer("Rejected")

    def stop(_now_us: int) -> None:
        connector = _running(charger, name)
        if connector is not None:
            charger.stop(connector, "Remote")

    charger.after(LATER_S, stop)
    return _answer("Accepted")


def get_transaction_status(charger: ChargerFace, request: Request) -> Payload:
    """Tell whether a transaction runs; no messages of it wait that would not be sent anyway."""
    name = request.get("transactionId")
    if name is None:
        return {"messagesInQueue": False}
    running = _running(charger, str(name)) is not None
    return {"ongoingIndicator": running, "messagesInQueue": False}


# Availability, reset, connectors (chapters B, F and G)


def reset(charger: ChargerFace, request: Request) -> Payload:
    """Reboot: at once, or when nobody charges any more."""
    if request["type"] == "Immediate" or not charger.busy():
        charger.after(LATER_S, lambda _now_us: charger.reboot("Hard"))
        return _answer("Accepted")

    def when_idle(_now_us: int) -> None:
        if charger.busy():
            charger.after(LATER_S, when_idle)
        else:
            charger.reboot("Soft")

    charger.after(LATER_S, when_idle)
    return _answer("Scheduled")


def change_availability(charger: ChargerFace, request: Request) -> Payload:
    """Take EVSEs in or out of service; a running transaction ends first."""
    translated = {"connectorId": _evse(request) or 0, "type": request["operationalStatus"]}
    return core.change_availability(charger, translated)


def unlock_connector(charger: ChargerFace, request: Request) -> Payload:
    """Unlock, but not while somebody charges with authorization."""
    connector = charger.connectors.get(request["evseId"])
    if connector is None or request["connectorId"] != 1:
        return _answer("UnknownConnector")
    if connector.transaction is not None:
        return _answer("OngoingAuthorizedTransaction")
    return _answer("Unlocked")


def trigger_message(charger: ChargerFace, request: Request) -> Payload:
    """Send the wanted message soon after the answer."""
    wanted, evse = str(request["requestedMessage"]), _evse(request)
    if evse is not None and evse not in charger.connectors:
        return _answer("Rejected")
    if wanted in {"TransactionEvent", "MeterValues"}:
        numbers = [evse] if evse is not None else list(charger.connectors)
        chosen = [charger.connectors[number] for number in numbers]
        if wanted == "TransactionEvent":
            chosen = [connector for connector in chosen if connector.transaction is not None]
            if not chosen:
                return _answer("Rejected")

        def report(_now_us: int) -> None:
            for connector in chosen:
                charger.meter(connector)
                charger.report_meter(connector, "Trigger")

        charger.after(LATER_S, report)
        return _answer("Accepted")
    if wanted == "LogStatusNotification":
        payload = _answer(charger.diagnostics_status)
        charger.after(LATER_S, lambda _now_us: charger.send(wanted, payload))
        return _answer("Accepted")
    translated = {"requestedMessage": wanted}
    if evse is not None:
        return core.trigger_message(charger, {**translated, "connectorId": evse})
    return core.trigger_message(charger, translated)


# Reservation (chapter H)


def reserve_now(charger: ChargerFace, request: Request) -> Payload:
    """Keep a free EVSE, the named or the first, for a token until the expiry."""
    wanted = request.get("evseId")
    numbers = [wanted] if wanted is not None else list(charger.connectors)
    answer = _answer("Rejected")
    for number in numbers:
        translated = {
            "connectorId": number,
            "expiryDate": request["expiryDateTime"],
            "idTag": request["idToken"]["idToken"],
            "reservationId": request["id"],
        }
        answer = reservations.reserve_now(charger, translated)
        if answer["status"] == "Accepted":
            break
    return answer


# Local list (chapter D)


def get_local_list_version(charger: ChargerFace, _request: Request) -> Payload:
    """Tell the version of the list."""
    return {"versionNumber": charger.local_list.version}


def send_local_list(charger: ChargerFace, request: Request) -> Payload:
    """Replace or amend the list."""
    rows = [
        {"idTag": row["idToken"]["idToken"], "idTagInfo": row.get("idTokenInfo")}
        for row in request.get("localAuthorizationList") or ()
    ]
    translated = {
        "listVersion": request["versionNumber"],
        "updateType": request["updateType"],
        "localAuthorizationList": rows,
    }
    return local_list.send_local_list(charger, translated)


# Smart charging (chapter K)


def set_charging_profile(charger: ChargerFace, request: Request) -> Payload:
    """Install a profile and obey it at once."""
    number, profile = request["evseId"], request["chargingProfile"]
    translated = _profile(profile)
    named = translated.pop("transactionId", None)
    if profile["chargingProfilePurpose"] == "TxProfile":
        connector = charger.connectors.get(number)
        transaction = connector.transaction if connector is not None else None
        if transaction is None or (named is not None and named != transaction.id):
            return _answer("Rejected")
    return smart_charging.set_charging_profile(
        charger, {"connectorId": number, "csChargingProfiles": translated}
    )


def clear_charging_profile(charger: ChargerFace, request: Request) -> Payload:
    """Remove profiles."""
    wanted: dict[str, Any] = {}
    criteria = request.get("chargingProfileCriteria") or {}
    if request.get("chargingProfileId") is not None:
        wanted["id"] = request["chargingProfileId"]
    if criteria.get("evseId") is not None:
        wanted["connectorId"] = criteria["evseId"]
    if criteria.get("stackLevel") is not None:
        wanted["stackLevel"] = criteria["stackLevel"]
    purpose = criteria.get("chargingProfilePurpose")
    if purpose is not None:
        wanted["chargingProfilePurpose"] = PURPOSES.get(purpose, purpose)
    return smart_charging.clear_charging_profile(charger, wanted)


def get_composite_schedule(charger: ChargerFace, request: Request) -> Payload:
    """Tell what would be offered."""
    answer: Any = smart_charging.get_composite_schedule(
        charger, {"connectorId": request["evseId"], **request}
    )
    if answer["status"] != "Accepted":
        return _answer("Rejected")
    schedule = answer["chargingSchedule"]
    return {
        "status": "Accepted",
        "schedule": {
            "evseId": request["evseId"],
            "scheduleStart": answer["scheduleStart"],
            **schedule,
        },
    }


def get_charging_profiles(charger: ChargerFace, request: Request) -> Payload:
    """Report the installed profiles soon after the answer."""
    wanted, criteria = request.get("evseId"), request["chargingProfile"]
    found: list[tuple[int, dict[str, Any]]] = []
    for row in charger.limits.installed:
        profile: dict[str, Any] = dict(row.profile)
        purpose = next((a for a, b in PURPOSES.items() if b == row.purpose), row.purpose)
        ids = criteria.get("chargingProfileId")
        if wanted not in {None, row.connector} or (ids and profile["id"] not in ids):
            continue
        if criteria.get("chargingProfilePurpose") not in {None, purpose}:
            continue
        del profile["chargingProfileId"]
        profile["chargingProfilePurpose"] = purpose
        profile["chargingSchedule"] = [profile["chargingSchedule"]]
        found.append((row.connector, profile))
    if not found:
        return _answer("NoProfiles")

    def report(_now_us: int) -> None:
        for at, (number, profile) in enumerate(found):
            said: Payload = {
                "requestId": request["requestId"],
                "chargingLimitSource": "CSO",
                "evseId": number,
                "chargingProfile": [profile],
                "tbc": at + 1 < len(found),
            }
            charger.send("ReportChargingProfiles", said)

    charger.after(LATER_S, report)
    return _answer("Accepted")


# The device model (chapter B)


def get_variables(charger: ChargerFace, request: Request) -> Payload:
    """Tell variables."""
    rows = request["getVariableData"]
    return {"getVariableResult": [variables.get(charger.keys, row) for row in rows]}


def set_variables(charger: ChargerFace, request: Request) -> Payload:
    """Change variables."""
    rows = request["setVariableData"]
    return {
        "setVariableResult": [
            variables.change(charger.keys, row, str(row["attributeValue"])) for row in rows
        ]
    }


def _report(charger: ChargerFace, number: int, rows: list[Payload]) -> None:
    parts = [rows[at : at + REPORT_ITEMS] for at in range(0, len(rows), REPORT_ITEMS)]
    for at, part in enumerate(parts):
        said: Payload = {
            "requestId": number,
            "generatedAt": charger.stamp(charger.now_us),
            "seqNo": at,
            "tbc": at + 1 < len(parts),
            "reportData": part,
        }
        charger.send("NotifyReport", said)


def get_base_report(charger: ChargerFace, request: Request) -> Payload:
    """Report all variables soon after the answer."""
    if request["reportBase"] == "SummaryInventory":
        return _answer("NotSupported")
    rows = variables.report(charger.keys, monitored=charger.identity.equipped)
    charger.after(LATER_S, lambda _now_us: _report(charger, request["requestId"], rows))
    return _answer("Accepted")


def get_report(charger: ChargerFace, request: Request) -> Payload:
    """Report the wanted variables soon after the answer."""
    wanted = request.get("componentVariable") or []
    names = [(row["component"]["name"], (row.get("variable") or {}).get("name")) for row in wanted]
    rows = []
    everything = variables.report(charger.keys, monitored=charger.identity.equipped)
    for (component, variable), row in zip(variables.VARIABLES, everything, strict=True):
        if not names or (component, variable) in names or (component, None) in names:
            rows.append(row)
    if not rows:
        return _answer("EmptyResultSet")
    charger.after(LATER_S, lambda _now_us: _report(charger, request["requestId"], rows))
    return _answer("Accepted")


# Firmware, logs, certificates (chapters L, M and N)


def update_firmware(charger: ChargerFace, request: Request) -> Payload:
    """Pretend to download and install; then reboot."""
    firmware.update_firmware(
        charger,
        {
            "location": request["firmware"]["location"],
            "retrieveDate": request["firmware"]["retrieveDateTime"],
        },
        {"requestId": request["requestId"]},
    )
    return _answer("Accepted")


def get_installed_certificate_ids(charger: ChargerFace, _request: Request) -> Payload:
    """List certificates."""
    if not charger.certificates:
        return _answer("NotFound")
    return {
        "status": "Accepted",
        "certificateHashDataChain": [
            {"certificateType": "CSMSRootCertificate", "certificateHashData": hashes}
            for hashes in charger.certificates
        ],
    }


def clear_variable_monitoring(_charger: ChargerFace, request: Request) -> Payload:
    """Say that there are none of them."""
    return {"clearMonitoringResult": [{"status": "NotFound", "id": n} for n in request["id"]]}


def set_variable_monitoring(_charger: ChargerFace, request: Request) -> Payload:
    """Refuse each of them."""
    return {
        "setMonitoringResult": [
            {
                "status": "Rejected",
                "type": row["type"],
                "severity": row["severity"],
                "component": row["component"],
                "variable": row["variable"],
            }
            for row in request["setMonitoringData"]
        ]
    }


def _always(answer: Payload) -> Command:
    def say(answer: Payload, _charger: ChargerFace, _request: Request) -> Payload:
        return dict(answer)

    return partial(say, answer)


WITHOUT: Mapping[str, Payload] = {
    "ClearDisplayMessage": _answer("Unknown"),
    "CostUpdated": {},
    "CustomerInformation": _answer("Rejected"),
    "GetDisplayMessages": _answer("Unknown"),
    "GetMonitoringReport": _answer("NotSupported"),
    "PublishFirmware": _answer("Rejected"),
    "SetDisplayMessage": _answer("Rejected"),
    "SetMonitoringBase": _answer("NotSupported"),
    "SetMonitoringLevel": _answer("Rejected"),
    "SetNetworkProfile": _answer("Rejected"),
    "UnpublishFirmware": _answer("NoFirmware"),
}
"""Answers of a charger without display, monitors, and a local controller below it."""

COMMANDS: Mapping[str, Callable[[ChargerFace, Request], Payload]] = {
    "CancelReservation": reservations.cancel_reservation,
    "CertificateSigned": certificates.certificate_signed,
    "ChangeAvailability": change_availability,
    "ClearCache": core.clear_cache,
    "ClearChargingProfile": clear_charging_profile,
    "ClearVariableMonitoring": clear_variable_monitoring,
    "DataTransfer": core.data_transfer,
    "DeleteCertificate": certificates.delete_certificate,
    "GetBaseReport": get_base_report,
    "GetChargingProfiles": get_charging_profiles,
    "GetCompositeSchedule": get_composite_schedule,
    "GetInstalledCertificateIds": get_installed_certificate_ids,
    "GetLocalListVersion": get_local_list_version,
    "GetLog": firmware.get_log,
    "GetReport": get_report,
    "GetTransactionStatus": get_transaction_status,
    "GetVariables": get_variables,
    "InstallCertificate": certificates.install_certificate,
    "RequestStartTransaction": request_start,
    "RequestStopTransaction": request_stop,
    "ReserveNow": reserve_now,
    "Reset": reset,
    "SendLocalList": send_local_list,
    "SetChargingProfile": set_charging_profile,
    "SetVariableMonitoring": set_variable_monitoring,
    "SetVariables": set_variables,
    "TriggerMessage": trigger_message,
    "UnlockConnector": unlock_connector,
    "UpdateFirmware": update_firmware,
    **{action: _always(answer) for action, answer in WITHOUT.items()},
}
