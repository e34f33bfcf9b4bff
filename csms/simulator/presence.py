"""The presence of a simulated charger: it boots, beats, and tells the status of its connectors.

What differs between versions is replaced by `csms.simulator.v2.charger`.
"""

from random import Random

from csms.simulator.connector import Connector
from csms.simulator.identity import Identity
from csms.simulator.outbox import Message, Payload
from csms.simulator.settings import SimulatorSettings
from csms.simulator.talker import Hangup, Talker

BOOT_RETRY_S = 10
"""Wait before another BootNotification when the server named no interval."""
REBOOT_S = {"Hard": 3.0, "Soft": 1.0}
"""How long it is away."""


class Presence(Talker):
    """What a charger says of itself, whether or not anybody charges.

    Args:
        identity: who it is.
        settings: how it behaves.
        chance: its dice; the same seed gives the same story.
        now_us: the time.
    """

    def __init__(
        self, identity: Identity, settings: SimulatorSettings, chance: Random, now_us: int
    ) -> None:
        super().__init__(identity, settings, chance, now_us)
        self.firmware = identity.firmware
        self.connectors = {
            number: Connector(number, energy_wh=chance.uniform(1e5, 5e6), metered_us=now_us)
            for number in range(1, settings.connectors + 1)
        }
        self._boot_needed = True
        self._heartbeats = 0
        """How often the next heartbeat was planned: an older plan does not count."""

    def _connected(self) -> None:
        if self.identity.boots_always:
            self._boot_needed = True
        if self._boot_needed:
            self._boot(self.now_us)
        else:
            self.registered = True
            self._report_all()
        self._heartbeat_later()

    def _disconnected(self) -> None:
        self._heartbeats += 1

    def _not_booted(self) -> None:
        self.after(BOOT_RETRY_S, self._boot)

    def _boot(self, _now_us: int) -> None:
        session = self._session
        if session is None or self.registered or self._open is not None:
            return
        payload = self.boot_payload()
        self._transmit(session, Message("BootNotification", lambda: payload, self._boot_answered))

    def boot_payload(self) -> Payload:
        """Return what BootNotification says."""
        identity = self.identity
        return {
            "chargePointVendor": identity.vendor,
            "chargePointModel": identity.model,
            "chargePointSerialNumber": identity.serial or identity.id[:25],
            "firmwareVersion": self.firmware,
        }

    def _boot_answered(self, answer: Payload, _now_us: int) -> None:
        interval = answer.get("interval")
        interval_s = interval if isinstance(interval, int) else 0
        if answer.get("status") != "Accepted":
            self.after(interval_s or BOOT_RETRY_S, self._boot)
            return
        self.registered = True
        self._boot_needed = False
        if interval_s > 0:
            self.keys.change("HeartbeatInterval", str(interval_s))
            self._heartbeat_later()
        self._report_all()

    def boot_again(self) -> None:
        """Send another BootNotification, as TriggerMessage asks; also while the server says no."""
        if not self.registered:
            self._boot(self.now_us)
            return
        self.send("BootNotification", self.boot_payload())

    def _heartbeat_later(self) -> None:
        self._heartbeats += 1
        mine = self._heartbeats
        seconds = self.keys.seconds("HeartbeatInterval")

        def beat(_now_us: int) -> None:
            if mine == self._heartbeats and self.connected:
                if self.registered:
                    self.send("Heartbeat", {})
                self._heartbeat_later()

        if seconds:
            self.after(seconds, beat)

    def _report_all(self) -> None:
        self.report_status(0)
        for number in self.connectors:
            self.report_status(number)

    def report_status(self, number: int) -> None:
        """Send a StatusNotification; connector 0 is the whole charger."""
        if number == 0:
            operative = any(connector.operative for connector in self.connectors.values())
            status = "Available" if operative else "Unavailable"
        else:
            status = self.connectors[number].status
        self.send(
            "StatusNotification",
            {
                "connectorId": number,
                "errorCode": "NoError",
                "status": status,
                "timestamp": self.stamp(self.now_us),
            },
        )

    def turn(self, connector: Connector, status: str) -> None:
        """Change the status of a connector and report it."""
        if connector.status != status:
            connector.status = status
            self.report_status(connector.number)

    def restart_later(self, kind: str) -> None:
        """Hang up soon, stay away for as long as a reboot of a kind takes, and boot again."""

        def hang_up(_now_us: int) -> None:
            self._boot_needed = True
            self.registered = False
            self.hangup = Hangup(REBOOT_S[kind])

        self.after(REBOOT_S["Soft"], hang_up)
