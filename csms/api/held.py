"""Requests and answers as a whole: bodies that are read at once, answers that are held back."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api.problems import Problem


class Held:
    """The answer to one request. `take` is the `send` of an application."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: dict[str, str] = {}
        self.body = b""

    async def take(self, message: Message) -> None:
        """Keep one message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {n.decode(): v.decode("latin-1") for n, v in message["headers"]}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        """Let the answer go."""
        headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


async def held(app: ASGIApp, scope: Scope, body: bytes) -> Held:
    """Return the answer of `app` to a request whose body is known."""
    answer = Held()
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    await app(scope, receive, answer.take)
    return answer


async def body_of(receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        Problem: 400, the connection was closed before its end.
    """
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "http", "the connection was closed")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
