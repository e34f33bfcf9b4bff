"""Security profiles 1 to 3: Locust's chargers against a real gateway."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from csms.gateway.listeners import MUTUAL_TLS, PLAIN, TLS
from domain.records import ChargerRecord
from tests.csms.gateway.harness import KEY, gateway_running, keyed
from tests.csms.pki.kit import Pki, new_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


@pytest.mark.parametrize("profile", [1, 2, 3])
async def test_chargers_sign_in_with_each_security_profile(tmp_path: Path, profile: int) -> None:
    pki = Pki(tmp_path / "pki")
    names = ("TLS1", "TLS2")
    listener = {1: PLAIN, 2: TLS, 3: MUTUAL_TLS}[profile]
    said = ["--ca", str(pki.folder / "root.pem")] if profile > 1 else []
    if profile == 3:
        chargers = tuple(ChargerRecord(id=name, security_profile=3) for name in names)
        said += ["--cert", str(tmp_path / "{id}.pem")]
        for name in names:
            write_certificate(pki, name, tmp_path / f"{name}.pem")
    else:
        chargers = tuple(keyed(name, security_profile=profile) for name in names)
    password = "" if profile == 3 else f",{KEY}"
    (tmp_path / "chargers.csv").write_text("".join(f"{name}{password}\n" for name in names))
    async with gateway_running(tmp_path, chargers=chargers, contexts=pki.contexts()) as node:
        scheme = "ws" if profile == 1 else "wss"
        url = f"{scheme}://127.0.0.1:{node.ports.get(listener, node.port)}/ocpp"
        command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless"]
        command += ["-H", url, "-t", "4s", "-u", "2", "-r", "10", "Charger", *said]
        command += ["--chargers-csv", str(tmp_path / "chargers.csv")]
        command += ["--summary", str(tmp_path / "summary.json")]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr[-3_000:]
    kinds = json.loads((tmp_path / "summary.json").read_text())["accounts"]["kinds"]
    assert kinds["BootNotification"]["acknowledged"] == 2


def write_certificate(pki: Pki, name: str, file: Path) -> None:
    """Write certificate, chain and key of a charger into one file, as `--cert` wants them."""
    key = new_key()
    leaf = pki.leaf(name, key)
    pki.client(certificate=leaf, key=key)
    made = pki.folder / f"client-{leaf.serial_number:x}"
    file.write_bytes(made.with_suffix(".pem").read_bytes() + made.with_suffix(".key").read_bytes())
