"""A charger of OCPP 2.0.1 or 2.1. It behaves as that of 1.6 and says so in other words.

Each connector is an EVSE with one connector. A transaction is named by the charger; all that is
told of it are TransactionEvents, numbered from 0 without a gap (part 2, use cases E01 to E15).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeAlias

from csms.simulator.books import Bill
from csms.simulator.charger import Acknowledged, SimulatedCharger
from csms.simulator.connector import Connector, Reservation, Transaction
from csms.simulator.face import Command
from csms.simulator.outbox import OnAnswer, Payload
from csms.simulator.v2.commands import COMMANDS
from csms.simulator.v2.equipment import Equipment, EquippedCommand
from csms.simulator.v2.feeding import asked_w
from csms.simulator.v2.tables import EQUIPPED_21, EQUIPPED_201
from csms.simulator.vehicle import Vehicle
from protocol.dialect import OCPP_21, OCPP_201, Dialect

MeterValue: TypeAlias = Mapping[str, Any]
"""As `csms.simulator.metering` makes it."""
STATUSES: Mapping[str, str] = {
    "Available": "Available",
    "Reserved": "Reserved",
    "Unavailable": "Unavailable",
    "Faulted": "Faulted",
}
"""ConnectorStatusEnumType by status of 1.6; every other one is Occupied."""
CHARGING_STATES = {"Charging", "SuspendedEV", "SuspendedEVSE"}
ENDINGS: Mapping[str, tuple[str, str]] = {
    "DeAuthorized": ("DeAuthorized", "Deauthorized"),
    "EVDisconnected": ("EVDisconnected", "EVCommunicationLost"),
    "HardReset": ("ImmediateReset", "ResetCommand"),
    "Local": ("Local", "StopAuthorized"),
    "Remote": ("Remote", "RemoteStop"),
    "SoftReset": ("Reboot", "ResetCommand"),
    "UnlockCommand": ("Other", "UnlockCommand"),
}
"""stoppedReason and triggerReason by reason of 1.6."""
UNKNOWN_IN_2 = {"Temperature"}
"""Measurands that 2.x has no name for."""


def token_of(card: str) -> Payload:
    """Return an IdTokenType."""
    return {"idToken": card, "type": "ISO14443"}


def meter_value_of(value: MeterValue) -> Payload:
    """Return a MeterValueType from a MeterValue of 1.6."""
    samples = []
    for sample in value["sampledValue"]:
        if sample["measurand"] in UNKNOWN_IN_2:
            continue
        said = {name: text for name, text in sample.items() if name not in {"value", "unit"}}
        unit = {"unit": sample["unit"]}
        samples.append({"value": float(sample["value"]), "unitOfMeasure": unit, **said})
    return {"timestamp": value["timestamp"], "sampledValue": samples}


class SimulatedCharger201(SimulatedCharger):
    """One charger of OCPP 2.0.1."""

    dialect: ClassVar[Dialect] = OCPP_201
    commands: ClassVar[Mapping[str, Command]] = COMMANDS
    equipped: ClassVar[Mapping[str, EquippedCommand]] = EQUIPPED_201
    boot_reason = "PowerUp"
    _equipment: Equipment | None = None

    @property
    def equipment(self) -> Equipment:
        """Return what it has; made when it is needed first, for thousands never need it."""
        if self._equipment is None:
            self._equipment = Equipment()
        return self._equipment

    def command(self, action: str) -> Callable[[Mapping[str, Any]], Payload] | None:
        """Return what obeys an action; with equipment, that before all."""
        found = self.equipped.get(action) if self.identity.equipped else None
        return super().command(action) if found is None else partial(found, self)

    def boot_payload(self) -> Payload:
        """Return what BootNotification says."""
        identity = self.identity
        return {
            "reason": self.boot_reason,
            "chargingStation": {
                "model": identity.model,
                "vendorName": identity.vendor,
                "serialNumber": identity.serial or identity.id[:25],
                "firmwareVersion": self.firmware,
            },
        }

    def reboot(self, kind: str) -> None:
        """Stop everything, hang up, and boot when connected again."""
        self.boot_reason = "RemoteReset"
        super().reboot(kind)

    def report_status(self, number: int) -> None:
        """Send a StatusNotification; of the whole charger there is none in 2.x."""
        if number:
            status = STATUSES.get(self.connectors[number].status, "Occupied")
            self.send(
                "StatusNotification",
                {
                    "timestamp": self.stamp(self.now_us),
                    "connectorStatus": status,
                    "evseId": number,
                    "connectorId": 1,
                },
            )

    def turn(self, connector: Connector, status: str) -> None:
        """Change the status of a connector; report it as status, as charging state, or not."""
        before, connector.status = connector.status, status
        if before == status:
            return
        if STATUSES.get(before, "") != STATUSES.get(status, ""):
            self.report_status(connector.number)
        transaction = connector.transaction
        if transaction is not None and status in CHARGING_STATES:
            info: Payload = {"chargingState": status}
            self.event_tell(connector, transaction, "Updated", "ChargingStateChanged", info)

    def ask_tell(self, token: str, answered: Callable[[Payload], None]) -> None:
        """Ask whether a card may charge."""
        payload: Payload = {"idToken": token_of(token)}
        self.send("Authorize", payload, lambda answer, _now_us: answered(answer))

    def is_accepted(self, answer: Payload) -> bool:
        """Return whether an answer accepts its card; without a word on it, it does."""
        info: Any = answer.get("idTokenInfo")
        return not isinstance(info, dict) or info.get("status") == "Accepted"

    def start_tell(
        self,
        connector: Connector,
        transaction: Transaction,
        reservation: Reservation | None,
        acknowledged: Acknowledged,
    ) -> None:
        """Tell that a transaction has begun."""
        transaction.id = f"{self.chance.getrandbits(128):032x}"
        more: Payload = {
            "idToken": token_of(transaction.token),
            "meterValue": [meter_value_of(self.measured(connector, "Transaction.Begin"))],
        }
        if reservation is not None:
            more["reservationId"] = reservation.number
        info: Payload = {"chargingState": "EVConnected"}
        remote, connector.remote_start = connector.remote_start, None
        if remote is not None:
            info["remoteStartId"] = remote

        def answered(answer: Payload, now_us: int) -> None:
            self.books.bills[transaction.id] = Bill(
                0, connector.number, transaction.meter_start_wh, said=transaction.id
            )
            acknowledged(now_us, accepted=self.is_accepted(answer))

        trigger = "Authorized" if remote is None else "RemoteStart"
        self.event_tell(connector, transaction, "Started", trigger, info, more, answered)

    def stop_tell(
        self,
        connector: Connector,
        transaction: Transaction,
        reason: str,
        token: str,
        acknowledged: Callable[[int], None],
    ) -> None:
        """Tell that a transaction has ended."""
        stopped, trigger = ENDINGS[reason]
        more: Payload = {
            "meterValue": [meter_value_of(self.measured(connector, "Transaction.End"))]
        }
        if token and reason == "Local":
            more["idToken"] = token_of(token)
        info: Payload = {"chargingState": "EVConnected", "stoppedReason": stopped}
        meter_stop_wh = connector.meter_wh

        def billed(_answer: Payload, now_us: int) -> None:
            bill = self.books.bills.get(transaction.id)
            if bill is not None:
                bill.meter_stop_wh = meter_stop_wh
            acknowledged(now_us)

        self.event_tell(connector, transaction, "Ended", trigger, info, more, billed)

    def meter_tell(self, connector: Connector, value: MeterValue) -> None:
        """Tell a MeterValue: of a transaction as its event, else as MeterValues."""
        said, transaction = meter_value_of(value), connector.transaction
        if transaction is None:
            self.send("MeterValues", {"evseId": connector.number, "meterValue": [said]})
            return
        contexts = {sample["context"] for sample in value["sampledValue"]}
        trigger = "Trigger" if "Trigger" in contexts else "MeterValuePeriodic"
        more: Payload = {"meterValue": [said]}
        self.event_tell(connector, transaction, "Updated", trigger, {}, more)

    def event_tell(
        self,
        connector: Connector,
        transaction: Transaction,
        kind: str,
        trigger: str,
        info: Payload,
        more: Payload | None = None,
        answered: OnAnswer | None = None,
    ) -> None:
        """Tell a TransactionEvent; it gets the next number now, whenever it is sent."""
        payload: Payload = {
            "eventType": kind,
            "timestamp": self.stamp(self.now_us),
            "triggerReason": trigger,
            "seqNo": transaction.events,
            "offline": not self.connected,
            "transactionInfo": {"transactionId": transaction.id, **info},
            "evse": {"id": connector.number, "connectorId": 1},
            **(more or {}),
        }
        transaction.events += 1
        # No event is expendable: a gap in the numbers would say that something was lost.
        self.keep("TransactionEvent", lambda: payload, answered)


class SimulatedCharger21(SimulatedCharger201):
    """One charger of OCPP 2.1."""

    dialect: ClassVar[Dialect] = OCPP_21
    equipped: ClassVar[Mapping[str, EquippedCommand]] = EQUIPPED_21

    def offered_w(self, connector: Connector, transaction: Transaction, vehicle: Vehicle) -> float:
        """Return what a vehicle may take now, or has to give back (less than nothing)."""
        most_w = super().offered_w(connector, transaction, vehicle)
        return asked_w(self, connector, most_w) if self.identity.equipped else most_w
