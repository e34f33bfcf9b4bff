import asyncio
import contextlib
import gc
import itertools
import logging
import os
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from domain.errors import NotFound
from supervisor.link_frames import Body, FrameReader, FrameTooLarge, FrameWriter
from supervisor.links import (
    DeadlinePassed,
    Handler,
    Link,
    LinkBusy,
    LinkClient,
    LinkDown,
    LinkPathTaken,
    LinkServer,
    LinkSettings,
    RemoteFailed,
)

ON_EVERY_LOOP = True
ROOT = Path(__file__).parents[2]
FAST = LinkSettings(backoff_min_s=0.005, backoff_max_s=0.05)
TIGHT = FAST.model_copy(
    update={"high_water_bytes": 1 << 16, "frame_bytes_max": 1 << 18, "stall_s": 30.0}
)


@pytest.fixture
def path() -> Iterator[Path]:
    # tmp_path may be longer than the 107 bytes that a unix socket can have.
    folder = tempfile.mkdtemp(prefix="csms-")
    yield Path(folder) / "ledger.sock"
    shutil.rmtree(folder)


async def until(condition: Callable[[], object], what: str) -> None:
    """Let the loop run until `condition()` holds; the deadline is only for broken code."""
    try:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        pytest.fail(f"never came: {what}")


@contextlib.asynccontextmanager
async def joined(
    path: Path,
    served: Mapping[str, Handler],
    client_serves: Mapping[str, Handler] | None = None,
    settings: LinkSettings = FAST,
    client_settings: LinkSettings | None = None,
) -> AsyncIterator[tuple[LinkServer, LinkClient]]:
    async with (
        LinkServer(path, served, settings) as server,
        LinkClient(path, client_serves or {}, client_settings or settings) as client,
    ):
        await client.connected(5)
        await until(lambda: server.links, "the server's end")
        yield server, client


def echo(_link: Link, body: Body) -> Body:
    return body


@contextlib.contextmanager
def deaf_server(path: Path) -> Iterator[None]:
    """The kernel accepts for it, nobody ever reads."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen()
        yield


def tell_until_busy(link: Link) -> None:
    for _ in range(100_000):
        try:
            link.tell("noise", bytes(1000))
        except LinkBusy:
            return
    pytest.fail("100 MB were taken for a peer that does not read")


class Gate:
    """An async handler that waits until it is opened, and knows what became of its calls."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.entered = 0
        self.cancelled = 0

    async def __call__(self, _link: Link, body: Body) -> Body:
        self.entered += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return body


# Asks and tells.


async def test_an_ask_brings_back_what_the_handler_returns(path: Path) -> None:
    async def slowly(_link: Link, body: Body) -> Body:
        await asyncio.sleep(0)
        return {"slow": body}

    def soon(_link: Link, body: Body) -> Awaitable[Body]:
        future = asyncio.get_running_loop().create_future()
        future.set_result(body)
        return future

    async with joined(path, {"echo": echo, "slowly": slowly, "soon": soon}) as (_, client):
        body = {"a": [1, None, 2.5, "x", b"y"], 7: {}}
        assert await client.ask("echo", body) == body
        assert await client.ask("echo") is None
        assert await client.ask("slowly", 1) == {"slow": 1}
        assert await client.ask("soon", 2) == 2


async def test_the_end_that_was_connected_to_can_ask_too(path: Path) -> None:
    async def relay(link: Link, body: Body) -> Body:
        return ["relayed", await link.ask("name", body)]

    def name(_link: Link, body: Body) -> Body:
        return ["client", body]

    async with joined(path, {"relay": relay}, {"name": name}) as (server, client):
        assert await client.ask("relay", 1) == ["relayed", ["client", 1]]
        (link,) = server.links
        assert await link.ask("name", 2) == ["client", 2]


async def test_many_asks_in_flight_each_get_their_own_answer(path: Path) -> None:
    async def late_when_even(_link: Link, body: int) -> int:
        if body % 2 == 0:
            await asyncio.sleep(0.001)
        return body

    async with joined(path, {"echo": late_when_even}) as (_, client):
        answers = await asyncio.gather(*(client.ask("echo", n) for n in range(200)))
        assert answers == list(range(200))


async def test_tells_arrive_in_the_order_they_were_sent_and_before_a_later_ask(path: Path) -> None:
    received: list[int] = []

    def take(_link: Link, body: int) -> None:
        received.append(body)

    def count(_link: Link, _body: Body) -> int:
        return len(received)

    async with joined(path, {"take": take, "count": count}) as (_, client):
        for n in range(5_000):
            client.tell("take", n)
            if n % 1_000 == 0:
                await asyncio.sleep(0)
        assert await client.ask("count") == 5_000
        assert received == list(range(5_000))


