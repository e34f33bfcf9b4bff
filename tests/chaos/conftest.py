from collections.abc import Iterator

import pytest

from tests.chaos.node import Node


@pytest.fixture(scope="module")
def shared_node() -> Iterator[Node]:
    """One node for all tests of a module; each uses chargers of its own."""
    node = Node(gateway={"ping_s": 0.5, "dead_s": 2.0, "probe_s": 0.5})
    try:
        node.start()
        node.wait_up()
        yield node
    finally:
        node.close()
