"""Tariffs that the charger itself calculates with (2.1 part 2, I07 to I11)."""

from collections.abc import Mapping
from typing import Any

from csms.simulator.face import Request, answer
from csms.simulator.instants import US_PER_S
from csms.simulator.outbox import Payload
from csms.simulator.v2.equipment import EquippedCommand, EquippedFace, running

ELEMENTS_MAX = 10
"""Prices of one tariff."""
PRICED = ("energy", "chargingTime", "idleTime", "fixedFee", "reservationTime", "reservationFixed")


def _elements(tariff: Mapping[str, Any]) -> int:
    return sum(len((tariff.get(name) or {}).get("prices") or ()) for name in PRICED)


def _drivers(charger: EquippedFace) -> dict[str, dict[str, Any]]:
    """Return the tariffs of drivers; those of transactions that have ended are forgotten."""
    tariffs = charger.equipment.driver_tariffs
    for name in [name for name in tariffs if running(charger, name) is None]:
        del tariffs[name]
    return tariffs


def set_default_tariff(charger: EquippedFace, request: Request) -> Payload:
    """Keep the tariff of an EVSE, or of all of them (I07)."""
    number, tariff = request["evseId"], dict(request["tariff"])
    if number and number not in charger.connectors:
        return answer("Rejected")
    if _elements(tariff) > ELEMENTS_MAX:
        return answer("TooManyElements")
    tariffs = charger.equipment.tariffs
    for evse, other in tariffs.items():
        # The same tariff again changes nothing; another one under its name elsewhere is a mistake.
        stays = number not in {0, evse}
        if stays and other["tariffId"] == tariff["tariffId"] and other != tariff:
            return answer("DuplicateTariffId")
    for evse in [number] if number else charger.connectors:
        tariffs[evse] = tariff
    return answer("Accepted")


def get_tariffs(charger: EquippedFace, request: Request) -> Payload:
    """Tell which tariffs are where (I09)."""
    number = request["evseId"]
    if number and number not in charger.connectors:
        return answer("Rejected")
    rows: dict[str, dict[str, Any]] = {}
    for evse, tariff in charger.equipment.tariffs.items():
        if number in {0, evse}:
            row = rows.setdefault(
                tariff["tariffId"],
                {"tariffId": tariff["tariffId"], "tariffKind": "DefaultTariff", "evseIds": []},
            )
            row["evseIds"].append(evse)
    told = list(rows.values())
    for name, tariff in _drivers(charger).items():
        connector = running(charger, name)
        if connector is not None and connector.transaction and number in {0, connector.number}:
            told.append(
                {
                    "tariffId": tariff["tariffId"],
                    "tariffKind": "DriverTariff",
                    "evseIds": [connector.number],
                    "idTokens": [connector.transaction.token],
                }
            )
    return {"status": "Accepted", "tariffAssignments": told} if told else answer("NoTariff")


def clear_tariffs(charger: EquippedFace, request: Request) -> Payload:
    """Forget tariffs: the named ones, of an EVSE, or all (I10)."""
    ids, number = request.get("tariffIds"), request.get("evseId")
    tariffs, drivers = charger.equipment.tariffs, _drivers(charger)
    cleared: dict[str, None] = {}
    for evse, tariff in list(tariffs.items()):
        if number in {None, 0, evse} and (not ids or tariff["tariffId"] in ids):
            del tariffs[evse]
            cleared[tariff["tariffId"]] = None
    for name, tariff in list(drivers.items()):
        # Of an EVSE only the default tariffs are meant; a driver's tariff has a name.
        if ids and tariff["tariffId"] in ids:
            del drivers[name]
            cleared[tariff["tariffId"]] = None
    results: list[Payload] = [
        {"tariffId": name, "status": "Accepted" if name in cleared else "NoTariff"}
        for name in (ids or cleared)
    ]
    return {"clearTariffsResult": results or [{"status": "NoTariff"}]}


def change_transaction_tariff(charger: EquippedFace, request: Request) -> Payload:
    """Go on with another tariff of the same currency (I11)."""
    name, tariff = str(request["transactionId"]), dict(request["tariff"])
    connector = running(charger, name)
    if connector is None:
        return answer("TxNotFound")
    if _elements(tariff) > ELEMENTS_MAX:
        return answer("TooManyElements")
    drivers = _drivers(charger)
    now = drivers.get(name) or charger.equipment.tariffs.get(connector.number)
    if now is not None and now["currency"] != tariff["currency"]:
        return answer("NoCurrencyChange")
    drivers[name] = tariff
    return answer("Accepted")


def notify_web_payment_started(charger: EquippedFace, request: Request) -> Payload:
    """Show at an EVSE that somebody pays on the web, until the timeout (C25)."""
    if request["evseId"] in charger.connectors:
        until_us = charger.now_us + int(request["timeout"]) * US_PER_S
        charger.equipment.paying[request["evseId"]] = until_us
    return {}


COMMANDS: Mapping[str, EquippedCommand] = {
    "ChangeTransactionTariff": change_transaction_tariff,
    "ClearTariffs": clear_tariffs,
    "GetTariffs": get_tariffs,
    "NotifyWebPaymentStarted": notify_web_payment_started,
    "SetDefaultTariff": set_default_tariff,
}