async def test_an_async_handler_of_a_tell_ends_its_work_after_the_link_is_gone(path: Path) -> None:
    gate = Gate()
    done = asyncio.Event()

    async def work(link: Link, body: Body) -> None:
        await gate(link, body)
        done.set()

    async with joined(path, {"work": work}) as (server, client):
        client.tell("work")
        await until(lambda: gate.entered, "the handler")
        client.link.close()
        await until(lambda: not server.links, "the end of the link")
        gate.open.set()
        await asyncio.wait_for(done.wait(), 5)


async def test_what_is_told_just_before_closing_still_arrives(path: Path) -> None:
    received: list[Body] = []

    def take(_link: Link, body: Body) -> None:
        received.append(body)

    async with joined(path, {"take": take}) as (_, client):
        for n in range(100):
            client.tell("take", n)
        client.link.close()
        await until(lambda: len(received) == 100, "all tells")


# Deadlines.


async def test_an_ask_that_is_not_answered_in_time_ends_and_its_handler_is_cancelled(
    path: Path,
) -> None:
    gate = Gate()
    async with joined(path, {"hang": gate}) as (server, client):
        with pytest.raises(DeadlinePassed, match=r"hang: no answer in 0\.05 s") as caught:
            await client.ask("hang", None, 0.05)
        assert (caught.value.method, caught.value.deadline_s <= 0.05) == ("hang", True)
        await until(lambda: gate.cancelled == 1, "the cancelled handler")
        await until(lambda: server.stats.handlers_expired == 1, "the count")
        assert client.stats.deadlines_passed == 1
        assert client.link.open_asks == 0


async def test_a_deadline_that_has_passed_already_sends_nothing(path: Path) -> None:
    gate = Gate()
    async with joined(path, {"hang": gate, "echo": echo}) as (_, client):
        for deadline_s in (0.0, -1.0):
            with pytest.raises(DeadlinePassed):
                await client.ask("hang", None, deadline_s)
        assert await client.ask("echo", 1) == 1
        assert gate.entered == 0


async def test_a_late_answer_is_ignored_and_counted(path: Path) -> None:
    async with joined(path, {"echo": echo}) as (_, client):
        given_up = asyncio.create_task(client.ask("echo", "late"))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await client.ask("echo", "next") == "next"
        assert client.stats.late_answers == 1


