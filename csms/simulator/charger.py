"""A simulated OCPP 1.6 charger: behaviour without I/O.

Feed it connections, texts and the time; take frames and the wish to hang up. Time and chance are
handed in, so the same seed tells the same story. How it talks is in `csms.simulator.talker`, how it
boots and says that it is there in `csms.simulator.presence`; here are drivers, transactions, power.
"""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any, ClassVar, Protocol

from csms.simulator.books import Bill
from csms.simulator.commands import COMMANDS
from csms.simulator.connector import Connector, Reservation, Transaction
from csms.simulator.face import Command
from csms.simulator.identity import Identity
from csms.simulator.instants import US_PER_S
from csms.simulator.limits import Limits
from csms.simulator.local_list import LocalList
from csms.simulator.metering import EXPORTED, Reading, meter_value
from csms.simulator.outbox import Payload
from csms.simulator.presence import Presence
from csms.simulator.settings import SimulatorSettings
from csms.simulator.sightings import Kind
from csms.simulator.vehicle import Vehicle

THINK_S = (1.0, 4.0)
"""From plugging in to showing a card."""
UNPLUG_S = (2.0, 8.0)
"""From the end of a transaction to an empty connector."""
VEHICLES = ((3_680.0, 1), (7_360.0, 1), (11_040.0, 3), (22_080.0, 3))
"""Greatest power in watts, and on how many phases."""


class Acknowledged(Protocol):
    """Called when the server has acknowledged the begin of a transaction."""

    def __call__(self, now_us: int, *, accepted: bool) -> None: ...  # noqa: D102


