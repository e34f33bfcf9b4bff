import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.typing import Subprotocol

from csms.config import load_config
from csms.doctor import (
    HTTP_ADVICE,
    Finding,
    check_connection,
    check_data,
    check_database,
    check_journals,
    check_node,
)
from csms.prepare import prepare_data

Hook = Callable[[ServerConnection, Request], Response | None]


@contextlib.asynccontextmanager
async def server(
    hook: Hook | None = None, close: int = 0, subprotocols: tuple[str, ...] = ("ocpp1.6",)
) -> AsyncIterator[str]:
    async def handle(connection: ServerConnection) -> None:
        if close:
            await connection.close(close)
        await connection.wait_closed()

    names = [Subprotocol(name) for name in subprotocols]
    async with serve(
        handle, "127.0.0.1", 0, subprotocols=names or None, process_request=hook
    ) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ocpp/CP1"


def refusing(status: int) -> Hook:
    def hook(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus(status), "no\n")

    return hook


async def one(url: str, password: str | None = None) -> Finding:
    (finding,) = await check_connection(url, password)
    return finding


async def test_a_good_connection_is_told_with_its_version() -> None:
    async with server() as url:
        finding = await one(url)
    assert finding == ("connection", True, "CP1 was let in, with ocpp1.6", "")


async def test_the_password_is_sent_under_the_identity() -> None:
    seen = []

    def hook(_connection: ServerConnection, request: Request) -> None:
        seen.append(request.headers["Authorization"])

    async with server(hook) as url:
        await one(url, "secret")
    assert seen == ["Basic Q1AxOnNlY3JldA=="]


@pytest.mark.parametrize("status", sorted(HTTP_ADVICE))
async def test_every_refusal_is_explained(status: int) -> None:
    async with server(refusing(status)) as url:
        finding = await one(url)
    assert not finding.good
    assert f"HTTP {status}" in finding.found
    assert finding.advice == HTTP_ADVICE[status][1]


@pytest.mark.parametrize(("code", "word"), [(1002, "OCPP versions"), (1008, "identity")])
async def test_a_close_after_the_handshake_is_explained(code: int, word: str) -> None:
    async with server(close=code) as url:
        finding = await one(url)
    assert not finding.good
    assert word in finding.found


async def test_a_server_without_subprotocol_is_no_ocpp_server() -> None:
    async with server(subprotocols=()) as url:
        finding = await one(url)
    assert (finding.what, finding.good) == ("subprotocol", False)


async def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    finding = await one(f"ws://127.0.0.1:{port}/ocpp/CP1")
    assert not finding.good
    assert "running" in finding.advice


async def test_a_url_that_is_none_is_told() -> None:
    assert (await one("http:/nonsense")).what == "url"


def test_a_new_installation_lacks_what_the_first_start_makes(tmp_path: Path) -> None:
    config = load_config(data=tmp_path / "new", environ={})
    assert not next(check_data(config)).good
    assert not next(check_database(config)).good
    assert list(check_journals(config)) == []


def test_a_prepared_installation_is_well(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environ={}, overrides={"listen.port": 0, "api.port": 0})
    asyncio.run(prepare_data(config))
    for check in (check_data, check_database, check_journals, check_node):
        assert all(finding.good for finding in check(config)), check


def test_a_database_of_an_older_version_is_told(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environ={})
    (tmp_path / "csms.db").touch()
    (finding,) = check_database(config)
    assert (finding.good, finding.what) == (False, "database")


def test_a_broken_journal_is_told_and_kept(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environ={})
    config.paths.journal.mkdir()
    path = config.paths.journal / "gw0.db"
    path.write_bytes(b"this is no database" * 100)
    (finding,) = check_journals(config)
    assert not finding.good
    assert path.exists()


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = load_config(data=tmp_path, environ={}, overrides={"listen.port": port})
        findings = {finding.what: finding for finding in check_node(config)}
    assert not findings[f"port {port}"].good
