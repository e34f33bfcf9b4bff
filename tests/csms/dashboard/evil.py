"""Chargers that say hostile things wherever they may say something, in 1.6 and in 2.0.1."""

import asyncio
import base64
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.csms.dashboard.browser import Demo
from tests.csms.dashboard.hostile import STRINGS

CHARGERS = 12
CHARGERS_2 = 4
"""Of 2.0.1."""
BOOT = (
    "chargePointVendor", "chargePointModel", "chargePointSerialNumber", "chargeBoxSerialNumber",
    "firmwareVersion", "iccid", "imsi", "meterType", "meterSerialNumber",
)  # fmt: skip
NOW = "2026-01-01T00:00:00Z"
PATIENCE_S = 60
"""With a request: other tests may run at the same time."""


class Rest:
    def __init__(self, demo: Demo, key: str = "") -> None:
        self.demo = demo
        self._key = key or demo.key

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(self.demo.url + path, method=method)
        request.add_header("Authorization", f"Bearer {self._key}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, PATIENCE_S) as response:
                text = response.read().decode()
                return response.status, json.loads(text) if "json" in response.headers[
                    "content-type"
                ] else text
        except urllib.error.HTTPError as error:
            with error:
                error.read()
                return error.code, None


class Evil:
    """One of 1.6."""

    subprotocol = "ocpp1.6"
    configuration = "GetConfiguration"
    """The command that is answered; every other one gets a CALLERROR."""

    def __init__(self, socket: ClientConnection, words: list[str]) -> None:
        self._socket = socket
        self._words = words
        self._number = 0
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def listen(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            if frame[0] == 2 and frame[2] == self.configuration:
                await self._socket.send(json.dumps([3, frame[1], self.configured(frame[3])]))
            elif frame[0] == 2:
                word = self._words[len(frame[1]) % len(self._words)]
                await self._socket.send(json.dumps([4, frame[1], word, word, {word: word}]))
            elif frame[1] in self._answers:
                self._answers.pop(frame[1]).set_result(frame)

    def configured(self, _asked: dict[str, Any]) -> dict[str, Any]:
        rows = [{"key": w, "value": w, "readonly": False} for w in self._words]
        return {"status": "Accepted", "configurationKey": rows, "unknownKey": self._words}

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        self._number += 1
        uid = f"{self._number}"
        self._answers[uid] = asyncio.get_running_loop().create_future()
        answer = self._answers[uid]
        await self._socket.send(json.dumps([2, uid, action, payload]))
        return await asyncio.wait_for(answer, 20)

    async def speak(self) -> None:
        words = self._words
        boot = dict(zip(BOOT, (words * 9)[:9], strict=True))
        assert (await self.call("BootNotification", boot))[0] == 3
        for number, word in enumerate(words, 1):
            await self.call(
                "StatusNotification",
                {
                    "connectorId": number,
                    "status": "Faulted",
                    "errorCode": "OtherError",
                    "info": word,
                    "vendorId": word,
                    "vendorErrorCode": word,
                    "timestamp": NOW,
                },
            )
            await self.call(
                "StatusNotification", {"connectorId": number, "status": word, "errorCode": word}
            )
            await self.call("Authorize", {"idTag": word})
            frame = await self.call(
                "StartTransaction",
                {"connectorId": number, "idTag": word, "meterStart": 1, "timestamp": word},
            )
            transaction = frame[2].get("transactionId", 1) if frame[0] == 3 else 1
            sample = {
                "value": word,
                "measurand": word,
                "context": word,
                "unit": word,
                "location": word,
                "phase": word,
                "format": word,
            }
            await self.call(
                "MeterValues",
                {
                    "connectorId": number,
                    "transactionId": transaction,
                    "meterValue": [{"timestamp": NOW, "sampledValue": [sample]}],
                },
            )
            await self.call(
                "StopTransaction",
                {
                    "transactionId": transaction,
                    "idTag": word,
                    "meterStop": 2,
                    "timestamp": NOW,
                    "reason": word,
                },
            )
            await self.call("DataTransfer", {"vendorId": word, "messageId": word, "data": word})
            await self.call(
                "SecurityEventNotification", {"type": word, "timestamp": NOW, "techInfo": word}
            )
            await self.call("FirmwareStatusNotification", {"status": word})
            await self.call(word, {word: word})
        await self._socket.send("<script>window.hostile=1</script>")


class EvilOf2(Evil):
    """One of 2.0.1."""

    subprotocol = "ocpp2.0.1"
    configuration = "GetVariables"

    def configured(self, asked: dict[str, Any]) -> dict[str, Any]:
        word = self._words[0]
        rows = asked.get("getVariableData", [])
        said = {"attributeStatus": "Accepted", "attributeValue": word}
        return {
            "getVariableResult": [
                said | {"component": row["component"], "variable": row["variable"]} for row in rows
            ]
        }

    async def speak(self) -> None:
        words = self._words
        station = dict(
            zip(("vendorName", "model", "serialNumber", "firmwareVersion"), words * 4, strict=False)
        )
        modem = {"iccid": words[-1], "imsi": words[-1]}
        boot = {"reason": "PowerUp", "chargingStation": station | {"modem": modem}}
        assert (await self.call("BootNotification", boot))[0] == 3
        for number, word in enumerate(words, 1):
            named = {"name": word, "instance": word}
            evse = {"id": number, "connectorId": 1}
            component = named | {"evse": evse}
            status = {"timestamp": NOW, "evseId": number, "connectorId": 1}
            await self.call("StatusNotification", status | {"connectorStatus": word})
            for place in (component, {"name": word}):
                row = {
                    "component": place,
                    "variable": named if place is component else {"name": word},
                    "variableAttribute": [{"value": word, "mutability": "ReadWrite"}],
                    "variableCharacteristics": {
                        "unit": word, "dataType": "string", "valuesList": word,
                        "supportsMonitoring": False,
                    },
                }  # fmt: skip
                report = {"requestId": 1, "generatedAt": NOW, "seqNo": 0, "reportData": [row]}
                await self.call("NotifyReport", report)
            event = {
                "eventId": number, "timestamp": NOW, "trigger": "Alerting", "actualValue": word,
                "techCode": word, "techInfo": word, "eventNotificationType": "HardWiredNotification",
                "component": component, "variable": named,
            }  # fmt: skip
            await self.call("NotifyEvent", {"generatedAt": NOW, "seqNo": 0, "eventData": [event]})
            sample = {
                "value": 1, "measurand": word, "context": word, "location": word, "phase": word,
                "unitOfMeasure": {"unit": word},
            }  # fmt: skip
            for seq, kind in enumerate(("Started", "Updated", "Ended")):
                await self.call(
                    "TransactionEvent",
                    {
                        "eventType": kind,
                        "timestamp": NOW,
                        "triggerReason": word,
                        "seqNo": seq,
                        "transactionInfo": {
                            "transactionId": word,
                            "chargingState": word,
                            "stoppedReason": word,
                        },
                        "idToken": {"idToken": word, "type": word},
                        "evse": evse,
                        "meterValue": [{"timestamp": NOW, "sampledValue": [sample]}],
                    },
                )
            log = {"status": word, "requestId": 1}
            await self.call("LogStatusNotification", log)
            await self.call("FirmwareStatusNotification", log)
            security = {"type": word, "timestamp": NOW, "techInfo": word}
            await self.call("SecurityEventNotification", security)
            await self.call("DataTransfer", {"vendorId": word, "messageId": word, "data": word})
            await self.call(word, {word: word})


def words_of(name: str) -> list[str]:
    """What a charger says, by the number at the end of its name."""
    number = int(name.rpartition("-")[2])
    return list(STRINGS[number :: CHARGERS if name.startswith("EVIL-") else CHARGERS_2])


async def speak_all(demo: Demo, passwords: dict[str, str]) -> None:
    """Let all of them speak, be asked, and be in jobs; then knock with hostile names."""
    rest = Rest(demo)

    async def ask(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        return await asyncio.to_thread(rest.ask, method, path, body)

    async def commanded(name: str, word: str, kind: type[Evil]) -> None:
        calls = f"/api/v1/chargers/{name}/calls?wait=20"
        # The configuration page asks a charger that is still there.
        if kind is Evil:
            await ask("POST", calls, {"action": "GetConfiguration", "payload": {}})
        body = {"name": word, "action": "ClearCache", "payload": {}, "where": {"ids": [name]}}
        status, job = await ask("POST", "/api/v1/jobs", body)
        assert status in {201, 422}, word
        while status == 201 and job["state"] == "running":
            await asyncio.sleep(0.2)
            _, job = await ask("GET", f"/api/v1/jobs/{job['id']}")

    async def one(name: str, kind: type[Evil]) -> None:
        proof = base64.b64encode(f"{name}:{passwords[name]}".encode()).decode()
        async with connect(
            demo.chargers_url + name,
            subprotocols=[Subprotocol(kind.subprotocol)],
            additional_headers={"Authorization": f"Basic {proof}"},
        ) as socket:
            words = words_of(name)
            evil = kind(socket, words)
            listening = asyncio.create_task(evil.listen())
            await evil.speak()
            await commanded(name, words[0], kind)
            listening.cancel()

    async def refused(word: str) -> None:
        printable = "".join(c for c in word if " " <= c <= "~")
        with pytest.raises((WebSocketException, OSError)):
            async with connect(
                demo.chargers_url + quote(word, safe=""),
                user_agent_header=printable,
                subprotocols=["ocpp1.6"],
            ):
                pass

    kinds = {name: Evil if name.startswith("EVIL-") else EvilOf2 for name in passwords}
    await asyncio.gather(*(one(name, kind) for name, kind in kinds.items()))
    await asyncio.gather(*(refused(word) for word in STRINGS))