async def test_an_async_handler_of_a_tell_has_a_deadline_too(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    settings = FAST.model_copy(update={"tell_deadline_s": 0.02})
    async with joined(path, {"hang": gate}, settings=settings) as (server, client):
        client.tell("hang")
        await until(lambda: server.stats.handlers_expired == 1, "the end of the handler")
        assert gate.cancelled == 1
        assert "the tell hang failed" in caplog.text


# Failing handlers.


async def test_an_error_of_a_handler_reaches_the_asker_with_its_kind(path: Path) -> None:
    def missing(_link: Link, _body: Body) -> Body:
        raise NotFound("charger", "CP1")

    async def refuse(_link: Link, _body: Body) -> Body:
        raise RemoteFailed("not_yours", "ask another")

    async with joined(path, {"missing": missing, "refuse": refuse}) as (server, client):
        with pytest.raises(RemoteFailed) as caught:
            await client.ask("missing")
        assert (caught.value.kind, caught.value.text) == (
            "NotFound",
            "charger 'CP1' does not exist",
        )
        with pytest.raises(RemoteFailed) as caught:
            await client.ask("refuse")
        assert (caught.value.kind, caught.value.text) == ("not_yours", "ask another")
        assert server.stats.handlers_failed == 0


async def test_an_unexpected_error_of_a_handler_is_logged_where_it_happened_and_the_link_lives(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_link: Link, body: Body) -> Body:
        raise KeyError(body)

    async def broken_later(_link: Link, _body: Body) -> Body:
        raise ValueError("\ufffe" + "x" * 10_000)

    handlers: dict[str, Handler] = {"broken": broken, "later": broken_later, "echo": echo}
    async with joined(path, handlers) as (server, client):
        with pytest.raises(RemoteFailed, match="KeyError: 'x'"):
            await client.ask("broken", "x")
        with pytest.raises(RemoteFailed, match="ValueError") as caught:
            await client.ask("later")
        assert len(caught.value.text) <= 500
        client.tell("broken", "y")
        client.tell("later")
        assert await client.ask("echo", 1) == 1
        await until(lambda: server.stats.handlers_failed == 4, "all four failures")
        assert caplog.text.count("Traceback") == 4


async def test_an_unknown_method_is_an_error_to_the_asker_and_a_dropped_tell(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with joined(path, {}) as (server, client):
        client.tell("nonsense")
        with pytest.raises(RemoteFailed) as caught:
            await client.ask("nonsense")
        assert caught.value.kind == "unknown_method"
        assert server.stats.tells_dropped == 1
        assert "nobody handles the tell 'nonsense'" in caplog.text


async def test_a_handler_that_cancels_itself_is_an_error_at_once(path: Path) -> None:
    async def give_up(_link: Link, _body: Body) -> Body:
        raise asyncio.CancelledError

    async with joined(path, {"give_up": give_up}) as (_, client):
        with pytest.raises(RemoteFailed) as caught:
            await client.ask("give_up")
        assert caught.value.kind == "cancelled"


@pytest.mark.parametrize("answer", [{1, 2}, 1 << 64, "\ud800"])
async def test_an_answer_that_is_no_messagepack_is_an_error_to_the_asker(
    path: Path, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(_link: Link, _body: Body) -> Body:
        return answer

    async with joined(path, {"bad": bad, "echo": echo}) as (_, client):
        with pytest.raises(RemoteFailed) as caught:
            await client.ask("bad")
        assert caught.value.kind == "answer_not_encodable"
        assert await client.ask("echo", 1) == 1
        assert "no MessagePack value" in caplog.text


# Limits.


async def test_the_window_of_open_asks_is_bounded(path: Path) -> None:
    gate = Gate()
    settings = FAST.model_copy(update={"window_asks_max": 2})
    async with joined(path, {"hang": gate}, settings=settings) as (_, client):
        open_asks = [asyncio.create_task(client.ask("hang", n)) for n in range(2)]
        await until(lambda: gate.entered == 2, "two open asks")
        with pytest.raises(LinkBusy, match="2 asks are open"):
            await client.ask("hang")
        gate.open.set()
        assert await asyncio.gather(*open_asks) == [0, 1]
        assert await client.ask("hang", 3) == 3


async def test_running_handlers_are_bounded_and_the_next_ask_is_told_busy(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    settings = FAST.model_copy(update={"tasks_max": 1})
    async with joined(path, {"hang": gate, "echo": echo}, settings=settings) as (server, client):
        first = asyncio.create_task(client.ask("hang", 1))
        await until(lambda: gate.entered, "the first handler")
        with pytest.raises(RemoteFailed) as caught:
            await client.ask("hang")
        assert caught.value.kind == "busy"
        assert server.stats.refused_busy == 1
        client.tell("hang")
        assert await client.ask("echo", 1) == 1  # one that needs no task is answered
        assert server.stats.tells_dropped == 1
        assert "no task is free" in caplog.text
        gate.open.set()
        assert await first == 1
        assert await client.ask("hang", 2) == 2


async def test_a_body_above_the_limit_is_refused_at_the_sender_and_the_link_lives(
    path: Path,
) -> None:
    async with joined(path, {"echo": echo}, settings=TIGHT) as (_, client):
        with pytest.raises(FrameTooLarge):
            await client.ask("echo", bytes(TIGHT.frame_bytes_max))
        with pytest.raises(FrameTooLarge):
            client.tell("echo", bytes(TIGHT.frame_bytes_max))
        assert client.link.open_asks == 0
        assert await client.ask("echo", bytes(200_000)) == bytes(200_000)


async def test_an_answer_above_the_limit_is_an_error_to_the_asker(path: Path) -> None:
    def big(_link: Link, _body: Body) -> Body:
        return bytes(TIGHT.frame_bytes_max)

    async with joined(path, {"big": big, "echo": echo}, settings=TIGHT) as (_, client):
        with pytest.raises(RemoteFailed) as caught:
            await client.ask("big")
        assert caught.value.kind == "answer_too_large"
        assert await client.ask("echo", 1) == 1


async def test_a_server_takes_only_so_many_links(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = FAST.model_copy(update={"links_max": 1})
    async with joined(path, {"echo": echo}, settings=settings) as (server, client):
        reader, writer = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert await client.ask("echo", 1) == 1
        assert len(server.links) == 1
        assert "1 links are open" in caplog.text


# Back-pressure.


async def test_a_peer_that_does_not_read_makes_the_sender_busy_and_bounds_its_memory(
    path: Path,
) -> None:
    with deaf_server(path):
        async with LinkClient(path, {}, TIGHT) as client:
            link = await client.connected(5)
            tell_until_busy(link)
            assert link.unsent_bytes <= 2 * TIGHT.high_water_bytes + 2000
            with pytest.raises(LinkBusy, match="are unsent"):
                await link.ask("noise")


async def test_a_bulk_sender_waits_with_drained_and_everything_arrives_in_order(path: Path) -> None:
    received: list[int] = []

    def take(_link: Link, body: list[int]) -> None:
        received.append(body[0])

    waits = 0
    async with joined(path, {"take": take, "echo": echo}, settings=TIGHT) as (_, client):
        link = client.link
        for n in range(3_000):
            try:
                link.tell("take", [n, bytes(1000)])
            except LinkBusy:
                waits += 1
                await link.drained()
                link.tell("take", [n, bytes(1000)])
        await link.drained()
        await client.ask("echo")
    assert received == list(range(3_000))
    assert waits > 0


async def test_drained_ends_with_link_down_when_the_link_drops(path: Path) -> None:
    with deaf_server(path):
        async with LinkClient(path, {}, TIGHT) as client:
            link = await client.connected(5)
            tell_until_busy(link)
            waiting = asyncio.create_task(link.drained())
            await asyncio.sleep(0)
            link.close("enough")
            with pytest.raises(LinkDown, match="enough"):
                await waiting


async def test_an_asker_that_does_not_read_is_no_longer_read_and_gets_all_answers_when_it_does(
    path: Path,
) -> None:
    asked = 0

    def big(_link: Link, _body: Body) -> Body:
        nonlocal asked
        asked += 1
        return bytes(20_000)

    writer = FrameWriter(1 << 20)
    count = 2_000  # 40 MB of answers to 60 kB of asks that come in a single read
    async with LinkServer(path, {"big": big}, TIGHT) as server:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(os.fspath(path))
            raw.settimeout(0)
            loop = asyncio.get_running_loop()
            asks = b"".join(writer.encode([0, n, "big", None, 60_000]) for n in range(count))
            sending = asyncio.create_task(loop.sock_sendall(raw, asks))
            await until(lambda: asked > 0, "the first answer")
            (link,) = server.links
            await until(lambda: link._held, "the server to stop reading")
            stopped_at = asked
            for _ in range(20):
                await asyncio.sleep(0.001)
                assert link.unsent_bytes <= 2 * TIGHT.high_water_bytes + 40_000
            assert asked == stopped_at < 200

            reader = FrameReader(1 << 20)
            answered: list[int] = []
            while len(answered) < count:
                reader.feed(await asyncio.wait_for(loop.sock_recv(raw, 1 << 18), 10))
                while (frame := reader.take()) is not None:
                    assert frame[2] == bytes(20_000)
                    answered.append(frame[1])
            await sending
            assert answered == list(range(count))


async def test_a_link_that_stays_above_its_high_water_mark_is_closed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = TIGHT.model_copy(update={"stall_s": 0.05})
    with deaf_server(path):
        async with LinkClient(path, {}, settings) as client:
            link = await client.connected(5)
            tell_until_busy(link)
            await until(lambda: not link.is_open, "the end of the stalled link")
            assert client.stats.stalls == 1
            assert "reads too slowly" in caplog.text


async def test_two_ends_that_flood_each_other_with_asks_both_get_their_answers(path: Path) -> None:
    settings = TIGHT.model_copy(update={"deadline_s": 20.0})

    async def flood(ask: Callable[[str, Body], Awaitable[Body]]) -> int:
        answers = await asyncio.gather(*(ask("echo", bytes(500)) for _ in range(100)))
        return len(answers)

    async with joined(path, {"echo": echo}, {"echo": echo}, settings) as (server, client):
        (link,) = server.links
        answered = await asyncio.gather(flood(client.ask), flood(link.ask))
        assert list(answered) == [100, 100]


# The end of a link.


async def test_open_asks_end_with_link_down_when_the_link_drops(path: Path) -> None:
    gate = Gate()
    async with joined(path, {"hang": gate}) as (server, client):
        asks = [asyncio.create_task(client.ask("hang", None, 600)) for _ in range(3)]
        await until(lambda: gate.entered == 3, "three open asks")
        (link,) = server.links
        link.close("test")
        for ended in asks:
            with pytest.raises(LinkDown, match="the peer closed"):
                await ended
        await until(lambda: gate.cancelled == 3, "the cancelled handlers")


async def test_a_closed_link_says_why(path: Path) -> None:
    async with joined(path, {}) as (_, client):
        link = client.link
        link.close("moving house")
        link.close("again")
        assert link.cause == "moving house"
        assert not link.is_open
        with pytest.raises(LinkDown, match="moving house"):
            link.tell("x")
        with pytest.raises(LinkDown, match="moving house"):
            await link.ask("x")
        await link.wait_closed()
        assert "moving house" in repr(link)


async def test_closing_does_not_wait_for_ever_for_a_peer_that_does_not_read(path: Path) -> None:
    settings = TIGHT.model_copy(update={"close_s": 0.05})
    client = LinkClient(path, {}, settings)
    with deaf_server(path):
        await client.start()
        link = await client.connected(5)
        tell_until_busy(link)
        await asyncio.wait_for(client.close(), 5)


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "no_msgpack": b"\x00\x00\x00\x01\xc1",
    "empty_array": b"\x00\x00\x00\x01\x90",
    "unknown_kind": b"\x00\x00\x00\x02\x91\x09",
    "list_as_id": FrameWriter(99).encode([1, [], None]),
    "list_as_method": FrameWriter(99).encode([3, [], None]),
    "ask_without_deadline": FrameWriter(99).encode([0, 1, "echo", None]),
    "negative_deadline": FrameWriter(99).encode([0, 1, "echo", None, -1]),
    "error_without_text": FrameWriter(99).encode([2, 1, "busy"]),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_closes_the_link_with_a_logged_cause_and_harms_no_other(
    path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with joined(path, {"echo": echo}) as (server, client):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(garbage)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()
        await until(lambda: len(server.links) == 1, "the end of the bad link")
        assert server.stats.garbage == 1
        assert "garbage from the peer" in caplog.text
        assert await client.ask("echo", 1) == 1


async def test_frames_before_the_garbage_are_handled(path: Path) -> None:
    received: list[Body] = []

    def take(_link: Link, body: Body) -> None:
        received.append(body)

    async with LinkServer(path, {"take": take}, FAST) as server:
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(FrameWriter(99).encode([3, "take", 1]) + b"\xff\xff\xff\xff")
        await until(lambda: server.stats.garbage == 1, "the garbage")
        assert received == [1]
        writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()


async def test_a_handler_whose_link_ends_before_its_first_step_leaves_nothing_behind(
    path: Path,
) -> None:
    gate = Gate()
    async with LinkServer(path, {"hang": gate}, FAST) as server:
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(FrameWriter(99).encode([0, 1, "hang", None, 60_000]) + b"\xff\xff\xff\xff")
        await until(lambda: server.stats.garbage == 1, "the garbage")
        await until(lambda: not server._end.tasks, "the end of the task")
        assert gate.entered == 0
        gc.collect()  # a coroutine that was never awaited would be an error here
        writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()


# The server.


async def test_the_socket_is_for_this_user_only_and_gone_after_closing(path: Path) -> None:
    async with LinkServer(path, {}):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_socket_left_by_a_dead_process_is_removed(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    assert path.exists()
    async with joined(path, {"echo": echo}) as (_, client):
        assert await client.ask("echo", 1) == 1


async def test_a_path_that_is_served_is_refused_and_its_server_not_disturbed(path: Path) -> None:
    async with joined(path, {"echo": echo}) as (_, client):
        with pytest.raises(LinkPathTaken, match="living process"):
            await LinkServer(path, {}).start()
        assert await client.ask("echo", 1) == 1
        await asyncio.sleep(0.02)  # the probe was a link that ended at once
        assert await client.ask("echo", 2) == 2


async def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(LinkPathTaken, match="no socket"):
        await LinkServer(path, {}).start()
    assert path.read_text() == "precious"


async def test_closing_leaves_the_socket_of_a_successor_alone(path: Path) -> None:
    first = LinkServer(path, {"echo": echo}, FAST)
    await first.start()
    path.unlink()
    async with joined(path, {"echo": echo}) as (_, client):
        await first.close()
        assert path.exists()
        assert await client.ask("echo", 1) == 1


async def test_the_hooks_of_a_server_see_each_link_come_and_go(path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def came(link: Link) -> None:
        seen.append(("came", link.name))
        link.tell("welcome")

    def went(link: Link) -> None:
        seen.append(("went", link.cause))

    welcomes: list[Body] = []

    def welcome(_link: Link, body: Body) -> None:
        welcomes.append(body)

    async with LinkServer(path, {}, FAST, on_link=came, on_lost=went) as server:
        async with LinkClient(path, {"welcome": welcome}, FAST):
            await until(lambda: welcomes, "the greeting")
        await until(lambda: not server.links, "the end")
        assert seen == [("came", "ledger.sock<1"), ("went", "the peer closed")]


async def test_closing_the_server_cancels_its_handlers(path: Path) -> None:
    gate = Gate()
    async with joined(path, {"hang": gate}) as (server, client):
        client.tell("hang")
        await until(lambda: gate.entered, "the handler")
        await server.close()
        assert gate.cancelled == 1


# The client.


async def test_a_client_may_start_before_its_server_and_its_ask_waits(path: Path) -> None:
    async with LinkClient(path, {}, FAST) as client:
        assert not client.is_up
        with pytest.raises(LinkDown):
            _ = client.link
        with pytest.raises(LinkDown):
            client.tell("x")
        waiting = asyncio.create_task(client.ask("echo", 1, 10))
        await asyncio.sleep(0.05)
        async with LinkServer(path, {"echo": echo}, FAST):
            assert await waiting == 1


async def test_an_ask_without_a_connection_waits_no_longer_than_its_deadline(path: Path) -> None:
    async with LinkClient(path, {}, FAST) as client:
        before = asyncio.get_running_loop().time()
        with pytest.raises(LinkDown):
            await client.ask("echo", 1, 0.05)
        assert asyncio.get_running_loop().time() - before >= 0.04


async def test_a_closed_client_refuses_at_once_and_waiting_asks_end(path: Path) -> None:
    client = LinkClient(path, {}, FAST)
    await client.start()
    waiting = asyncio.create_task(client.ask("echo", 1, 30))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(LinkDown):
        await waiting
    with pytest.raises(LinkDown):
        await client.ask("echo", 1, 30)


async def test_a_server_that_is_killed_ends_open_asks_and_is_found_again(path: Path) -> None:
    async def spawn() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.supervisor.link_peer", os.fspath(path), cwd=ROOT
        )

    ups: list[str] = []

    async def subscribe(link: Link) -> None:
        await link.ask("pid")
        ups.append(link.name)

    first = await spawn()
    async with LinkClient(path, {}, FAST, on_link=subscribe) as client:
        assert await client.ask("pid", None, 20) == first.pid
        open_ask = asyncio.create_task(client.ask("hang", None, 30))
        await asyncio.sleep(0.05)
        first.kill()
        with pytest.raises(LinkDown):
            await open_ask
        await first.wait()
        assert path.exists()  # nobody tidied up
        second = await spawn()
        try:
            assert await client.ask("pid", None, 20) == second.pid
            await until(lambda: len(ups) == 2, "both subscriptions")
        finally:
            second.kill()
            await second.wait()


async def test_a_greeting_that_fails_closes_the_link_and_the_next_connection_tries_again(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    async def subscribe(_link: Link) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise [RemoteFailed("busy", "later"), KeyError("bug")][tries - 1]

    async with (
        LinkServer(path, {"echo": echo}, FAST),
        LinkClient(path, {}, FAST, on_link=subscribe) as client,
    ):
        await until(lambda: tries == 3, "the third try")
        assert await client.ask("echo", 1) == 1
        assert caplog.text.count("on_link failed") == 2


async def test_a_server_that_hangs_up_at_once_is_tried_ever_more_slowly(path: Path) -> None:
    came: list[float] = []

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(asyncio.get_running_loop().time())
        writer.close()

    rude = await asyncio.start_unix_server(hang_up, path)
    settings = LinkSettings(backoff_min_s=0.01, backoff_max_s=10)
    async with LinkClient(path, {}, settings, chance=lambda: 0.0):
        await until(lambda: len(came) == 5, "five tries")
    rude.close()
    waits = [later - earlier for earlier, later in itertools.pairwise(came)]
    # Without chance the waits are 10, 20, 40, 80 ms; a sleep is never shorter than asked for.
    assert all(
        wait >= least * 0.9 for wait, least in zip(waits, [0.01, 0.02, 0.04, 0.08], strict=True)
    )


async def test_the_log_tells_when_a_link_comes_and_goes(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with joined(path, {}):
        pass
    assert "ledger.sock>1 is up" in caplog.text
    assert "ledger.sock>1 is down: closed here" in caplog.text
