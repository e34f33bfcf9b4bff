"""One node for all of interop, and a fresh third-party charger for each test."""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.interop.node_under_test import NodeUnderTest
from tests.interop.peers import PACKAGES, Peer, start_peer
from tests.interop.story import CSMS_TOML, LATER

EXPIRED_US = 1_000_000
LATER_US = 2_051_222_400_000_000
assert LATER == "2035-01-01T00:00:00Z"
TOKENS: dict[str, dict[str, Any]] = {
    "KNOWN": {"max_active": 0, "parent": "FAMILY", "expires_us": LATER_US},
    "ONCE": {"max_active": 1},
    "BLOCKED": {"status": "Blocked"},
    "EXPIRED": {"expires_us": EXPIRED_US},
}


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeUnderTest]:
    """A node of two gateways that knows TOKENS and lets unknown chargers of loopback in."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "data").mkdir()
    (folder / "data" / "csms.toml").write_text(CSMS_TOML)
    node = NodeUnderTest(folder, "--gateways", "2", "--accept-unknown", "127.0.0.0/8")
    node.start()
    try:
        for token, fields in TOKENS.items():
            status, body = node.ask("PUT", f"/tokens/{token}", fields)
            assert status == 200, body
        yield node
        assert node.stop() == 0, node.logs()
        assert node.errors() == []
    finally:
        node.kill()


@pytest_asyncio.fixture(params=PACKAGES)
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    """A charger of each package; nothing that it was sent may violate a schema."""
    peer = await start_peer(request.param)
    yield peer
    await peer.close()
    assert peer.violations == []


@pytest_asyncio.fixture(
    params=[(package, name) for name in ("ocpp2.0.1", "ocpp2.1") for package in PACKAGES],
    ids="-".join,
)
async def peer2(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    """A charger of each package and version of 2.x, with the same promise."""
    peer = await start_peer(*request.param)
    yield peer
    await peer.close()
    assert peer.violations == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the node's logs beside a test that failed."""
    report = yield
    node = getattr(item, "funcargs", {}).get("node")
    if report.failed and node is not None:
        report.sections.append(("logs of the node", node.logs()))
    return report
