"""Chargers that other people wrote, behind one face. They know nothing of our code.

Each validates what it sends and what it gets against its own copy of the official schemas; what
does not fit is in `violations`. `strict=False` on connect lets it send nonsense on purpose.
"""

import asyncio
import base64
import functools
import importlib
import itertools
import json
import shutil
from dataclasses import asdict, dataclass, is_dataclass, make_dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import ocpp.exceptions
from ocpp.charge_point import ChargePoint, camel_to_snake_case, snake_to_camel_case
from ocpp.messages import Call, CallError
from ocpp.routing import on
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}
"""Where the package `ocpp` has each version."""
NODE_FOLDER = Path(__file__).parent / "node"
ANSWER_S = 60.0

Payload = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """How a charger answers a command. `hold`: not before `release()`."""

    payload: Payload | None = None
    error: str = ""
    hold: bool = False


@dataclass(frozen=True)
class Agreed:
    """What a handshake came to."""

    subprotocol: str
    extensions: str


class Refused(Exception):
    """The handshake was answered with an HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class CallRefused(Exception):
    """The server answered CALLERROR."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code


class Peer(Protocol):
    """A third-party charger. `disconnect` says goodbye, `vanish` does not."""

    subprotocol: str
    called: list[tuple[str, Payload]]
    violations: list[str]

    async def connect(
        self, endpoint: str, identity: str, password: str | None = None, *, strict: bool = True
    ) -> Agreed: ...
    async def call(self, action: str, payload: Payload) -> Payload: ...
    async def reply(self, action: str, reply: Reply) -> None: ...
    async def release(self) -> None: ...
    async def disconnect(self) -> None: ...
    async def vanish(self) -> None: ...
    async def close(self) -> None: ...


class _OcppCharger(ChargePoint):  # type: ignore[misc]  # the package has no types
    """The package's own charger; a handler a command, made from its table of commands."""

    def __init__(self, peer: "OcppPackagePeer", identity: str, socket: ClientConnection) -> None:
        super().__init__(identity, socket, response_timeout=ANSWER_S)
        self._peer = peer
        self.answer: Payload = {}

    async def _handle_call(self, msg: Call) -> None:
        self._peer.called.append((msg.action, msg.payload))
        try:
            await super()._handle_call(msg)
        except ocpp.exceptions.OCPPError as error:
            # Errors of handlers are answered further in: this is a schema that does not fit.
            self._peer.violations.append(f"{msg.action}: {error} {error.details}")
            raise

    async def _get_specific_response(self, unique_id: str, timeout: float) -> Any:
        answer = await super()._get_specific_response(unique_id, timeout)
        if isinstance(answer, CallError):
            raise CallRefused(answer.error_code, answer.error_description)
        self.answer = answer.payload  # as it came: call() returns it under other names
        return answer


def _handler(action: str, results: Any) -> Any:
    async def handle(self: _OcppCharger, **_payload: object) -> Any:
        reply = self._peer.replies.get(action)
        if reply is None:
            raise ocpp.exceptions.NotImplementedError(f"{action} is not expected now")
        if reply.hold:
            await self._peer.released.wait()
        if reply.error:
            raise getattr(ocpp.exceptions, f"{reply.error}Error")("on purpose", {"why": "test"})
        return getattr(results, action)(**camel_to_snake_case(reply.payload))

    # The package looks handlers up by their own names.
    handle.__name__ = f"handle_{action}"
    return on(action)(handle)


@functools.cache
def _package(subprotocol: str) -> tuple[type[_OcppCharger], Any]:
    """Return the package's charger of a version, and its requests."""
    folder = FOLDERS[subprotocol]
    calls = importlib.import_module(f"ocpp.{folder}.call")
    results = importlib.import_module(f"ocpp.{folder}.call_result")
    whole = importlib.import_module(f"ocpp.{folder}").ChargePoint
    actions = [name for name, kind in vars(results).items() if is_dataclass(kind)]
    handlers = {f"handle_{action}": _handler(action, results) for action in actions}
    return type("OcppCharger", (_OcppCharger, whole), handlers), calls


def survives(payload: Payload) -> bool:
    """Return whether the package gives the names of a payload back as they were."""
    return bool(snake_to_camel_case(camel_to_snake_case(payload)) == payload)


