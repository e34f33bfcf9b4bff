"""What the parser of HTTP leaves to its user: how much it may hold."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from csms.api.settings import ApiSettings
from tests.csms.api.node import Api

PIECE = b"x" * 16_384
PIECES_MAX = 4 * ApiSettings().head_bytes_max // len(PIECE) + 64


async def answer_to_endless(api: Api, begin: bytes, piece: bytes) -> tuple[bytes, int]:
    """What comes back to a request that begins so and never ends, and after how many pieces."""
    parts = urlsplit(api.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    sent = 0
    answer = asyncio.create_task(reader.read())
    try:
        writer.write(begin)
        while not answer.done() and sent < PIECES_MAX:
            writer.write(piece)
            await writer.drain()
            sent += 1
            await asyncio.sleep(0.001)
        async with asyncio.timeout(5):
            return await answer, sent
    except ConnectionError:
        return b"", sent
    finally:
        answer.cancel()
        writer.close()


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /", PIECE),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: ", PIECE),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n", b"".join(b"X%d: y\r\n" % n for n in range(999))),
        (
            b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
            PIECE,
        ),
    ],
    ids=["line", "header", "headers", "trailer"],
)
async def test_a_head_without_an_end_is_cut_off(api: Api, begin: bytes, piece: bytes) -> None:
    answer, pieces = await answer_to_endless(api, begin, piece)
    assert pieces < PIECES_MAX
    assert not answer or b" 431 " in answer or answer.startswith(b"HTTP/1.1 4")
    assert (await api.ask("GET", "/health", role=""))[0] == 200


async def test_a_long_cookie_and_a_body_in_small_pieces_are_no_attack(api: Api) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in (b'{"id": ', b'"CP1"', b"}"):
            yield piece

    headers = {
        "Authorization": f"Bearer {api.keys['admin']}",
        "Content-Type": "application/json",
        "Cookie": "a=" + "b" * 7_000,
    }
    async with api.session.post(
        api.url + "/api/v1/chargers", data=body(), headers=headers
    ) as response:
        assert response.status == 201
