"""`ApiUser`: somebody who uses the REST interface of csms while the chargers are busy."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import gevent
from locust import FastHttpUser, between, task

from csms.simulator.sightings import Kind
from loadtests.chargers import Failure
from loadtests.stage import stage_of
from protocol.dialect import OCPP_16

WAIT_S = 30
"""How long the server may wait for the charger's answer."""
LIST = {"limit": "100"}
FIRMWARE_LOCATION = "https://firmware.example/release/{number}"
INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
COMMON = (("TriggerMessage", {"requestedMessage": "Heartbeat"}), ("GetLocalListVersion", {}))
QUIET_16 = (("GetConfiguration", {"key": ["HeartbeatInterval"]}), *COMMON)
QUIET_2 = (("GetVariables", {"getVariableData": [INTERVAL]}), *COMMON)
"""Commands that change nothing, of 1.6 and of 2.x."""


class ApiUser(FastHttpUser):
    """Lists chargers and transactions, and sends commands to chargers of this run.

    Requests are counted by path. A command is counted twice: as POST, and as CSMS "... end to end",
    which fails unless the charger has accepted it.
    """

    abstract = True
    wait_time = between(0.5, 2.0)

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust's
        self._stage = stage_of(environment)
        # FastHttpUser wants a host when it is made.
        self.host = self._stage.options.api or "http://127.0.0.1:9"
        super().__init__(environment)
        self._headers = {"Authorization": f"Bearer {self._stage.options.api_key}"}
        self._dice = random.Random(f"{self._stage.options.seed}/api")
        self._firmware = 0

    def on_start(self) -> None:
        """Do nothing at all without an interface."""
        while not self._stage.options.api:
            gevent.sleep(3_600)

    @task(3)
    def chargers(self) -> None:
        """Look at the list of chargers."""
        self.client.get(
            "/api/v1/chargers", params=LIST, headers=self._headers, name="/api/v1/chargers"
        )

    @task(2)
    def transactions(self) -> None:
        """Look at the open transactions."""
        self.client.get(
            "/api/v1/transactions",
            params={**LIST, "state": "open"},
            headers=self._headers,
            name="/api/v1/transactions",
        )

    @task(5)
    def command(self) -> None:
        """Send a harmless command to a charger of this process."""
        booted = [user for user in self._stage.users if user.charger.registered]
        if booted:
            # The set has no order of its own: the same seed must choose the same charger.
            user = self._dice.choice(sorted(booted, key=lambda user: user.part.number))
            quiet = QUIET_16 if user.charger.dialect is OCPP_16 else QUIET_2
            action, payload = self._dice.choice(quiet)
            self.send(user.part.identity.id, action, payload)

    @task(1)
    def firmware(self) -> None:
        """Send new firmware to every charger of this process, once for each cue."""
        if not self._stage.firmware_wanted:
            return
        self._stage.firmware_wanted = False
        self._firmware += 1
        location = FIRMWARE_LOCATION.format(number=self._firmware)
        payload = {"location": location, "retrieveDate": "2020-01-01T00:00:00Z"}
        for user in list(self._stage.users):
            self.send(user.part.identity.id, "UpdateFirmware", payload)

    def send(self, charger: str, action: str, payload: Mapping[str, object]) -> None:
        """Send a command and wait for what becomes of it."""
        begun_s = time.monotonic()
        with self.client.post(
            f"/api/v1/chargers/{charger}/calls?wait={WAIT_S}",
            json={"action": action, "payload": payload},
            headers=self._headers,
            name="/api/v1/chargers/{charger}/calls",
            catch_response=True,
        ) as response:
            said = response.json() if response.status_code in {200, 202} else {}
            outcome = said.get("outcome") or f"HTTP {response.status_code}"
        self.environment.events.request.fire(
            request_type=str(Kind.CSMS),
            name=f"{action} end to end",
            response_time=(time.monotonic() - begun_s) * 1_000,
            response_length=0,
            exception=None if outcome == "accepted" else Failure(outcome),
            context={},
        )