class SimulatedCharger(Presence):
    """One charger of OCPP 1.6; `csms.simulator.versions` makes those of any version.

    What differs between versions is in the methods that end with "tell" or say so in their names;
    `csms.simulator.v2.charger` replaces them.

    Args:
        identity: who it is.
        tokens: cards of the drivers who come by; without any, nobody does.
        settings: how it behaves.
        chance: its dice; the same seed gives the same story.
        now_us: the time.
    """

    commands: ClassVar[Mapping[str, Command]] = COMMANDS

    def __init__(
        self,
        identity: Identity,
        *,
        tokens: tuple[str, ...],
        settings: SimulatorSettings,
        chance: Random,
        now_us: int,
    ) -> None:
        super().__init__(identity, settings, chance, now_us)
        self.tokens = tokens
        self.limits = Limits(fallback_a=settings.fallback_a, voltage_v=settings.grid_voltage_v)
        self.local_list = LocalList()
        self.certificates: list[Payload] = []
        self.firmware_status = "Idle"
        self.diagnostics_status = "Idle"
        for connector in self.connectors.values():
            self._expect_driver(connector)

    def command(self, action: str) -> Callable[[Mapping[str, Any]], Payload] | None:
        """Return what obeys an action; None: it is not known here."""
        found = self.commands.get(action)
        return None if found is None else partial(found, self)

    # Drivers

    def _expect_driver(self, connector: Connector) -> None:
        if self.tokens:
            wait_s = self.chance.expovariate(1 / self.settings.arrival_s_mean)
            self.after(wait_s, lambda now_us: self._arrive(connector, now_us))

    def _arrive(self, connector: Connector, now_us: int) -> None:
        if not connector.free:
            self._expect_driver(connector)
            return
        token = self.chance.choice(self.tokens)
        reservation = connector.reservation
        if reservation is not None and now_us < reservation.until_us:
            token = reservation.token
        self.plug(connector)
        self.after(self.chance.uniform(*THINK_S), lambda _now_us: self._show(connector, token))

    def plug(self, connector: Connector) -> None:
        """Plug a vehicle in."""
        power_w_max, phases = self.chance.choice(VEHICLES)
        connector.vehicle = Vehicle(
            battery_wh=self.settings.battery_wh * self.chance.uniform(0.7, 1.5),
            power_w_max=power_w_max,
            soc=self.chance.uniform(0.1, 0.75),
            phases=phases,
        )
        connector.plugged_us = self.now_us
        self.turn(connector, "Preparing")
        vehicle = connector.vehicle

        def give_up(_now_us: int) -> None:
            if connector.vehicle is vehicle and connector.transaction is None:
                self._leave(connector)

        self.after(max(10, self.keys.seconds("ConnectionTimeOut")), give_up)

    def _show(self, connector: Connector, token: str) -> None:
        if connector.vehicle is None or connector.transaction is not None:
            return
        vehicle = connector.vehicle
        connector.shown_us = self.now_us
        if not (self.connected and self.registered):
            known = self.local_list.tokens.get(token.lower()) == "Accepted"
            if known or self.keys.flag("AllowOfflineTxForUnknownId"):
                self.start(connector, token)
            return

        def decided(*, accepted: bool) -> None:
            if connector.vehicle is not vehicle or connector.transaction is not None:
                return
            if accepted:
                self.start(connector, token)
            else:
                self._leave(connector)

        self.ask_tell(token, lambda answer: decided(accepted=self.is_accepted(answer)))

    def ask_tell(self, token: str, answered: Callable[[Payload], None]) -> None:
        """Ask whether a card may charge."""
        self.send("Authorize", {"idTag": token}, lambda answer, _now_us: answered(answer))

    def is_accepted(self, answer: Payload) -> bool:
        """Return whether an answer accepts its card."""
        info: Any = answer.get("idTagInfo")
        return isinstance(info, dict) and info.get("status") == "Accepted"

    def _leave(self, connector: Connector) -> None:
        connector.vehicle = None
        connector.power_w = 0.0
        self.settle(connector)
        self._expect_driver(connector)

    def settle(self, connector: Connector) -> None:
        """Give a connector without a vehicle the status that it has when nobody is there."""
        if connector.inoperative_after:
            connector.inoperative_after, connector.operative = False, False
        if connector.transaction is not None:
            return
        reserved = connector.reservation is not None
        free = "Reserved" if reserved else "Available"
        self.turn(connector, free if connector.operative else "Unavailable")

    # Transactions

    def start(self, connector: Connector, token: str) -> None:
        """Begin a transaction on a connector with a vehicle."""
        transaction = Transaction(token, self.now_us, connector.meter_wh)
        connector.transaction = transaction
        connector.metered_us = self.now_us
        self.counts.started += 1
        reservation, connector.reservation = connector.reservation, None
        shown_us = connector.shown_us or self.now_us
        connector.shown_us = 0

        def acknowledged(now_us: int, *, accepted: bool) -> None:
            self.saw(Kind.FLOW, "card to transaction", now_us - shown_us)
            transaction.known = True
            self._energy_flows(connector, transaction)
            unwanted = not accepted and connector.transaction is transaction
            if unwanted and self.keys.flag("StopTransactionOnInvalidId"):
                self.stop(connector, "DeAuthorized")

        self.start_tell(connector, transaction, reservation, acknowledged)
        self._offer(connector)
        stays_s = 5 + self.chance.expovariate(1 / self.settings.session_s_mean)
        self.after(stays_s, lambda _now_us: self._drive_off(connector, transaction))
        self._measure_later(connector, transaction)

    def start_tell(
        self,
        connector: Connector,
        transaction: Transaction,
        reservation: Reservation | None,
        acknowledged: Acknowledged,
    ) -> None:
        """Tell that a transaction has begun."""
        payload: Payload = {
            "connectorId": connector.number,
            "idTag": transaction.token,
            "meterStart": transaction.meter_start_wh,
            "timestamp": self.stamp(self.now_us),
        }
        if reservation is not None:
            payload["reservationId"] = reservation.number

        def answered(answer: Payload, now_us: int) -> None:
            number = answer.get("transactionId")
            transaction.number = number if isinstance(number, int) else 0
            self.books.bills[transaction.number] = Bill(
                transaction.number, connector.number, transaction.meter_start_wh
            )
            acknowledged(now_us, accepted=self.is_accepted(answer))

        self.keep("StartTransaction", lambda: payload, answered)

    def _energy_flows(self, connector: Connector, transaction: Transaction) -> None:
        """Note the end of a driver's wait: power flows, and the server knows of it."""
        if not transaction.flowing and transaction.known and connector.power_w > 0:
            transaction.flowing = True
            self.saw(Kind.FLOW, "plug to energy", self.now_us - connector.plugged_us)

    def _drive_off(self, connector: Connector, transaction: Transaction) -> None:
        if connector.transaction is transaction:
            self.stop(connector, self.chance.choice(("Local", "EVDisconnected")), transaction.token)

    def stop(self, connector: Connector, reason: str, token: str = "") -> None:
        """End the transaction of a connector; the driver leaves soon after."""
        transaction = connector.transaction
        if transaction is None:
            return
        self.meter(connector)
        connector.transaction = None
        connector.power_w = 0.0
        self.counts.stopped += 1
        self.limits.ended(connector.number)
        stopped_us = self.now_us
        self.stop_tell(
            connector,
            transaction,
            reason,
            token,
            lambda now_us: self.saw(Kind.FLOW, "stop to bill", now_us - stopped_us),
        )
        self.turn(connector, "Finishing")
        vehicle = connector.vehicle

        def unplug(_now_us: int) -> None:
            if connector.vehicle is vehicle and connector.transaction is None:
                self._leave(connector)

        self.after(self.chance.uniform(*UNPLUG_S), unplug)

    def stop_tell(
        self,
        connector: Connector,
        transaction: Transaction,
        reason: str,
        token: str,
        acknowledged: Callable[[int], None],
    ) -> None:
        """Tell that a transaction has ended."""
        meter_stop_wh = connector.meter_wh
        ended: Payload = {
            "meterStop": meter_stop_wh,
            "timestamp": self.stamp(self.now_us),
            "reason": reason,
        }
        if token and reason == "Local":
            ended["idTag"] = token

        def billed(_answer: Payload, now_us: int) -> None:
            bill = self.books.bills.get(transaction.number)
            if bill is not None:
                bill.meter_stop_wh = meter_stop_wh
            acknowledged(now_us)

        self.keep("StopTransaction", lambda: {"transactionId": transaction.number, **ended}, billed)

    def meter(self, connector: Connector) -> None:
        """Count the energy up to now."""
        if connector.vehicle is not None and connector.transaction is not None:
            seconds = (self.now_us - connector.metered_us) / US_PER_S
            energy_wh = connector.vehicle.charge(connector.power_w, seconds)
            connector.energy_wh += max(0.0, energy_wh)
            connector.exported_wh += max(0.0, -energy_wh)
        connector.metered_us = self.now_us

    def busy(self) -> int:
        """Return how many connectors charge."""
        return sum(connector.transaction is not None for connector in self.connectors.values())

    def limits_changed(self) -> None:
        """Obey new limits at once."""
        for connector in self.connectors.values():
            if connector.transaction is not None:
                self.meter(connector)
                self._offer(connector)

    def _offer(self, connector: Connector) -> None:
        """Set the power from limits and vehicle, and the status that follows from it."""
        transaction, vehicle = connector.transaction, connector.vehicle
        if transaction is None or vehicle is None:
            return
        connector.offered_w = self.offered_w(connector, transaction, vehicle)
        since_s = (self.now_us - transaction.started_us) / US_PER_S
        power_w = vehicle.power_w(connector.offered_w, since_s)
        connector.power_w = power_w * self.chance.uniform(0.98, 1.0)
        if connector.offered_w == 0:
            self.turn(connector, "SuspendedEVSE")
        else:
            refused = vehicle.refuses(connector.offered_w)
            self.turn(connector, "SuspendedEV" if refused else "Charging")

    def offered_w(self, connector: Connector, transaction: Transaction, vehicle: Vehicle) -> float:
        """Return what a vehicle may take now, or has to give back (less than nothing)."""
        return self.limits.offered_w(
            connector.number,
            self.settings.power_w_max,
            transaction.started_us,
            self.now_us,
            self.busy(),
            vehicle.phases,
        )

    def _measure_later(self, connector: Connector, transaction: Transaction) -> None:
        interval_s = self.keys.seconds("MeterValueSampleInterval")

        def measure(_now_us: int) -> None:
            if connector.transaction is not transaction:
                return
            self.meter(connector)
            self._offer(connector)
            self._energy_flows(connector, transaction)
            if self.keys.seconds("MeterValueSampleInterval"):
                self.report_meter(connector, "Sample.Periodic")
            self._measure_later(connector, transaction)

        self.after(interval_s or self.settings.meter_interval_s, measure)

    def report_meter(self, connector: Connector, context: str) -> None:
        """Send the MeterValues of a connector."""
        self.meter_tell(connector, self.measured(connector, context))

    def measured(self, connector: Connector, context: str) -> dict[str, Any]:
        """Return the MeterValue of a connector now, in the words of 1.6."""
        vehicle = connector.vehicle
        reading = Reading(
            connector.energy_wh,
            connector.power_w,
            connector.offered_w,
            vehicle.soc if vehicle is not None else 0.0,
            vehicle.phases if vehicle is not None else 3,
            connector.exported_wh,
            self.settings.grid_voltage_v,
        )
        measurands = self.keys.measurands("MeterValuesSampledData")
        if connector.exported_wh:
            measurands = tuple(dict.fromkeys((*measurands, *EXPORTED)))
        at = self.stamp(self.now_us)
        return meter_value(reading, measurands, context, at, self.chance)

    def meter_tell(self, connector: Connector, value: Mapping[str, Any]) -> None:
        """Tell a MeterValue."""
        transaction = connector.transaction

        def payload() -> Payload:
            said: Payload = {"connectorId": connector.number}
            if transaction is not None and transaction.number > 0:
                said["transactionId"] = transaction.number
            return {**said, "meterValue": [value]}

        if transaction is None:
            self.send("MeterValues", payload())
        else:
            self.keep("MeterValues", payload, expendable=True)

    def reboot(self, kind: str) -> None:
        """Stop everything, hang up, and boot when connected again."""
        for connector in self.connectors.values():
            self.stop(connector, f"{kind}Reset")
        self.restart_later(kind)
