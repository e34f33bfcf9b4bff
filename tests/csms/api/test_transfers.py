"""Firmware and logs: an operator over REST, a charger at the addresses that it was told."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.csms.api.node import Api, running_api

CHARGER = "/api/v1/chargers/CP1"
IMAGE = os.urandom(100_000)


@pytest.fixture
async def online() -> AsyncIterator[Api]:
    limits = {"files": {"upload_bytes_max": 2_000, "uploads_waiting_max": 2}}
    async with running_api(**limits) as api:
        await api.ask("POST", "/api/v1/chargers", {"id": "CP1"})
        api.peers.connect("CP1")
        yield api


async def keep(api: Api, data: bytes = IMAGE, name: str = "fw 1.bin") -> dict:
    status, file = await api.ask("POST", "/api/v1/files", params={"name": name}, data=data)
    assert status == 201, file
    return file


async def address_of_log(api: Api, **body: str) -> str:
    status, told = await api.ask("POST", f"{CHARGER}/logs", body)
    assert status == 200, told
    payload = api.peers.commands[-1][0].payload
    return payload.get("location") or payload["log"]["remoteLocation"]


async def test_a_charger_fetches_firmware_by_ranges_at_an_address_of_its_own(online: Api) -> None:
    file = await keep(online)
    assert file["sha256"] == hashlib.sha256(IMAGE).hexdigest()
    status, told = await online.ask("POST", f"{CHARGER}/firmware", {"file": file["id"]})
    assert (status, told["outcome"], told["file"]["id"]) == (200, "accepted", file["id"])
    ((command, _),) = online.peers.commands
    assert command.action == "UpdateFirmware"
    url = command.payload["location"]
    assert url.endswith("/fw%201.bin")
    async with online.session.get(url) as response:
        assert await response.read() == IMAGE
    async with online.session.get(url, headers={"Range": "bytes=99000-"}) as response:
        assert (response.status, await response.read()) == (206, IMAGE[99_000:])
    # Nobody else learns it, and it leads nowhere else.
    secret = url.split("/")[-2]
    assert secret not in str(await online.get("/api/v1/files"))
    for other in (url.replace(secret, secret[::-1]), url.replace("/files/", "/files/x/")):
        async with online.session.get(other) as response:
            assert response.status == 404
    async with online.session.put(url, data=b"x") as response:
        assert response.status == 404
    assert (await online.ask("DELETE", f"/api/v1/files/{file['id']}"))[0] == 204
    async with online.session.get(url) as response:
        assert response.status == 404
    assert list(online.config.paths.files.iterdir()) == []


async def test_a_log_comes_once_under_a_name_of_ours_and_is_told(online: Api) -> None:
    url = await address_of_log(online)
    ((waiting,), _) = (await online.get(f"{CHARGER}/logs")).values()
    assert (waiting["purpose"], waiting["received_us"]) == ("DiagnosticsLog", 0)
    hostile = url + "..%2F..%2Fetc%2Fcron.d%2F%3Cb%3E.log"
    async with online.session.put(hostile, data=b"a log") as response:
        assert response.status == 201
    (log,) = (await online.get(f"{CHARGER}/logs"))["items"]
    assert (log["name"], log["size"]) == ("<b>.log", 5)
    assert await online.get(f"{CHARGER}/logs/{log['id']}") == "a log"
    (there,) = online.config.paths.files.iterdir()
    assert there.name.isalnum()
    for send in (online.session.put, online.session.post):
        async with send(url + "again.log", data=b"another") as response:
            assert response.status == 404
    assert await online.get(f"{CHARGER}/logs/{log['id']}") == "a log"
    assert (await online.ask("GET", f"{CHARGER}/logs/{log['id']}", role="other"))[0] == 404


async def test_a_log_that_is_too_long_is_refused_and_may_come_again(online: Api) -> None:
    url = await address_of_log(online, kind="SecurityLog") + "log"
    assert online.peers.commands[-1][0].action == "GetLog"
    async with online.session.post(url, data=b"x" * 2_001) as response:
        assert response.status == 413
    assert not Path(online.config.paths.files).exists() or not list(
        online.config.paths.files.iterdir()
    )
    async with online.session.post(url, data=b"x" * 2_000) as response:
        assert response.status == 201


async def test_only_so_many_uploads_of_a_charger_are_awaited(online: Api) -> None:
    for _ in range(2):
        await address_of_log(online)
    status, problem = await online.ask("POST", f"{CHARGER}/logs", {})
    assert (status, problem["type"]) == (409, "urn:csms:problem:uploads")


async def test_a_charger_that_is_away_leaves_nothing_to_wait_for(online: Api) -> None:
    online.peers.connected.clear()
    file = await keep(online)
    for path, body in (("logs", {}), ("firmware", {"file": file["id"]})):
        status, _ = await online.ask("POST", f"{CHARGER}/{path}", body)
        assert status in {409, 422}
    assert (await online.get(f"{CHARGER}/logs"))["items"] == []


async def test_wrong_input_names_its_field(online: Api) -> None:
    file = (await keep(online))["id"]
    for path, body, field in (
        ("firmware", {"file": file, "signature": "AAAA"}, "certificate"),
        ("firmware", {"file": file, "install_at": "2026-12-01T00:00:00Z"}, "install_at"),
        ("logs", {"kind": "DataCollectorLog"}, "kind"),
        ("logs", {"latest": 0}, "latest"),
        ("firmware", {"file": file, "retrieve_at": 1_800_000_000}, "retrieve_at"),
    ):
        status, problem = await online.ask("POST", f"{CHARGER}/{path}", body)
        assert (status, field in problem["detail"]) == (422, True), problem
    assert (await online.ask("POST", f"{CHARGER}/firmware", {"file": "0" * 32}))[0] == 404
    for name in ("a/b", "a\\b", "\n"):
        status, _ = await online.ask("POST", "/api/v1/files", params={"name": name}, data=b"x")
        assert status == 422
    status, _ = await online.ask("POST", "/api/v1/files", params={"name": "empty"}, data=b"")
    assert status == 422
    assert online.peers.commands == []
