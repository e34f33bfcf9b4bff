"""A small OCPP 1.6 charger that never gives a message up.

It has a queue of messages and sends one at a time. A message that was not answered (the connection
went, or `answer_s` passed) is sent again with the same content on the next connection, under the
same message id or a new one as the seed says. Timestamps are unique for a charger and meter values
only rise, so every sample can be told from every other.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time_ns
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.chaos.books import ENERGY, POWER, Books, Message, Sample, Session, Status

RESULT, ERROR, CALL = 3, 4, 2


@dataclass(frozen=True)
class Pace:
    """How fast a charger lives. Seconds."""

    pause_min_s: float = 0.03
    pause_max_s: float = 0.30
    answer_s: float = 6.0
    """Wait for an answer; then the connection is cut and the message is sent again."""
    haste: float = 0.0
    """On each connection the charger waits less than `answer_s`, by a random share up to this."""
    open_s: float = 6.0
    retry_max_s: float = 0.4
    meters_max: int = 8
    """MeterValues in a session."""


class Charger:
    """One charger. `run()` lives until it is cancelled or `finish()` was called and all is said."""

    def __init__(
        self, name: str, url: str, books: Books, seed: int, pace: Pace | None = None
    ) -> None:
        self.name = name
        self.connected = asyncio.Event()
        self.served = asyncio.Event()
        """Set while a BootNotification on the connection has been answered."""
        self._url = url + name
        self._books = books
        self._random = random.Random(f"{seed} {name}")
        self._pace = pace or Pace()
        self._answer_s = self._pace.answer_s
        self._finishing = False
        self._last_ms = time_ns() // 1_000_000
        self._meter_wh = {1: self._random.randrange(1_000_000), 2: self._random.randrange(1_000)}
        self._sessions = 0
        self._serial = 0
        self._story = self._stories()
        self._head: Message | None = None
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self.socket: ClientConnection | None = None

    # its life

    def finish(self) -> None:
        """End after the running session: everything that was begun is said and answered."""
        self._finishing = True

    async def run(self) -> None:
        """Connect, talk, connect again."""
        while True:
            try:
                if await self._one_connection():
                    return
            except (OSError, TimeoutError, WebSocketException, EOFError) as error:
                self._books.closes[_how(error)] += 1
            finally:
                self.connected.clear()
                self.served.clear()
            await asyncio.sleep(self._random.uniform(0.02, self._pace.retry_max_s))

    async def _one_connection(self) -> bool:
        self._books.attempts[self.name] += 1
        async with connect(
            self._url,
            subprotocols=["ocpp1.6"],
            open_timeout=self._pace.open_s,
            close_timeout=0.5,
            ping_interval=None,
            compression=None,
        ) as socket:
            self._books.handshakes[self.name] += 1
            self._answer_s = self._pace.answer_s * (1 - self._random.random() * self._pace.haste)
            self.socket = socket
            self.connected.set()
            reading = asyncio.create_task(self._read(socket))
            try:
                return await self._talk(socket)
            finally:
                self.socket = None
                for waiting in self._answers.values():
                    waiting.cancel()
                self._answers.clear()
                reading.cancel()
                if socket.close_code is None:
                    socket.transport.abort()

    async def _talk(self, socket: ClientConnection) -> bool:
        boot = {"chargePointVendor": "Chaos", "chargePointModel": "Monkey"}
        await self._ask(socket, self._uid(), "BootNotification", boot)
        self.served.set()
        while True:
            if self._head is None:
                await asyncio.sleep(
                    self._random.uniform(self._pace.pause_min_s, self._pace.pause_max_s)
                )
                self._head = next(self._story, None)
                if self._head is None:
                    return True
                self._books.messages.append(self._head)
            message = self._head
            same_id = bool(message.uids) and self._random.random() < 0.5
            uid = message.uids[-1] if same_id else self._uid()
            message.uids.append(uid)
            message.answer = await self._ask(socket, uid, message.action, message.payload)
            self._head = None

    async def _ask(
        self, socket: ClientConnection, uid: str, action: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._answers[uid] = answer
        self._books.sent[action] += 1
        await socket.send(json.dumps([CALL, uid, action, payload]))
        try:
            # Not wait_for(): it loses a cancellation that comes together with the answer.
            async with asyncio.timeout(self._answer_s):
                frame = await asyncio.shield(answer)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if answer.cancelled() and task is not None and not task.cancelling():
                # The reader saw the end of the connection.
                raise EOFError(_close_code(socket)) from None
            raise
        finally:
            self._answers.pop(uid, None)
        if frame[0] == ERROR:
            self._books.errors.append(f"{self.name} {action} {frame}")
            return {}
        self._books.acknowledged[action] += 1
        result: dict[str, Any] = frame[2]
        return result

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                frame = json.loads(text)
                if frame[0] == CALL:
                    self._books.commands[self.name] += 1
                    await socket.send(json.dumps([RESULT, frame[1], {"status": "Accepted"}]))
                    continue
                waiting = self._answers.get(frame[1])
                if waiting is not None and not waiting.done():
                    waiting.set_result(frame)
        except ConnectionClosed:
            pass
        for waiting in list(self._answers.values()):
            waiting.cancel()

    # what it has to say

    def _stories(self) -> Iterator[Message]:
        """Sessions, one after the other, on one connector or the other."""
        while not self._finishing:
            yield from self._session()

    def _session(self) -> Iterator[Message]:
        random = self._random
        connector = random.choice((1, 1, 2))
        yield self._status(connector, "Preparing")
        _, started = self._moment()
        session = Session(
            self.name,
            self._sessions,
            connector,
            f"TAG{random.randrange(10_000):04d}{self.name}"[:20],
            started,
            self._meter_wh[connector],
        )
        self._sessions += 1
        self._books.sessions.append(session)
        session.start = Message(
            self.name,
            "StartTransaction",
            {
                "connectorId": connector,
                "idTag": session.token,
                "meterStart": session.meter_start_wh,
                "timestamp": started,
            },
            (session,),
        )
        yield session.start
        yield self._status(connector, "Charging")
        for _ in range(random.randint(1, self._pace.meters_max)):
            yield self._meter(session)
        yield self._stop(session)
        yield self._status(connector, "Finishing")
        yield self._status(connector, "Available")

    def _meter(self, session: Session) -> Message:
        values, samples = [], []
        for _ in range(self._random.choice((1, 1, 1, 3))):
            one, more = self._readings(session, "Sample.Periodic", session.connector)
            values.append(one)
            samples += more
        payload = {
            "connectorId": session.connector,
            "transactionId": session.number,
            "meterValue": values,
        }
        return Message(self.name, "MeterValues", payload, tuple(samples))

    def _stop(self, session: Session) -> Message:
        data: dict[str, Any] = {}
        samples: list[Sample] = []
        if self._random.random() < 0.5:
            # a StopTransaction names no connector: its samples are kept under 0
            value, samples = self._readings(session, "Transaction.End", 0)
            data["transactionData"] = [value]
        self._meter_wh[session.connector] += 1 + self._random.randrange(500)
        session.meter_stop_wh = self._meter_wh[session.connector]
        _, session.stopped_raw = self._moment()
        session.reason = self._random.choice(("Local", "EVDisconnected", "Remote"))
        payload = {
            "transactionId": session.number,
            "meterStop": session.meter_stop_wh,
            "timestamp": session.stopped_raw,
            "reason": session.reason,
            **data,
        }
        session.stop = Message(self.name, "StopTransaction", payload, (session, *samples))
        return session.stop

    def _readings(
        self, session: Session, context: str, stored_connector: int
    ) -> tuple[dict[str, Any], list[Sample]]:
        at_ms, at = self._moment()
        self._meter_wh[session.connector] += 1 + self._random.randrange(200)
        energy_wh = self._meter_wh[session.connector]
        power_w = self._random.randrange(1_400, 22_000)
        rows = ((ENERGY, energy_wh, "Wh"), (POWER, power_w, "W"))
        value = {
            "timestamp": at,
            "sampledValue": [
                {"value": str(number), "measurand": measurand, "unit": unit, "context": context}
                for measurand, number, unit in rows
            ],
        }
        samples = [
            Sample(
                self.name, stored_connector, session.index, measurand, context, at_ms, float(number)
            )
            for measurand, number, _ in rows
        ]
        return value, samples

    def _status(self, connector: int, status: str) -> Message:
        at_ms, at = self._moment()
        payload = {
            "connectorId": connector,
            "errorCode": "NoError",
            "status": status,
            "timestamp": at,
        }
        return Message(
            self.name,
            "StatusNotification",
            payload,
            (Status(self.name, connector, status, at_ms),),
        )

    def _moment(self) -> tuple[int, str]:
        """Return now, milliseconds since 1970 and as OCPP writes it; never the same twice."""
        self._last_ms = max(self._last_ms + 1, time_ns() // 1_000_000)
        moment = datetime.fromtimestamp(self._last_ms // 1_000, UTC)
        return self._last_ms, f"{moment:%Y-%m-%dT%H:%M:%S}.{self._last_ms % 1_000:03d}Z"

    def _uid(self) -> str:
        self._serial += 1
        return f"{self.name}-{self._serial}"


class Fleet:
    """Chargers that run as tasks."""

    def __init__(
        self,
        count: int,
        url: str,
        seed: int,
        pace: Pace | None = None,
        prefix: str = "CP",
        books: Books | None = None,
    ) -> None:
        self.books = books or Books()
        self.chargers = [
            Charger(f"{prefix}{number:04d}", url, self.books, seed, pace) for number in range(count)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(charger.run()) for charger in self.chargers]

    async def served(self, seconds: float) -> None:
        """Wait until every charger is connected and its boot was answered."""
        async with asyncio.timeout(seconds):
            for charger in self.chargers:
                await charger.served.wait()

    async def progress(self, answers: int, seconds: float) -> None:
        """Wait until so many more messages are answered."""
        await self.until(
            lambda wanted=self.books.answers + answers: self.books.answers >= wanted, seconds
        )

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self.check()
                await asyncio.sleep(0.01)

    def check(self) -> None:
        """Raise what a charger's task has raised: a fault of the test itself."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and task.exception() is not None:
                raise task.exception() or AssertionError

    async def finish(self, seconds: float) -> None:
        """Let every charger end its session; everything it began is acknowledged then."""
        for charger in self.chargers:
            charger.finish()
        async with asyncio.timeout(seconds):
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Stop at once: what is unanswered stays unanswered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _close_code(socket: ClientConnection) -> str:
    return str(socket.close_code) if socket.close_code else "cut"


def _how(error: BaseException) -> str:
    """Return a word for how a connection ended."""
    if isinstance(error, ConnectionClosed):
        return str(error.rcvd.code) if error.rcvd is not None else "cut"
    if isinstance(error, EOFError):
        return str(error)
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    if isinstance(error, TimeoutError):
        return "no answer"
    return "refused" if isinstance(error, ConnectionRefusedError) else type(error).__name__


def shares(counts: Counter[str]) -> str:
    """Return counts as one line, most frequent first."""
    return " ".join(f"{name}:{count}" for name, count in counts.most_common())