class OcppPackagePeer:
    """Python: the package `ocpp` over websockets."""

    def __init__(self, subprotocol: str) -> None:
        self.subprotocol = subprotocol
        self.called: list[tuple[str, Payload]] = []
        self.violations: list[str] = []
        self.replies: dict[str, Reply] = {}
        self.released = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._charger: _OcppCharger | None = None
        self._running: asyncio.Task[None] | None = None
        self._strict = True

    async def connect(
        self, endpoint: str, identity: str, password: str | None = None, *, strict: bool = True
    ) -> Agreed:
        headers = None if password is None else [("Authorization", basic(identity, password))]
        try:
            self._socket = await connect(
                f"{endpoint}/{quote(identity, safe='')}",
                subprotocols=[Subprotocol(self.subprotocol)],
                additional_headers=headers,
            )
        except InvalidStatus as error:
            raise Refused(error.response.status_code) from error
        self._strict = strict
        self._charger = _package(self.subprotocol)[0](self, identity, self._socket)
        self._running = asyncio.create_task(self._charger.start())
        extensions = ", ".join(extension.name for extension in self._socket.protocol.extensions)
        return Agreed(self._socket.subprotocol or "", extensions)

    async def call(self, action: str, payload: Payload) -> Payload:
        assert self._charger is not None
        # For what the package has no message: one of our own.
        calls = _package(self.subprotocol)[1]
        message = getattr(calls, action, None) or make_dataclass(action, payload)
        request = message(**camel_to_snake_case(payload))
        try:
            await self._charger.call(
                request, suppress=False, skip_schema_validation=not self._strict
            )
        except ocpp.exceptions.OCPPError as error:
            self.violations.append(f"{action}: {error} {error.details}")
            raise
        return self._charger.answer

    async def reply(self, action: str, reply: Reply) -> None:
        if reply.hold:
            self.released = asyncio.Event()
        self.replies[action] = reply

    async def release(self) -> None:
        self.released.set()

    async def disconnect(self) -> None:
        if self._socket is None or self._running is None:
            return
        await self._socket.close()
        self._running.cancel()
        # It ended with the connection, or now; either way its end is no news.
        await asyncio.gather(self._running, return_exceptions=True)
        self._socket = self._running = None

    async def vanish(self) -> None:
        assert self._socket is not None
        self._socket.transport.abort()
        await self.disconnect()

    async def close(self) -> None:
        await self.disconnect()


def basic(identity: str, password: str) -> str:
    """Return the Authorization header (RFC 7617; OCPP security profile 1)."""
    return "Basic " + base64.b64encode(f"{identity}:{password}".encode()).decode()


class OcppRpcPeer:
    """Node.js: the package `ocpp-rpc`, in a process of its own that takes orders."""

    def __init__(self, process: asyncio.subprocess.Process, subprotocol: str) -> None:
        self.subprotocol = subprotocol
        self.called: list[tuple[str, Payload]] = []
        self.violations: list[str] = []
        self._process = process
        self._numbers = itertools.count(1)
        self._orders: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, subprotocol: str) -> "OcppRpcPeer":
        node = shutil.which("node")
        assert node is not None, "run: make tools"
        assert (NODE_FOLDER / "node_modules").is_dir(), "run: make tools"
        process = await asyncio.create_subprocess_exec(
            node, str(NODE_FOLDER / "charger.js"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
        )  # fmt: skip
        return cls(process, subprotocol)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            match said.get("event"):
                case "called":
                    self.called.append((said["action"], said["payload"]))
                case "violation":
                    self.violations.append(said["text"])
                case _:
                    if order := self._orders.pop(said["id"], None):
                        order.set_result(said)
        while self._orders:
            _, order = self._orders.popitem()
            order.set_exception(RuntimeError("the charger's process has ended"))

    async def _order(self, what: str, **body: object) -> Any:
        assert self._process.stdin is not None
        number = next(self._numbers)
        order = self._orders[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "do": what, **body})
        self._process.stdin.write(line.encode() + b"\n")
        try:
            said = await asyncio.wait_for(order, ANSWER_S)
        finally:
            self._orders.pop(number, None)
        if error := said.get("error"):
            if error["code"]:
                raise CallRefused(error["code"], error["text"])
            if error["status"]:
                raise Refused(error["status"])
            raise RuntimeError(error["text"])
        return said["result"]

    async def connect(
        self, endpoint: str, identity: str, password: str | None = None, *, strict: bool = True
    ) -> Agreed:
        said = await self._order(
            "connect", endpoint=endpoint, identity=identity, password=password, strict=strict,
            subprotocol=self.subprotocol,
        )  # fmt: skip
        return Agreed(said["subprotocol"], said["extensions"])

    async def call(self, action: str, payload: Payload) -> Payload:
        answer: Payload = await self._order("call", action=action, payload=payload)
        return answer

    async def reply(self, action: str, reply: Reply) -> None:
        await self._order("reply", action=action, reply=asdict(reply))

    async def release(self) -> None:
        await self._order("release")

    async def disconnect(self) -> None:
        await self._order("disconnect")

    async def vanish(self) -> None:
        await self._order("vanish")

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), ANSWER_S)
        except TimeoutError:
            self._process.kill()
            raise
        await self._reading


async def start_peer(package: str, subprotocol: str = "ocpp1.6") -> Peer:
    """Return a charger of `package`, not connected yet."""
    if package == "ocpp-rpc":
        return await OcppRpcPeer.start(subprotocol)
    return OcppPackagePeer(subprotocol)


PACKAGES = ("ocpp", "ocpp-rpc")
